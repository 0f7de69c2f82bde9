// Cases of kernels about orbits: means over transformed images, projections onto equivariant maps, rotations.
#include <fmt/format.h>

#include <numbers>

#include "bench/device/case.hpp"
#include "kernels/orbit_mean/orbit_mean.hpp"
#include "kernels/reynolds/reynolds.hpp"
#include "kernels/rotate/rotate.hpp"

namespace orbitgrad::bench {
namespace {

/// Where the pixels of a square image come from under the four quarter turns: [4, size size].
std::vector<std::int32_t> quarter_turns(std::int32_t size) {
  std::vector<std::int32_t> source;
  for (int turn = 0; turn < 4; ++turn)
    for (std::int32_t row = 0; row < size; ++row)
      for (std::int32_t column = 0; column < size; ++column) {
        std::int32_t r = row, c = column;
        for (int i = 0; i < turn; ++i) {
          const std::int32_t old = r;
          r = c, c = size - 1 - old;
        }
        source.push_back(r * size + c);
      }
  return source;
}

void add_orbit_means(std::vector<Case>& cases, std::int64_t batch, std::int32_t size) {
  static std::vector<std::vector<std::int32_t>> tables;  // problems point to them
  const auto& source = tables.emplace_back(quarter_turns(size));
  const std::int64_t pixels = std::int64_t{size} * size, n = batch * pixels;
  const auto p = kernels::OrbitProblem::mean(batch, pixels, 4, source.data());
  const std::string shape = fmt::format("{}x{}x{},p4", batch, size, size);
  const auto flops = static_cast<double>(p.flops()), five = 20 * static_cast<double>(n);
  cases.push_back(
      arrays_case<kernels::OrbitMean<float>>(shape, p, cost_of(p), {n, n}, kernels::cpu::orbit_mean<float>));
  cases.push_back(
      arrays_case<kernels::TwistedMean<float>>(shape, p, {flops, five}, {4 * n, n}, kernels::cpu::twisted_mean<float>));
  cases.push_back(
      arrays_case<kernels::OrbitExpand<float>>(shape, p, {flops, five}, {n, 4 * n}, kernels::cpu::orbit_expand<float>));
}

/// Weights [rows, cols] of a map that shall commute with the cyclic shifts by quarters.
void add_projections(std::vector<Case>& cases, std::int64_t rows, std::int64_t cols) {
  const auto shifts = [](std::int64_t size) {
    std::vector<std::int32_t> source;
    for (std::int64_t h = 0; h < 4; ++h)
      for (std::int64_t i = 0; i < size; ++i) source.push_back(static_cast<std::int32_t>((i + h * size / 4) % size));
    return source;
  };
  static std::vector<std::vector<std::int32_t>> tables;
  const auto *out = tables.emplace_back(shifts(rows)).data(), *in = tables.emplace_back(shifts(cols)).data();
  const kernels::ReynoldsProblem p{rows, cols, 4, out, in};
  const std::int64_t n = p.count();
  const std::string shape = fmt::format("{}x{},4-elements", rows, cols);
  const auto flops = static_cast<double>(p.flops()), bytes = 4 * static_cast<double>(n);
  cases.push_back(arrays_case<kernels::ReynoldsProject<float>>(shape, p, {flops, 2 * bytes}, {n, n},
                                                               kernels::cpu::reynolds_project<float>));
  cases.push_back(kernel_case<kernels::ReynoldsPenalty<float>>(
      shape, {flops, 2 * bytes},
      {{.count = n}, {.count = 1, .element = Element::float64, .output = true}, {.count = n, .output = true}},
      kernels::cpu::reynolds_penalty<float>, [p](Pointers) { return p; },
      [p](auto* launch, Pointers a) {
        launch(p, static_cast<const float*>(a[0]), 0.5, static_cast<double*>(a[1]), static_cast<float*>(a[2]));
      }));
}

void add_rotations(std::vector<Case>& cases, std::int64_t batch, std::int64_t channels, std::int64_t size) {
  static std::vector<std::vector<double>> tables;
  auto& angles = tables.emplace_back();
  for (std::int64_t i = 0; i < batch; ++i)
    angles.push_back(2 * std::numbers::pi * (static_cast<double>(i) + 0.3) / static_cast<double>(batch));
  const kernels::RotateProblem p{batch, channels, size, size, angles.data()};
  const std::int64_t n = p.count();
  const std::string shape = fmt::format("{}x{}x{}x{}", batch, channels, size, size);
  cases.push_back(
      arrays_case<kernels::RotateForward<float>>(shape, p, cost_of(p), {n, n}, kernels::cpu::rotate_forward<float>));
  cases.push_back(
      arrays_case<kernels::RotateAdjoint<float>>(shape, p, cost_of(p), {n, n}, kernels::cpu::rotate_adjoint<float>));
}

}  // namespace

std::vector<Case> orbit_cases(bool full) {
  std::vector<Case> cases;
  add_orbit_means(cases, full ? 8192 : 5, full ? 28 : 6);
  add_projections(cases, full ? 4096 : 8, full ? 4096 : 12);
  add_rotations(cases, full ? 512 : 3, 4, full ? 96 : 7);
  return cases;
}

}  // namespace orbitgrad::bench
