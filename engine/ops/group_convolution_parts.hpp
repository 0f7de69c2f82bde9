// What group convolution of images and of volumes have in common: how they launch their kernels, and their words about
// shapes. Included by op sources only. A Lattice knows
//   using Tables, Problem;
//   static constexpr std::string_view names[2][4];           // of group_conv and of lift_conv: the op, its gradients
//   by
//                                                            // input, filter and bias
//   static constexpr std::string_view things, sizes, taps, copy;  // "images", "H, W", "k, k", "plane"
//   template <class T> using Forward, InputGradient, FilterGradient;  // tags of the kernels
//   template <class T> static constexpr typename Forward<T>::Launch* forward;  // their versions on the cpu, ...
#pragma once

#include <algorithm>
#include <utility>

#include "engine/ops/bilinear_convolution.hpp"
#include "engine/ops/convolution_checks.hpp"
#include "engine/ops/elementary.hpp"

namespace orbitgrad::group_convolution {

/// A Convolution of bilinear_convolution.hpp.
template <class Lattice, bool is_lifting>
struct GroupConvolution {
  static constexpr std::string_view name = Lattice::names[is_lifting][0],
                                    input_gradient_name = Lattice::names[is_lifting][1],
                                    filter_gradient_name = Lattice::names[is_lifting][2],
                                    bias_gradient_name = Lattice::names[is_lifting][3];

  std::shared_ptr<const typename Lattice::Tables> tables;  // the problem points into them
  typename Lattice::Problem problem;
  Shape x_shape, w_shape, y_shape;
  Rounding rounding;

  template <class T>
  void forward(DeviceKind device, const T* x, const T* w, const T* bias_or_null, T* y) const {
    rounding.launch<typename Lattice::template Forward<T>>(name, device, Lattice::template forward<T>, problem, x, w,
                                                           bias_or_null, y);
  }
  template <class T>
  void input_gradient(DeviceKind device, const T* dy, const T* w, T* dx) const {
    rounding.launch<typename Lattice::template InputGradient<T>>(
        input_gradient_name, device, Lattice::template input_gradient<T>, problem, dy, w, dx);
  }
  template <class T>
  void filter_gradient(DeviceKind device, const T* x, const T* dy, T* dw) const {
    rounding.launch<typename Lattice::template FilterGradient<T>>(
        filter_gradient_name, device, Lattice::template filter_gradient<T>, problem, x, dy, dw);
  }
  template <class T>
  void bias_gradient(DeviceKind device, const T* dy, T* db) const {
    const std::int64_t planes = std::max<std::int64_t>(1, y_shape[0] * y_shape[1]);
    convolution_checks::launch_bias_gradient(
        bias_gradient_name, device,
        {.batch = y_shape[0], .channels = y_shape[1], .positions = y_shape.numel() / planes}, dy, db);
  }

  /// How the factors are rounded, once the problem stands.
  Rounding rounding_of(const Tensor& x) const {
    return Rounding::of<typename Lattice::template Forward<float>, typename Lattice::template InputGradient<float>,
                        typename Lattice::template FilterGradient<float>>(precision_of(x.dtype()), x.device(), problem);
  }
};

/// convolve(x, w, bias, options) of half operands, as product_of_halves; relu is taken of the rounded result.
template <class Options, class Convolve>
Tensor of_halves(const Tensor& x, const Tensor& w, const Tensor& bias, Options options, Convolve&& convolve) {
  const bool rectifies = std::exchange(options.relu, false);
  const Tensor y =
      product_of_halves(x, w, bias, [&](const Tensor& wide_x, const Tensor& wide_w, const Tensor& wide_bias) {
        return convolve(wide_x, wide_w, wide_bias, options);
      });
  return rectifies ? relu(y) : y;
}

/// y, or relu(y) from the same kernels.
template <class Convolution>
Tensor forward(std::shared_ptr<Convolution> convolution, bool relu, const Tensor& x, const Tensor& w,
               const Tensor& bias) {
  if (!relu) return bilinear::forward<Convolution>(std::move(convolution), x, w, bias);
  Convolution rectified = *convolution;
  rectified.problem.relu = true;
  return bilinear::rectified_forward<Convolution>(rectified, std::move(convolution), x, w, bias);
}

/// x [N, C, (|G|,) sizes], w [K, C / groups, (|G|,) taps], with |G| unless the op lifts.
template <class Lattice, bool is_lifting>
void require_ranks(const Tensor& x, const Tensor& w, std::int64_t order, int axes) {
  constexpr std::string_view op = Lattice::names[is_lifting][0], other = Lattice::names[!is_lifting][0];
  constexpr std::string_view sizes = Lattice::sizes, taps = Lattice::taps;
  if constexpr (is_lifting) {
    require(x.rank() == axes + 2, op, "x must be {} [N, C, {}], got {}.{}", Lattice::things, sizes, x.shape(),
            x.rank() == axes + 3 ? fmt::format(" Regular features take {}(...).", other) : " Reshape it.");
    require(w.rank() == axes + 2, op, "w must be [K, C / groups, {}], got {}. Filters over the group are for {}(...).",
            taps, w.shape(), other);
  } else {
    require(x.rank() == axes + 3 && x.size(2) == order, op, "x must be [N, C, |G|, {}] with |G| = {}, got {}.{}", sizes,
            order, x.shape(),
            x.rank() == axes + 2 ? fmt::format(" Lift it first: {}(...).", other) : " Use the group that made x.");
    require(w.rank() == axes + 3 && w.size(2) == order, op,
            "w must be [K, C / groups, |G|, {}] with |G| = {}, got {}. Give it one {} per group element.", taps, order,
            w.shape(), Lattice::copy);
  }
}

}  // namespace orbitgrad::group_convolution
