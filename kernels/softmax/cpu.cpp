#include <limits>

#include "kernels/enough_work.hpp"
#include "kernels/exponential.hpp"
#include "kernels/parallel.hpp"
#include "kernels/prefetch.hpp"
#include "kernels/registration.hpp"
#include "kernels/softmax/softmax.hpp"

namespace orbitgrad::kernels::cpu {
namespace {

constexpr std::int64_t lanes = 16;

/// sum of term(j) over [0, count) in double: 16 interleaved partial sums, then in order. With the first piece of a row
/// the same piece of the next one is asked for, by `ahead`.
template <class Term, class Ahead>
[[gnu::always_inline]] inline double row_sum(std::int64_t count, Term&& term, Ahead&& ahead) {
  double partial[lanes] = {};
  std::int64_t j = 0;
  for (; j + lanes <= count; j += lanes) {
    ahead(count + j);
    for (std::int64_t lane = 0; lane < lanes; ++lane) partial[lane] += term(j + lane);
  }
  for (std::int64_t lane = 0; j < count; ++j, ++lane) partial[lane] += term(j);
  double sum = 0;
  for (const double value : partial) sum += value;
  return sum;
}

constexpr auto no_wait = [](std::int64_t) {};

/// A NaN may be missed: it makes the sum of exponentials NaN anyway.
template <class T>
T row_maximum(std::int64_t count, const T* x) {
  constexpr std::int64_t chains = 4 * lanes;  // a maximum does not depend on their number
  T partial[chains];
  for (T& value : partial) value = -std::numeric_limits<T>::infinity();
  std::int64_t j = 0;
  for (; j + chains <= count; j += chains)
    for (std::int64_t lane = 0; lane < chains; ++lane)
      partial[lane] = x[j + lane] > partial[lane] ? x[j + lane] : partial[lane];
  for (std::int64_t lane = 0; j < count; ++j, ++lane) partial[lane] = x[j] > partial[lane] ? x[j] : partial[lane];
  T best = partial[0];
  for (const T value : partial) best = value > best ? value : best;
  return best;
}

/// Calls body(offset) with the start of every row.
template <class Body>
void for_each_row(const SoftmaxProblem& problem, Body&& body) {
  parallel_for(problem.rows, enough_elements / std::max<std::int64_t>(1, problem.columns) + 1,
               [&](std::int64_t first, std::int64_t last) {
                 for (std::int64_t row = first; row < last; ++row) body(row * problem.columns);
               });
}

}  // namespace

template <class T>
void softmax_forward(const SoftmaxProblem& problem, const T* x, T* y) {
  const std::int64_t columns = problem.columns;
  for_each_row(problem, [&](std::int64_t offset) {
    const T* __restrict in = x + offset;
    T* __restrict out = y + offset;
    const T maximum = row_maximum(columns, in);
    const auto sum = static_cast<T>(row_sum(
        columns, [=](std::int64_t j) { return static_cast<double>(out[j] = exponential(in[j] - maximum)); },
        [=](std::int64_t j) {
          prefetch<false>(in + j, lanes);
          prefetch<true>(out + j, lanes);
        }));
    const T scale = T{1} / sum;
    for (std::int64_t j = 0; j < columns; ++j) out[j] *= scale;
  });
}

template <class T>
void softmax_backward(const SoftmaxProblem& problem, const T* y, const T* dy, T* dx) {
  const std::int64_t columns = problem.columns;
  for_each_row(problem, [&](std::int64_t offset) {
    const T *output = y + offset, *gradient = dy + offset;
    const T inner_product = static_cast<T>(row_sum(
        columns, [&](std::int64_t j) { return static_cast<double>(output[j]) * static_cast<double>(gradient[j]); },
        no_wait));
    for (std::int64_t j = 0; j < columns; ++j)
      dx[offset + j] = softmax_derivative(output[j], gradient[j], inner_product);
  });
}

template <class T>
void log_softmax_forward(const SoftmaxProblem& problem, const T* x, T* z) {
  const std::int64_t columns = problem.columns;
  for_each_row(problem, [&](std::int64_t offset) {
    const T* __restrict in = x + offset;
    T* __restrict out = z + offset;
    const T maximum = row_maximum(columns, in);
    const double sum = row_sum(
        columns, [=](std::int64_t j) { return static_cast<double>(exponential(in[j] - maximum)); },
        [=](std::int64_t j) {
          prefetch<false>(in + j, lanes);
          prefetch<true>(out + j, lanes);
        });
    const T logarithm = static_cast<T>(std::log(sum));
    for (std::int64_t j = 0; j < columns; ++j) out[j] = in[j] - maximum - logarithm;
  });
}

template <class T>
void log_softmax_backward(const SoftmaxProblem& problem, const T* z, const T* dz, T* dx) {
  const std::int64_t columns = problem.columns;
  for_each_row(problem, [&](std::int64_t offset) {
    const T* gradient = dz + offset;
    const T sum = static_cast<T>(row_sum(
        columns, [&](std::int64_t j) { return static_cast<double>(gradient[j]); }, no_wait));
    for (std::int64_t j = 0; j < columns; ++j) dx[offset + j] = log_softmax_derivative(z[offset + j], gradient[j], sum);
  });
}

template void softmax_forward<float>(const SoftmaxProblem&, const float*, float*);
template void softmax_forward<double>(const SoftmaxProblem&, const double*, double*);
template void softmax_backward<float>(const SoftmaxProblem&, const float*, const float*, float*);
template void softmax_backward<double>(const SoftmaxProblem&, const double*, const double*, double*);
template void log_softmax_forward<float>(const SoftmaxProblem&, const float*, float*);
template void log_softmax_forward<double>(const SoftmaxProblem&, const double*, double*);
template void log_softmax_backward<float>(const SoftmaxProblem&, const float*, const float*, float*);
template void log_softmax_backward<double>(const SoftmaxProblem&, const double*, const double*, double*);

namespace {
const CpuRegistration<SoftmaxForward> forward{"cpu", softmax_forward<float>, softmax_forward<double>};
const CpuRegistration<SoftmaxBackward> backward{"cpu", softmax_backward<float>, softmax_backward<double>};
const CpuRegistration<LogSoftmaxForward> log_forward{"cpu", log_softmax_forward<float>, log_softmax_forward<double>};
const CpuRegistration<LogSoftmaxBackward> log_backward{"cpu", log_softmax_backward<float>,
                                                       log_softmax_backward<double>};
}  // namespace

}  // namespace orbitgrad::kernels::cpu
