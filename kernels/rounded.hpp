// A product kernel that rounds its operands itself, on their way to the tensor cores: the same arguments, and a problem
// that says the precision. The registries are apart, so that the strict kernels round nothing.
#pragma once

#include <string_view>

#include "kernels/half.hpp"

namespace orbitgrad::kernels {

template <class Problem>
struct RoundedProblem {
  Problem problem;
  Precision precision = Precision::tf32;
};

template <class Launch>
struct RoundedLaunch;
template <class Problem, class... Arguments>
struct RoundedLaunch<void(const Problem&, Arguments...)> {
  using type = void(const RoundedProblem<Problem>&, Arguments...);
};

/// Rounded<Conv2dForward<float>> and its like.
template <class Kernel>
struct Rounded {
  using Problem = RoundedProblem<typename Kernel::Problem>;
  using Launch = typename RoundedLaunch<typename Kernel::Launch>::type;
  static constexpr std::string_view name = Kernel::name;
};

}  // namespace orbitgrad::kernels
