#include <algorithm>
#include <vector>

#include "kernels/batch_norm/batch_norm.hpp"
#include "kernels/enough_work.hpp"
#include "kernels/layer_norm/layer_norm.hpp"
#include "kernels/parallel.hpp"
#include "kernels/prefetch.hpp"
#include "kernels/registration.hpp"

namespace orbitgrad::kernels::cpu {
namespace {

constexpr std::int64_t lanes = 16;

/// A row as a field of a batch of one.
BatchNormProblem field_problem(const LayerNormProblem& p) {
  return {.batch = 1, .fields = p.rows, .positions = p.columns, .epsilon = p.epsilon};
}

/// Sums of term(j) over a row: 16 interleaved partial sums, then in order. ahead(j) is called with every sixteenth j.
template <class Term, class Ahead>
[[gnu::always_inline]] inline BatchNormSums row_sums(std::int64_t columns, Term&& term, Ahead&& ahead) {
  double a[lanes] = {}, b[lanes] = {};
  std::int64_t j = 0;
  for (; j + lanes <= columns; j += lanes) {
    ahead(j);
    for (std::int64_t lane = 0; lane < lanes; ++lane) {
      const BatchNormSums terms = term(j + lane);
      a[lane] += terms.first;
      b[lane] += terms.second;
    }
  }
  for (std::int64_t lane = 0; j < columns; ++j, ++lane) {
    const BatchNormSums terms = term(j);
    a[lane] += terms.first;
    b[lane] += terms.second;
  }
  BatchNormSums total;
  for (std::int64_t lane = 0; lane < lanes; ++lane) total.add({a[lane], b[lane]});
  return total;
}

template <class T>
void forward_row(const BatchNormProblem& p, std::int64_t row, const T* __restrict x, const T* __restrict weight,
                 const T* __restrict bias, T* mean, T* variance, T* __restrict y) {
  const std::int64_t columns = p.positions;
  const double shift = static_cast<double>(x[0]);
  const BatchNormSums sums = row_sums(
      columns, [=](std::int64_t j) { return batch_norm_moments(static_cast<double>(x[j]), shift); },
      [=](std::int64_t j) {  // the next row
        prefetch<false>(x + columns + j, lanes);
        prefetch<true>(y + columns + j, lanes);
      });
  batch_norm_finish(static_cast<double>(columns), shift, sums, mean + row, variance + row);
  const auto field = batch_norm_field<T>(p, row, mean, variance, nullptr, nullptr);
  if (weight != nullptr && bias != nullptr) {
    for (std::int64_t j = 0; j < columns; ++j) y[j] = batch_norm_value(field, x[j]) * weight[j] + bias[j];
  } else {
    for (std::int64_t j = 0; j < columns; ++j) y[j] = batch_norm_value(field, x[j]);
    for (std::int64_t j = 0; j < columns && weight != nullptr; ++j) y[j] *= weight[j];
    for (std::int64_t j = 0; j < columns && bias != nullptr; ++j) y[j] += bias[j];
  }
}

template <bool weighted, class T>
void input_gradient_row(const BatchNormProblem& p, const BatchNormField<T> field, const T* __restrict x,
                        const T* __restrict dy, const T* __restrict weight, T* __restrict dx) {
  const auto gradient = [=](std::int64_t j) { return weighted ? dy[j] * weight[j] : dy[j]; };
  const BatchNormSums sums = row_sums(
      p.positions, [=](std::int64_t j) { return batch_norm_gradient_terms(field, false, x[j], gradient(j)); },
      [=](std::int64_t j) { prefetch<true>(dx + p.positions + j, lanes); });
  const auto correction = batch_norm_correction<T>(p, sums);
  for (std::int64_t j = 0; j < p.positions; ++j)
    dx[j] = batch_norm_input_gradient(field, correction, false, x[j], gradient(j));
}

template <class T>
void add_column_terms(std::int64_t columns, const BatchNormField<T> field, const T* __restrict x,
                      const T* __restrict dy, double* __restrict dbias, double* __restrict dweight) {
  for (std::int64_t j = 0; j < columns; ++j) {
    const BatchNormSums terms = batch_norm_gradient_terms(field, false, x[j], dy[j]);
    dbias[j] += terms.first;
    dweight[j] += terms.second;
  }
}

}  // namespace

template <class T>
void layer_norm_forward(const LayerNormProblem& problem, const T* x, const T* weight, const T* bias, T* mean,
                        T* variance, T* y) {
  const BatchNormProblem p = field_problem(problem);
  const std::int64_t columns = problem.columns;
  if (columns == 0) return;
  parallel_for(problem.rows, enough_elements / columns + 1, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t row = first; row < last; ++row)
      forward_row(p, row, x + row * columns, weight, bias, mean, variance, y + row * columns);
  });
}

