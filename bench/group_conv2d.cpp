// group_conv2d against expanded filters and oneDNN, in one run on the same arrays: forward, input gradient and filter
// gradient, p4 and p4m, 3x3 with padding 1, and hexagons of 7 taps under p6 and p6m. The opponent's expansion (or orbit
// sum) is counted, its primitives are made once. Figures are warm: buffers stay in cache where they fit. Results are
// compared before anything is timed.
//
//   build/bench/group_conv2d --benchmark_out=results.json --benchmark_out_format=json
//   build/bench/group_conv2d --implementation=orbit_gather      (otherwise the automatic choice, which the label names)
//
// Counters: ms and opponent_ms (medians), ratio = opponent / ours (median of pairs) with its extremes, gflops = dense
// arithmetic per second. `step` is the three ops together on 32x32 maps and batch 16; `step_on_bank` the same against
// filters that are expanded ahead. `forward_relu` is our forward with bias and ReLU in its epilogue; the opponent is
// ours too, with the ReLU as a pass of its own.
#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <omp.h>

#include <cmath>
#include <vector>

#include "bench/onednn_opponent.hpp"
#include "bench/paired_benchmark.hpp"
#include "engine/random.hpp"
#include "groups/lattice_group.hpp"
#include "kernels/elementwise/elementwise.hpp"
#include "kernels/group_conv2d/expanded.hpp"
#include "kernels/group_conv2d/group_conv2d.hpp"
#include "kernels/group_conv2d/orbit_tables.hpp"

namespace orbitgrad::bench {
namespace {

using kernels::GroupConv2dProblem;
using Op = OnednnConvolution::Op;

std::string forced_implementation;  // empty: the automatic choice

std::vector<float> random_values(std::int64_t count, std::uint64_t key) {
  return normal({count}, RandomKey{key}).to_vector<float>();
}

/// One problem with its arrays and both ways of solving it.
class Duel {
 public:
  Duel(Op op, const std::string& group_name, std::int64_t fields, std::int64_t size, std::int64_t batch)
      : op_(op), group_(groups::lattice_group(group_name)), filter_element_(group_.filter_element_table()) {
    for (const auto& matrix : group_.matrices) matrices_.insert(matrices_.end(), matrix.begin(), matrix.end());
    const std::int64_t order = group_.order();
    problem_ = {.batch = batch, .in_fields = fields, .in_order = order, .in_height = size, .in_width = size};
    problem_.out_fields = fields, problem_.order = order, problem_.kernel = 3, problem_.padding = 1;
    problem_.matrices = matrices_.data(), problem_.filter_element = filter_element_.data();
    problem_.implementation = forced_implementation;
    x_ = random_values(problem_.x_size(), 1);
    w_ = random_values(problem_.w_size(), 2);
    const std::int64_t taps = problem_.kernel * problem_.kernel;
    if (kernels::cpu::acts_on_hexagons(problem_))
      for (std::size_t i = 0; i < w_.size(); ++i)
        if (!kernels::cpu::is_on_hexagon(3, static_cast<std::int32_t>(static_cast<std::int64_t>(i) % taps))) w_[i] = 0;
    y_ = random_values(problem_.y_size(), 3);
    bank_.resize(static_cast<std::size_t>(problem_.w_size() * order));
    result_.resize(output_size());
    opponent_result_.resize(output_size());
    opponent_ = std::make_unique<OnednnConvolution>(op, kernels::cpu::expanded_problem(problem_));
  }

  const GroupConv2dProblem& problem() const { return problem_; }

  void ours() {
    if (op_ == Op::forward)
      kernels::cpu::group_conv2d_forward<float>(problem_, x_.data(), w_.data(), nullptr, result_.data());
    else if (op_ == Op::input_gradient)
      kernels::cpu::group_conv2d_input_gradient<float>(problem_, y_.data(), w_.data(), result_.data());
    else
      kernels::cpu::group_conv2d_filter_gradient<float>(problem_, x_.data(), y_.data(), result_.data());
  }

  /// is_expanded: the bank is there already, and its gradient is all that is asked for.
  void opponent(bool is_expanded = false) {
    if (is_expanded) {
      opponent_->run(op_ == Op::input_gradient ? y_.data() : x_.data(),
                     op_ == Op::filter_gradient ? y_.data() : bank_.data(),
                     op_ == Op::filter_gradient ? bank_.data() : opponent_result_.data());
      return;
    }
    if (op_ == Op::filter_gradient) {
      opponent_->run(x_.data(), y_.data(), bank_.data());
      kernels::cpu::sum_filter_orbits<float>(problem_, bank_.data(), opponent_result_.data());
      return;
    }
    kernels::cpu::expand_filter<float>(problem_, w_.data(), bank_.data());
    opponent_->run(op_ == Op::forward ? x_.data() : y_.data(), bank_.data(), opponent_result_.data());
  }

  /// relu(y) of the forward with a bias: in its epilogue, or by a second pass.
  void forward_relu(bool is_one_pass) {
    GroupConv2dProblem problem = problem_;
    problem.relu = is_one_pass;
    float* to = is_one_pass ? result_.data() : y_.data();
    kernels::cpu::group_conv2d_forward<float>(problem, x_.data(), w_.data(), w_.data(), to);
    if (is_one_pass) return;
    const kernels::View<const float> y{.data = to, .rank = 1, .size = {problem.y_size()}, .stride = {1}};
    kernels::cpu::unary<kernels::Relu, float, float>(
        y, {.data = opponent_result_.data(), .rank = 1, .size = {problem.y_size()}, .stride = {1}});
  }
  bool relu_agrees() {
    forward_relu(true);
    forward_relu(false);
    return result_ == opponent_result_;
  }

