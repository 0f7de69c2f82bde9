// Cases of linear algebra on batches of small matrices, well conditioned: a diagonal 2, 4, 6, ... and small
// symmetric numbers beside it, so that no answer depends on the order of a sum by more than rounding.
#include <fmt/format.h>

#include "bench/device/case.hpp"
#include "kernels/linear_algebra/linear_algebra.hpp"

namespace orbitgrad::bench {
namespace {

void fill_symmetric(std::int64_t batch, std::int64_t n, void* data) {
  auto* a = static_cast<float*>(data);
  for (std::int64_t matrix = 0; matrix < batch; ++matrix)
    for (std::int64_t i = 0; i < n; ++i)
      for (std::int64_t j = 0; j < n; ++j)
        a[(matrix * n + i) * n + j] =
            i == j ? static_cast<float>(2 * i + 2)
                   : 0.1F * static_cast<float>((i * j + i + j + matrix) % 5) / static_cast<float>(n);
}

void add_matrices(std::vector<Case>& cases, std::int64_t batch, std::int64_t n) {
  const kernels::MatrixProblem p{batch, n, n, 1};
  const std::int64_t all = batch * n * n, rows = batch * n;
  const std::string shape = fmt::format("{}x{}x{}", batch, n, n);
  const auto cubes = static_cast<double>(all * n);
  const auto bytes = [](std::int64_t floats) { return 4 * static_cast<double>(floats); };
  const auto add = [&](Case made) {
    made.arrays[0].fill = [=](void* data) { fill_symmetric(batch, n, data); };
    cases.push_back(std::move(made));
  };
  add(arrays_case<kernels::SolveLinear<float>>(shape, p, {2.0 / 3 * cubes, bytes(all + 2 * rows)},
                                               {all, rows, rows, batch}, kernels::cpu::solve_linear<float>));
  add(arrays_case<kernels::Cholesky<float>>(shape, p, {cubes / 3, bytes(2 * all)}, {all, all, batch},
                                            kernels::cpu::cholesky<float>));
  add(arrays_case<kernels::GramSchmidt<float>>(shape, p, {2 * cubes, bytes(2 * all)}, {all, all, batch},
                                               kernels::cpu::gram_schmidt<float>));
  if (n > 16) return;  // larger determinants leave the range of float
  add(arrays_case<kernels::Determinant<float>>(shape, p, {2.0 / 3 * cubes, bytes(all + 3 * batch)},
                                               {all, batch, batch, batch}, kernels::cpu::determinant<float>));
  add(arrays_case<kernels::SymmetricEigenvectors<float>>(shape, p, {9 * cubes, bytes(2 * all)}, {all, all},
                                                         kernels::cpu::symmetric_eigenvectors<float>));
}

}  // namespace

std::vector<Case> linear_algebra_cases(bool full) {
  std::vector<Case> cases;
  add_matrices(cases, full ? 1 << 17 : 5, full ? 8 : 4);
  add_matrices(cases, full ? 1024 : 2, full ? 128 : 33);
  return cases;
}

}  // namespace orbitgrad::bench
