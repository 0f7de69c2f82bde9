#include "engine/ops/group_convolution.hpp"

#include <algorithm>

#include "engine/ops/bilinear_convolution.hpp"
#include "engine/ops/convolution_checks.hpp"
#include "engine/ops/hexagonal_domain.hpp"
#include "engine/ops/lattice_tables.hpp"
#include "engine/tuning.hpp"
#include "groups/printable.hpp"
#include "kernels/group_conv2d/group_conv2d.hpp"

namespace orbitgrad {

namespace {

template <bool is_lifting>
struct GroupConvolution {
  static constexpr std::string_view name = is_lifting ? "lift_conv2d" : "group_conv2d";
  static constexpr std::string_view input_gradient_name =
      is_lifting ? "lift_conv2d_input_gradient" : "group_conv2d_input_gradient";
  static constexpr std::string_view filter_gradient_name =
      is_lifting ? "lift_conv2d_filter_gradient" : "group_conv2d_filter_gradient";
  static constexpr std::string_view bias_gradient_name =
      is_lifting ? "lift_conv2d_bias_gradient" : "group_conv2d_bias_gradient";

  std::shared_ptr<const LatticeTables> tables;  // the problem points into them
  kernels::GroupConv2dProblem problem;
  Shape x_shape, w_shape, y_shape;
  Rounding rounding;

  template <class T>
  void forward(DeviceKind device, const T* x, const T* w, const T* bias_or_null, T* y) const {
    rounding.launch<kernels::GroupConv2dForward<T>>(name, device, kernels::cpu::group_conv2d_forward<T>, problem, x, w,
                                                    bias_or_null, y);
  }
  template <class T>
  void input_gradient(DeviceKind device, const T* dy, const T* w, T* dx) const {
    rounding.launch<kernels::GroupConv2dInputGradient<T>>(
        input_gradient_name, device, kernels::cpu::group_conv2d_input_gradient<T>, problem, dy, w, dx);
  }
  template <class T>
  void filter_gradient(DeviceKind device, const T* x, const T* dy, T* dw) const {
    rounding.launch<kernels::GroupConv2dFilterGradient<T>>(
        filter_gradient_name, device, kernels::cpu::group_conv2d_filter_gradient<T>, problem, x, dy, dw);
  }
  template <class T>
  void bias_gradient(DeviceKind device, const T* dy, T* db) const {
    const std::int64_t positions = y_shape[2] * y_shape[3] * y_shape[4];
    convolution_checks::launch_bias_gradient(
        bias_gradient_name, device, {.batch = y_shape[0], .channels = y_shape[1], .positions = positions}, dy, db);
  }
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
  constexpr std::string_view op = GroupConvolution<is_lifting>::name;
  const std::int64_t order = group.order();
  if constexpr (is_lifting) {
    if (x.rank() != 4)
      fail(op, "x must be images [N, C, H, W], got {}.{}", x.shape().to_string(),
           x.rank() == 5 ? " Regular features take group_conv2d(...)." : " Reshape it.");
    if (w.rank() != 4)
      fail(op, "w must be [K, C / groups, k, k], got {}. Filters over the group are for group_conv2d(...).",
           w.shape().to_string());
  } else {
    if (x.rank() != 5 || x.size(2) != order)
      fail(op, "x must be [N, C, |G|, H, W] with |G| = {}, got {}.{}", order, x.shape().to_string(),
           x.rank() == 4 ? " Lift it first: lift_conv2d(...)." : " Use the group that made x.");
    if (w.rank() != 5 || w.size(2) != order)
      fail(op, "w must be [K, C / groups, |G|, k, k] with |G| = {}, got {}. Give it one plane per group element.",
           order, w.shape().to_string());
  }
  if (w.size(-1) != w.size(-2))
    fail(op, "the kernel must be square so that {} acts on it, got {} x {}. Pad it to a square.", group.name,
         w.size(-2), w.size(-1));
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
  if (is_half_product(x, w, bias)) {
    return product_of_halves(x, w, bias, [&](const Tensor& wide_x, const Tensor& wide_w, const Tensor& wide_bias) {
      return convolve<is_lifting>(wide_x, wide_w, wide_bias, group, options);
    });
  }
  using Convolution = GroupConvolution<is_lifting>;
  constexpr std::string_view op = Convolution::name;
  const convolution_checks::Settings settings{options.stride, options.padding, options.dilation, options.groups};
  convolution_checks::require_kinds(op, x, w, bias);
  require_shapes<is_lifting>(x, w, group);
  convolution_checks::require_settings(op, settings);
  convolution_checks::require_channels(op, x, w, bias, options.groups);
  convolution_checks::require_fit(op, x, w.size(-2), w.size(-1), settings);

  auto convolution = std::make_shared<Convolution>();
  convolution->tables = lattice_tables(op, group);
  use_saved_tuning();
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
  convolution->rounding =
      Rounding::of<kernels::GroupConv2dForward<float>, kernels::GroupConv2dInputGradient<float>,
                   kernels::GroupConv2dFilterGradient<float>>(precision_of(x.dtype()), x.device(), problem);
  convolution->x_shape = padded.shape();
  convolution->w_shape = w.shape();
  convolution->y_shape = {problem.batch, problem.out_fields, problem.order, problem.out_height(), problem.out_width()};
  const Tensor y = bilinear::forward<Convolution>(std::move(convolution), padded, taps, bias);
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
