// Reductions over some axes of a strided view: y[kept] = reduce over the reduced axes of x[kept, reduced].
// The caller gives x with its kept axes first; y is dense in the order of the kept axes.
// Sums of floating numbers accumulate in double in an order fixed by the sizes and strides, so the bits depend neither
// on the number of threads nor on chance; another memory layout of the same values may round differently. Maximum and
// minimum pass NaN on; the arg versions return the first winner's position in row-major order of the reduced axes.
#pragma once

#include <cstdint>

#include "kernels/view.hpp"

namespace orbitgrad::kernels {

enum class Reduction { sum, maximum, minimum };

namespace cpu {

/// The empty sum is 0; maximum and minimum need at least one reduced element. For bool x, sum counts into int64.
template <class T, class Out>
void reduce(Reduction reduction, View<const T> x, int kept_axes, Out* y);

/// Position of the maximum (or minimum).
template <class T>
void arg_reduce(Reduction reduction, View<const T> x, int kept_axes, std::int64_t* y);

}  // namespace cpu
}  // namespace orbitgrad::kernels
