// Reductions over some axes of a strided view: y[kept] = reduce over the reduced axes of x[kept, reduced].
// The caller gives x with its kept axes first; y is dense in the order of the kept axes.
// Sums of floating numbers accumulate in double in an order fixed by the sizes and strides, so the bits depend neither
// on the number of threads nor on chance; another memory layout of the same values may round differently. Maximum and
// minimum pass NaN on; the arg versions return the first winner's position in row-major order of the reduced axes.
#pragma once

#include <cstdint>
#include <string_view>
#include <type_traits>

#include "kernels/host_device.hpp"
#include "kernels/view.hpp"

namespace orbitgrad::kernels {

enum class Reduction { sum, maximum, minimum };

/// What a sum of T is accumulated in. Sums and extremes of two are Add, Maximum and Minimum of formulas.hpp.
template <class T>
using ReduceAccumulator = std::conditional_t<std::is_floating_point_v<T>, double, std::int64_t>;

/// Whether `value` takes the place of `best` as the maximum (or minimum): strictly better, or the first NaN.
template <class T>
ORBITGRAD_HOST_DEVICE bool replaces(Reduction reduction, T value, T best) {
  const bool better = reduction == Reduction::maximum ? value > best : value < best;
  return best == best && (better || value != value);
}

template <class T, class Out>
struct Reduce {
  using Problem = View<const T>;
  using Launch = void(Reduction, View<const T> x, int kept_axes, Out* y);
  static constexpr std::string_view name = "reduce.reduce";
};

template <class T>
struct ArgReduce {
  using Problem = View<const T>;
  using Launch = void(Reduction, View<const T> x, int kept_axes, std::int64_t* y);
  static constexpr std::string_view name = "reduce.arg_reduce";
};

namespace cpu {

/// The empty sum is 0; maximum and minimum need at least one reduced element. For bool x, sum counts into int64.
template <class T, class Out>
void reduce(Reduction reduction, View<const T> x, int kept_axes, Out* y);

/// Position of the maximum (or minimum).
template <class T>
void arg_reduce(Reduction reduction, View<const T> x, int kept_axes, std::int64_t* y);

}  // namespace cpu
}  // namespace orbitgrad::kernels
