// A table of differentiable functions with inputs away from their kinks: gradcheck and gradgradcheck run over it, on
// dense and on strided inputs.
#pragma once

#include <string>
#include <vector>

#include "engine/autograd/gradcheck.hpp"
#include "engine/ops/creation.hpp"
#include "engine/ops/shape_ops.hpp"
#include "kernels/philox.hpp"

namespace orbitgrad::testing {

/// Distinct float64 values of magnitude in [0.3, 1.7), positive or of both signs, tracked.
inline Tensor smooth_input(const Shape& shape, std::uint64_t key, bool positive = false) {
  std::vector<double> values(static_cast<std::size_t>(shape.numel()));
  for (std::size_t i = 0; i < values.size(); ++i) {
    const kernels::PhiloxBlock block = kernels::philox(key, i);
    const double magnitude = 0.3 + 1.4 * kernels::uniform_double(block.word[0], block.word[1]);
    values[i] = positive || (block.word[2] & 1) != 0 ? magnitude : -magnitude;
  }
  Tensor result = from_vector(values, shape);
  return result.set_requires_grad();
}

/// The same values in a layout whose axes are stored in reverse order.
inline Tensor reversed_layout(const Tensor& x) {
  Axes reversed;
  for (int axis = x.rank() - 1; axis >= 0; --axis) reversed.push_back(axis);
  const Tensor stored = x.rank() == 0 ? x.detach() : permute(x.detach(), reversed);
  // add(0) makes the reversed order real, permuting back restores the shape.
  const Tensor dense = stored.numel() == 0 ? stored : from_vector(stored.to_vector<double>(), stored.shape());
  Tensor result = x.rank() == 0 ? dense : permute(dense, reversed);
  return result.set_requires_grad(x.requires_grad());
}

struct GradientCase {
  std::string name;
  TensorFunction function;
  std::vector<Tensor> inputs;
};

/// Checks first and second derivatives of a case in both layouts; throws the Error that gradcheck reports.
inline bool check_derivatives(const GradientCase& gradient_case) {
  gradcheck(gradient_case.function, gradient_case.inputs);
  gradgradcheck(gradient_case.function, gradient_case.inputs);
  std::vector<Tensor> strided;
  for (const Tensor& input : gradient_case.inputs)
    strided.push_back(input.dtype() == DType::float64 ? reversed_layout(input) : input);
  gradcheck(gradient_case.function, strided);
  return true;
}

}  // namespace orbitgrad::testing