template <class T>
void layer_norm_backward(const LayerNormProblem& problem, const T* x, const T* dy, const T* mean, const T* variance,
                         const T* weight, T* dx, T* dweight, T* dbias) {
  const BatchNormProblem p = field_problem(problem);
  const std::int64_t rows = problem.rows, columns = problem.columns;
  const bool sums_columns = dweight != nullptr || dbias != nullptr;
  constexpr std::int64_t most_chunks = 64, least_rows = 16;
  const std::int64_t height = std::max(least_rows, (rows + most_chunks - 1) / most_chunks);
  const std::int64_t chunks = (rows + height - 1) / height;
  std::vector<double> partial(static_cast<std::size_t>(sums_columns ? chunks * 2 * columns : 0));
  const std::int64_t chunk_grain = enough_elements / std::max<std::int64_t>(1, height * columns) + 1;
  parallel_for(chunks, chunk_grain, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t row = first * height; row < std::min(last * height, rows); ++row) {
      const auto field = batch_norm_field<T>(p, row, mean, variance, nullptr, nullptr);
      const T *const x_row = x + row * columns, *const dy_row = dy + row * columns;
      if (dx != nullptr) {
        const auto input_gradient = weight != nullptr ? input_gradient_row<true, T> : input_gradient_row<false, T>;
        input_gradient(p, field, x_row, dy_row, weight, dx + row * columns);
      }
      if (!sums_columns) continue;
      double* const sums = partial.data() + row / height * 2 * columns;
      add_column_terms(columns, field, x_row, dy_row, sums, sums + columns);
    }
  });
  if (!sums_columns) return;
  std::vector<double> total(static_cast<std::size_t>(2 * columns));
  for (std::size_t begin = 0; begin < partial.size(); begin += total.size())
    for (std::size_t i = 0; i < total.size(); ++i) total[i] += partial[begin + i];
  for (std::int64_t j = 0; j < columns; ++j) {
    if (dbias != nullptr) dbias[j] = static_cast<T>(total[static_cast<std::size_t>(j)]);
    if (dweight != nullptr) dweight[j] = static_cast<T>(total[static_cast<std::size_t>(columns + j)]);
  }
}

template void layer_norm_forward(const LayerNormProblem&, const float*, const float*, const float*, float*, float*,
                                 float*);
template void layer_norm_forward(const LayerNormProblem&, const double*, const double*, const double*, double*, double*,
                                 double*);
template void layer_norm_backward(const LayerNormProblem&, const float*, const float*, const float*, const float*,
                                  const float*, float*, float*, float*);
template void layer_norm_backward(const LayerNormProblem&, const double*, const double*, const double*, const double*,
                                  const double*, double*, double*, double*);

namespace {
const CpuRegistration<LayerNormForward> forward{"cpu", layer_norm_forward<float>, layer_norm_forward<double>};
const CpuRegistration<LayerNormBackward> backward{"cpu", layer_norm_backward<float>, layer_norm_backward<double>};
}  // namespace

}  // namespace orbitgrad::kernels::cpu
