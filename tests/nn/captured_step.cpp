// A training step that is recorded once and run again: the bits of running it each time, and what it must refuse.
#include "engine/captured_step.hpp"

#include "engine/ops/elementary.hpp"
#include "engine/ops/indexing.hpp"
#include "engine/ops/reduction.hpp"
#include "engine/ops/segments.hpp"
#include "engine/update.hpp"
#include "kernels/device_memory.hpp"
#include "kernels/sim/trace.hpp"
#include "nn/layers.hpp"
#include "nn/loss.hpp"
#include "nn/optimizer.hpp"
#include "tests/engine/expect_error.hpp"
#include "tests/nn/support.hpp"

namespace orbitgrad::nn {
namespace {

using namespace testing_support;

constexpr DeviceKind cpu = DeviceKind::cpu, sim = DeviceKind::sim;
const RandomKey key{11};

std::int64_t live_bytes() { return kernels::device_memory(sim)->statistics().live_bytes; }

/// A small network over p4 with all that changes from step to step: dropout, batch statistics, Adam, a learning rate.
class Training {
 public:
  explicit Training(DeviceKind device) {
    const ScopedDefaultDevice on_cpu(cpu);  // the same bits on every device
    const auto p4 = groups::lattice_group("p4");
    network_.add<LiftConv2d>("lift", p4, 1, 2, 3, key.split(1))
        .add<BatchNorm>("norm", 2)
        .add<Relu>("relu")
        .add<GroupConv2d>("conv", p4, 2, 2, 3, key.split(2))
        .add<Dropout>("dropout", 0.3)
        .add<GroupPool>("pool")
        .add<Flatten>("flatten")
        .add<Linear>("classes", 2 * 2 * 2, 3, key.split(3));
    network_.to(device);
    optimizer_ = std::make_unique<Adam>(network_.named_parameters(), AdamOptions{.weight_decay = 1e-3});
  }

  /// Loss and number of correct answers.
  std::vector<Tensor> step(const StepInputs& inputs) {
    const Tensor logits = network_(inputs.tensors[0], {.training = true, .key = inputs.key});
    const Tensor loss = cross_entropy(logits, inputs.tensors[1]);
    optimizer_->clear_gradients();
    loss.backward();
    optimizer_->step(0.5 * inputs.numbers[0]);
    return {loss, correct(logits.detach(), inputs.tensors[1])};
  }
  CapturedStep::Function function() {
    return [this](const StepInputs& inputs) { return step(inputs); };
  }
  /// Parameters, statistics, the moments and the count of the optimizer, gradients.
  State all() const {
    State all = network_.state();
    for (const auto& [name, tensor] : optimizer_->state()) all["optimizer." + name] = tensor;
    for (const auto& [name, tensor] : network_.named_parameters()) all["gradient." + name] = tensor.grad();
    return all;
  }
  Optimizer& optimizer() { return *optimizer_; }
  Sequential& network() { return network_; }

