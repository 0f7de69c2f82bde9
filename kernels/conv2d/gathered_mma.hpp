// The three products of a convolution on tensor cores, from the kernels of gathered_kernels.hpp: operands are rounded
// to the precision on their way into the registers, sums are float.
#pragma once

#include <string>

#include "kernels/conv2d/gathered_kernels.hpp"
#include "kernels/gemm/tensor_core_tile.hpp"
#include "kernels/rounded.hpp"

namespace orbitgrad::kernels {
inline namespace ORBITGRAD_BUILD {

/// Calls function(tile) with an empty tile of the precision, which is not float32.
template <class Function>
void with_tensor_core_tile(Precision precision, Function&& function) {
  switch (precision) {
    case Precision::bfloat16:
      return function(TensorCoreTile<Precision::bfloat16>());
    case Precision::float16:
      return function(TensorCoreTile<Precision::float16>());
    default:
      return function(TensorCoreTile<Precision::tf32>());
  }
}

/// Registers the version "mma" of the three products. Convolution has the types Forward, InputGradient, FilterGradient
/// (kernels of float) and TransposedFilter, and the functions forward_product, transposed_product and fits of a
/// problem.
template <class Convolution>
class MmaVersions {
  using Asked = typename Rounded<typename Convolution::Forward>::Problem;

  template <class Kernel>
  static std::string name() {
    std::string text(Kernel::name);
    text += "/mma";
    return text;
  }
  static void product(const std::string& name, Precision precision, const GatheredProduct& p, const float* in,
                      const float* filter, const float* bias_or_null, float* out) {
    with_tensor_core_tile(precision, [&]<class Tile>(const Tile&) {
      launch_gathered_product(name, gathered_product<float, Tile>, p, in, filter, bias_or_null, out);
    });
  }
  static void forward(const Asked& p, const float* x, const float* w, const float* bias_or_null, float* y) {
    product(name<typename Convolution::Forward>(), p.precision, Convolution::forward_product(p.problem), x, w,
            bias_or_null, y);
  }
  static void input_gradient(const Asked& p, const float* dy, const float* w, float* dx) {
    const typename Convolution::TransposedFilter filter(p.problem, w);
    product(name<typename Convolution::InputGradient>(), p.precision, Convolution::transposed_product(p.problem), dy,
            filter.data(), nullptr, dx);
  }
  static void filter_gradient(const Asked& p, const float* x, const float* dy, float* dw) {
    with_tensor_core_tile(p.precision, [&]<class Tile>(const Tile&) {
      launch_gathered_filter_gradient(name<typename Convolution::FilterGradient>(),
                                      gathered_filter_gradient<float, Tile>, Convolution::forward_product(p.problem), x,
                                      dy, dw);
    });
  }
  static bool fits(const Asked& p) { return p.precision != Precision::float32 && Convolution::fits(p.problem); }

  const Registration<Rounded<typename Convolution::Forward>> forward_{{"mma", this_device, fits, forward}};
  const Registration<Rounded<typename Convolution::InputGradient>> input_{{"mma", this_device, fits, input_gradient}};
  const Registration<Rounded<typename Convolution::FilterGradient>> filter_{
      {"mma", this_device, fits, filter_gradient}};
};

}  // namespace ORBITGRAD_BUILD
}  // namespace orbitgrad::kernels
