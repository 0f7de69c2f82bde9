// What products round their operands to before they multiply: nothing (float32, strict, the default), or tf32, bfloat16
// or float16 on request. Sums and results are float32 in every case. See docs/precision.md.
#pragma once

#include <string_view>

#include "engine/tensor.hpp"
#include "kernels/half.hpp"

namespace orbitgrad {

using kernels::Precision;

std::string_view name(Precision precision);

/// "float32", "tf32", "bf16" (or "bfloat16"), "fp16" (or "float16"); anything else is an error.
Precision parse_precision(std::string_view text);

/// What products of float32 tensors of this thread take: float32, or what a ScopedPrecision says.
Precision product_precision();

/// While an object of this type lives, the products that this thread records (matmul, linear, conv2d, group_conv2d,
/// lift_conv2d, of float32 tensors) and later their derivatives round their operands to this precision. On the cpu this
/// is slower than float32: operands are rounded in a pass of their own.
class ScopedPrecision {
 public:
  explicit ScopedPrecision(Precision precision);
  ~ScopedPrecision();
  ScopedPrecision(const ScopedPrecision&) = delete;
  ScopedPrecision& operator=(const ScopedPrecision&) = delete;

 private:
  Precision before_;
};

/// The precision of a product of tensors of that type: half tensors have their own, float64 is never rounded.
Precision precision_of(DType dtype);

/// x rounded to the precision, in float32, without history; x itself when nothing is to be rounded.
Tensor rounded(const Tensor& x, Precision precision);

}  // namespace orbitgrad
