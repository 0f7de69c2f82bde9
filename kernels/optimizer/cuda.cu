#include "kernels/cuda/device.hpp"
#include "kernels/device_graph.hpp"
#include "kernels/optimizer/optimizer.hpp"

namespace orbitgrad::kernels {
namespace {

template <class T>
__device__ void update(const SgdCoefficients<T>& c, const SgdParameter<T>& p, std::int64_t i) {
  p.parameter[i] = c.momentum == T(0) ? sgd_update(c, p.parameter[i], p.gradient[i])
                                      : sgd_momentum_update(c, p.parameter[i], p.gradient[i], p.velocity + i);
}

template <class T>
__device__ void update(const AdamCoefficients<T>& c, const AdamParameter<T>& p, std::int64_t i) {
  p.parameter[i] = adam_update(c, p.parameter[i], p.gradient[i], p.first + i, p.second + i);
}

template <class T>
__device__ void update(const RmsPropCoefficients<T>& c, const RmsPropParameter<T>& p, std::int64_t i) {
  p.parameter[i] =
      rmsprop_update(c, p.parameter[i], p.gradient[i], p.square + i, p.velocity == nullptr ? nullptr : p.velocity + i,
                     p.mean == nullptr ? nullptr : p.mean + i);
}

template <class Coefficients, class Parameter>
__global__ void element_per_thread(Changing<Coefficients> coefficients, Parameter parameter) {
  const std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (i < parameter.count) update(coefficients.get(), parameter, i);
}

constexpr int threads = 256, chunk = 4 * threads;  // elements of a parameter that a block takes

/// Parameters by value, as the arguments of a kernel have room for (4096 bytes).
template <class Parameter>
struct Table {
  static constexpr int most = 64;
  Parameter parameter[most];
  unsigned first_block[most];
  int count;
};

template <class Coefficients, class Parameter>
__global__ void chunk_per_block(Changing<Coefficients> changing, Table<Parameter> table) {
  const Coefficients coefficients = changing.get();
  int begin = 0, end = table.count;  // the last parameter whose first block is not after this one is in [begin, end)
  while (end - begin > 1) {
    const int middle = (begin + end) / 2;
    (table.first_block[middle] <= blockIdx.x ? begin : end) = middle;
  }
  const Parameter parameter = table.parameter[begin];
  const std::int64_t first = std::int64_t{blockIdx.x - table.first_block[begin]} * chunk + threadIdx.x;
  SIM_UNROLL
  for (int k = 0; k < chunk / threads; ++k)
    if (first + k * threads < parameter.count) update(coefficients, parameter, first + k * threads);
}

/// Those of the problem, and in a recorded step of each later run.
template <class Coefficients, class Problem>
Changing<Coefficients> coefficients_of(const Problem& problem) {
  DeviceGraph* graph = DeviceGraph::recording();
  if (graph == nullptr || !problem.at_replay) return {Coefficients(problem)};
  const auto now = [at_replay = problem.at_replay] { return Coefficients(at_replay()); };
  return {now(), graph->changing<Coefficients>(now)};
}

template <class Coefficients, class Parameter>
void run_each(std::string_view name, const Changing<Coefficients>& coefficients,
              std::span<const Parameter> parameters) {
  for (const Parameter& parameter : parameters)
    if (parameter.count > 0)
      launch(name, element_per_thread<Coefficients, Parameter>,
             {.grid = blocks_for(parameter.count, threads), .block = threads}, coefficients, parameter);
}

template <class Coefficients, class Parameter>
void run_together(std::string_view name, const Changing<Coefficients>& coefficients,
                  std::span<const Parameter> parameters) {
  static_assert(sizeof(Changing<Coefficients>) + sizeof(Table<Parameter>) <= 4096);
  Table<Parameter> table{};
  unsigned blocks = 0;
  const auto flush = [&] {
    if (table.count > 0)
      launch(name, chunk_per_block<Coefficients, Parameter>, {.grid = blocks, .block = threads}, coefficients, table);
    table.count = 0;
    blocks = 0;
  };
  for (const Parameter& parameter : parameters) {
    if (parameter.count == 0) continue;
    table.parameter[table.count] = parameter;
    table.first_block[table.count++] = blocks;
    blocks += blocks_for(parameter.count, chunk);
    if (table.count == Table<Parameter>::most) flush();
  }
  flush();
}

template <class T>
void sgd_each(const SgdProblem& p, std::span<const SgdParameter<T>> parameters) {
  run_each("optimizer.sgd", coefficients_of<SgdCoefficients<T>>(p), parameters);
}
template <class T>
void adam_each(const AdamProblem& p, std::span<const AdamParameter<T>> parameters) {
  run_each("optimizer.adam", coefficients_of<AdamCoefficients<T>>(p), parameters);
}
template <class T>
void sgd_together(const SgdProblem& p, std::span<const SgdParameter<T>> parameters) {
  run_together("optimizer.sgd_many", coefficients_of<SgdCoefficients<T>>(p), parameters);
}
template <class T>
void adam_together(const AdamProblem& p, std::span<const AdamParameter<T>> parameters) {
  run_together("optimizer.adam_many", coefficients_of<AdamCoefficients<T>>(p), parameters);
}

template <class T>
void rmsprop_each(const RmsPropProblem& p, std::span<const RmsPropParameter<T>> parameters) {
  run_each("optimizer.rmsprop", coefficients_of<RmsPropCoefficients<T>>(p), parameters);
}
template <class T>
void rmsprop_together(const RmsPropProblem& p, std::span<const RmsPropParameter<T>> parameters) {
  run_together("optimizer.rmsprop_many", coefficients_of<RmsPropCoefficients<T>>(p), parameters);
}

// One launch a parameter.
const DeviceRegistration<SgdMany> sgd_launches{"launch_per_parameter", sgd_each<float>, sgd_each<double>};
const DeviceRegistration<AdamMany> adam_launches{"launch_per_parameter", adam_each<float>, adam_each<double>};
const DeviceRegistration<RmsPropMany> rmsprop_launches{"launch_per_parameter", rmsprop_each<float>,
                                                       rmsprop_each<double>};
// One launch for 64 parameters: most are too small to be worth one, or to fill the GPU alone.
const DeviceRegistration<SgdMany> sgd_launch{"one_launch", sgd_together<float>, sgd_together<double>};
const DeviceRegistration<AdamMany> adam_launch{"one_launch", adam_together<float>, adam_together<double>};
const DeviceRegistration<RmsPropMany> rmsprop_launch{"one_launch", rmsprop_together<float>, rmsprop_together<double>};

}  // namespace
}  // namespace orbitgrad::kernels