  /// Largest difference of the two results relative to the largest value.
  double difference() {
    ours();
    opponent();
    double largest = 0, difference = 0;
    for (std::size_t i = 0; i < result_.size(); ++i) {
      largest = std::max(largest, std::abs(static_cast<double>(opponent_result_[i])));
      difference = std::max(difference, std::abs(static_cast<double>(result_[i]) - opponent_result_[i]));
    }
    return difference / largest;
  }

  std::string_view implementation() const {
    if (op_ == Op::forward) return kernels::cpu::choose_group_conv2d_forward<float>(problem_);
    if (op_ == Op::input_gradient) return kernels::cpu::choose_group_conv2d_input_gradient<float>(problem_);
    return kernels::cpu::choose_group_conv2d_filter_gradient<float>(problem_);
  }

 private:
  std::size_t output_size() const {
    return op_ == Op::forward ? y_.size() : (op_ == Op::input_gradient ? x_.size() : w_.size());
  }

  Op op_;
  groups::LatticeGroup group_;
  std::vector<std::int32_t> matrices_, filter_element_;
  GroupConv2dProblem problem_;
  std::vector<float> x_, w_, y_, bank_, result_, opponent_result_;
  std::unique_ptr<OnednnConvolution> opponent_;
};

void run_relu(benchmark::State& state, const std::string& group, std::int64_t fields, std::int64_t size,
              std::int64_t batch, int threads) {
  omp_set_num_threads(threads);
  Duel duel(Op::forward, group, fields, size, batch);
  if (!duel.relu_agrees()) return state.SkipWithError("results differ");
  measure(
      state, [&] { duel.forward_relu(true); }, [&] { duel.forward_relu(false); }, duel.problem().flops(), threads);
  state.SetLabel(std::string(duel.implementation()));
}

/// All ops of the list on one side, then on the other.
void run(benchmark::State& state, const std::vector<Op>& ops, bool is_expanded, const std::string& group,
         std::int64_t fields, std::int64_t size, std::int64_t batch, int threads) {
  omp_set_num_threads(threads);
  std::vector<std::unique_ptr<Duel>> duels;
  for (const Op op : ops) {
    duels.push_back(std::make_unique<Duel>(op, group, fields, size, batch));
    if (const double difference = duels.back()->difference(); !(difference < 1e-4)) {
      state.SkipWithError(fmt::format("results differ by {:.2e}", difference).c_str());
      return;
    }
  }
  measure(
      state,
      [&] {
        for (const auto& duel : duels) duel->ours();
      },
      [&] {
        for (const auto& duel : duels) duel->opponent(is_expanded);
      },
      static_cast<double>(ops.size()) * duels[0]->problem().flops(), threads);
  std::string label;
  for (const auto& duel : duels) {
    if (!label.empty()) label += ',';
    label += duel->implementation();
  }
  state.SetLabel(label);
}

/// body(state, group, fields, map, batch, threads).
template <class Body>
void add(const std::string& name, const std::string& group, std::int64_t fields, std::int64_t size, std::int64_t batch,
         int threads, Body body) {
  benchmark::RegisterBenchmark(
      fmt::format("{}/{}/fields:{}/map:{}/batch:{}/threads:{}", name, group, fields, size, batch, threads).c_str(),
      [=](benchmark::State& state) { body(state, group, fields, size, batch, threads); })
      ->UseManualTime()
      ->Iterations(1)
      ->Unit(benchmark::kMillisecond);
}

}  // namespace
}  // namespace orbitgrad::bench

int main(int argc, char** argv) {
  using orbitgrad::bench::Op;
  const std::pair<Op, const char*> ops[] = {
      {Op::forward, "forward"}, {Op::input_gradient, "input_gradient"}, {Op::filter_gradient, "filter_gradient"}};
  using orbitgrad::bench::add;
  const auto duel = [](std::vector<Op> list, bool is_expanded) {
    return [=](benchmark::State& state, const auto&... sizes) {
      orbitgrad::bench::run(state, list, is_expanded, sizes...);
    };
  };
  for (const int threads : {1, 2})
    for (const std::string group : {"p4", "p4m"}) {
      for (const auto& [op, op_name] : ops)
        for (const std::int64_t size : {28, 8})
          for (const std::int64_t batch : {1, 16, 128})
            for (const std::int64_t fields : {1, 8, 16, 32})
              add(op_name, group, fields, size, batch, threads, duel({op}, false));
      for (const bool is_expanded : {false, true})
        for (const std::int64_t fields : {8, 16, 32, 64})
          add(is_expanded ? "step_on_bank" : "step", group, fields, 32, 16, threads,
              duel({Op::forward, Op::input_gradient, Op::filter_gradient}, is_expanded));
      for (const std::int64_t fields : {8, 32})
        add("forward_relu", group, fields, 32, 16, threads, orbitgrad::bench::run_relu);
    }
  for (const int threads : {1, 2})
    for (const std::string group : {"p6", "p6m"})
      for (const auto& [op, op_name] : ops)
        for (const std::int64_t fields : {4, 8, 16}) add(op_name, group, fields, 15, 16, threads, duel({op}, false));
  orbitgrad::bench::forced_implementation = orbitgrad::bench::take_implementation(argc, argv);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::AddCustomContext("opponent", "expanded filters (counted) + oneDNN direct convolution, all threads");
  benchmark::AddCustomContext("compiler", __VERSION__);
  benchmark::RunSpecifiedBenchmarks();
}
