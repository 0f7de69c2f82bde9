#include <array>
#include <vector>

#include "kernels/batch_norm/batch_norm.hpp"
#include "kernels/enough_work.hpp"
#include "kernels/parallel.hpp"
#include "kernels/registration.hpp"

namespace orbitgrad::kernels::cpu {
namespace {

constexpr std::int64_t chunk = 4096;
constexpr std::int64_t lanes = 16;

using Sums = BatchNormSums;

/// Sums over one field of a pair of terms: term(position in the array) -> Sums. Chunks of fixed size, each with 16
/// interleaved partial sums, are added in order, so neither threads nor vector width decide a bit.
template <class Term>
Sums field_sums(const BatchNormProblem& p, std::int64_t field, Term&& term) {
  const std::int64_t rows_each = p.positions >= chunk ? 1 : chunk / std::max<std::int64_t>(1, p.positions);
  const std::int64_t row_groups = (p.batch + rows_each - 1) / rows_each;
  const std::int64_t pieces = (p.positions + chunk - 1) / chunk;
  std::vector<Sums> partial(static_cast<std::size_t>(row_groups * pieces));
  parallel_for(row_groups * pieces, enough_elements / chunk, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t unit = first; unit < last; ++unit) {
      const std::int64_t row_begin = unit / pieces * rows_each, row_end = std::min(row_begin + rows_each, p.batch);
      const std::int64_t begin = unit % pieces * chunk, end = std::min(begin + chunk, p.positions);
      double a[lanes] = {}, b[lanes] = {};
      for (std::int64_t row = row_begin; row < row_end; ++row) {
        const std::int64_t offset = (row * p.fields + field) * p.positions;
        std::int64_t i = begin;
        for (; i + lanes <= end; i += lanes)
          for (std::int64_t lane = 0; lane < lanes; ++lane) {
            const Sums terms = term(offset + i + lane);
            a[lane] += terms.first;
            b[lane] += terms.second;
          }
        for (std::int64_t lane = 0; i < end; ++i, ++lane) {
          const Sums terms = term(offset + i);
          a[lane] += terms.first;
          b[lane] += terms.second;
        }
      }
      Sums& total = partial[static_cast<std::size_t>(unit)];
      for (std::int64_t lane = 0; lane < lanes; ++lane) total.add({a[lane], b[lane]});
    }
  });
  Sums total;
  for (const Sums& piece : partial) total.add(piece);
  return total;
}

constexpr std::int64_t field_block = 64;

/// The same sums for positions = 1, where a field is a column: a block of fields at a time, row after row.
/// term(position in the array, field) -> Sums; finish(field, sums).
template <class Term, class Finish>
void column_sums(const BatchNormProblem& p, Term&& term, Finish&& finish) {
  const std::int64_t blocks = (p.fields + field_block - 1) / field_block;
  parallel_for(blocks, enough_elements / (field_block * std::max<std::int64_t>(1, p.batch)) + 1,
               [&](std::int64_t first, std::int64_t last) {
                 for (std::int64_t block = first; block < last; ++block) {
                   const std::int64_t begin = block * field_block, length = std::min(field_block, p.fields - begin);
                   double a[field_block] = {}, b[field_block] = {};
                   for (std::int64_t row = 0; row < p.batch; ++row)
                     for (std::int64_t i = 0; i < length; ++i) {
                       const Sums terms = term(row * p.fields + begin + i, begin + i);
                       a[i] += terms.first;
                       b[i] += terms.second;
                     }
                   for (std::int64_t i = 0; i < length; ++i) finish(begin + i, Sums{a[i], b[i]});
                 }
               });
}

/// For positions = 1: calls body(position in the array, field) for every entry.
template <class Body>
void for_each_column_entry(const BatchNormProblem& p, Body&& body) {
  parallel_for(p.batch, enough_elements / std::max<std::int64_t>(1, p.fields) + 1,
               [&](std::int64_t first, std::int64_t last) {
                 for (std::int64_t row = first; row < last; ++row)
                   for (std::int64_t c = 0; c < p.fields; ++c) body(row * p.fields + c, c);
               });
}

/// Calls body(offset) with the start of each of the N rows of a field.
template <class Body>
void for_each_row(const BatchNormProblem& p, std::int64_t field, Body&& body) {
  parallel_for(p.batch, enough_elements / std::max<std::int64_t>(1, p.positions) + 1,
               [&](std::int64_t first, std::int64_t last) {
                 for (std::int64_t row = first; row < last; ++row) body((row * p.fields + field) * p.positions);
               });
}

