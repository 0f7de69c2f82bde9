// Averages over the orbit of a permutation action, given as gather indices (L_h f)[i] = f[source[h n + i]]:
//   orbit_mean     y[b, i]    = scale sum_k x[b, source[h_k, i]]       the projection onto invariant vectors
//   orbit_expand   y[b, k, i] = scale x[b, source[h_k, i]]             the orbit itself, all L_h x
//   twisted_mean   y[b, i]    = scale sum_k z[b, k, source[h_k, i]]    the mean of outputs, each carried back
// The Reynolds operator on a function f is twisted_mean(f(orbit_expand(x))), with the tables of the inverse elements.
// With the inverse tables (invert_action) orbit_mean is the adjoint of itself, expand and twisted_mean of each other.
#pragma once

#include <cstdint>
#include <string_view>

#include "kernels/host_device.hpp"

namespace orbitgrad::kernels {

/// source: [elements, size], each row a permutation of [0, size). selected: `terms` elements h_k out of [0, elements),
/// repetition allowed (a Monte-Carlo sample of the group); null means all in order, and then terms = elements.
struct OrbitProblem {
  std::int64_t batch = 0;
  std::int64_t size = 0;
  std::int64_t terms = 0;
  const std::int32_t* source = nullptr;
  const std::int32_t* selected = nullptr;
  double divisor = 1;  ///< scale = 1 / divisor: `terms` for a mean, 1 for the orbit itself

  static OrbitProblem mean(std::int64_t batch, std::int64_t size, std::int64_t terms, const std::int32_t* source,
                           const std::int32_t* selected = nullptr) {
    return {batch, size, terms, source, selected, static_cast<double>(terms)};
  }
  std::int64_t flops() const { return batch * size * terms; }
  /// Compulsory traffic of orbit_mean: x and y once, the tables once.
  std::int64_t bytes(std::int64_t element_size) const { return 2 * element_size * batch * size + 4 * terms * size; }
};

/// Row of gather indices of term k.
ORBITGRAD_HOST_DEVICE inline const std::int32_t* orbit_source(const OrbitProblem& problem, std::int64_t k) {
  const std::int64_t element = problem.selected ? problem.selected[k] : k;
  return problem.source + element * problem.size;
}

template <class T>
struct OrbitMean {
  using Problem = OrbitProblem;
  using Launch = void(const Problem&, const T* x, T* y);
  static constexpr std::string_view name = "orbit_mean.mean";
};

template <class T>
struct OrbitExpand {
  using Problem = OrbitProblem;
  using Launch = void(const Problem&, const T* x, T* y);
  static constexpr std::string_view name = "orbit_mean.expand";
};

template <class T>
struct TwistedMean {
  using Problem = OrbitProblem;
  using Launch = void(const Problem&, const T* z, T* y);
  static constexpr std::string_view name = "orbit_mean.twisted";
};

/// inverse[h, source[h, i]] = i: the tables of the inverse elements, whose order stays that of h.
inline void invert_action(std::int64_t elements, std::int64_t size, const std::int32_t* source, std::int32_t* inverse) {
  for (std::int64_t h = 0; h < elements; ++h)
    for (std::int64_t i = 0; i < size; ++i) inverse[h * size + source[h * size + i]] = static_cast<std::int32_t>(i);
}

namespace cpu {

/// x, y: [batch, size]. Sums in double, in order of k, and divides once.
template <class T>
void orbit_mean(const OrbitProblem& problem, const T* x, T* y);

/// x: [batch, size]; y: [batch, terms, size].
template <class T>
void orbit_expand(const OrbitProblem& problem, const T* x, T* y);

/// z: [batch, terms, size]; y: [batch, size]. Sums in double, in order of k, and divides once.
template <class T>
void twisted_mean(const OrbitProblem& problem, const T* z, T* y);

}  // namespace cpu
}  // namespace orbitgrad::kernels
