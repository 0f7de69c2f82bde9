// Orders. Every sort is stable, in both directions: equal elements keep their order. NaN counts as greater than every
// number, so it comes last (descending: first). Positions are int64 and have no gradient; values have.
#pragma once

#include "engine/tensor.hpp"

namespace orbitgrad {

struct Sorted {
  Tensor values;
  Tensor positions;  // along the axis, int64
};

Sorted sort(const Tensor& x, int axis = -1, bool descending = false);
Tensor argsort(const Tensor& x, int axis = -1, bool descending = false);

/// The k largest (or smallest) elements along an axis, the most extreme first.
Sorted topk(const Tensor& x, std::int64_t k, int axis = -1, bool largest = true);

/// The different values among all elements, ascending. All NaN are one value, and so are 0 and -0 (the first is kept).
struct Unique {
  Tensor values;   // [count], no gradient
  Tensor inverse;  // int64, of x's shape: which value each element is
  Tensor counts;   // int64 [count]: how many elements have it
};
Unique unique(const Tensor& x);

/// For each value how many elements of the ascending row are below it, or with `after_equals` not above it: where to
/// insert it. sorted [..., n] and values [..., m] of one dtype, with equal leading axes, or sorted [n] and values of
/// any shape -> int64 of the shape of values. The order of `sorted` is not checked.
Tensor searchsorted(const Tensor& sorted, const Tensor& values, bool after_equals = false);

}  // namespace orbitgrad
