#include "models/symmetry_cloning/measures.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <numeric>

#include "engine/autograd/node.hpp"
#include "engine/ops/arithmetic.hpp"
#include "engine/ops/elementary.hpp"
#include "engine/ops/reduction.hpp"
#include "engine/ops/shape_ops.hpp"
#include "engine/ops/symmetry.hpp"

namespace orbitgrad::models {

namespace {

double square_sum(const Tensor& x) { return sum(square(x.to(DType::float64))).item(); }

/// The given elements, or all but the identity.
std::vector<int> moving_elements(std::string_view op, const groups::FiniteGroup& group, std::span<const int> given) {
  std::vector<int> elements(given.begin(), given.end());
  if (elements.empty()) {
    elements.resize(static_cast<std::size_t>(group.order()));
    std::iota(elements.begin(), elements.end(), 0);
    std::erase(elements, group.identity());
  }
  require(!elements.empty(), op, "{} has the identity alone. Take a group that moves something.", group.name());
  return elements;
}

void require_batch(std::string_view op, const Tensor& x) {
  require(x.defined() && x.rank() >= 2 && x.size(0) > 0, op, "x must be a batch [N, ..., d], got {}.",
          x.defined() ? x.shape().to_string() : "an undefined tensor");
}

groups::Action of_axis(std::string_view op, std::string_view axis, std::int64_t length, const groups::Action& action) {
  require(length > 0 && length % action.points() == 0, op,
          "{} has {} entries and the group acts on {}. Give whole channels of it.", axis, length, action.points());
  return on_channels(action, length / action.points());
}

}  // namespace

double equivariance_error(const FeatureMap& h, const Tensor& x, const LayerSymmetry& symmetry,
                          std::span<const int> elements) {
  constexpr std::string_view op = "equivariance_error";
  const NoGrad no_grad;
  require_batch(op, x);
  const Tensor y = h(x);
  const double size = square_sum(y);
  require(size > 0, op, "h(x) is all 0 (or not a number), so that its error has no scale. Give other inputs.");
  double error = 0;
  const auto moved_by = moving_elements(op, symmetry.in.group(), elements);
  for (const int g : moved_by) error += square_sum(h(act(x, symmetry.in, g)) - act(y, symmetry.out, g));
  return error / static_cast<double>(moved_by.size()) / size;
}

CloneError clone_error(const FeatureMap& student, const FeatureMap& teacher, const Tensor& x) {
  const NoGrad no_grad;
  require_batch("clone_error", x);
  const auto samples = static_cast<double>(x.size(0));
  const Tensor h = student(x), y = teacher(x);
  const double target = square_sum(y);
  require(target > 0, "clone_error", "the outputs of the teacher are all 0. Give other inputs.");
  return {square_sum(h - y) / target, target / samples, square_sum(h) / samples};
}

Tensor equivariant_part(const Tensor& weight, const LayerSymmetry& symmetry) {
  constexpr std::string_view op = "equivariant_part";
  require(weight.defined() && (weight.rank() == 2 || weight.rank() == 3), op,
          "the weight must be [out, in] or [K, out, in], got {}.",
          weight.defined() ? weight.shape().to_string() : "an undefined tensor");
  const auto out = of_axis(op, "the output axis", weight.size(-2), symmetry.out);
  const auto in = of_axis(op, "the input axis", weight.size(-1), symmetry.in);
  if (weight.rank() == 2) return reynolds_projection(weight, out, in);
  std::vector<Tensor> parts;
  for (std::int64_t k = 0; k < weight.size(0); ++k) parts.push_back(reynolds_projection(select(weight, 0, k), out, in));
  return stack(parts, 0);
}

double symmetry_distance(const Tensor& weight, const LayerSymmetry& symmetry) {
  const NoGrad no_grad;
  const double rest = square_sum(weight - equivariant_part(weight, symmetry)), size = square_sum(weight);
  return size == 0 ? 0 : std::sqrt(rest / size);
}

Tensor shift_with_zeros(const Tensor& image, const Shift& shift) {
  require(image.defined() && image.rank() >= 2, "shift_with_zeros", "images must be [..., H, W], got {}.",
          image.defined() ? image.shape().to_string() : "an undefined tensor");
  const std::int64_t height = image.size(-2), width = image.size(-1);
  const std::int64_t down = std::clamp(shift.down, -height, height), right = std::clamp(shift.right, -width, width);
  const auto before = [](std::int64_t by) { return std::max<std::int64_t>(by, 0); };
  const Tensor padded = pad(image, {{before(down), before(-down)}, {before(right), before(-right)}});
  return narrow(narrow(padded, -2, before(-down), height), -1, before(-right), width);
}

double interior_shift_error(const FeatureMap& h, const Tensor& x, const LayerFamily& family,
                            std::span<const Shift> shifts) {
  constexpr std::string_view op = "interior_shift_error";
  const NoGrad no_grad;
  require(!shifts.empty(), op, "there are no shifts. Give some.");
  const std::int64_t reach = (family.options().kernel - 1) / 2;
  const Tensor image = family.unflatten_input(x), y = family.unflatten_output(h(x));
  double error = 0, size = 0;
  for (const Shift& shift : shifts) {
    const auto interior = [&](const Tensor& features) {
      const auto cut = [&](const Tensor& of, int axis, std::int64_t by) {
        const std::int64_t border = std::max(std::abs(by) + 1, reach), left = of.size(axis) - 2 * border;
        require(left > 0, op, "a shift by {} leaves no pixel of {} far from the border. Shift by less.", by,
                of.size(axis));
        return narrow(of, axis, border, left);
      };
      return cut(cut(features, -2, shift.down), -1, shift.right);
    };
    const Tensor moved_first = family.unflatten_output(h(flatten_features(shift_with_zeros(image, shift))));
    error += square_sum(interior(moved_first) - interior(shift_with_zeros(y, shift)));
    size += square_sum(interior(y));
  }
  require(size > 0, op, "h(x) is all 0 (or not a number), so that its error has no scale. Give other inputs.");
  return error / size;
}

}  // namespace orbitgrad::models
