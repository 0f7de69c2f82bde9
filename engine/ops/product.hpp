// What matmul, affine and the convolutions share: the product of matrices at a precision, and products of half tensors.
// Included by op sources only.
#pragma once

#include <string_view>
#include <utility>

#include "engine/dispatch.hpp"
#include "engine/ops/widening.hpp"
#include "engine/precision.hpp"
#include "kernels/gemm/affine.hpp"
#include "kernels/rounded.hpp"

namespace orbitgrad {

/// activation(a b + bias) for a [..., m, k], b [..., k, n] of one dtype, leading axes broadcast, bias [n] or undefined.
/// Without history.
Tensor product(std::string_view op, const Tensor& a, const Tensor& b, Precision precision, const Tensor& bias = {},
               kernels::Activation activation = kernels::Activation::none);

/// matmul of tensors of one dtype at this precision, which its derivatives keep.
Tensor matmul_at(const Tensor& a, const Tensor& b, Precision precision);

/// How the factors of a convolution and of its derivatives are rounded: by the kernels, or in a pass ahead of them.
struct Rounding {
  Precision precision = Precision::float32;
  bool by_kernel = false;

  /// By the kernels if the device has a version of each for this problem, and none is forced by name.
  template <class... Kernels, class Problem>
  static Rounding of(Precision precision, DeviceKind device, const Problem& problem) {
    if (precision == Precision::float32 || device == DeviceKind::cpu || !problem.implementation.empty())
      return {precision, false};
    const kernels::RoundedProblem<Problem> asked{problem, precision};
    return {precision, (... && (version_for<kernels::Rounded<Kernels>>(device, asked) != nullptr))};
  }

  /// A factor as the kernels read it: dense, and rounded unless they do that.
  Tensor factor(const Tensor& x) const { return contiguous(by_kernel ? x : rounded(x, precision)); }

  /// Runs the kernel, or the one that rounds.
  template <class Kernel, class... Arguments>
  void launch(std::string_view op, DeviceKind device, typename Kernel::Launch* on_cpu,
              const typename Kernel::Problem& problem, const Arguments&... arguments) const {
    if (by_kernel)
      return orbitgrad::launch<kernels::Rounded<Kernel>>(
          op, device, nullptr, kernels::RoundedProblem<typename Kernel::Problem>{problem, precision}, arguments...);
    orbitgrad::launch<Kernel>(op, device, on_cpu, problem, arguments...);
  }
};

/// Whether product_of_halves is to be taken.
inline bool is_half_product(const Tensor& x, const Tensor& w, const Tensor& bias = {}) {
  if (!x.defined() || !w.defined()) return false;
  const DType third = bias.defined() ? bias.dtype() : x.dtype();
  const bool all_floating = is_floating(x.dtype()) && is_floating(w.dtype()) && is_floating(third);
  return all_floating && (is_half(x.dtype()) || is_half(w.dtype()) || is_half(third));
}

/// op(x, w, bias) with half operands: they are read as float32, which loses nothing, multiplied at the precision of
/// their type and summed in float32; the result is rounded once, to the common type.
template <class Op>
Tensor product_of_halves(const Tensor& x, const Tensor& w, const Tensor& bias, Op&& op) {
  DType common = common_type(x.dtype(), w.dtype());
  if (bias.defined()) common = common_type(common, bias.dtype());
  const DType computed = is_half(common) ? DType::float32 : common;
  const ScopedPrecision scope(is_half(common) ? precision_of(common) : product_precision());
  return cast(std::forward<Op>(op)(cast(x, computed), cast(w, computed), bias.defined() ? cast(bias, computed) : bias),
              common);
}

}  // namespace orbitgrad
