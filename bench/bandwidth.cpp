// Ops that move more than they compute, on float tensors beyond the caches, beside the triad a = b + s c (STREAM,
// McCalpin 1995) on arrays of the same size, in turn in one run.
//
//   build/bench/bandwidth --benchmark_out=results.json --benchmark_out_format=json
//
// Counters: share = the op's compulsory traffic per second / the triad's, gbs = that traffic in GB/s, triad = the
// triad's. Compulsory: each operand once. Each time is the least of nine samples.
#include <benchmark/benchmark.h>
#include <omp.h>

#include <memory>

#include "bench/paired.hpp"
#include "engine/autograd/grad.hpp"
#include "engine/autograd/node.hpp"
#include "engine/dispatch.hpp"
#include "engine/ops/arithmetic.hpp"
#include "engine/ops/cast.hpp"
#include "engine/ops/elementary.hpp"
#include "engine/ops/layer_normalization.hpp"
#include "engine/ops/normalization.hpp"
#include "engine/ops/reduction.hpp"
#include "engine/ops/shape_ops.hpp"
#include "engine/random.hpp"
#include "kernels/parallel.hpp"
#include "nn/optimizer.hpp"

namespace orbitgrad::bench {
namespace {

constexpr std::int64_t rows = 1 << 14, columns = 1 << 10, count = rows * columns;

std::function<void()> triad() {
  const Tensor b = uniform({count}, RandomKey{1}, -1, 1), c = uniform({count}, RandomKey{2}, -1, 1);
  Tensor a = Tensor::empty({count}, DType::float32, b.device());
  return [=]() mutable {
    float* const to = fresh_data<float>(a);
    const float *const x = b.data<float>(), *const y = c.data<float>();
    kernels::parallel_for(count, 4096, [=](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) to[i] = x[i] + 3.0f * y[i];
    });
  };
}

/// `arrays`: how many arrays of `count` floats the op has to read or write.
void add(const std::string& name, double arrays, std::function<std::function<void()>()> make) {
  for (const int threads : {1, 2}) {
    const auto body = [=](benchmark::State& state) {
      omp_set_num_threads(threads);
      const NoGrad no_grad;
      for (auto _ : state) {
        const PairedTimes times =
            time_in_turn(make(), triad(), 9, 2e-2, threads == 1 ? processor_seconds : wall_seconds);
        const double bytes = 4.0 * static_cast<double>(count);
        state.SetIterationTime(times.ours.lowest());
        state.counters["gbs"] = arrays * bytes / times.ours.lowest() * 1e-9;
        state.counters["triad"] = 3 * bytes / times.opponent.lowest() * 1e-9;
        state.counters["share"] = arrays / times.ours.lowest() / (3 / times.opponent.lowest());
      }
    };
    benchmark::RegisterBenchmark((name + "/threads:" + std::to_string(threads)).c_str(), body)
        ->UseManualTime()
        ->Iterations(1)
        ->Unit(benchmark::kMillisecond);
  }
}

/// y = f(x) for x [rows, columns].
void add_unary(const std::string& name, double arrays, std::function<Tensor(const Tensor&)> f) {
  add(name, arrays, [=] {
    const Tensor x = uniform({rows, columns}, RandomKey{3}, -1, 1);
    return [=] { f(x); };
  });
}

/// The derivative of y = f(x) by x alone: the graph is made once.
void add_backward(const std::string& name, double arrays, const Shape& shape, std::function<Tensor(const Tensor&)> f) {
  add(name, arrays, [=] {
    const GradMode recording(true);
    const Tensor x = uniform(shape, RandomKey{4}, -1, 1).set_requires_grad(), y = f(x);
    const Tensor dy = uniform(shape, RandomKey{5}, -1, 1);
    return [=] { grad({y}, {x}, {.retain_graph = true, .output_gradients = {dy}}); };
  });
}

template <class Optimizer, class Options>
void add_optimizer(const std::string& name, double arrays, const Options& options) {
  add(name, arrays, [=] {
    auto parameter = std::make_shared<Tensor>(uniform({count}, RandomKey{6}, -1, 1));
    parameter->set_requires_grad();
    const Tensor gradient = uniform({count}, RandomKey{7}, -1, 1);
    auto optimizer = std::make_shared<Optimizer>(std::vector<nn::NamedTensor>{{"w", *parameter}}, options);
    return [=] { optimizer->step({gradient}, 1e-3); };
  });
}

void add_all() {
  add("add", 3, [] {
    const Tensor a = uniform({count}, RandomKey{3}, -1, 1), b = uniform({count}, RandomKey{4}, -1, 1);
    return [=] { a + b; };
  });
  add("add_row", 2, [] {
    const Tensor a = uniform({rows, columns}, RandomKey{3}, -1, 1), b = uniform({columns}, RandomKey{4}, -1, 1);
    return [=] { a + b; };
  });
  add_unary("times_number", 2, [](const Tensor& x) { return x * 3.0; });
  add_unary("relu", 2, relu);
  add_unary("exp", 2, exp);
  add_unary("gelu", 2, gelu);
  add_unary("sigmoid", 2, sigmoid);
  add_unary("tanh", 2, tanh);
  add_unary("transposed_copy", 2, [](const Tensor& x) { return contiguous(transpose(x)); });
  add_unary("sum", 1, [](const Tensor& x) { return sum(x); });
  add_unary("sum_of_rows", 1, [](const Tensor& x) { return sum(x, {1}); });
  add_unary("sum_of_columns", 1, [](const Tensor& x) { return sum(x, {0}); });
  add_unary("max_of_rows", 1, [](const Tensor& x) { return max(x, {1}); });
  add_unary("softmax", 2, [](const Tensor& x) { return softmax(x, -1); });
  add_unary("log_softmax", 2, [](const Tensor& x) { return log_softmax(x, -1); });
  add_unary("layer_norm", 2, [](const Tensor& x) { return layer_norm(x); });
  add("layer_norm_affine", 2, [] {
    const Tensor x = uniform({rows, columns}, RandomKey{3}, -1, 1), w = uniform({columns}, RandomKey{4}, -1, 1);
    return [=] { layer_norm(x, 1, w, w); };
  });
  const Shape maps = {64, 64, 64, 64};  // a field does not fit the cache: x is read twice
  add("batch_norm", 3, [=] {
    const Tensor x = uniform(maps, RandomKey{3}, -1, 1), w = uniform({maps[1]}, RandomKey{4}, -1, 1);
    return [=] { batch_norm_training(x, w, w); };
  });
  add_backward("softmax_backward", 3, {rows, columns}, [](const Tensor& x) { return softmax(x, -1); });
  add_backward("layer_norm_backward", 3, {rows, columns}, [](const Tensor& x) { return layer_norm(x); });
  add_backward("batch_norm_backward", 5, maps, [=](const Tensor& x) {
    const Tensor w = uniform({maps[1]}, RandomKey{8}, -1, 1);
    return batch_norm_training(x, w, w).y;
  });
  add_optimizer<nn::Sgd>("sgd", 3, nn::SgdOptions{});
  add_optimizer<nn::Sgd>("sgd_momentum", 5, nn::SgdOptions{.momentum = 0.9});
  add_optimizer<nn::Adam>("adam", 7, nn::AdamOptions{});
}

}  // namespace
}  // namespace orbitgrad::bench

int main(int argc, char** argv) {
  orbitgrad::bench::add_all();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::AddCustomContext("compiler", __VERSION__);
  benchmark::RunSpecifiedBenchmarks();
}
