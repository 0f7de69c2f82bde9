// group_conv3d against expanded filters and oneDNN, in one run on the same arrays: forward, input gradient, filter
// gradient and their sum, O and Oh, 3x3x3 with padding 1 on 16^3, the sum on 12^3 and 8^3 too, where a vector holds
// pieces of several rows. The opponent's filters are expanded ahead and not
// counted; its primitives are made once. Results are compared before anything is timed.
//
//   build/bench/group_conv3d --benchmark_out=results.json --benchmark_out_format=json
//   build/bench/group_conv3d --implementation=orbit_gather      (otherwise the automatic choice)
//
// Counters: ms and opponent_ms (medians), ratio = opponent / ours (median of pairs) with its extremes, gflops = dense
// arithmetic per second.
#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <omp.h>

#include <cmath>
#include <vector>

#include "bench/onednn_opponent.hpp"
#include "bench/paired_benchmark.hpp"
#include "engine/ops/voxel_tables.hpp"
#include "engine/random.hpp"

namespace orbitgrad::bench {
namespace {

using kernels::GroupConv3dProblem;
using Op = OnednnConvolution::Op;

std::string forced_implementation;  // empty: the automatic choice

std::vector<float> random_values(std::int64_t count, std::uint64_t key) {
  return normal({count}, RandomKey{key}).to_vector<float>();
}

/// One problem with its arrays and both ways of solving each op.
class Duel {
 public:
  Duel(const std::string& group_name, std::int64_t fields, std::int64_t size, std::int64_t batch)
      : tables_(voxel_tables("bench", groups::voxel_group(group_name))) {
    const std::int64_t order = tables_->transform.order;
    problem_ = {.batch = batch, .in_fields = fields, .in_order = order, .in_size = {size, size, size}};
    problem_.out_fields = fields, problem_.order = order, problem_.kernel = 3, problem_.padding = 1;
    problem_.matrices = tables_->matrices.data(), problem_.filter_element = tables_->filter_element.data();
    problem_.transform = &tables_->transform;
    problem_.implementation = forced_implementation;
    x_ = random_values(problem_.x_size(), 1);
    w_ = random_values(problem_.w_size(), 2);
    y_ = random_values(problem_.y_size(), 3);
    bank_ = expanded(w_);
    const std::int64_t channels = fields * order;
    for (const Op op : {Op::forward, Op::input_gradient, Op::filter_gradient})
      opponents_.push_back(
          std::make_unique<OnednnConvolution>(op, OnednnConvolution::Sizes{batch, channels, size, size, size},
                                              OnednnConvolution::Sizes{channels, channels, 3, 3, 3},
                                              OnednnConvolution::Sizes{batch, channels, size, size, size},
                                              OnednnConvolution::Sizes{1, 1, 1}, OnednnConvolution::Sizes{1, 1, 1}));
    result_.resize(std::max(x_.size(), w_.size()));
    opponent_result_.resize(std::max(x_.size(), bank_.size()));
  }

  const GroupConv3dProblem& problem() const { return problem_; }

  void ours(Op op) {
    if (op == Op::forward)
      kernels::cpu::group_conv3d_forward<float>(problem_, x_.data(), w_.data(), nullptr, result_.data());
    else if (op == Op::input_gradient)
      kernels::cpu::group_conv3d_input_gradient<float>(problem_, y_.data(), w_.data(), result_.data());
    else
      kernels::cpu::group_conv3d_filter_gradient<float>(problem_, x_.data(), y_.data(), result_.data());
  }

  void opponent(Op op) {
    const float* first = op == Op::input_gradient ? y_.data() : x_.data();
    const float* second = op == Op::filter_gradient ? y_.data() : bank_.data();
    opponents_[static_cast<std::size_t>(op)]->run(first, second, opponent_result_.data());
  }

  /// Largest difference of the two results relative to the largest value.
  double difference(Op op) {
    ours(op);
    opponent(op);
    std::vector<float> theirs(opponent_result_);
    std::size_t count = x_.size();
    if (op == Op::filter_gradient) {
      theirs = orbit_sum(theirs);
      count = w_.size();
    }
    double largest = 0, difference = 0;
    for (std::size_t i = 0; i < count; ++i) {
      largest = std::max(largest, std::abs(static_cast<double>(theirs[i])));
      difference = std::max(difference, std::abs(static_cast<double>(result_[i]) - theirs[i]));
    }
    return difference / largest;
  }

