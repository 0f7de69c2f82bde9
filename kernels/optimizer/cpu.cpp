#include "kernels/enough_work.hpp"
#include "kernels/optimizer/optimizer.hpp"
#include "kernels/parallel.hpp"
#include "kernels/registration.hpp"

namespace orbitgrad::kernels::cpu {
namespace {

constexpr std::int64_t grain = enough_elements;

template <class T>
void sgd_range(const SgdCoefficients<T> c, std::int64_t begin, std::int64_t end, T* __restrict__ parameter,
               const T* __restrict__ gradient) {
  for (std::int64_t i = begin; i < end; ++i) parameter[i] = sgd_update(c, parameter[i], gradient[i]);
}

template <class T>
void sgd_momentum_range(const SgdCoefficients<T> c, std::int64_t begin, std::int64_t end, T* __restrict__ parameter,
                        const T* __restrict__ gradient, T* __restrict__ velocity) {
  for (std::int64_t i = begin; i < end; ++i)
    parameter[i] = sgd_momentum_update(c, parameter[i], gradient[i], velocity + i);
}

template <class T>
void adam_range(const AdamCoefficients<T> c, std::int64_t begin, std::int64_t end, T* __restrict__ parameter,
                const T* __restrict__ gradient, T* __restrict__ first, T* __restrict__ second) {
  for (std::int64_t i = begin; i < end; ++i)
    parameter[i] = adam_update(c, parameter[i], gradient[i], first + i, second + i);
}

}  // namespace

template <class T>
void sgd_step(const SgdProblem& problem, T* parameter, const T* gradient, T* velocity) {
  const SgdCoefficients<T> coefficients(problem);
  const bool plain = problem.momentum == 0;
  parallel_for(problem.count, grain, [&](std::int64_t begin, std::int64_t end) {
    if (plain)
      sgd_range(coefficients, begin, end, parameter, gradient);
    else
      sgd_momentum_range(coefficients, begin, end, parameter, gradient, velocity);
  });
}

template <class T>
void adam_step(const AdamProblem& problem, T* parameter, const T* gradient, T* first, T* second) {
  const AdamCoefficients<T> coefficients(problem);
  parallel_for(problem.count, grain, [&](std::int64_t begin, std::int64_t end) {
    adam_range(coefficients, begin, end, parameter, gradient, first, second);
  });
}

template <class T>
void sgd_many(const SgdProblem& problem, std::span<const SgdParameter<T>> parameters) {
  SgdProblem one = problem;
  for (const SgdParameter<T>& each : parameters) {
    one.count = each.count;
    sgd_step(one, each.parameter, each.gradient, each.velocity);
  }
}

template <class T>
void adam_many(const AdamProblem& problem, std::span<const AdamParameter<T>> parameters) {
  AdamProblem one = problem;
  for (const AdamParameter<T>& each : parameters) {
    one.count = each.count;
    adam_step(one, each.parameter, each.gradient, each.first, each.second);
  }
}

template <class T>
void rmsprop_many(const RmsPropProblem& problem, std::span<const RmsPropParameter<T>> parameters) {
  const RmsPropCoefficients<T> c(problem);
  for (const RmsPropParameter<T>& each : parameters)
    parallel_for(each.count, grain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        T* const velocity = each.velocity == nullptr ? nullptr : each.velocity + i;
        T* const mean = each.mean == nullptr ? nullptr : each.mean + i;
        each.parameter[i] = rmsprop_update(c, each.parameter[i], each.gradient[i], each.square + i, velocity, mean);
      }
    });
}

template void sgd_step<float>(const SgdProblem&, float*, const float*, float*);
template void sgd_step<double>(const SgdProblem&, double*, const double*, double*);
template void adam_step<float>(const AdamProblem&, float*, const float*, float*, float*);
template void adam_step<double>(const AdamProblem&, double*, const double*, double*, double*);
template void sgd_many<float>(const SgdProblem&, std::span<const SgdParameter<float>>);
template void sgd_many<double>(const SgdProblem&, std::span<const SgdParameter<double>>);
template void adam_many<float>(const AdamProblem&, std::span<const AdamParameter<float>>);
template void adam_many<double>(const AdamProblem&, std::span<const AdamParameter<double>>);
template void rmsprop_many<float>(const RmsPropProblem&, std::span<const RmsPropParameter<float>>);
template void rmsprop_many<double>(const RmsPropProblem&, std::span<const RmsPropParameter<double>>);

namespace {
const CpuRegistration<SgdMany> sgd{"cpu", sgd_many<float>, sgd_many<double>};
const CpuRegistration<AdamMany> adam{"cpu", adam_many<float>, adam_many<double>};
const CpuRegistration<RmsPropMany> rmsprop{"cpu", rmsprop_many<float>, rmsprop_many<double>};
}  // namespace

}  // namespace orbitgrad::kernels::cpu
