// Matrix product and plain convolution in one run on the same arrays, float: our own code (`blocked`, `direct`: what a
// build without libraries uses), what the ops use (the automatic choice of a product, `onednn`), and the
// library called directly with its own threads. Results are compared before anything is timed.
//
//   build/bench/own_kernels --benchmark_out=results.json --benchmark_out_format=json
//
// Counters: own = direct call's time / our own code's, registry = direct call's time / the registry's; ms and gflops of
// our own code, registry_ms, direct_ms. Each time is the least of nine samples taken in turn, of processor time with
// one thread and of the wall clock with two: others on the machine can only add to one. Two threads have a core each.
#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <omp.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "bench/onednn_opponent.hpp"
#include "bench/paired.hpp"
#include "engine/random.hpp"
#include "kernels/gemm/gemm.hpp"

#if defined(ORBITGRAD_HAVE_OPENBLAS) && defined(ORBITGRAD_HAVE_ONEDNN)
#include <cblas.h>

namespace orbitgrad::bench {
namespace {

using kernels::Conv2dProblem;
using kernels::DeviceKind;
using kernels::GemmProblem;
using kernels::Registry;
using Values = std::vector<float>;
using Op = OnednnConvolution::Op;

Values random_values(std::int64_t count, std::uint64_t key) {
  return normal({count}, RandomKey{key}).to_vector<float>();
}

double difference(const Values& a, const Values& b) {
  double largest = 0, scale = 1e-30;
  for (std::size_t i = 0; i < a.size(); ++i) {
    largest = std::max(largest, static_cast<double>(std::abs(a[i] - b[i])));
    scale = std::max(scale, static_cast<double>(std::abs(b[i])));
  }
  return largest / scale;
}

/// Times own(result) and registry(result) against direct(result).
template <class Own, class Registered, class Direct>
void duel(benchmark::State& state, double flops, std::int64_t size, Own&& own, Registered&& registry, Direct&& direct) {
  Values result(static_cast<std::size_t>(size)), expected = result;
  direct(expected.data());
  own(result.data());
  double error = difference(result, expected);
  registry(result.data());
  error = std::max(error, difference(result, expected));
  if (omp_get_max_threads() == 2) separate_two_threads();
  if (!(error < 1e-4)) return state.SkipWithError(fmt::format("results differ by {:.2e}", error).c_str());
  for (auto _ : state) {
    Clock* const clock = omp_get_max_threads() == 1 ? processor_seconds : wall_seconds;
    const auto call_direct = [&] { direct(expected.data()); };
    const PairedTimes ours = time_in_turn([&] { own(result.data()); }, call_direct, 9, 4e-3, clock);
    const PairedTimes registered = time_in_turn([&] { registry(result.data()); }, call_direct, 9, 4e-3, clock);
    state.SetIterationTime(ours.ours.lowest());
    state.counters["own"] = ours.opponent.lowest() / ours.ours.lowest();
    state.counters["registry"] = registered.opponent.lowest() / registered.ours.lowest();
    state.counters["ms"] = ours.ours.lowest() * 1e3;
    state.counters["registry_ms"] = registered.ours.lowest() * 1e3;
    state.counters["direct_ms"] = std::min(ours.opponent.lowest(), registered.opponent.lowest()) * 1e3;
    state.counters["gflops"] = flops / ours.ours.lowest() * 1e-9;
  }
}

void run_gemm(benchmark::State& state, const GemmProblem& problem, int threads) {
  omp_set_num_threads(threads);
  const Values a = random_values(problem.m * problem.k, 1), b = random_values(problem.k * problem.n, 2);
  const auto launch = [&](std::string_view name) {
    GemmProblem named = problem;
    named.implementation = name;
    return [&, named](float* c) { kernels::cpu::gemm(named, a.data(), b.data(), c); };
  };
  const auto direct = [&](float* c) {
    openblas_set_num_threads(threads);
    cblas_sgemm(CblasRowMajor, problem.transpose_a ? CblasTrans : CblasNoTrans,
                problem.transpose_b ? CblasTrans : CblasNoTrans, static_cast<int>(problem.m),
                static_cast<int>(problem.n), static_cast<int>(problem.k), 1.0f, a.data(), static_cast<int>(problem.lda),
                b.data(), static_cast<int>(problem.ldb), 0.0f, c, static_cast<int>(problem.ldc));
    openblas_set_num_threads(1);
  };
  duel(state, problem.flops(), problem.m * problem.n, launch("blocked"), launch({}), direct);
}

template <class Kernel>
auto conv2d_launch(const char* name, const Conv2dProblem& problem, const Values& first, const Values& second) {
  const auto* version = Registry<Kernel>::find(name, DeviceKind::cpu, problem);
  return [&, version](float* result) {
    if constexpr (std::is_same_v<Kernel, kernels::Conv2dForward<float>>)
      version->launch(problem, first.data(), second.data(), nullptr, result);
    else
      version->launch(problem, first.data(), second.data(), result);
  };
}

template <class Kernel>
void run_conv2d(benchmark::State& state, Op op, const Conv2dProblem& problem, int threads) {
  omp_set_num_threads(threads);
  const Values x = random_values(problem.x_size(), 1), w = random_values(problem.w_size(), 2);
  const Values y = random_values(problem.y_size(), 3);
  const Values &first = op == Op::input_gradient ? y : x, &second = op == Op::filter_gradient ? y : w;
  const std::int64_t size =
      op == Op::forward ? problem.y_size() : (op == Op::input_gradient ? problem.x_size() : problem.w_size());
  OnednnConvolution opponent(op, problem);
  duel(state, problem.flops(), size, conv2d_launch<Kernel>("direct", problem, first, second),
       conv2d_launch<Kernel>("onednn", problem, first, second),
       [&](float* result) { opponent.run(first.data(), second.data(), result); });
}

template <class Body>
void add(const std::string& name, Body body) {
  benchmark::RegisterBenchmark(name.c_str(), body)->UseManualTime()->Iterations(1)->Unit(benchmark::kMillisecond);
}

void add_gemms(int threads) {
  struct Shape {
    std::int64_t m, n, k;
    bool transpose_a = false, transpose_b = false;
  };
  // Squares; tall and flat ones; the last layer of the P4CNN and an MLP's layers with their derivatives; a ViT's; one
  // that no tile divides.
  const Shape shapes[] = {{256, 256, 256},
                          {512, 512, 512},
                          {1024, 1024, 1024},
                          {2048, 2048, 2048},
                          {8, 4096, 512},
                          {4096, 8, 512},
                          {16384, 64, 64},
                          {64, 64, 16384},
                          {128, 10, 640, false, true},
                          {128, 512, 784, false, true},
                          {128, 784, 512},
                          {512, 784, 128, true, false},
                          {1576, 576, 192, false, true},
                          {1576, 192, 768, false, true},
                          {768, 192, 1576, true, false},
                          {300, 3000, 700}};
  for (const Shape& s : shapes)
    add(fmt::format("gemm/m:{}/n:{}/k:{}/{}{}/threads:{}", s.m, s.n, s.k, s.transpose_a ? "t" : "n",
                    s.transpose_b ? "t" : "n", threads),
        [=](benchmark::State& state) {
          run_gemm(state, kernels::dense_gemm(s.m, s.n, s.k, s.transpose_a, s.transpose_b), threads);
        });
}

void add_conv2ds(int threads) {
  struct Shape {
    std::int64_t batch, in, out, size, kernel, stride = 1;
  };
  // 3x3, 1x1, 5x5, stride 2; 40 channels of a 28x28 map are the P4CNN's layers with expanded filters.
  const Shape shapes[] = {{32, 40, 40, 28, 3},   {32, 1, 40, 28, 3},   {16, 64, 64, 56, 3},     {16, 128, 128, 28, 3},
                          {16, 256, 256, 14, 3}, {16, 512, 512, 7, 3}, {16, 64, 64, 56, 1},     {16, 256, 128, 28, 1},
                          {32, 16, 32, 28, 5},   {32, 3, 64, 32, 5},   {16, 64, 128, 56, 3, 2}, {1, 64, 64, 56, 3},
                          {1, 256, 256, 14, 3},  {1, 64, 64, 56, 1},   {4, 128, 128, 28, 3}};
  for (const Shape& s : shapes) {
    Conv2dProblem problem;
    problem.batch = s.batch, problem.in_channels = s.in, problem.out_channels = s.out;
    problem.in_height = problem.in_width = s.size;
    problem.kernel_height = problem.kernel_width = s.kernel;
    problem.padding_height = problem.padding_width = s.kernel / 2;
    problem.stride_height = problem.stride_width = s.stride;
    const std::string shape = fmt::format("batch:{}/in:{}/out:{}/map:{}/kernel:{}/stride:{}/threads:{}", s.batch, s.in,
                                          s.out, s.size, s.kernel, s.stride, threads);
    add("conv2d_forward/" + shape, [=](benchmark::State& state) {
      run_conv2d<kernels::Conv2dForward<float>>(state, Op::forward, problem, threads);
    });
    add("conv2d_input_gradient/" + shape, [=](benchmark::State& state) {
      run_conv2d<kernels::Conv2dInputGradient<float>>(state, Op::input_gradient, problem, threads);
    });
    add("conv2d_filter_gradient/" + shape, [=](benchmark::State& state) {
      run_conv2d<kernels::Conv2dFilterGradient<float>>(state, Op::filter_gradient, problem, threads);
    });
  }
}

}  // namespace
}  // namespace orbitgrad::bench

int main(int argc, char** argv) {
  for (const int threads : {1, 2}) {
    orbitgrad::bench::add_gemms(threads);
    orbitgrad::bench::add_conv2ds(threads);
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::AddCustomContext("direct", "OpenBLAS and oneDNN called directly, with their own threads and layouts");
  benchmark::AddCustomContext("own", "orbitgrad's blocked product and direct convolution");
  benchmark::AddCustomContext("registry", "what the ops call: the automatic choice of a product, onednn");
  benchmark::AddCustomContext("time", "least of nine: processor time with one thread, wall clock with two");
  benchmark::AddCustomContext("openblas", openblas_get_config());
  const dnnl_version_t* onednn = dnnl_version();
  benchmark::AddCustomContext("onednn", fmt::format("{}.{}.{}", onednn->major, onednn->minor, onednn->patch));
  benchmark::AddCustomContext("compiler", __VERSION__);
  benchmark::RunSpecifiedBenchmarks();
}
#else
int main() { return 0; }  // nothing to hold ours against
#endif
