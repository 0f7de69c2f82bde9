// The search for the first NaN: while it is on, every result of a differentiable op and every gradient is looked at,
// and the first that is not finite is an Error with the op, its shapes, forward or backward, and who called it. Also on
// when the program starts with ORBITGRAD_CHECK_FINITE=1.
//
// An op that only passes on an infinity it was given is not reported (masks of -inf are no mistake); NaN always is.
#pragma once

#include "engine/observe/observer.hpp"
#include "engine/tensor.hpp"

namespace orbitgrad {

/// While an object of this type lives, all threads check. Each op then waits for its result and reads it once more.
struct ScopedCheckFinite : observe::Watch {
  ScopedCheckFinite() : Watch(observe::checking_finite) {}
};

namespace observe {

/// Error unless the result of the op is as it should be. Nothing is checked inside the check.
void check_result(std::string_view op, const Tensor& output, std::span<const Tensor* const> inputs);
/// The same for what a derivative gave its input `index`, and for what an optimizer wrote.
void check_gradient(const Node& node, int index, const Tensor& gradient);
void check_update(std::string_view op, std::string_view name, const Tensor& parameter);

}  // namespace observe
}  // namespace orbitgrad
