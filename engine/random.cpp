#include "engine/random.hpp"

#include <cmath>
#include <limits>

#include "engine/captured_step.hpp"
#include "engine/dispatch.hpp"
#include "engine/ops/arithmetic.hpp"
#include "engine/ops/cast.hpp"
#include "engine/ops/linear_map.hpp"
#include "engine/ops/transfer.hpp"
#include "groups/fnv_hash.hpp"
#include "kernels/device_graph.hpp"
#include "kernels/dropout/dropout.hpp"
#include "kernels/random/random.hpp"

namespace orbitgrad {

namespace {

/// A fresh tensor filled by fill(problem, pointer) for the element type.
template <class Fill>
Tensor random_tensor(std::string_view op, const Shape& shape, RandomKey key, DType dtype, DeviceKind device,
                     Fill&& fill) {
  require_step_key(op, key);
  if (is_half(dtype)) return cast(random_tensor(op, shape, key, DType::float32, device, fill), dtype);
  Tensor result = Tensor::empty(shape, dtype, device);
  visit_floating(op, dtype, [&]<class T>(TypeTag<T>) {
    fill(kernels::RandomProblem{.count = result.numel(), .key = key.value}, fresh_data<T>(result));
  });
  return result;
}

/// Diagonal, with a mask that the key alone determines: its own adjoint.
struct Dropout {
  static constexpr std::string_view name = "dropout", adjoint_name = "dropout";
  kernels::DropoutProblem problem;
  Shape in_shape, out_shape;

  template <class T>
  void forward(DeviceKind device, const T* x, T* y) const {
    launch<kernels::Dropout<T>>(name, device, kernels::cpu::dropout<T>, problem, x, y);
  }
  template <class T>
  void adjoint(DeviceKind device, const T* y, T* x) const {
    forward(device, y, x);
  }
};

void require_probability(std::string_view op, double probability) {
  require(probability >= 0 && probability <= 1, op,
          "the probability must be in [0, 1], got {}. Divide a percentage by 100.", probability);
}

}  // namespace

RandomKey RandomKey::split(std::uint64_t stream) const {
  const std::uint64_t child = kernels::philox_split(value, stream);
  if (kernels::DeviceGraph* graph = kernels::DeviceGraph::recording()) graph->note_split(value, stream, child);
  return {child};
}

RandomKey RandomKey::split(std::string_view name) const {
  constexpr std::uint64_t names = 0x73656d616eu;  // a key of their own, so that names and numbers never meet
  return split(names).split(groups::fnv_hash(name));
}

Tensor uniform(const Shape& shape, RandomKey key, double low, double high, DType dtype, DeviceKind device) {
  require(std::isfinite(low) && std::isfinite(high) && low <= high, "uniform",
          "the bounds must be finite and in order, got [{}, {}). Give the smaller one first.", low, high);
  if (is_half(dtype)) return cast(uniform(shape, key, low, high, DType::float32, device), dtype);
  Tensor result = random_tensor("uniform", shape, key, dtype, device, [&]<class T>(const auto& problem, T* y) {
    launch<kernels::RandomUniform<T>>("uniform", device, kernels::cpu::random_uniform<T>, problem, low, high, y);
  });
  if (low == high) return result;
  // Rounding may reach `high`, which is excluded.
  const double largest = dtype == DType::float32
                             ? static_cast<double>(std::nextafter(static_cast<float>(high), -INFINITY))
                             : std::nextafter(high, -INFINITY);
  const NoGrad no_grad;
  return minimum(result, scalar_like(result, largest));
}

Tensor normal(const Shape& shape, RandomKey key, double mean, double deviation, DType dtype, DeviceKind device) {
  require(std::isfinite(mean) && std::isfinite(deviation) && deviation >= 0, "normal",
          "takes a finite mean and a finite deviation of 0 or more, got {} and {}. Give the root of a variance.", mean,
          deviation);
  return random_tensor("normal", shape, key, dtype, device, [&]<class T>(const auto& problem, T* y) {
    launch<kernels::RandomNormal<T>>("normal", device, kernels::cpu::random_normal<T>, problem, mean, deviation, y);
  });
}

Tensor bernoulli(const Shape& shape, RandomKey key, double probability, DeviceKind device) {
  require_probability("bernoulli", probability);
  const Tensor numbers =
      random_tensor("bernoulli", shape, key, DType::float32, device, [&]<class T>(const auto& problem, T* y) {
        launch<kernels::RandomBernoulli<T>>("bernoulli", device, kernels::cpu::random_bernoulli<T>, problem,
                                            probability, y);
      });
  return cast(numbers, DType::boolean);
}

Tensor random_integers(const Shape& shape, RandomKey key, std::int64_t bound, DeviceKind device) {
  require(bound >= 1, "random_integers", "the bound must be at least 1, got {}. Use n for the numbers 0 to n - 1.",
          bound);
  require_step_key("random_integers", key);
  Tensor result = Tensor::empty(shape, DType::int64, device);
  launch<kernels::RandomIntegers>("random_integers", device, kernels::cpu::random_integers,
                                  kernels::RandomProblem{.count = result.numel(), .key = key.value}, bound,
                                  fresh_data<std::int64_t>(result));
  return result;
}

Tensor random_permutation(std::int64_t count, RandomKey key, DeviceKind device) {
  require(count >= 0, "random_permutation", "the count must not be negative, got {}. Give how many numbers to permute.",
          count);
  require_step_key("random_permutation", key);
  // Drawn on the host, which is faster at it, except where that would be the same in each run of a captured step.
  Tensor result = Tensor::empty({count}, DType::int64, is_capturing() ? device : DeviceKind::cpu);
  launch<kernels::RandomPermutation>("random_permutation", result.device(), kernels::cpu::random_permutation,
                                     kernels::RandomProblem{.count = count, .key = key.value},
                                     fresh_data<std::int64_t>(result));
  return to_device(result, device);
}

Tensor dropout(const Tensor& x, double probability, RandomKey key) {
  require_probability("dropout", probability);
  if (probability == 0) return x;
  require_step_key("dropout", key);
  return linear::apply(
      Dropout{{.count = x.numel(), .key = key.value, .probability = probability}, x.shape(), x.shape()}, x);
}

}  // namespace orbitgrad
