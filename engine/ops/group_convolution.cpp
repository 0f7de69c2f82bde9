#include "engine/ops/group_convolution.hpp"

#include <algorithm>

#include "engine/ops/group_convolution_parts.hpp"
#include "engine/ops/hexagonal_domain.hpp"
#include "engine/ops/lattice_tables.hpp"
#include "engine/tuning.hpp"
#include "groups/printable.hpp"
#include "kernels/group_conv2d/group_conv2d.hpp"

namespace orbitgrad {

namespace {

/// Convolution of images; see group_convolution_parts.hpp.
struct Images {
  using Tables = LatticeTables;
  using Problem = kernels::GroupConv2dProblem;
  static constexpr std::string_view names[2][4] = {
      {"group_conv2d", "group_conv2d_input_gradient", "group_conv2d_filter_gradient", "group_conv2d_bias_gradient"},
      {"lift_conv2d", "lift_conv2d_input_gradient", "lift_conv2d_filter_gradient", "lift_conv2d_bias_gradient"}};
  static constexpr std::string_view things = "images", sizes = "H, W", taps = "k, k", copy = "plane";
  template <class T>
  using Forward = kernels::GroupConv2dForward<T>;
  template <class T>
  using InputGradient = kernels::GroupConv2dInputGradient<T>;
  template <class T>
  using FilterGradient = kernels::GroupConv2dFilterGradient<T>;
  template <class T>
  static constexpr auto* forward = kernels::cpu::group_conv2d_forward<T>;
  template <class T>
  static constexpr auto* input_gradient = kernels::cpu::group_conv2d_input_gradient<T>;
  template <class T>
  static constexpr auto* filter_gradient = kernels::cpu::group_conv2d_filter_gradient<T>;
};

/// The registry's own copy of the name, which lives as long as the program; empty stays empty.
template <class T>
std::string_view known_implementation(std::string_view op, std::string_view name, DeviceKind device,
                                      const kernels::GroupConv2dProblem& problem) {
  if (name.empty()) return {};
  kernels::GroupConv2dProblem asked = problem;
  asked.implementation = name;  // what pays for large sizes only may be asked for all the same
  std::vector<std::string_view> names;
  bool exists = false;
  for (const auto& candidate : kernels::Registry<kernels::GroupConv2dForward<T>>::all()) {
    if (candidate.device != device) continue;
    const bool is_meant = is_meant_by(candidate.name, name);
    if (is_meant && candidate.supports(asked)) return candidate.name.substr(0, name.size());
    exists = exists || is_meant;
    names.push_back(candidate.name);
  }
  std::sort(names.begin(), names.end());
  require(!exists, op, "the implementation '{}' does not support these sizes. Leave it empty for the automatic choice.",
          name);
  fail(op, "there is no implementation '{}'. Choose one of {}, or leave it empty for the automatic choice.",
       printable(name), fmt::join(names, ", "));
}

void require_symmetric_stride(std::string_view op, const kernels::GroupConv2dProblem& problem,
                              const groups::LatticeGroup& group, bool allow_broken_symmetry) {
  if (allow_broken_symmetry || problem.order == 1 || kernels::stride_is_equivariant(problem)) return;
  const std::int64_t reach = 2 * problem.padding - problem.dilation * (problem.kernel - 1) - 1;
  fail(
      op,
      "the stride {} breaks the symmetry under {}: it must divide H + 2 padding - dilation (k - 1) - 1, which is {} by "
      "{} here, so that the last position meets the far border. Change the padding or the image size, or set "
      "allow_broken_symmetry.",
      problem.stride, group.name, problem.in_height + reach, problem.in_width + reach);
}

template <bool is_lifting>
void require_shapes(const Tensor& x, const Tensor& w, const groups::LatticeGroup& group) {
  group_convolution::require_ranks<Images, is_lifting>(x, w, group.order(), 2);
  if (w.size(-1) != w.size(-2))
    fail(Images::names[is_lifting][0],
         "the kernel must be square so that {} acts on it, got {} x {}. Pad it to a square.", group.name, w.size(-2),
         w.size(-1));
}

/// What the hexagonal lattice asks for: a centre pixel on both sides.
void require_hexagons(std::string_view op, const Tensor& x, const Tensor& w, const groups::LatticeGroup& group,
                      const GroupConv2dOptions& options) {
  const std::int64_t radius = hexagonal::require_domain(op, "x", x, group);
  const std::int64_t reach = hexagonal::require_domain(op, "w", w, group);
  require(options.padding_mode == PadMode::zero, op, "a hexagon has no circular padding. Use zero padding.");
  const std::int64_t left = radius + options.padding - options.dilation * reach;
  require(left % options.stride == 0, op,
          "the stride {} misses the centre of the hexagon: it must divide R + padding - dilation r, which is {} here. "
          "Change the padding or the radius.",
          options.stride, left);
}

template <bool is_lifting>
Tensor convolve(const Tensor& x, const Tensor& w, const Tensor& bias, const groups::LatticeGroup& group,
                const GroupConv2dOptions& options) {
  if (is_half_product(x, w, bias))
    return group_convolution::of_halves(
        x, w, bias, options,
        [&](const Tensor& wide_x, const Tensor& wide_w, const Tensor& wide_bias, const GroupConv2dOptions& linear) {
          return convolve<is_lifting>(wide_x, wide_w, wide_bias, group, linear);
        });
  using Convolution = group_convolution::GroupConvolution<Images, is_lifting>;
  constexpr std::string_view op = Convolution::name;
  const convolution_checks::Settings settings{options.stride, options.padding, options.dilation, options.groups};
  convolution_checks::require_kinds(op, x, w, bias);
  require_shapes<is_lifting>(x, w, group);
  convolution_checks::require_settings(op, settings);
  convolution_checks::require_channels(op, x, w, bias, options.groups);
  convolution_checks::require_fit(op, x, w.size(-2), w.size(-1), settings);

  auto convolution = std::make_shared<Convolution>();
  convolution->tables = lattice_tables(op, group);
  if (x.device() == DeviceKind::cpu && options.implementation.empty()) use_saved_tuning();
  std::int64_t padding = options.padding;
  // Corners of the arrays around hexagons: those of x and w are not read, those of the result are zero.
  const bool has_corners = group.is_hexagonal();
  if (has_corners) require_hexagons(op, x, w, group, options);
  const Tensor taps = has_corners ? hexagonal::on_domain(w) : w;
  const Tensor padded =
      convolution_checks::pad_ahead(has_corners ? hexagonal::on_domain(x) : x, padding, options.padding_mode);
  kernels::GroupConv2dProblem& problem = convolution->problem;
  problem.batch = padded.size(0), problem.in_fields = padded.size(1), problem.in_order = is_lifting ? 1 : group.order();
  problem.in_height = padded.size(-2), problem.in_width = padded.size(-1);
  problem.out_fields = w.size(0), problem.order = group.order(), problem.kernel = w.size(-1);
  problem.stride = options.stride, problem.padding = padding, problem.dilation = options.dilation;
  problem.groups = options.groups;
  problem.matrices = convolution->tables->matrices.data();
  problem.filter_element = convolution->tables->filter_element.data();
  require_symmetric_stride(op, problem, group, options.allow_broken_symmetry);
  problem.implementation = visit_floating(op, x.dtype(), [&](auto tag) {
    return known_implementation<typename decltype(tag)::type>(op, options.implementation, x.device(), problem);
  });
  convolution->rounding = convolution->rounding_of(x);
  convolution->x_shape = padded.shape();
  convolution->w_shape = w.shape();
  convolution->y_shape = {problem.batch, problem.out_fields, problem.order, problem.out_height(), problem.out_width()};
  const Tensor y = group_convolution::forward(std::move(convolution), options.relu, padded, taps, bias);
  return has_corners ? hexagonal::on_domain(y) : y;
}

}  // namespace

std::vector<std::string> group_conv2d_implementations(DeviceKind device) {
  std::vector<std::string> names;
  for (const auto& candidate : kernels::Registry<kernels::GroupConv2dForward<float>>::all())
    if (candidate.device == device) names.emplace_back(candidate.name);
  std::sort(names.begin(), names.end());
  return names;
}

Tensor lift_conv2d(const Tensor& x, const Tensor& w, const Tensor& bias, const groups::LatticeGroup& group,
                   const GroupConv2dOptions& options) {
  return convolve<true>(x, w, bias, group, options);
}

Tensor group_conv2d(const Tensor& x, const Tensor& w, const Tensor& bias, const groups::LatticeGroup& group,
                    const GroupConv2dOptions& options) {
  return convolve<false>(x, w, bias, group, options);
}

}  // namespace orbitgrad