 private:
  Sequential network_;
  std::unique_ptr<Adam> optimizer_;
};

struct Arguments {
  std::vector<Tensor> tensors;
  RandomKey key;
  std::vector<double> numbers;
};

Arguments arguments_of(int step, std::int64_t images = 4) {
  const RandomKey own = key.split(static_cast<std::uint64_t>(100 + step));
  return {{normal({images, 1, 6, 6}, own.split("x"), 0, 1, DType::float32, cpu),
           random_integers({images}, own.split("labels"), 3, cpu)},
          own.split("pass"),
          {0.02 / (1 + step)}};
}

template <class Step>
void expect_step(Step&& run, CapturedStep& captured, int number) {
  const Arguments now = arguments_of(number);
  const auto expected = run(now), results = captured(now.tensors, now.key, now.numbers);
  ASSERT_EQ(results.size(), 2U);
  EXPECT_TRUE(same_bits(results[0], expected[0])) << "the loss of step " << number;
  EXPECT_TRUE(same_bits(results[1], expected[1])) << "the right answers of step " << number;
}

TEST(CapturedStep, HasTheBitsOfEagerSteps) {
  Training eager(sim), recorded(sim);
  const CapturedStep plain(eager.function(), sim);
  CapturedStep captured(recorded.function(), sim);
  const auto run = [&](const Arguments& now) { return plain.run_eagerly(now.tensors, now.key, now.numbers); };
  for (int step = 0; step < 4; ++step) {
    expect_step(run, captured, step);
    EXPECT_EQ(captured.is_captured(), step > 0);
    EXPECT_TRUE(same_bits(recorded.all(), eager.all())) << "after step " << step;
  }
  // A smaller batch in between runs eagerly, on the same parameters.
  const Arguments small = arguments_of(4, 3);
  EXPECT_FALSE(captured.fits(small.tensors));
  EXPECT_TRUE(same_bits(captured.run_eagerly(small.tensors, small.key, small.numbers)[0], run(small)[0]));
  for (int step = 5; step < 7; ++step) expect_step(run, captured, step);
  EXPECT_TRUE(same_bits(recorded.all(), eager.all()));
  EXPECT_EQ(recorded.optimizer().steps(), 7);
}

TEST(CapturedStep, RunsTheFunctionOnTheCpu) {
  Training eager(cpu), recorded(cpu);
  const CapturedStep plain(eager.function(), cpu);
  CapturedStep captured(recorded.function(), cpu);
  const auto run = [&](const Arguments& now) { return plain.run_eagerly(now.tensors, now.key, now.numbers); };
  for (int step = 0; step < 3; ++step) expect_step(run, captured, step);
  EXPECT_FALSE(captured.is_captured());
  EXPECT_TRUE(same_bits(recorded.all(), eager.all()));
}

TEST(CapturedStep, ReplayAloneAllocatesNothingAndSharesNoMemory) {
  Training eager(sim), first(sim), second(sim);
  const CapturedStep plain(eager.function(), sim);
  CapturedStep one(first.function(), sim), two(second.function(), sim);
  for (int step = 0; step < 3; ++step) {
    const Arguments now = arguments_of(step);
    const auto expected = plain.run_eagerly(now.tensors, now.key, now.numbers);
    const std::int64_t allocations = kernels::device_memory(sim)->statistics().allocations;
    const auto results = one(now.tensors, now.key, now.numbers);
    if (step == 2) {
      EXPECT_EQ(kernels::device_memory(sim)->statistics().allocations, allocations);
    }
    // Memory that others take and write between the runs, in sizes the step uses too.
    std::vector<Tensor> others;
    for (std::int64_t size = 1; size < 2000; size += 37) others.push_back(full({size}, 7, DType::float32, sim));
    EXPECT_TRUE(same_bits(results[0], expected[0])) << step;
    EXPECT_TRUE(same_bits(two(now.tensors, now.key, now.numbers)[0], expected[0])) << step;
    for (const Tensor& other : others)
      EXPECT_EQ(other.to_vector<float>(), std::vector<float>(static_cast<std::size_t>(other.numel()), 7));
  }
  EXPECT_TRUE(same_bits(first.all(), eager.all()));
  EXPECT_TRUE(same_bits(second.all(), eager.all()));
}

TEST(CapturedStep, ATraceFindsNothingInAReplay) {
  const kernels::sim::Trace trace;
  {
    Tensor weight = ones({3}, DType::float32, sim);
    weight.set_requires_grad();
    CapturedStep captured(
        [&](const StepInputs& inputs) {
          weight.set_grad({});
          const Tensor y = dropout(inputs.tensors[0] * weight, 0.5, inputs.key.split(1));
          sum(gather(y, 0, inputs.tensors[1]) * 2.0).backward();
          assign(weight, weight - weight.grad());
          return std::vector{y};
        },
        sim);
    for (std::uint64_t run = 0; run < 4; ++run)
      captured({ones({3}, DType::float32, cpu), from_vector(std::vector<std::int64_t>{2, 0, 2}, {3}, cpu)},
               key.split(run));
  }
  EXPECT_EQ(trace.findings(), std::vector<std::string>{});
}

TEST(CapturedStep, GivesItsMemoryBack) {
  const std::int64_t before = live_bytes();
  Tensor result;
  {
    CapturedStep captured([](const StepInputs& inputs) { return std::vector{inputs.tensors[0] * 2.0}; }, sim);
    for (const double value : {1.0, 2.0, 3.0}) result = captured({full({5}, value, DType::float32, cpu)})[0];
  }
  EXPECT_EQ(result.to_vector<float>(), std::vector<float>(5, 6)) << "a result outlives its step";
  result = Tensor();
  EXPECT_LE(live_bytes() - before, 1024) << "constants in the cache";
}

TEST(CapturedStep, KeepsWhatItUses) {
  Tensor factor = full({4}, 3, DType::float32, sim);
  CapturedStep captured([&factor](const StepInputs& inputs) { return std::vector{inputs.tensors[0] * factor}; }, sim);
  const Tensor x = ones({4}, DType::float32, cpu);
  captured({x});
  captured({x});
  factor = Tensor();  // the recording holds it
  const Tensor others = full({4}, 9, DType::float32, sim);
  EXPECT_EQ(captured({x})[0].to_vector<float>(), std::vector<float>(4, 3));
}

TEST(CapturedStep, DrawsAnewInEachRun) {
  const auto draw = [](const StepInputs& inputs) {
    return std::vector{
        uniform({9}, inputs.key.split("a").split(3), -1, 1, DType::float64, sim),
        normal({7}, inputs.key, 0, 1, DType::float32, sim), random_integers({5}, inputs.key.split(8), 1000, sim),
        bernoulli({40}, inputs.key.split(9), 0.4, sim), random_permutation(50, inputs.key.split("order"), sim)};
  };
  CapturedStep captured(draw, sim);
  for (std::uint64_t step = 0; step < 4; ++step) {
    const auto results = captured({}, key.split(step)), expected = draw({{}, key.split(step), {}});
    for (std::size_t i = 0; i < results.size(); ++i) EXPECT_TRUE(same_bits(results[i], expected[i])) << step << i;
  }
}

TEST(CapturedStep, ConstantsAndIndicesAreThoseOfTheRecording) {
  const auto step = [](const StepInputs& inputs) {
    const Tensor& x = inputs.tensors[0];
    const Tensor table = constant_on(from_vector(std::vector<float>{1, 2, 4}, {3}, cpu), sim);
    return std::vector{gather(x, 0, inputs.tensors[1]) * table + arange(3, DType::float32, sim),
                       one_hot(inputs.tensors[1], 5), identity(2, DType::float32, sim)};
  };
  CapturedStep captured(step, sim);
  for (int run = 0; run < 3; ++run) {
    const std::vector<Tensor> inputs = {
        normal({5}, key.split(static_cast<std::uint64_t>(run)), 0, 1, DType::float32, cpu),
        from_vector(std::vector<std::int64_t>{run, 4, 0}, {3}, cpu)};
    const auto results = captured(inputs), expected = captured.run_eagerly(inputs);
    for (std::size_t i = 0; i < results.size(); ++i) EXPECT_TRUE(same_bits(results[i], expected[i])) << run << i;
  }
  captured({zeros({5}, DType::float32, cpu), from_vector(std::vector<std::int64_t>{0, 5, 1}, {3}, cpu)});
  EXPECT_ERROR(zeros({1}, DType::float32, sim).item(), "5");  // told where the host reads next
  EXPECT_EQ(zeros({1}, DType::float32, sim).item(), 0);       // and once
}

TEST(CapturedStep, SumsByIndexFollowTheIndexOfEachRun) {
  Tensor table = normal({5, 2}, key, 0, 1, DType::float32, sim);
  table.set_requires_grad();
  const auto step = [&](const StepInputs& inputs) {
    table.set_grad({});
    const Tensor y = take(table, inputs.tensors[0]);
    sum(y * y).backward();
    return std::vector{table.grad() * 1.0, segment_sum(y.detach(), inputs.tensors[0], 5),
                       segment_max(y.detach(), inputs.tensors[1], 3)};
  };
  CapturedStep captured(step, sim);
  const CapturedStep plain(step, sim);
  for (std::uint64_t run = 0; run < 4; ++run) {
    const std::vector<Tensor> inputs = {random_integers({40}, key.split(run), 5, cpu),
                                        random_integers({40}, key.split(run + 9), 2, cpu)};  // one group is empty
    const auto results = captured(inputs), expected = plain.run_eagerly(inputs);
    for (std::size_t i = 0; i < results.size(); ++i) EXPECT_TRUE(same_bits(results[i], expected[i])) << run << i;
  }
}

TEST(CapturedStep, ClipsByANormOfEachRun) {
  const auto network = [] {
    auto layer = std::make_unique<Linear>(3, 2, key);
    layer->to(sim);
    return layer;
  };
  const auto eager = network(), recorded = network();
  Sgd of_eager(eager->named_parameters()), of_recorded(recorded->named_parameters());
  const auto step = [](Linear& layer, Sgd& optimizer) {
    return [&](const StepInputs& inputs) {
      const Tensor loss = sum(square(layer(inputs.tensors[0], {})));
      optimizer.clear_gradients();
      loss.backward();
      optimizer.clip_gradient_norm(2);
      optimizer.step(0.1);
      return std::vector{loss};
    };
  };
  CapturedStep captured(step(*recorded, of_recorded), sim);
  const CapturedStep plain(step(*eager, of_eager), sim);
  for (const double size : {3.0, 0.1, 50.0, 0.01}) {
    const std::vector<Tensor> x = {full({4, 3}, size, DType::float32, cpu)};
    EXPECT_TRUE(same_bits(captured(x)[0], plain.run_eagerly(x)[0])) << size;
    EXPECT_LE(of_recorded.gradient_norm(), 2 * (1 + 1e-6)) << size;
  }
  EXPECT_TRUE(same_bits(recorded->state(), eager->state()));
}

TEST(CapturedStep, NoticesThatWhatItChangesWasReplaced) {
  Training training(sim);
  CapturedStep captured(training.function(), sim);
  for (int step = 0; step < 3; ++step) captured(arguments_of(step).tensors, key, {0.1});
  training.network().to(cpu);
  training.network().to(sim);
  const State before = training.network().state();
  EXPECT_ERROR(captured(arguments_of(3).tensors, key, {0.1}), "Make a new CapturedStep");
  EXPECT_TRUE(same_bits(training.network().state(), before));
  EXPECT_EQ(training.optimizer().steps(), 3);
}

TEST(CapturedStep, AnErrorWhileRecordingChangesNothing) {
  Training eager(sim), recorded(sim);
  const CapturedStep plain(eager.function(), sim);
  bool fails = true;
  CapturedStep captured(
      [&](const StepInputs& inputs) {
        const auto results = recorded.step(inputs);
        if (fails && is_capturing()) results[0].item();
        return results;
      },
      sim);
  const auto run = [&](const Arguments& now) { return plain.run_eagerly(now.tensors, now.key, now.numbers); };
  expect_step(run, captured, 0);
  const Arguments next = arguments_of(1);
  for (int attempt = 0; attempt < 2; ++attempt) {
    EXPECT_ERROR(captured(next.tensors, next.key, next.numbers), "Return the tensor");
    EXPECT_FALSE(captured.is_captured());
    EXPECT_TRUE(same_bits(recorded.all(), eager.all())) << "parameters, moments, gradients, the count of steps";
  }
  EXPECT_TRUE(same_bits(ones({3}, DType::float32, sim) * 2.0, full({3}, 2, DType::float32, sim)));
  fails = false;
  for (int step = 1; step < 4; ++step) expect_step(run, captured, step);
  EXPECT_TRUE(same_bits(recorded.all(), eager.all()));
}

TEST(CapturedStep, ABackwardThatNeedsAnOverwrittenTensorNotices) {
  Tensor weight = ones({2}, DType::float32, sim);
  CapturedStep captured(
      [&](const StepInputs& inputs) {
        assign(weight, weight + inputs.tensors[0]);
        return std::vector<Tensor>{};
      },
      sim);
  const Tensor x = ones({2}, DType::float32, cpu);
  for (int run = 0; run < 2; ++run) captured({x});
  Tensor leaf = ones({2}, DType::float32, sim);
  const Tensor y = sum(leaf.set_requires_grad() * weight);
  captured({x});
  EXPECT_EQ(weight.to_vector<float>(), std::vector<float>(2, 4));
  EXPECT_THROW(y.backward(), Error);
}

}  // namespace
}  // namespace orbitgrad::nn