 private:
  /// Calls visit(entry of the bank [K S, C S, taps], entry of w).
  template <class Visit>
  void for_each_entry(Visit&& visit) const {
    const std::int64_t order = problem_.order, taps = problem_.taps(), fields = problem_.in_fields;
    std::size_t entry = 0;
    for (std::int64_t k = 0; k < fields; ++k)
      for (std::int64_t s = 0; s < order; ++s)
        for (std::int64_t c = 0; c < fields; ++c)
          for (std::int64_t t = 0; t < order; ++t)
            for (std::int64_t u = 0; u < taps; ++u, ++entry)
              visit(entry, static_cast<std::size_t>(
                               ((k * fields + c) * order + problem_.filter_element[s * order + t]) * taps +
                               kernels::transform_tap3d(problem_.matrices + 9 * s, 3, u, true)));
  }
  std::vector<float> expanded(const std::vector<float>& w) const {
    std::vector<float> bank(w.size() * static_cast<std::size_t>(problem_.order));
    for_each_entry([&](std::size_t to, std::size_t from) { bank[to] = w[from]; });
    return bank;
  }
  std::vector<float> orbit_sum(const std::vector<float>& bank) const {
    std::vector<double> sum(w_.size());
    for_each_entry([&](std::size_t from, std::size_t to) { sum[to] += bank[from]; });
    return {sum.begin(), sum.end()};
  }

  std::shared_ptr<const VoxelTables> tables_;
  GroupConv3dProblem problem_;
  std::vector<float> x_, w_, y_, bank_, result_, opponent_result_;
  std::vector<std::unique_ptr<OnednnConvolution>> opponents_;
};

void run(benchmark::State& state, const std::vector<Op>& ops, const std::string& group, std::int64_t fields,
         std::int64_t size, int threads) {
  omp_set_num_threads(threads);
  Duel duel(group, fields, size, 1);
  for (const Op op : ops)
    if (const double difference = duel.difference(op); !(difference < 1e-4)) {
      state.SkipWithError(fmt::format("results differ by {:.2e}", difference).c_str());
      return;
    }
  measure(
      state,
      [&] {
        for (const Op op : ops) duel.ours(op);
      },
      [&] {
        for (const Op op : ops) duel.opponent(op);
      },
      static_cast<double>(ops.size()) * duel.problem().flops(), threads);
}

}  // namespace
}  // namespace orbitgrad::bench

int main(int argc, char** argv) {
  using orbitgrad::bench::Op;
  const std::pair<std::vector<Op>, const char*> ops[] = {
      {{Op::forward}, "forward"},
      {{Op::input_gradient}, "input_gradient"},
      {{Op::filter_gradient}, "filter_gradient"},
      {{Op::forward, Op::input_gradient, Op::filter_gradient}, "all"}};
  for (const int threads : {1, 2})
    for (const auto& [list, name] : ops)
      for (const auto& [group, fields] :
           {std::pair<std::string, int>{"O", 1}, {"O", 4}, {"O", 8}, {"Oh", 1}, {"Oh", 4}})
        for (const int size : {16, 12, 8})
          if (size == 16 || list.size() == 3)
            benchmark::RegisterBenchmark(
                fmt::format("{}/{}/fields:{}/map:{}/batch:1/threads:{}", name, group, fields, size, threads).c_str(),
                [=, list = list, group = group, fields = fields](benchmark::State& state) {
                  orbitgrad::bench::run(state, list, group, fields, size, threads);
                })
                ->UseManualTime()
                ->Iterations(1)
                ->Unit(benchmark::kMillisecond);
  orbitgrad::bench::forced_implementation = orbitgrad::bench::take_implementation(argc, argv);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::AddCustomContext("opponent", "expanded filters (not counted) + oneDNN direct convolution, all threads");
  benchmark::AddCustomContext("compiler", __VERSION__);
  benchmark::RunSpecifiedBenchmarks();
}
