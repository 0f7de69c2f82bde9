// Cases of layers that are not products: softmax, batch norm, pooling over pixels and over a group, bias gradients.
#include <fmt/format.h>

#include "bench/device/case.hpp"
#include "kernels/batch_norm/batch_norm.hpp"
#include "kernels/conv2d/conv2d.hpp"
#include "kernels/group_pool/group_pool.hpp"
#include "kernels/pooling/pooling.hpp"
#include "kernels/softmax/softmax.hpp"

namespace orbitgrad::bench {
namespace {

void add_softmax(std::vector<Case>& cases, const kernels::SoftmaxProblem& p) {
  const std::int64_t n = p.rows * p.columns;
  const std::string shape = fmt::format("{}x{}", p.rows, p.columns);
  const Cost cost = cost_of(p), backward{cost.flops, 1.5 * cost.bytes};
  cases.push_back(
      arrays_case<kernels::SoftmaxForward<float>>(shape, p, cost, {n, n}, kernels::cpu::softmax_forward<float>));
  cases.push_back(arrays_case<kernels::SoftmaxBackward<float>>(shape, p, backward, {n, n, n},
                                                               kernels::cpu::softmax_backward<float>));
  cases.push_back(
      arrays_case<kernels::LogSoftmaxForward<float>>(shape, p, cost, {n, n}, kernels::cpu::log_softmax_forward<float>));
  cases.push_back(arrays_case<kernels::LogSoftmaxBackward<float>>(shape, p, backward, {n, n, n},
                                                                  kernels::cpu::log_softmax_backward<float>));
}

void add_batch_norm(std::vector<Case>& cases, const kernels::BatchNormProblem& p) {
  const std::int64_t n = p.count(), f = p.fields;
  const std::string shape = fmt::format("{}x{}x{}", p.batch, p.fields, p.positions);
  const auto bytes = static_cast<double>(4 * n);
  const auto flops = static_cast<double>(n);
  const auto variance = [f](void* data) {
    for (std::int64_t i = 0; i < f; ++i) static_cast<float*>(data)[i] = 0.5F + static_cast<float>(i % 7) * 0.1F;
  };
  cases.push_back(arrays_case<kernels::BatchNormStatistics<float>>(shape, p, {3 * flops, bytes}, {n, f, f},
                                                                   kernels::cpu::batch_norm_statistics<float>));
  cases.push_back(arrays_case<kernels::BatchNormNormalise<float>>(shape, p, {2 * flops, 2 * bytes}, {n, f, f, f, f, n},
                                                                  kernels::cpu::batch_norm_normalise<float>));
  cases.back().arrays[2].fill = variance;
  cases.push_back(arrays_case<kernels::BatchNormForward<float>>(shape, p, cost_of(p), {n, f, f, f, f, n},
                                                                kernels::cpu::batch_norm_forward<float>));
  cases.push_back(arrays_case<kernels::BatchNormBackward<float>>(
      shape, p, {9 * flops, 5 * bytes}, {n, n, f, f, f, f, n, f, f}, kernels::cpu::batch_norm_backward<float>));
  cases.back().arrays[3].fill = variance;
}

void add_pooling(std::vector<Case>& cases, const kernels::Pool2dProblem& p) {
  const std::int64_t in = p.planes * p.height * p.width, out = p.planes * p.out_height() * p.out_width();
  const std::string shape = fmt::format("{}x{}x{},{}x{}", p.planes, p.height, p.width, p.kernel_h, p.kernel_w);
  const Cost cost = cost_of(p), with_index{cost.flops, cost.bytes + 8 * static_cast<double>(out)};
  const auto first_of_window = [p](void* data) {
    auto* index = static_cast<std::int64_t*>(data);
    const std::int64_t rows = p.out_height(), columns = p.out_width();
    for (std::int64_t i = 0; i < p.planes * rows * columns; ++i)
      index[i] = i / columns % rows * p.stride_h * p.width + i % columns * p.stride_w;
  };
  cases.push_back(arrays_case<kernels::MaxPool2dForward<float>>(shape, p, with_index, {in, out, out},
                                                                kernels::cpu::max_pool2d_forward<float>));
  cases.push_back(arrays_case<kernels::MaxPool2dBackward<float>>(shape, p, with_index, {out, out, in},
                                                                 kernels::cpu::max_pool2d_backward<float>));
  cases.back().arrays[1].fill = first_of_window;
  cases.push_back(arrays_case<kernels::AveragePool2dForward<float>>(shape, p, cost, {in, out},
                                                                    kernels::cpu::average_pool2d_forward<float>));
  cases.push_back(arrays_case<kernels::AveragePool2dAdjoint<float>>(shape, p, cost, {out, in},
                                                                    kernels::cpu::average_pool2d_adjoint<float>));
}

void add_group_pooling(std::vector<Case>& cases, const kernels::GroupPoolProblem& p) {
  const std::int64_t in = p.outer * p.elements * p.pixels, out = p.outer * p.cosets * p.pixels;
  const std::string shape = fmt::format("{}x{}x{}", p.outer, p.elements, p.pixels);
  const Cost cost = cost_of(p), with_index{cost.flops, cost.bytes + 8 * static_cast<double>(out)};
  cases.push_back(arrays_case<kernels::GroupMaxForward<float>>(shape, p, with_index, {in, out, out},
                                                               kernels::cpu::group_max_forward<float>));
  cases.push_back(arrays_case<kernels::GroupMaxBackward<float>>(shape, p, with_index, {out, out, in},
                                                                kernels::cpu::group_max_backward<float>));
  cases.back().arrays[1].fill = [=](void* data) {
    for (std::int64_t i = 0; i < out; ++i) static_cast<std::int64_t*>(data)[i] = i * 5 % p.elements;
  };
  cases.push_back(arrays_case<kernels::GroupMeanForward<float>>(shape, p, cost, {in, out},
                                                                kernels::cpu::group_mean_forward<float>));
  cases.push_back(arrays_case<kernels::GroupMeanAdjoint<float>>(shape, p, cost, {out, in},
                                                                kernels::cpu::group_mean_adjoint<float>));
}

void add_bias_gradient(std::vector<Case>& cases, const kernels::BiasGradientProblem& p) {
  using Kernel = kernels::Conv2dBiasGradient<float>;
  const auto on_cpu = [](const kernels::BiasGradientProblem& problem, const float* dy, float* db) {
    kernels::cpu::conv2d_bias_gradient(problem.batch, problem.channels, problem.positions, dy, db);
  };
  cases.push_back(arrays_case<Kernel>(fmt::format("{}x{}x{}", p.batch, p.channels, p.positions), p, cost_of(p),
                                      {p.batch * p.channels * p.positions, p.channels}, +on_cpu));
}

}  // namespace

std::vector<Case> layer_cases(bool full) {
  std::vector<Case> cases;
  add_softmax(cases, full ? kernels::SoftmaxProblem{32768, 1000} : kernels::SoftmaxProblem{64, 250});
  if (full) add_softmax(cases, {1024, 32768});
  kernels::BatchNormProblem norm;
  norm.batch = full ? 128 : 8, norm.fields = full ? 64 : 4, norm.positions = full ? 3136 : 256;
  add_batch_norm(cases, norm);
  kernels::Pool2dProblem pool;
  pool.planes = full ? 1 << 15 : 16, pool.height = pool.width = full ? 32 : 16;
  pool.kernel_h = pool.kernel_w = pool.stride_h = pool.stride_w = 2;
  add_pooling(cases, pool);
  add_group_pooling(cases, full ? kernels::GroupPoolProblem::whole_group(8192, 8, 784)
                                : kernels::GroupPoolProblem::whole_group(16, 8, 64));
  add_bias_gradient(cases, full ? kernels::BiasGradientProblem{128, 64, 3136} : kernels::BiasGradientProblem{3, 4, 50});
  return cases;
}

}  // namespace orbitgrad::bench
