// The three synthetic regressions of EMLP: Finzi, Welling, Wilson (ICML 2021), section 7.1, by formulas of its code.
//   o5        x1, x2 ~ N(0, I_5); y = sin|x1| - |x2|^3 / 2 + x1.x2 / (|x1| |x2|)            2V -> S under O(5)
//   inertia   masses m = softplus of N(0, 1), positions r ~ N(0, I_3);
//             J = sum_i m_i (|r_i|^2 I - r_i r_i^T)                                     5S+5V -> T2 under O(3)
//   particle  momenta p ~ N(0, I_4) / 4, products by eta = diag(1, -1, -1, -1);
//             y = 4 L^mn M_mn, L = p1 p3 - (p1.p3 - p1.p1) eta, M = p2 p4 - (p2.p4 - p2.p2) eta
//                                                                                         4V -> S under O(1,3)
#pragma once

#include <string>
#include <vector>

#include "engine/ops/arithmetic.hpp"
#include "engine/random.hpp"
#include "engine/tensor.hpp"

namespace orbitgrad::experiments {

struct EquivariantTask {
  std::string name, group, in, out;  // as groups::parse_group and Representation::parse read them
  bool standardized = false;         // networks see standardized samples
};
/// Error with the names unless it is one of the three.
const EquivariantTask& equivariant_task(const std::string& name);
const std::vector<EquivariantTask>& equivariant_tasks();

/// Inputs [count, in] and targets [count, out], float64: sample i is a function of the key and i.
struct RegressionSamples {
  Tensor inputs, targets;
};
/// Targets [count, out] of inputs [count, in] as sample_task gives them: masses positive, momenta small.
Tensor task_targets(const EquivariantTask& task, const Tensor& inputs);
RegressionSamples sample_task(const EquivariantTask& task, std::int64_t count, RandomKey key);

/// What lies between samples and a network, as in the authors' code: each input vector is divided by the root mean
/// square of its components, which commutes with the group, and targets are brought to mean 0 and variance 1.
struct Standardization {
  Tensor input_scale;  // [in], float64
  double target_mean = 0, target_deviation = 1;

  Tensor inputs(const Tensor& raw, DType dtype) const { return (raw / input_scale).to(dtype); }
  RegressionSamples samples(const RegressionSamples& raw, DType dtype) const;
};
/// By the moments of these samples; 1 and 0 unless the task is standardized.
Standardization standardization(const EquivariantTask& task, const RegressionSamples& samples);

}  // namespace orbitgrad::experiments
