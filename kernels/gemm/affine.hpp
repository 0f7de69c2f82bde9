// A matrix product with its epilogue in one pass, C = activation(A B + bias), and with operands of lower precision:
// tf32, bfloat16 or float16 round A and B before they are multiplied (half.hpp), sums are float. The strict product
// without an epilogue is Gemm (gemm.hpp); the registries are apart, so that no rounding comes in unasked.
#pragma once

#include <type_traits>

#include "kernels/exponential.hpp"
#include "kernels/gemm/gemm.hpp"
#include "kernels/half.hpp"

namespace orbitgrad::kernels {

/// gelu is x Phi(x) with Phi the normal distribution function (Hendrycks and Gimpel, 2016), by the formula of the
/// elementwise op (exponential.hpp).
enum class Activation : std::uint8_t { none, relu, gelu };

template <class T>
ORBITGRAD_HOST_DEVICE inline T activated(Activation activation, T z) {
  if (activation == Activation::relu) return z < T{0} ? T{0} : z;  // NaN stays
  if (activation == Activation::gelu) return gelu_value(z);
  return z;
}

/// gemm.accumulate is off. The bias, one value per column of C, may be null.
struct AffineProblem {
  GemmProblem gemm;
  Precision precision = Precision::float32;  ///< of float operands; double ones are not rounded
  Activation activation = Activation::none;
};

template <class T>
struct Affine {
  using Problem = AffineProblem;
  using Launch = void(const Problem&, const T* a, const T* b, const T* bias_or_null, T* c);
  static constexpr std::string_view name = "affine";
};

namespace cpu {

/// The product, then one pass over C. On the cpu the operands come rounded: precision is not looked at.
template <class T>
void affine(const AffineProblem& problem, const T* a, const T* b, const T* bias_or_null, T* c);

}  // namespace cpu
}  // namespace orbitgrad::kernels
