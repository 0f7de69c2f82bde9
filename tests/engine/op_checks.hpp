// What the tests of the larger ops share: derivative tables, layouts, closeness.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "engine/autograd/grad.hpp"
#include "engine/ops/cast.hpp"
#include "engine/ops/creation.hpp"
#include "engine/random.hpp"
#include "tests/engine/gradient_cases.hpp"

namespace orbitgrad::testing {

using Inputs = std::vector<Tensor>;

/// Largest |a - b| over largest |b| (or 1 if b vanishes).
inline double relative_difference(const Tensor& a, const Tensor& b) {
  EXPECT_EQ(a.shape(), b.shape()) << a.shape().to_string() << " and " << b.shape().to_string();
  if (a.shape() != b.shape()) return INFINITY;
  const auto left = a.to(DType::float64).to_vector<double>(), right = b.to(DType::float64).to_vector<double>();
  double difference = 0, largest = 0;
  for (std::size_t i = 0; i < left.size(); ++i) {
    difference = std::max(difference, std::abs(left[i] - right[i]));
    largest = std::max(largest, std::abs(right[i]));
  }
  return difference / (largest > 0 ? largest : 1);
}

template <class T = float>
bool same_bits(const Tensor& a, const Tensor& b) {
  const auto left = a.to_vector<T>(), right = b.to_vector<T>();
  return a.shape() == b.shape() &&
         (left.empty() || std::memcmp(left.data(), right.data(), left.size() * sizeof(T)) == 0);
}

/// The gradients of sum v f(inputs) for a fixed v: the fused derivative, or the one that is recorded.
inline std::vector<Tensor> weighted_gradients(const TensorFunction& f, const Inputs& inputs, bool create_graph) {
  const Tensor y = f(inputs);
  const Tensor weight = uniform(y.shape(), RandomKey{99}, -1, 1, y.dtype());
  Inputs tracked;
  for (const Tensor& input : inputs)
    if (input.defined() && input.requires_grad()) tracked.push_back(input);
  return grad({y}, tracked, {.create_graph = create_graph, .output_gradients = {weight}});
}

/// First and second derivatives in both layouts; the derivative without a graph equals the recorded one; strided
/// inputs give what dense ones give.
inline void expect_derivatives(const GradientCase& gradient_case) {
  SCOPED_TRACE(gradient_case.name);
  try {
    check_derivatives(gradient_case);
    Inputs strided;
    for (const Tensor& input : gradient_case.inputs)
      strided.push_back(input.dtype() == DType::float64 ? reversed_layout(input) : input);
    EXPECT_LE(relative_difference(gradient_case.function(strided), gradient_case.function(gradient_case.inputs)),
              1e-14);
    const auto fused = weighted_gradients(gradient_case.function, gradient_case.inputs, false);
    const auto composed = weighted_gradients(gradient_case.function, gradient_case.inputs, true);
    const auto from_strided = weighted_gradients(gradient_case.function, strided, false);
    for (std::size_t i = 0; i < fused.size(); ++i) {
      EXPECT_LE(relative_difference(fused[i], composed[i]), 1e-11) << "fused against composed, input " << i;
      EXPECT_LE(relative_difference(fused[i], from_strided[i]), 1e-14) << "dense against strided, input " << i;
    }
  } catch (const Error& error) {
    ADD_FAILURE() << error.what();
  }
}

inline void expect_derivatives(const std::vector<GradientCase>& cases) {
  for (const GradientCase& gradient_case : cases) expect_derivatives(gradient_case);
}

/// A tensor without elements has gradients of its shape, and those of the parameters beside it are zero.
inline void expect_empty_gradients(const TensorFunction& f, const Inputs& inputs) {
  const auto gradients = weighted_gradients(f, inputs, true);
  ASSERT_EQ(gradients.size(), inputs.size());
  for (std::size_t i = 0; i < inputs.size(); ++i)
    EXPECT_EQ(relative_difference(gradients[i], zeros_like(inputs[i])), 0) << "input " << i;
}

}  // namespace orbitgrad::testing
