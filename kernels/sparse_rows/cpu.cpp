#include <algorithm>

#include "kernels/enough_work.hpp"
#include "kernels/parallel.hpp"
#include "kernels/registration.hpp"
#include "kernels/sparse_rows/sparse_rows.hpp"

namespace orbitgrad::kernels::cpu {

namespace {

constexpr std::int64_t column_block = 128, work_per_piece = 2 * enough_elements;

/// Calls body(o, r) for every outer position and row, on several threads.
template <class Body>
void for_each_row(const SparseRowsProblem& p, Body&& body) {
  if (p.output_count() == 0) return;
  const std::int64_t work = (p.entries / p.rows + 1) * p.inner;
  parallel_for(p.outer * p.rows, work_per_piece / work + 1, [&](std::int64_t begin, std::int64_t end) {
    std::int64_t o = begin / p.rows, r = begin % p.rows;
    for (std::int64_t row = begin; row < end; ++row) {
      body(o, r);
      if (++r == p.rows) r = 0, ++o;
    }
  });
}

}  // namespace

template <class T>
void take_rows(const TakeRowsProblem& p, const T* x, const std::int64_t* index, T* y) {
  if (p.output_count() == 0) return;
  parallel_for(p.outer * p.picks, work_per_piece / p.inner + 1, [&](std::int64_t begin, std::int64_t end) {
    std::int64_t k = begin % p.picks;
    const T* plane = x + begin / p.picks * p.size * p.inner;
    for (std::int64_t row = begin; row < end; ++row) {
      T* to = y + row * p.inner;
      const T* from = plane + index[k] * p.inner;
      if (index[k] < 0)
        std::fill(to, to + p.inner, T(0));
      else if (p.inner == 1)
        *to = *from;
      else
        std::copy(from, from + p.inner, to);
      if (++k == p.picks) k = 0, plane += p.size * p.inner;
    }
  });
}

template <class T>
void sparse_product(const SparseRowsProblem& p, const std::int64_t* offset, const std::int64_t* column,
                    const std::int64_t* slot_or_null, const T* value_or_null, const T* x, T* y) {
  const auto value = [=](std::int64_t k) {
    return value_or_null == nullptr ? T(1) : value_or_null[slot_or_null == nullptr ? k : slot_or_null[k]];
  };
  for_each_row(p, [&](std::int64_t o, std::int64_t r) {
    const T* plane = x + o * p.columns * p.inner;
    T* out = y + (o * p.rows + r) * p.inner;
    if (p.inner == 1) {
      double sum = 0;
      for (std::int64_t k = offset[r]; k < offset[r + 1]; ++k)
        sum += static_cast<double>(value(k)) * static_cast<double>(plane[column[k]]);
      *out = static_cast<T>(sum);
      return;
    }
    for (std::int64_t begin = 0; begin < p.inner; begin += column_block) {
      const std::int64_t width = std::min(column_block, p.inner - begin);
      double sum[column_block];
      std::fill(sum, sum + width, 0.0);
      for (std::int64_t k = offset[r]; k < offset[r + 1]; ++k) {
        const T* row = plane + column[k] * p.inner + begin;
        const auto factor = static_cast<double>(value(k));
        for (std::int64_t i = 0; i < width; ++i) sum[i] += factor * static_cast<double>(row[i]);
      }
      for (std::int64_t i = 0; i < width; ++i) out[begin + i] = static_cast<T>(sum[i]);
    }
  });
}

template <class T>
void sparse_arg_extreme(const SparseRowsProblem& p, const std::int64_t* offset, const std::int64_t* column, const T* x,
                        std::int64_t* position) {
  for_each_row(p, [&](std::int64_t o, std::int64_t r) {
    const T* plane = x + o * p.columns * p.inner;
    std::int64_t* out = position + (o * p.rows + r) * p.inner;
    std::fill(out, out + p.inner, offset[r] < offset[r + 1] ? column[offset[r]] : -1);
    for (std::int64_t k = offset[r] + 1; k < offset[r + 1]; ++k)
      for (std::int64_t i = 0; i < p.inner; ++i)
        if (beats(p.minimum, plane[column[k] * p.inner + i], plane[out[i] * p.inner + i])) out[i] = column[k];
  });
}

template void take_rows<float>(const TakeRowsProblem&, const float*, const std::int64_t*, float*);
template void take_rows<double>(const TakeRowsProblem&, const double*, const std::int64_t*, double*);
template void take_rows<bool>(const TakeRowsProblem&, const bool*, const std::int64_t*, bool*);
template void take_rows<std::int32_t>(const TakeRowsProblem&, const std::int32_t*, const std::int64_t*, std::int32_t*);
template void take_rows<std::int64_t>(const TakeRowsProblem&, const std::int64_t*, const std::int64_t*, std::int64_t*);

namespace {
const CpuRegistration<TakeRows> take_registration{"cpu", take_rows<float>, take_rows<double>};
const CpuRegistration<SparseProduct> product_registration{"cpu", sparse_product<float>, sparse_product<double>};
const CpuRegistration<SparseArgExtreme> extreme_registration{"cpu", sparse_arg_extreme<float>,
                                                             sparse_arg_extreme<double>};
}  // namespace

template void sparse_product<float>(const SparseRowsProblem&, const std::int64_t*, const std::int64_t*,
                                    const std::int64_t*, const float*, const float*, float*);
template void sparse_product<double>(const SparseRowsProblem&, const std::int64_t*, const std::int64_t*,
                                     const std::int64_t*, const double*, const double*, double*);
template void sparse_arg_extreme<float>(const SparseRowsProblem&, const std::int64_t*, const std::int64_t*,
                                        const float*, std::int64_t*);
template void sparse_arg_extreme<double>(const SparseRowsProblem&, const std::int64_t*, const std::int64_t*,
                                         const double*, std::int64_t*);

}  // namespace orbitgrad::kernels::cpu
