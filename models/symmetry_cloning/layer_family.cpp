#include "models/symmetry_cloning/layer_family.hpp"

#include <algorithm>
#include <vector>

#include "engine/ops/convolution.hpp"
#include "engine/ops/creation.hpp"
#include "engine/ops/group_convolution.hpp"
#include "engine/ops/shape_ops.hpp"
#include "groups/cyclic.hpp"
#include "groups/product.hpp"

namespace orbitgrad::models {

namespace {

constexpr std::string_view op = "LayerFamily";
constexpr std::int64_t max_length = std::int64_t{1} << 15;  // of an axis, so that no product of sizes overflows

void require_channels(std::string_view name, const Tensor& x, std::int64_t size) {
  require(x.defined() && x.rank() == 3 && x.size(2) == size, op, "{} must be [N, C, {}], got {}. Flatten its grid.",
          name, size, x.defined() ? x.shape().to_string() : "an undefined tensor");
}

/// Z_H x Z_W on `layers` copies of the grid.
groups::Action cyclic_shifts(const groups::FiniteGroup& group, std::int64_t layers, std::int64_t height,
                             std::int64_t width) {
  std::vector<std::int32_t> destination;
  destination.reserve(static_cast<std::size_t>(layers * height * width * height * width));
  for (std::int64_t down = 0; down < height; ++down)
    for (std::int64_t right = 0; right < width; ++right)
      for (std::int64_t layer = 0; layer < layers; ++layer)
        for (std::int64_t row = 0; row < height; ++row)
          for (std::int64_t col = 0; col < width; ++col)
            destination.push_back(
                static_cast<std::int32_t>((layer * height + (row + down) % height) * width + (col + right) % width));
  return {group, layers * height * width, std::move(destination)};
}

}  // namespace

groups::Action on_channels(const groups::Action& action, std::int64_t channels) {
  return channels == 1 ? action : groups::product_action(groups::trivial_action(action.group(), channels), action);
}

LayerFamily::LayerFamily(const LayerFamilyOptions& options)
    : options_(options), group_(groups::lattice_group(options.group)) {
  require(options.height > 0 && options.width > 0 && std::max(options.height, options.width) <= max_length, op,
          "the grid is {} x {}. Give sizes from 1 to {}.", options.height, options.width, max_length);
  require(options.kernel > 0 && options.kernel <= max_length && options.kernel % 2 == 1, op,
          "the kernel is {}. Give an odd number up to {}: only then the grid keeps its size.", options.kernel,
          max_length);
  require(options.kind != LayerKind::convolution || options.group == "p1", op,
          "a plain convolution has no point group, got {}. Use LayerKind::lifting, or group \"p1\".", options.group);
  require(options.height == options.width || !group_.has_quarter_turns(), op,
          "{} has quarter turns and the grid is {} x {}. Give a square grid.", options.group, options.height,
          options.width);
}

std::int64_t LayerFamily::taps() const {
  return (regular_input() ? group_.order() : 1) * options_.kernel * options_.kernel;
}
std::int64_t LayerFamily::input_size() const { return (regular_input() ? group_.order() : 1) * pixels(); }
std::int64_t LayerFamily::output_size() const { return (regular_output() ? group_.order() : 1) * pixels(); }

Tensor LayerFamily::convolve(const Tensor& x, const Tensor& tau, std::int64_t channel_groups) const {
  const std::int64_t k = options_.kernel, padding = (k - 1) / 2;
  const PadMode mode = options_.boundary == Boundary::circular ? PadMode::circular : PadMode::zero;
  const auto filter = [&](bool regular) {
    return regular ? reshape(tau, {tau.size(0), tau.size(1), group_.order(), k, k})
                   : reshape(tau, {tau.size(0), tau.size(1), k, k});
  };
  if (options_.kind == LayerKind::convolution)
    return conv2d(x, filter(false), {}, {.padding = padding, .groups = channel_groups, .padding_mode = mode});
  const GroupConv2dOptions options{.padding = padding, .groups = channel_groups, .padding_mode = mode};
  return regular_input() ? group_conv2d(x, filter(true), {}, group_, options)
                         : lift_conv2d(x, filter(false), {}, group_, options);
}

Tensor LayerFamily::apply(const Tensor& x, const Tensor& tau) const {
  require_channels("x", x, input_size());
  require(tau.defined() && tau.rank() == 3 && tau.size(1) == x.size(1) && tau.size(2) == taps(), op,
          "tau must be [C_out, {}, {}], got {}. Give one filter per pair of channels.", x.size(1), taps(),
          tau.defined() ? tau.shape().to_string() : "an undefined tensor");
  return flatten_features(convolve(unflatten_input(x), tau, 1));
}

Tensor LayerFamily::apply_each(const Tensor& x, const Tensor& tau) const {
  require(x.defined() && x.rank() == 2 && x.size(1) == input_size(), op, "x must be [N, {}], got {}. Flatten its grid.",
          input_size(), x.defined() ? x.shape().to_string() : "an undefined tensor");
  require(tau.defined() && tau.shape() == Shape{x.size(0), taps()}, op,
          "tau must be [{}, {}], got {}. Give one filter per sample.", x.size(0), taps(),
          tau.defined() ? tau.shape().to_string() : "an undefined tensor");
  // Samples stand as the channels of one image, each a group of its own.
  const std::int64_t samples = x.size(0);
  const Tensor y = convolve(unflatten_input(unsqueeze(x, 0)), unsqueeze(tau, 1), samples);
  return reshape(y, {samples, output_size()});
}

Tensor LayerFamily::matrices(DType dtype) const {
  const Tensor units = unsqueeze(identity(input_size(), dtype), 1);
  const Tensor y = apply(units, unsqueeze(identity(taps(), dtype), 1));  // [d_in, K, d_out]
  return reshape(permute(y, {1, 2, 0}), {taps(), output_size(), input_size()});
}

LayerSymmetry LayerFamily::point_symmetry() const {
  const groups::Action grid = groups::grid_action(group_, options_.height, options_.width);
  if (!regular_output()) return {grid, grid};
  const groups::Action regular = groups::regular_feature_action(group_, options_.height, options_.width);
  return {regular_input() ? regular : grid, regular};
}

LayerSymmetry LayerFamily::shift_symmetry() const {
  require(pixels() <= groups::FiniteGroup::max_order, op,
          "a {} x {} grid has more cyclic shifts than a group may have elements, {}. Use a smaller grid.",
          options_.height, options_.width, groups::FiniteGroup::max_order);
  const auto group = groups::direct_product(groups::cyclic(static_cast<int>(options_.height)),
                                            groups::cyclic(static_cast<int>(options_.width)));
  const auto shifts = [&](std::int64_t size) {
    return cyclic_shifts(group, size / pixels(), options_.height, options_.width);
  };
  return {shifts(input_size()), shifts(output_size())};
}

Tensor LayerFamily::unflatten(const Tensor& x, bool regular, std::int64_t size) const {
  require_channels("features", x, size);
  return regular ? reshape(x, {x.size(0), x.size(1), group_.order(), options_.height, options_.width})
                 : reshape(x, {x.size(0), x.size(1), options_.height, options_.width});
}

Tensor LayerFamily::unflatten_input(const Tensor& x) const { return unflatten(x, regular_input(), input_size()); }
Tensor LayerFamily::unflatten_output(const Tensor& y) const { return unflatten(y, regular_output(), output_size()); }

Tensor flatten_features(const Tensor& x) {
  require(x.defined() && (x.rank() == 4 || x.rank() == 5), "flatten_features",
          "features must be [N, C, H, W] or [N, C, S, H, W], got {}. Give a batch of them.",
          x.defined() ? x.shape().to_string() : "an undefined tensor");
  return flatten(x, 2, -1);
}

}  // namespace orbitgrad::models
