// Arithmetic with NumPy broadcasting. Both operands have the same dtype and device; a plain number takes the tensor's.
// Half tensors (bfloat16, float16) are computed in float32 and may meet another floating type: docs/precision.md.
#pragma once

#include "engine/tensor.hpp"

namespace orbitgrad {

Tensor add(const Tensor& a, const Tensor& b);
Tensor subtract(const Tensor& a, const Tensor& b);
Tensor multiply(const Tensor& a, const Tensor& b);
/// Floating tensors only.
Tensor divide(const Tensor& a, const Tensor& b);
/// a^b of floating tensors. The derivative by b is taken as 0 where a is 0.
Tensor power(const Tensor& a, const Tensor& b);
Tensor power(const Tensor& a, double exponent);
/// NaN wins, as in NumPy and PyTorch. The gradient goes to the argument that won: to a where both are equal or both are
/// NaN (PyTorch gives halves to equal ones, and all of it to both where one is NaN).
Tensor maximum(const Tensor& a, const Tensor& b);
Tensor minimum(const Tensor& a, const Tensor& b);
Tensor negate(const Tensor& x);
/// The derivative at 0 is 0.
Tensor absolute(const Tensor& x);
/// -1, 0 or 1; its derivative is 0.
Tensor sign(const Tensor& x);

/// A tensor of rank 0 with x's dtype and device.
Tensor scalar_like(const Tensor& x, double value);

/// op with a plain number on one side, in x's dtype; for a half tensor the number is rounded to float32 only.
using BinaryOp = Tensor (*)(const Tensor&, const Tensor&);
Tensor with_number(BinaryOp op, const Tensor& x, double number);
Tensor with_number(BinaryOp op, double number, const Tensor& x);

inline Tensor operator+(const Tensor& a, const Tensor& b) { return add(a, b); }
inline Tensor operator-(const Tensor& a, const Tensor& b) { return subtract(a, b); }
inline Tensor operator*(const Tensor& a, const Tensor& b) { return multiply(a, b); }
inline Tensor operator/(const Tensor& a, const Tensor& b) { return divide(a, b); }
inline Tensor operator-(const Tensor& x) { return negate(x); }
inline Tensor operator+(const Tensor& a, double b) { return with_number(add, a, b); }
inline Tensor operator-(const Tensor& a, double b) { return with_number(subtract, a, b); }
inline Tensor operator*(const Tensor& a, double b) { return with_number(multiply, a, b); }
inline Tensor operator/(const Tensor& a, double b) { return with_number(divide, a, b); }
inline Tensor operator+(double a, const Tensor& b) { return with_number(add, a, b); }
inline Tensor operator-(double a, const Tensor& b) { return with_number(subtract, a, b); }
inline Tensor operator*(double a, const Tensor& b) { return with_number(multiply, a, b); }
inline Tensor operator/(double a, const Tensor& b) { return with_number(divide, a, b); }

}  // namespace orbitgrad