/// Calls body(field): over the threads if there are enough fields, else the loops inside the body use them.
template <class Body>
void for_each_field(const BatchNormProblem& p, Body&& body) {
  const bool outside = p.fields >= thread_count() && p.count() > 2 * enough_elements;
  parallel_for(p.fields, outside ? 1 : p.fields, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t field = first; field < last; ++field) body(field);
  });
}

template <class T>
void field_statistics(const BatchNormProblem& p, std::int64_t field, const T* x, T* mean, T* variance) {
  const double count = static_cast<double>(p.batch * p.positions);
  const double shift = count > 0 ? static_cast<double>(x[field * p.positions]) : 0.0;
  const Sums sums =
      field_sums(p, field, [x, shift](std::int64_t i) { return batch_norm_moments(static_cast<double>(x[i]), shift); });
  batch_norm_finish(count, shift, sums, mean + field, variance + field);
}

template <class T>
using Field = BatchNormField<T>;
template <class T>
using Correction = BatchNormCorrection<T>;

template <class T>
void normalise_row(const BatchNormProblem& p, const Field<T> field, const T* __restrict__ x, T* __restrict__ y) {
  if (p.relu) {
    for (std::int64_t i = 0; i < p.positions; ++i) y[i] = batch_norm_output(field, true, x[i]);
  } else {
    for (std::int64_t i = 0; i < p.positions; ++i) y[i] = batch_norm_output(field, false, x[i]);
  }
}

template <class T>
std::vector<Field<T>> all_fields(const BatchNormProblem& p, const T* mean, const T* variance, const T* gamma,
                                 const T* beta) {
  std::vector<Field<T>> fields;
  fields.reserve(static_cast<std::size_t>(p.fields));
  for (std::int64_t field = 0; field < p.fields; ++field)
    fields.push_back(batch_norm_field(p, field, mean, variance, gamma, beta));
  return fields;
}

template <bool relu, class T>
void backward_field(const BatchNormProblem& p, std::int64_t index, const Field<T> field, const T* __restrict__ x,
                    const T* __restrict__ dy, T* __restrict__ dx, T* dgamma, T* dbeta) {
  Sums sums;
  if (dgamma || dbeta || p.batch_statistics)
    sums = field_sums(p, index, [=](std::int64_t i) { return batch_norm_gradient_terms(field, relu, x[i], dy[i]); });
  if (dbeta) dbeta[index] = static_cast<T>(sums.first);
  if (dgamma) dgamma[index] = static_cast<T>(sums.second);
  if (!dx) return;
  const Correction<T> correction = batch_norm_correction<T>(p, sums);
  for_each_row(p, index, [=](std::int64_t offset) {
    for (std::int64_t i = offset; i < offset + p.positions; ++i)
      dx[i] = batch_norm_input_gradient(field, correction, relu, x[i], dy[i]);
  });
}

template <bool relu, class T>
void backward_columns(const BatchNormProblem& p, const std::vector<Field<T>>& fields, const T* x, const T* dy, T* dx,
                      T* dgamma, T* dbeta) {
  std::vector<Correction<T>> corrections(fields.size(), batch_norm_correction<T>(p, Sums{}));
  column_sums(
      p,
      [&](std::int64_t i, std::int64_t c) {
        return batch_norm_gradient_terms(fields[static_cast<std::size_t>(c)], relu, x[i], dy[i]);
      },
      [&](std::int64_t c, const Sums& sums) {
        if (dbeta) dbeta[c] = static_cast<T>(sums.first);
        if (dgamma) dgamma[c] = static_cast<T>(sums.second);
        corrections[static_cast<std::size_t>(c)] = batch_norm_correction<T>(p, sums);
      });
  if (!dx) return;
  for_each_column_entry(p, [&](std::int64_t i, std::int64_t c) {
    const auto field = static_cast<std::size_t>(c);
    dx[i] = batch_norm_input_gradient(fields[field], corrections[field], relu, x[i], dy[i]);
  });
}

template <bool relu, class T>
void backward(const BatchNormProblem& p, const T* x, const T* dy, const T* mean, const T* variance, const T* gamma,
              const T* beta, T* dx, T* dgamma, T* dbeta) {
  if (p.positions == 1) {
    backward_columns<relu>(p, all_fields(p, mean, variance, gamma, beta), x, dy, dx, dgamma, dbeta);
    return;
  }
  for_each_field(p, [&](std::int64_t index) {
    backward_field<relu>(p, index, batch_norm_field(p, index, mean, variance, gamma, beta), x, dy, dx, dgamma, dbeta);
  });
}

}  // namespace

