#include "engine/ops/group_convolution3d.hpp"

#include <fmt/ranges.h>

#include <algorithm>

#include "engine/ops/arithmetic.hpp"
#include "engine/ops/convolution3d.hpp"
#include "engine/ops/creation.hpp"
#include "engine/ops/elementary.hpp"
#include "engine/ops/group_convolution_parts.hpp"
#include "engine/ops/indexing.hpp"
#include "engine/ops/voxel_tables.hpp"
#include "groups/printable.hpp"

namespace orbitgrad {

namespace {

using kernels::GroupConv3dProblem;

/// Convolution of volumes; see group_convolution_parts.hpp.
struct Volumes {
  using Tables = VoxelTables;
  using Problem = kernels::GroupConv3dProblem;
  static constexpr std::string_view names[2][4] = {
      {"group_conv3d", "group_conv3d_input_gradient", "group_conv3d_filter_gradient", "group_conv3d_bias_gradient"},
      {"lift_conv3d", "lift_conv3d_input_gradient", "lift_conv3d_filter_gradient", "lift_conv3d_bias_gradient"}};
  static constexpr std::string_view things = "volumes", sizes = "D, H, W", taps = "k, k, k", copy = "volume";
  template <class T>
  using Forward = kernels::GroupConv3dForward<T>;
  template <class T>
  using InputGradient = kernels::GroupConv3dInputGradient<T>;
  template <class T>
  using FilterGradient = kernels::GroupConv3dFilterGradient<T>;
  template <class T>
  static constexpr auto* forward = kernels::cpu::group_conv3d_forward<T>;
  template <class T>
  static constexpr auto* input_gradient = kernels::cpu::group_conv3d_input_gradient<T>;
  template <class T>
  static constexpr auto* filter_gradient = kernels::cpu::group_conv3d_filter_gradient<T>;
};

template <bool is_lifting>
void require_shapes(const Tensor& x, const Tensor& w, const groups::VoxelGroup& group) {
  group_convolution::require_ranks<Volumes, is_lifting>(x, w, group.order(), 3);
  require(w.size(-1) == w.size(-2) && w.size(-1) == w.size(-3), Volumes::names[is_lifting][0],
          "the kernel must be a cube so that {} acts on it, got {} x {} x {}. Pad it to a cube.", group.name,
          w.size(-3), w.size(-2), w.size(-1));
}

/// The kernel fits into the padded volume at least once.
void require_fit(std::string_view op, const Tensor& x, std::int64_t kernel,
                 const convolution_checks::Settings& settings) {
  require(kernel >= 1, op, "the kernel must have at least one tap, got size {}. Give w a size of 1 or more.", kernel);
  const std::int64_t covered = settings.dilation * (kernel - 1) + 1;
  for (const int axis : {-3, -2, -1})
    require(covered <= x.size(axis) + 2 * settings.padding, op,
            "the kernel covers {} voxels an axis (dilation {}), the padded volume of x {} has only {} on axis {}. Pad "
            "more, or use a smaller kernel.",
            covered, settings.dilation, x.shape(), x.size(axis) + 2 * settings.padding, axis);
}

/// w [K, C, in_order, k, k, k] -> [K S, C in_order, k, k, k]: the filters of the plain convolution that computes the
/// same on channels c S + t and k S + s.
Tensor filter_bank(const Tensor& w, const VoxelTables& tables, std::int64_t order, std::int64_t in_order) {
  const std::int64_t size = w.size(-1), taps = size * size * size, out = w.size(0), in = w.size(1);
  std::vector<std::int64_t> entries;
  for (std::int64_t s = 0; s < order; ++s)
    for (std::int64_t t = 0; t < in_order; ++t)
      for (std::int64_t u = 0; u < taps; ++u) {
        const std::int64_t element = in_order == 1 ? 0 : tables.filter_element[static_cast<std::size_t>(s * order + t)];
        entries.push_back(element * taps + kernels::transform_tap3d(tables.matrices.data() + 9 * s, size, u, true));
      }
  const Tensor bank = index_select(
      reshape(w, {out, in, in_order * taps}), 2,
      constant_on(from_vector(entries, {static_cast<std::int64_t>(entries.size())}, DeviceKind::cpu), w.device()));
  const Tensor by_output = permute(reshape(bank, {out, in, order, in_order, size, size, size}), {0, 2, 1, 3, 4, 5, 6});
  return reshape(by_output, {out * order, in * in_order, size, size, size});
}

/// By a plain convolution of the expanded filters.
Tensor convolve_expanded(const Tensor& x, const Tensor& w, const Tensor& bias, const VoxelTables& tables,
                         const GroupConv3dProblem& problem, const GroupConv3dOptions& options) {
  const Tensor flat =
      reshape(x, {problem.batch, problem.in_fields * problem.in_order, x.size(-3), x.size(-2), x.size(-1)});
  const Tensor y = conv3d(flat, filter_bank(w, tables, problem.order, problem.in_order), {},
                          {options.stride, options.padding, options.dilation, options.groups, options.padding_mode});
  const Tensor by_field =
      reshape(y, {problem.batch, problem.out_fields, problem.order, y.size(-3), y.size(-2), y.size(-1)});
  const Tensor biased = bias.defined() ? by_field + reshape(bias, {problem.out_fields, 1, 1, 1, 1}) : by_field;
  return options.relu ? relu(biased) : biased;
}

/// The implementation asked for, or the best of the device: "expanded" or the registry's own copy of the name.
template <class T>
std::string_view known_implementation(std::string_view op, const std::string& asked, DeviceKind device,
                                      GroupConv3dProblem problem) {
  constexpr std::string_view expanded = "expanded";
  if (asked == expanded) return expanded;
  bool exists = false, any = false;
  for (const auto& candidate : kernels::Registry<kernels::GroupConv3dForward<T>>::all()) {
    if (candidate.device != device || (!asked.empty() && candidate.name != asked)) continue;
    exists = true;
    problem.implementation = candidate.name;
    if (!candidate.supports(problem)) continue;
    any = true;
    if (!asked.empty()) return candidate.name;
  }
  if (asked.empty()) return any ? std::string_view() : expanded;
  require(!exists, op, "the implementation '{}' does not support these sizes. Leave it empty for the automatic choice.",
          asked);
  fail(op, "there is no implementation '{}' on {}. Choose one of {}, or leave it empty for the automatic choice.",
       printable(asked), name(device), fmt::join(group_conv3d_implementations(device), ", "));
}

template <bool is_lifting>
Tensor convolve(const Tensor& x, const Tensor& w, const Tensor& bias, const groups::VoxelGroup& group,
                const GroupConv3dOptions& options) {
  if (is_half_product(x, w, bias))
    return group_convolution::of_halves(
        x, w, bias, options,
        [&](const Tensor& wide_x, const Tensor& wide_w, const Tensor& wide_bias, const GroupConv3dOptions& linear) {
          return convolve<is_lifting>(wide_x, wide_w, wide_bias, group, linear);
        });
  using Convolution = group_convolution::GroupConvolution<Volumes, is_lifting>;
  constexpr std::string_view op = Convolution::name;
  const convolution_checks::Settings settings{options.stride, options.padding, options.dilation, options.groups};
  convolution_checks::require_kinds(op, x, w, bias);
  require_shapes<is_lifting>(x, w, group);
  convolution_checks::require_settings(op, settings);
  convolution_checks::require_channels(op, x, w, bias, options.groups);
  require_fit(op, x, w.size(-1), settings);

  auto convolution = std::make_shared<Convolution>();
  convolution->tables = voxel_tables(op, group);
  GroupConv3dProblem& problem = convolution->problem;
  problem.batch = x.size(0), problem.in_fields = x.size(1), problem.in_order = is_lifting ? 1 : group.order();
  problem.in_size = {x.size(-3), x.size(-2), x.size(-1)};
  problem.out_fields = w.size(0), problem.order = group.order(), problem.kernel = w.size(-1);
  problem.stride = options.stride, problem.padding = options.padding, problem.dilation = options.dilation;
  problem.groups = options.groups;
  problem.matrices = convolution->tables->matrices.data();
  problem.filter_element = convolution->tables->filter_element.data();
  problem.transform = &convolution->tables->transform;
  require(options.allow_broken_symmetry || problem.order == 1 || kernels::stride_is_equivariant(problem), op,
          "the stride {} breaks the symmetry under {}: it must divide size + 2 padding - dilation (k - 1) - 1 on every "
          "axis of {}, so that the last position meets the far border. Change the padding or the size, or set "
          "allow_broken_symmetry.",
          problem.stride, group.name, x.shape());
  problem.implementation = visit_floating(op, x.dtype(), [&](auto tag) {
    return known_implementation<typename decltype(tag)::type>(op, options.implementation, x.device(), problem);
  });
  if (problem.implementation == "expanded")
    return convolve_expanded(x, w, bias, *convolution->tables, problem, options);

  Tensor padded = x;
  if (options.padding_mode == PadMode::circular && options.padding > 0) {
    const Padding both{options.padding, options.padding};
    padded = pad(x, {both, both, both}, PadMode::circular);
    for (std::int64_t& size : problem.in_size) size += 2 * options.padding;
    problem.padding = 0;
  }
  convolution->rounding = convolution->rounding_of(x);
  convolution->x_shape = padded.shape();
  convolution->w_shape = w.shape();
  const kernels::Size3 out = problem.out_size();
  convolution->y_shape = {problem.batch, problem.out_fields, problem.order, out[0], out[1], out[2]};
  return group_convolution::forward(std::move(convolution), options.relu, padded, w, bias);
}

const groups::VoxelMatrix& matrix_of(std::string_view op, const groups::VoxelGroup& group, int element) {
  groups::require_voxel_group(op, group);
  require(element >= 0 && element < group.order(), op, "there is no element {} in {} of order {}. Use 0 to {}.",
          element, group.name, group.order(), group.order() - 1);
  return group.matrices[static_cast<std::size_t>(element)];
}

}  // namespace

std::vector<std::string> group_conv3d_implementations(DeviceKind device) {
  std::vector<std::string> names = {"expanded"};
  for (const auto& candidate : kernels::Registry<kernels::GroupConv3dForward<float>>::all())
    if (candidate.device == device) names.emplace_back(candidate.name);
  std::sort(names.begin(), names.end());
  return names;
}

Tensor lift_conv3d(const Tensor& x, const Tensor& w, const Tensor& bias, const groups::VoxelGroup& group,
                   const GroupConv3dOptions& options) {
  return convolve<true>(x, w, bias, group, options);
}

Tensor group_conv3d(const Tensor& x, const Tensor& w, const Tensor& bias, const groups::VoxelGroup& group,
                    const GroupConv3dOptions& options) {
  return convolve<false>(x, w, bias, group, options);
}

Tensor act_on_volume(const Tensor& x, const groups::VoxelGroup& group, int element) {
  constexpr std::string_view op = "act_on_volume";
  const groups::VoxelMatrix& m = matrix_of(op, group, element);
  require(x.rank() >= 3, op, "takes volumes [..., D, H, W], got {}. Reshape it.", x.shape());
  // h q has the entry sign_i q_j(i) on axis i, so axis i of the result is axis j(i) of x, flipped for a negative sign.
  const int first = x.rank() - 3;
  Axes from, flipped;
  for (int axis = 0; axis < first; ++axis) from.push_back(axis);
  for (int i = 0; i < 3; ++i)
    for (int j = 0; j < 3; ++j) {
      const int entry = m[static_cast<std::size_t>(3 * i + j)];
      if (entry != 0) from.push_back(first + j);
      if (entry < 0) flipped.push_back(first + i);
    }
  const Tensor turned = permute(x, from);
  return flipped.empty() ? turned : flip(turned, flipped);  // no axes would mean all
}

Tensor act_on_regular_volume(const Tensor& x, const groups::VoxelGroup& group, int element) {
  constexpr std::string_view op = "act_on_regular_volume";
  matrix_of(op, group, element);
  require(x.rank() >= 4 && x.size(-4) == group.order(), op,
          "takes regular features [..., |G|, D, H, W] with |G| = {}, got {}. Use the group that made x.", group.order(),
          x.shape());
  std::vector<std::int64_t> source;  // h^-1 t
  for (int t = 0; t < group.order(); ++t) source.push_back(group.group.product(group.group.inverse(element), t));
  return act_on_volume(
      index_select(x, x.rank() - 4, constant_on(from_vector(source, {group.order()}, DeviceKind::cpu), x.device())),
      group, element);
}

}  // namespace orbitgrad
