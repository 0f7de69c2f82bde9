// Checks derivatives against central differences: for random directions u of each input and a random weight v of the
// output, <grad, u> must equal (L(x + e u) - L(x - e u)) / 2e with L = <v, f(x)>, and every single entry likewise when
// the inputs are small. Use float64 inputs away from kinks.
#pragma once

#include <vector>

#include "engine/autograd/functional.hpp"

namespace orbitgrad {

struct GradcheckOptions {
  double step = 1e-6;
  double relative_tolerance = 1e-5;
  double absolute_tolerance = 1e-7;
  /// Inputs with more elements are checked along random directions instead of entry by entry.
  std::int64_t entry_limit = 200;
  int directions = 8;
  std::uint64_t seed = 0;
};

/// First derivatives of f with respect to every input that requires gradients. Throws an Error that names input, entry,
/// both values; returns true otherwise, so that it fits into an assertion. Inputs must be float64.
bool gradcheck(const TensorFunction& f, const std::vector<Tensor>& inputs, const GradcheckOptions& options = {});

/// Second derivatives: gradcheck of the gradient itself, with respect to the inputs and the output's weight.
bool gradgradcheck(const TensorFunction& f, const std::vector<Tensor>& inputs, const GradcheckOptions& options = {});

}  // namespace orbitgrad
