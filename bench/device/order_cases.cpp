// Cases of kernels that look things up: scans, sorting, searches, rows picked by an index, sparse matrices.
#include <fmt/format.h>

#include "bench/device/case.hpp"
#include "kernels/scan/scan.hpp"
#include "kernels/sort/sort.hpp"
#include "kernels/sparse_rows/sparse_rows.hpp"

namespace orbitgrad::bench {
namespace {

double bytes_of(std::int64_t floats, std::int64_t integers) { return static_cast<double>(4 * floats + 8 * integers); }

void add_scan(std::vector<Case>& cases, std::int64_t outer, std::int64_t size, std::int64_t inner) {
  const kernels::ScanProblem p{outer, size, inner};
  const std::int64_t n = p.count();
  cases.push_back(arrays_case<kernels::CumulativeSum<float>>(fmt::format("{}x{}x{}", outer, size, inner), p,
                                                             {static_cast<double>(n), bytes_of(2 * n, 0)}, {n, n},
                                                             kernels::cpu::cumulative_sum<float>));
}

void add_sorting(std::vector<Case>& cases, std::int64_t rows, std::int64_t columns) {
  const kernels::ArgsortProblem sort{rows, columns, columns};
  const std::int64_t n = rows * columns;
  const std::string shape = fmt::format("{}x{}", rows, columns);
  cases.push_back(
      arrays_case<kernels::Argsort<float>>(shape, sort, {0, bytes_of(n, n)}, {n, n}, kernels::cpu::argsort<float>));
  const kernels::SearchSortedProblem search{rows, columns, columns};
  cases.push_back(arrays_case<kernels::SearchSorted<float>>(shape, search, {0, bytes_of(2 * n, n)}, {n, n, n},
                                                            kernels::cpu::search_sorted<float>));
  cases.back().arrays[0].fill = [=](void* data) {
    for (std::int64_t i = 0; i < n; ++i)
      static_cast<float*>(data)[i] = static_cast<float>(i % columns) * 2.0F / static_cast<float>(columns) - 1.0F;
  };
}

/// The k-th of numbers that look random, in [0, size).
std::int64_t pick(std::int64_t k, std::int64_t size) { return (k * 2654435761 >> 7) % size; }

void add_take(std::vector<Case>& cases, const kernels::TakeRowsProblem& p) {
  const std::int64_t in = p.outer * p.size * p.inner, out = p.output_count();
  cases.push_back(arrays_case<kernels::TakeRows<float>>(
      fmt::format("{}x{}x{},picks{}", p.outer, p.size, p.inner, p.picks), p, {0, bytes_of(2 * out, p.picks)},
      {in, p.picks, out}, kernels::cpu::take_rows<float>));
  cases.back().arrays[1].fill = [p](void* data) {
    for (std::int64_t k = 0; k < p.picks; ++k) static_cast<std::int64_t*>(data)[k] = pick(k, p.size);
  };
}

/// As many entries in every row.
void add_sparse(std::vector<Case>& cases, kernels::SparseRowsProblem p, std::int64_t entries_of_a_row) {
  p.entries = p.rows * entries_of_a_row;
  const std::int64_t in = p.outer * p.columns * p.inner, out = p.output_count();
  const std::string shape = fmt::format("{}x{}x{}x{},{}-a-row", p.outer, p.rows, p.columns, p.inner, entries_of_a_row);
  const auto offsets = [=](void* data) {
    for (std::int64_t r = 0; r <= p.rows; ++r) static_cast<std::int64_t*>(data)[r] = r * entries_of_a_row;
  };
  const auto columns = [=](void* data) {
    for (std::int64_t k = 0; k < p.entries; ++k) static_cast<std::int64_t*>(data)[k] = pick(k, p.columns);
  };
  const double flops = 2 * static_cast<double>(p.outer * p.entries * p.inner);
  cases.push_back(arrays_case<kernels::SparseProduct<float>>(
      shape, p, {flops, bytes_of(in + out + p.entries, p.rows + p.entries)},
      {p.rows + 1, p.entries, 0, p.entries, in, out}, kernels::cpu::sparse_product<float>));
  cases.back().arrays[0].fill = offsets, cases.back().arrays[1].fill = columns;
  cases.push_back(arrays_case<kernels::SparseArgExtreme<float>>(shape, p, {0, bytes_of(in, p.rows + p.entries + out)},
                                                                {p.rows + 1, p.entries, in, out},
                                                                kernels::cpu::sparse_arg_extreme<float>));
  cases.back().arrays[0].fill = offsets, cases.back().arrays[1].fill = columns;
}

}  // namespace

std::vector<Case> order_cases(bool full) {
  std::vector<Case> cases;
  add_scan(cases, full ? 4096 : 3, full ? 8192 : 300, 1);
  add_scan(cases, full ? 64 : 2, full ? 8192 : 20, full ? 64 : 5);
  add_sorting(cases, full ? 16384 : 3, full ? 1000 : 70);
  if (full) add_sorting(cases, 16, 1 << 16);
  add_take(cases, full ? kernels::TakeRowsProblem{1, 1 << 18, 1 << 18, 128} : kernels::TakeRowsProblem{2, 7, 9, 3});
  add_sparse(cases, full ? kernels::SparseRowsProblem{1, 1 << 17, 1 << 17, 64} : kernels::SparseRowsProblem{2, 5, 6, 3},
             full ? 32 : 4);
  add_sparse(cases, full ? kernels::SparseRowsProblem{1, 4096, 1 << 20, 1} : kernels::SparseRowsProblem{1, 3, 200, 1},
             full ? 2048 : 130);
  return cases;
}

}  // namespace orbitgrad::bench