template <class T>
void batch_norm_statistics(const BatchNormProblem& p, const T* x, T* mean, T* variance) {
  if (p.positions == 1 && p.batch > 0) {  // x[c], the first row, is the shift of field c
    column_sums(
        p,
        [x](std::int64_t i, std::int64_t c) {
          return batch_norm_moments(static_cast<double>(x[i]), static_cast<double>(x[c]));
        },
        [&](std::int64_t c, const Sums& sums) {
          batch_norm_finish(static_cast<double>(p.batch), static_cast<double>(x[c]), sums, mean + c, variance + c);
        });
    return;
  }
  for_each_field(p, [&](std::int64_t field) { field_statistics(p, field, x, mean, variance); });
}

template <class T>
void batch_norm_normalise(const BatchNormProblem& p, const T* x, const T* mean, const T* variance, const T* gamma,
                          const T* beta, T* y) {
  const auto fields = all_fields(p, mean, variance, gamma, beta);
  if (p.positions == 1) {
    const Field<T>* field = fields.data();
    for_each_column_entry(
        p, [=, relu = p.relu](std::int64_t i, std::int64_t c) { y[i] = batch_norm_output(field[c], relu, x[i]); });
    return;
  }
  parallel_for(p.batch * p.fields, enough_elements / std::max<std::int64_t>(1, p.positions) + 1,
               [&](std::int64_t first, std::int64_t last) {
                 for (std::int64_t row = first; row < last; ++row)
                   normalise_row(p, fields[static_cast<std::size_t>(row % p.fields)], x + row * p.positions,
                                 y + row * p.positions);
               });
}

template <class T>
void batch_norm_forward(const BatchNormProblem& p, const T* x, const T* gamma, const T* beta, T* mean, T* variance,
                        T* y) {
  if (p.positions == 1) {
    batch_norm_statistics(p, x, mean, variance);
    batch_norm_normalise(p, x, mean, variance, gamma, beta, y);
    return;
  }
  for_each_field(p, [&](std::int64_t index) {
    field_statistics(p, index, x, mean, variance);
    const Field<T> field = batch_norm_field(p, index, mean, variance, gamma, beta);
    for_each_row(p, index, [&](std::int64_t offset) { normalise_row(p, field, x + offset, y + offset); });
  });
}

template <class T>
void batch_norm_backward(const BatchNormProblem& p, const T* x, const T* dy, const T* mean, const T* variance,
                         const T* gamma, const T* beta, T* dx, T* dgamma, T* dbeta) {
  if (p.relu)
    backward<true>(p, x, dy, mean, variance, gamma, beta, dx, dgamma, dbeta);
  else
    backward<false>(p, x, dy, mean, variance, gamma, beta, dx, dgamma, dbeta);
}

template void batch_norm_statistics<float>(const BatchNormProblem&, const float*, float*, float*);
template void batch_norm_statistics<double>(const BatchNormProblem&, const double*, double*, double*);
template void batch_norm_normalise<float>(const BatchNormProblem&, const float*, const float*, const float*,
                                          const float*, const float*, float*);
template void batch_norm_normalise<double>(const BatchNormProblem&, const double*, const double*, const double*,
                                           const double*, const double*, double*);
template void batch_norm_forward<float>(const BatchNormProblem&, const float*, const float*, const float*, float*,
                                        float*, float*);
template void batch_norm_forward<double>(const BatchNormProblem&, const double*, const double*, const double*, double*,
                                         double*, double*);
template void batch_norm_backward<float>(const BatchNormProblem&, const float*, const float*, const float*,
                                         const float*, const float*, const float*, float*, float*, float*);
template void batch_norm_backward<double>(const BatchNormProblem&, const double*, const double*, const double*,
                                          const double*, const double*, const double*, double*, double*, double*);

namespace {
const CpuRegistration<BatchNormStatistics> statistics_registration{"cpu", batch_norm_statistics<float>,
                                                                   batch_norm_statistics<double>};
const CpuRegistration<BatchNormNormalise> normalise_registration{"cpu", batch_norm_normalise<float>,
                                                                 batch_norm_normalise<double>};
const CpuRegistration<BatchNormForward> forward_registration{"cpu", batch_norm_forward<float>,
                                                             batch_norm_forward<double>};
const CpuRegistration<BatchNormBackward> backward_registration{"cpu", batch_norm_backward<float>,
                                                               batch_norm_backward<double>};
}  // namespace

}  // namespace orbitgrad::kernels::cpu
