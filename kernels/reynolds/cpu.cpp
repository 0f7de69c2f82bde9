#include <algorithm>
#include <vector>

#include "kernels/parallel.hpp"
#include "kernels/registration.hpp"
#include "kernels/reynolds/reynolds.hpp"

namespace orbitgrad::kernels::cpu {
namespace {

constexpr std::int64_t block = 512;

/// Of every row: the lowest row of its orbit, and the first element h with source_out[h, row] = that one.
struct RowOrbits {
  std::vector<std::int32_t> lowest, mover;

  explicit RowOrbits(const ReynoldsProblem& p)
      : lowest(p.source_out, p.source_out + (p.elements > 0 ? p.rows : 0)), mover(lowest.size(), 0) {
    for (std::int64_t h = 1; h < p.elements; ++h)
      for (std::size_t row = 0; row < lowest.size(); ++row) {
        const std::int32_t image = p.source_out[h * p.rows + static_cast<std::int64_t>(row)];
        if (image < lowest[row]) lowest[row] = image, mover[row] = static_cast<std::int32_t>(h);
      }
  }
};

/// The part [begin, end) of one row of P(W), summed over the group.
template <class T>
void sum_row(const ReynoldsProblem& p, const T* weight, std::int64_t row, std::int64_t begin, std::int64_t end,
             T* projection) {
  double sum[block];
  const std::int64_t length = end - begin;
  std::fill(sum, sum + length, 0.0);
  for (std::int64_t h = 0; h < p.elements; ++h) {
    const T* source_row = weight + p.source_out[h * p.rows + row] * p.cols;
    const std::int32_t* source = p.source_in + h * p.cols + begin;
    for (std::int64_t i = 0; i < length; ++i) sum[i] += static_cast<double>(source_row[source[i]]);
  }
  T* out = projection + row * p.cols + begin;
  for (std::int64_t i = 0; i < length; ++i) out[i] = static_cast<T>(sum[i] / static_cast<double>(p.elements));
}

}  // namespace

template <class T>
void reynolds_project(const ReynoldsProblem& p, const T* weight, T* projection) {
  const RowOrbits orbits(p);
  const auto is_lowest = [&](std::int64_t row) { return orbits.lowest[static_cast<std::size_t>(row)] == row; };
  std::vector<std::int64_t> lowest_rows;
  for (std::int64_t row = 0; row < p.rows; ++row)
    if (is_lowest(row)) lowest_rows.push_back(row);
  const std::int64_t blocks = (p.cols + block - 1) / block;
  const std::int64_t work = std::max<std::int64_t>(1, p.elements * std::min(p.cols, block));
  parallel_for(static_cast<std::int64_t>(lowest_rows.size()) * blocks, 16384 / work + 1,
               [&](std::int64_t first, std::int64_t last) {
                 for (std::int64_t unit = first; unit < last; ++unit) {
                   const std::int64_t begin = unit % blocks * block;
                   sum_row(p, weight, lowest_rows[static_cast<std::size_t>(unit / blocks)], begin,
                           std::min(begin + block, p.cols), projection);
                 }
               });
  parallel_for(p.rows, 16384 / std::max<std::int64_t>(1, p.cols) + 1, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t row = first; row < last; ++row) {
      if (is_lowest(row)) continue;
      const T* lowest = projection + orbits.lowest[static_cast<std::size_t>(row)] * p.cols;
      const std::int32_t* source = p.source_in + orbits.mover[static_cast<std::size_t>(row)] * p.cols;
      for (std::int64_t col = 0; col < p.cols; ++col) projection[row * p.cols + col] = lowest[source[col]];
    }
  });
}

template <class T>
void reynolds_penalty(const ReynoldsProblem& p, const T* weight, double scale, double* value, T* gradient) {
  std::vector<T> scratch(gradient ? 0 : static_cast<std::size_t>(p.count()));
  T* projection = gradient ? gradient : scratch.data();
  reynolds_project(p, weight, projection);
  std::vector<double> squares(static_cast<std::size_t>(p.rows));
  parallel_for(p.rows, 16384 / std::max<std::int64_t>(1, p.cols) + 1, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t row = first; row < last; ++row) {
      constexpr std::int64_t lanes = 8;
      double partial[lanes] = {};
      for (std::int64_t col = 0; col < p.cols; ++col) {
        const std::int64_t i = row * p.cols + col;
        const double residual = static_cast<double>(weight[i]) - static_cast<double>(projection[i]);
        partial[col % lanes] += residual * residual;
        projection[i] = static_cast<T>(2 * scale * residual);
      }
      for (const double square : partial) squares[static_cast<std::size_t>(row)] += square;
    }
  });
  double total = 0;
  for (const double square : squares) total += square;
  *value = scale * total;
}

template void reynolds_project<float>(const ReynoldsProblem&, const float*, float*);
template void reynolds_project<double>(const ReynoldsProblem&, const double*, double*);
template void reynolds_penalty<float>(const ReynoldsProblem&, const float*, double, double*, float*);
template void reynolds_penalty<double>(const ReynoldsProblem&, const double*, double, double*, double*);

namespace {
const CpuRegistration<ReynoldsProject> project{"cpu", reynolds_project<float>, reynolds_project<double>};
const CpuRegistration<ReynoldsPenalty> penalty{"cpu", reynolds_penalty<float>, reynolds_penalty<double>};
}  // namespace

}  // namespace orbitgrad::kernels::cpu
