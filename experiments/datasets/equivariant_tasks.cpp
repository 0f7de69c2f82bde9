#include "experiments/datasets/equivariant_tasks.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <span>

#include "engine/error.hpp"
#include "engine/ops/creation.hpp"
#include "engine/ops/reduction.hpp"

namespace orbitgrad::experiments {

namespace {

double dot(std::span<const double> a, std::span<const double> b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

void o5(std::span<const double> x, std::span<double> y) {
  const auto x1 = x.subspan(0, 5), x2 = x.subspan(5, 5);
  const double r1 = std::sqrt(dot(x1, x1)), r2 = std::sqrt(dot(x2, x2));
  y[0] = std::sin(r1) - 0.5 * r2 * r2 * r2 + dot(x1, x2) / (r1 * r2);
}

void inertia(std::span<const double> x, std::span<double> y) {
  for (std::size_t i = 0; i < 5; ++i) {
    const auto r = x.subspan(5 + 3 * i, 3);
    for (std::size_t a = 0; a < 3; ++a)
      for (std::size_t b = 0; b < 3; ++b) y[3 * a + b] += x[i] * ((a == b ? dot(r, r) : 0) - r[a] * r[b]);
  }
}

void particle(std::span<const double> x, std::span<double> y) {
  constexpr std::array<double, 4> eta{1, -1, -1, -1};
  const auto p = [&](std::size_t i) { return x.subspan(4 * (i - 1), 4); };
  const auto product = [&](std::size_t i, std::size_t j) {
    double sum = 0;
    for (std::size_t m = 0; m < 4; ++m) sum += eta[m] * p(i)[m] * p(j)[m];
    return sum;
  };
  for (std::size_t m = 0; m < 4; ++m)
    for (std::size_t n = 0; n < 4; ++n) {
      const double diagonal = m == n ? eta[m] : 0;
      const double upper = p(1)[m] * p(3)[n] - (product(1, 3) - product(1, 1)) * diagonal;
      const double lower = eta[m] * p(2)[m] * eta[n] * p(4)[n] - (product(2, 4) - product(2, 2)) * diagonal;
      y[0] += 4 * upper * lower;
    }
}

}  // namespace

const std::vector<EquivariantTask>& equivariant_tasks() {
  static const std::vector<EquivariantTask> tasks{
      {"o5", "O(5)", "2V", "S", true}, {"inertia", "O(3)", "5S+5V", "T2", false}, {"particle", "O13", "4V", "S", true}};
  return tasks;
}

const EquivariantTask& equivariant_task(const std::string& name) {
  for (const EquivariantTask& task : equivariant_tasks())
    if (task.name == name) return task;
  fail("equivariant_task", "no task \"{}\". Take o5, inertia or particle.", name);
}

namespace {

std::int64_t input_size(const EquivariantTask& task) {
  return task.name == "o5" ? 10 : task.name == "inertia" ? 20 : 16;
}

}  // namespace

Tensor task_targets(const EquivariantTask& task, const Tensor& inputs) {
  const std::int64_t in = input_size(task), out = task.name == "inertia" ? 9 : 1;
  require(inputs.rank() == 2 && inputs.size(1) == in, "task_targets", "inputs {} for {}. They are [count, {}].",
          inputs.shape().to_string(), task.name, in);
  const std::int64_t count = inputs.size(0);
  const std::vector<double> x = inputs.to_vector<double>();
  std::vector<double> y(static_cast<std::size_t>(count * out), 0.0);
  const auto formula = task.name == "o5" ? o5 : task.name == "inertia" ? inertia : particle;
  for (std::int64_t i = 0; i < count; ++i)
    formula(std::span(x).subspan(static_cast<std::size_t>(i * in), static_cast<std::size_t>(in)),
            std::span(y).subspan(static_cast<std::size_t>(i * out), static_cast<std::size_t>(out)));
  return from_vector(y, {count, out});
}

RegressionSamples sample_task(const EquivariantTask& task, std::int64_t count, RandomKey key) {
  require(count >= 1, "sample_task", "{} samples. Take at least 1.", count);
  const std::int64_t in = input_size(task);
  std::vector<double> x = normal({count, in}, key, 0, 1, DType::float64, DeviceKind::cpu).to_vector<double>();
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (task.name == "inertia" && i % 20 < 5) x[i] = std::log1p(std::exp(x[i]));
    if (task.name == "particle") x[i] /= 4;
  }
  const Tensor inputs = from_vector(x, {count, in});
  return {inputs, task_targets(task, inputs)};
}

RegressionSamples Standardization::samples(const RegressionSamples& raw, DType dtype) const {
  return {inputs(raw.inputs, dtype), ((raw.targets - target_mean) / target_deviation).to(dtype)};
}

Standardization standardization(const EquivariantTask& task, const RegressionSamples& samples) {
  const std::int64_t count = samples.inputs.size(0), in = input_size(task);
  if (!task.standardized) return {ones({in}, DType::float64, DeviceKind::cpu)};
  const std::int64_t d = task.name == "o5" ? 5 : 4;
  const std::vector<double> x = samples.inputs.to_vector<double>();
  std::vector<double> scale(static_cast<std::size_t>(in));
  for (std::int64_t vector = 0; vector < in; vector += d) {
    double squares = 0;
    for (std::int64_t i = 0; i < count; ++i)
      for (std::int64_t k = vector; k < vector + d; ++k)
        squares += std::pow(x[static_cast<std::size_t>(i * in + k)], 2);
    std::fill_n(scale.begin() + vector, d, std::sqrt(squares / static_cast<double>(count * d)));
  }
  const double deviation = std::sqrt(variance(samples.targets).item());
  // The target of a single sample is only shifted.
  return {from_vector(scale, {in}), mean(samples.targets).item(), deviation > 0 ? deviation : 1};
}

}  // namespace orbitgrad::experiments
