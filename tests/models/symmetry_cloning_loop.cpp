// Cloning of a layer: rates and floors against their closed forms, criteria, sources, determinism and errors.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "engine/autograd/node.hpp"
#include "engine/ops/elementary.hpp"
#include "engine/ops/reduction.hpp"
#include "engine/ops/shape_ops.hpp"
#include "models/mlp.hpp"
#include "models/symmetry_cloning/block_cloning.hpp"
#include "models/symmetry_cloning/measures.hpp"
#include "nn/layers.hpp"
#include "tests/nn/support.hpp"

namespace orbitgrad::models {
namespace {

using namespace testing_support;

const RandomKey key{23};

LayerFamily plain(std::int64_t size, std::int64_t kernel = 3, Boundary boundary = Boundary::zero) {
  return LayerFamily({.height = size, .width = size, .kernel = kernel, .boundary = boundary});
}

std::shared_ptr<Student> student_of(StudentKind kind, const LayerFamily& teacher, CloneMode mode,
                                    const StudentOptions& options = {.hidden = 64}) {
  return make_student(kind, student_sizes(teacher, mode), key, options);
}

/// The geometric mean of the factor per step between two points of the curve.
double measured_factor(const CloneResult& result, std::size_t from, std::size_t to) {
  return std::pow(result.curve[to].nmse / result.curve[from].nmse, 1 / static_cast<double>(to - from));
}

TEST(CloneRates, OfLinearStudentsArePredicted) {
  EXPECT_NEAR(predicted_error_factor({784, 784}, 512), 0.605, 5e-4);
  EXPECT_NEAR(predicted_error_factor({36, 36, 9}, 128), 0.765, 5e-4);
  EXPECT_NEAR(predicted_error_factor({784, 784, 9}, 512), 0.944, 1e-3);
  struct Case {
    StudentKind kind;
    std::int64_t size, batch, steps;
  };
  for (const auto& [kind, size, batch, steps] :
       {Case{StudentKind::linear, 12, 128, 40}, Case{StudentKind::linear, 10, 256, 20},
        Case{StudentKind::hyper_linear, 6, 128, 100}}) {
    const CloneMode mode = kind == StudentKind::linear ? CloneMode::fixed_tau : CloneMode::conditional;
    const LayerFamily teacher = plain(size);
    const auto student = student_of(kind, teacher, mode, {.dtype = DType::float64});
    const CloneResult result = clone_layer(
        *student, teacher, {.mode = mode, .batch = batch, .stop = {.nmse = 0, .steps = steps}, .curve_every = 1});
    ASSERT_EQ(result.curve.size(), static_cast<std::size_t>(steps) + 1);
    const double predicted = predicted_error_factor(student->sizes(), batch);
    EXPECT_NEAR(measured_factor(result, 3, result.curve.size() - 1), predicted, 0.05 * predicted)
        << to_string(kind) << " on " << size << " x " << size;
  }
}

TEST(CloneRates, BehindAReluHoldNearTheOptimum) {
  const LayerFamily teacher = plain(10);
  const auto student = student_of(StudentKind::linear_relu, teacher, CloneMode::fixed_tau, {.dtype = DType::float64});
  const CloneResult result = clone_layer(*student, teacher,
                                         {.mode = CloneMode::fixed_tau,
                                          .include_activation = true,
                                          .batch = 128,
                                          .stop = {.nmse = 0, .steps = 60},
                                          .curve_every = 1});
  const double predicted = predicted_error_factor(student->sizes(), 128, true);
  EXPECT_NEAR(measured_factor(result, 25, 60), predicted, 0.05 * predicted);
}

TEST(CloneRates, FortyStepsCloneALayerOfMnistsSize) {
  const LayerFamily teacher = plain(28);
  const auto student = student_of(StudentKind::linear, teacher, CloneMode::fixed_tau);
  const CloneResult result =
      clone_layer(*student, teacher, {.mode = CloneMode::fixed_tau, .stop = {.nmse = 1e-7, .steps = 40}});
  EXPECT_EQ(result.reason, StopReason::converged);
  EXPECT_LT(result.steps, 40);
  // The optimum is unique: the teacher's own matrix.
  const Tensor x = normal({4, 1, 784}, key);
  const Tensor y = teacher.apply(x, result.taus.front());
  const CloneError error = clone_error([&](const Tensor& in) { return student->apply(flatten(in, 1, 2)); },
                                       [&](const Tensor&) { return flatten(y, 1, 2); }, x);
  EXPECT_LT(error.nmse, 1e-7);
}

TEST(CloneModes, FixedTauClonesAllPairsOfChannelsAtOnce) {
  const LayerFamily teacher({.kind = LayerKind::lifting, .group = "p4", .height = 4, .width = 4});
  const Channels channels{.in = 2, .out = 3};
  const Tensor tau = normal({3, 2, 9}, key);
  LinearStudent student(student_sizes(teacher, CloneMode::fixed_tau, channels), key);
  const CloneResult result =
      clone_layer(student, teacher, {.mode = CloneMode::fixed_tau, .channels = channels, .tau = tau, .batch = 256});
  EXPECT_EQ(result.reason, StopReason::converged);
  EXPECT_LT(result.nmse, 1e-6);
  EXPECT_TRUE(same_bits(result.taus.front(), tau));
  const Tensor x = normal({64, 2, 16}, key.split(1));
  DenseLayer layer(std::make_shared<LinearStudent>(student.sizes(), key), channels);
  nn::State state = layer.state();
  state["theta.weight"] = student.weight().detach();
  layer.load_state(state);
  EXPECT_LT(clone_error([&](const Tensor& in) { return layer(in); },
                        [&](const Tensor& in) { return teacher.apply(in, tau); }, x)
                .nmse,
            1e-6);
}

TEST(CloneModes, ConditionalLearnsTheWholeFamily) {
  const LayerFamily teacher({.kind = LayerKind::group_convolution, .group = "p4", .height = 3, .width = 3});
  const auto student = student_of(StudentKind::hyper_linear, teacher, CloneMode::conditional);
  const CloneResult result = clone_layer(*student, teacher, {});
  EXPECT_EQ(result.reason, StopReason::converged);
  EXPECT_TRUE(result.taus.empty());
  const Tensor matrices = dynamic_cast<const HyperLinearStudent&>(*student).matrices();
  EXPECT_LT(mean(square(matrices - teacher.matrices())).item(), 1e-6);
}

TEST(CloneModes, MlpsLearnAndTheConcatenatingOneHeedsTau) {
  const LayerFamily teacher = plain(3);
  const CloneOptions options{.batch = 256, .learning_rate = 3e-3, .stop = {.steps = 400}};
  CloneOptions fixed = options;
  fixed.mode = CloneMode::fixed_tau;
  EXPECT_LT(clone_layer(*student_of(StudentKind::relu_mlp, teacher, fixed.mode), teacher, fixed).nmse, 0.03);
  EXPECT_LT(
      clone_layer(*student_of(StudentKind::concatenating, teacher, options.mode, {.hidden = 128}), teacher, options)
          .nmse,
      0.3);  // without tau: at least 1
}

/// The error on many fresh inputs, each with a tau that the student does not see.
double marginal_error(const Student& student, const LayerFamily& teacher, bool activation) {
  const std::int64_t samples = 40000;
  const double deviation = activation ? 1 / std::sqrt(static_cast<double>(teacher.taps())) : 1;
  const Tensor tau = normal({samples, teacher.taps()}, key.split("tau"), 0, deviation);
  return clone_error([&](const Tensor& x) { return student.apply(x); },
                     [&](const Tensor& x) {
                       const Tensor y = teacher.apply_each(x, tau);
                       return activation ? relu(y) : y;
                     },
                     normal({samples, teacher.input_size()}, key.split("x")))
      .nmse;
}

TEST(CloneModes, MarginalOnesReachTheirClosedFormFloorsAndNoLess) {
  const CloneOptions options{
      .mode = CloneMode::marginal, .batch = 1024, .learning_rate = 2e-2, .stop = {.nmse = 0.0, .steps = 600}};
  const LayerFamily linear_teacher = plain(4);
  const auto linear = student_of(StudentKind::linear, linear_teacher, options.mode);
  clone_layer(*linear, linear_teacher, options);
  EXPECT_NEAR(marginal_error(*linear, linear_teacher, false), 1, 0.01);

  CloneOptions rectified = options;
  rectified.include_activation = true;
  for (const auto& teacher : {plain(2, 1), plain(3, 3, Boundary::circular)}) {
    const auto student = student_of(StudentKind::relu_mlp, teacher, rectified.mode);
    clone_layer(*student, teacher, rectified);
    const double floor = 1 - 1 / std::numbers::pi;
    EXPECT_NEAR(marginal_error(*student, teacher, true), floor, 0.01 * floor) << "kernel " << teacher.options().kernel;
  }
}

TEST(CloneStops, AtTheFirstCriterionThatHolds) {
  const LayerFamily teacher = plain(4);
  const auto clone = [&](const StopCriteria& stop) {
    const auto student = student_of(StudentKind::linear, teacher, CloneMode::fixed_tau);
    return clone_layer(*student, teacher, {.mode = CloneMode::fixed_tau, .batch = 32, .stop = stop});
  };
  EXPECT_EQ(clone({.steps = 0}).reason, StopReason::step_limit);
  EXPECT_EQ(clone({.steps = 0}).steps, 0);
  const CloneResult limited = clone({.nmse = 1e-9, .steps = 3});
  EXPECT_EQ(limited.steps, 3);
  EXPECT_EQ(limited.reason, StopReason::step_limit);
  const CloneResult converged = clone({.nmse = 1e-3});
  EXPECT_EQ(converged.reason, StopReason::converged);
  EXPECT_LT(converged.nmse, 1e-3);
  EXPECT_GT(converged.curve.front().nmse, 1e-3);
  EXPECT_EQ(converged.curve.back().step, converged.steps);
  // An error of 0 is out of reach in float32: the average stops falling.
  const CloneResult stalled = clone({.nmse = 0, .patience = 10, .steps = 4000});
  EXPECT_EQ(stalled.reason, StopReason::stalled);
  EXPECT_LT(stalled.nmse, 1e-10);
}

TEST(CloneLoop, HasTheSameBitsInEveryRunAndForEveryNumberOfThreads) {
  const LayerFamily teacher({.kind = LayerKind::lifting, .group = "p4m", .height = 6, .width = 6});
  const auto clone = [&](std::uint64_t seed) {
    const auto student = student_of(StudentKind::hyper_linear, teacher, CloneMode::conditional);
    clone_layer(*student, teacher, {.batch = 64, .stop = {.steps = 5}, .seed = seed});
    return snapshot(student->state());
  };
  const nn::State once = clone(1);
  EXPECT_TRUE(same_bits(once, clone(1)));
  EXPECT_FALSE(same_bits(once, clone(2)));
  {
    const ThreadCount one(1);
    EXPECT_TRUE(same_bits(once, clone(1)));
  }
  const ThreadCount three(3);
  EXPECT_TRUE(same_bits(once, clone(1)));
}

TEST(CloneLoop, RunsWhereTheStudentIs) {
  const LayerFamily teacher({.kind = LayerKind::lifting, .group = "p4", .height = 4, .width = 4});
  std::vector<Tensor> learned;
  for (const DeviceKind device : {DeviceKind::cpu, DeviceKind::sim}) {
    const auto student = student_of(StudentKind::hyper_linear, teacher, CloneMode::conditional);
    student->to(device);
    const CloneResult result = clone_layer(
        *student, teacher,
        {.source = InputSource::orbit_augmented, .dataset = normal({5, 1, 16}, key), .batch = 8, .stop = {.steps = 3}});
    EXPECT_EQ(student->device(), device);
    learned.push_back(student->parameters().front().to(DeviceKind::cpu));
  }
  EXPECT_LT(max(absolute(learned[0] - learned[1])).item(), 1e-4);
}

TEST(CloneLoop, ReportsProgressAtThePointsOfTheCurve) {
  const LayerFamily teacher = plain(4);
  std::vector<std::int64_t> steps;
  const NoGrad no_grad;  // of the caller
  const auto student = student_of(StudentKind::linear, teacher, CloneMode::fixed_tau);
  const CloneResult result = clone_layer(*student, teacher,
                                         {.mode = CloneMode::fixed_tau,
                                          .batch = 32,
                                          .stop = {.nmse = 0.0, .steps = 7},
                                          .curve_every = 3,
                                          .progress = [&](const CloneProgress& now) { steps.push_back(now.step); }});
  EXPECT_EQ(steps, (std::vector<std::int64_t>{0, 3, 6, 7}));
  EXPECT_EQ(result.curve.size(), steps.size());
}

TEST(CloneSources, OfDatasetsLeaveWhatTheyDoNotShow) {
  // Images whose left column is always 0: no source but one that moves or disturbs them says what it does.
  const LayerFamily teacher = plain(4);
  const Tensor mask = from_vector(std::vector<float>{0, 1, 1, 1, 0, 1, 1, 1, 0, 1, 1, 1, 0, 1, 1, 1});
  const Tensor dataset = reshape(normal({300, 16}, key) * mask, {300, 1, 16});
  const auto error_on_noise = [&](InputSource source) {
    const auto student = student_of(StudentKind::linear, teacher, CloneMode::fixed_tau);
    const CloneResult result = clone_layer(*student, teacher,
                                           {.mode = CloneMode::fixed_tau,
                                            .source = source,
                                            .dataset = dataset,
                                            .sigma = 0.5,
                                            .batch = 128,
                                            .optimizer = CloneOptimizer::sgd,
                                            .learning_rate = 0.3,
                                            .stop = {.nmse = 1e-8, .steps = 300}});
    EXPECT_EQ(result.reason, StopReason::converged) << to_string(source);
    return clone_error([&](const Tensor& x) { return student->apply(flatten(x, 1, 2)); },
                       [&](const Tensor& x) { return flatten(teacher.apply(x, result.taus.front()), 1, 2); },
                       normal({200, 1, 16}, key.split(9)))
        .nmse;
  };
  EXPECT_LT(error_on_noise(InputSource::noise), 1e-6);
  EXPECT_LT(error_on_noise(InputSource::dataset_noise), 1e-6);
  EXPECT_LT(error_on_noise(InputSource::orbit_augmented), 1e-6);
  EXPECT_GT(error_on_noise(InputSource::dataset), 0.05);
}

TEST(CloneBlocks, LearnEveryLayerOfAStack) {
  const LayerFamily teacher = plain(4);
  for (const CloneMode mode : {CloneMode::fixed_tau, CloneMode::conditional}) {
    const bool fixed = mode == CloneMode::fixed_tau;
    const StudentKind kind = fixed ? StudentKind::linear : StudentKind::hyper_linear;
    std::vector<BlockStage> stages;
    for (const Channels channels : {Channels{1, 2}, Channels{2, 2}})
      stages.push_back({teacher, channels, make_student(kind, student_sizes(teacher, mode, channels), key)});
    const CloneResult result = clone_block(
        stages, {.mode = mode, .batch = 64, .learning_rate = 1e-2, .stop = {.nmse = fixed ? 0.03 : 0.2, .steps = 400}});
    EXPECT_EQ(result.reason, StopReason::converged) << to_string(mode) << " ends at " << result.nmse;
    EXPECT_EQ(result.taus.size(), fixed ? 2u : 0u);
  }
}

TEST(CloneLogits, DistilsANetworkOnNoise) {
  const auto teacher = mlp(6, {12}, 4, key.split(1)), student = mlp(6, {24}, 4, key.split(2));
  const CloneOptions options{.batch = 128, .learning_rate = 1e-2, .stop = {.nmse = 0.03, .steps = 500}};
  const CloneResult result = clone_logits(*student, *teacher, {1, 6}, options);
  EXPECT_EQ(result.reason, StopReason::converged) << result.nmse;
  const auto other = mlp(6, {24}, 3, key);
  expect_error([&] { clone_logits(*other, *teacher, {1, 6}, options); }, {"[128, 3]", "[128, 4]"});
  expect_error([&] { clone_logits(*student, *teacher, {1, 6}, options, 0); }, {"temperature is 0"});
  expect_error(
      [&] {
        clone_logits(*student, *teacher, {1, 6}, {.source = InputSource::orbit_augmented, .dataset = zeros({2, 1, 6})});
      },
      {"no group moves"});
}

TEST(CloneErrors, SayWhatDoesNotFit) {
  const LayerFamily teacher = plain(4);
  const auto hyper = student_of(StudentKind::hyper_linear, teacher, CloneMode::conditional);
  const auto linear = student_of(StudentKind::linear, teacher, CloneMode::fixed_tau);
  const auto refused = [&](Student& student, const CloneOptions& options,
                           std::initializer_list<std::string_view> words) {
    expect_error([&] { clone_layer(student, teacher, options); }, words);
  };
  constexpr CloneMode fixed = CloneMode::fixed_tau;
  refused(*make_student(StudentKind::linear, {15, 16}, key), {.mode = fixed},
          {"[clone_layer]", "15 -> 16", "16 -> 16", "student_sizes"});
  refused(*make_student(StudentKind::hyper_linear, {16, 16, 8}, key), {}, {"with 8 taps", "with 9"});
  refused(*linear, {.mode = CloneMode::conditional}, {"conditional", "sees tau", "linear"});
  refused(*hyper, {.mode = CloneMode::marginal}, {"does not see tau", "hyper_linear"});
  refused(*hyper, {.channels = {1, 2}}, {"one pair of channels", "1 -> 2"});
  refused(*linear, {.mode = fixed, .tau = zeros({1, 1, 8})}, {"tau must be", "[1, 1, 9]", "[1, 1, 8]"});
  refused(*linear, {.mode = fixed, .tau = zeros({1, 1, 9})}, {"all 0 in step 0"});
  refused(*linear, {.mode = fixed, .sigma = -1}, {"sigma is -1"});
  refused(*linear, {.mode = fixed, .batch = 0}, {"batch is 0"});
  refused(*linear, {.mode = fixed, .stop = {.steps = -1}}, {"stop.steps is -1"});
  refused(*linear, {.mode = fixed, .stop = {.patience = 0}}, {"patience is 0"});
  refused(*linear, {.mode = fixed, .learning_rate = std::numeric_limits<double>::quiet_NaN()}, {"learning rate"});
  refused(*linear, {.mode = fixed, .curve_every = 0}, {"curve_every is 0"});
  refused(*linear, {.mode = fixed, .source = InputSource::dataset}, {"reads a dataset", "[1, 16]"});
  refused(*linear, {.mode = fixed, .source = InputSource::dataset, .dataset = zeros({3, 16})}, {"[1, 16]", "[3, 16]"});
  refused(*linear, {.mode = fixed, .optimizer = CloneOptimizer::sgd, .learning_rate = 50}, {"in step", "Lower"});
  refused(*make_student(StudentKind::linear_relu, {16, 16}, key), {.mode = fixed}, {"include_activation"});
  refused(*student_of(StudentKind::relu_mlp, teacher, fixed), {.mode = fixed, .optimizer = CloneOptimizer::sgd},
          {"no known best rate"});
  const auto held = student_of(StudentKind::linear, teacher, fixed);
  held->parameters().front().set_requires_grad(false);
  refused(*held, {.mode = fixed}, {"weight is held"});
  refused(*linear, {.mode = fixed, .source = InputSource::dataset, .dataset = zeros({0, 1, 16})},
          {"one or more", "[0,"});
  expect_error([] { clone_mode_by_name("fixed"); }, {"clone mode", "\"fixed_tau\""});
  expect_error([] { input_source_by_name("datset"); }, {"input source", "\"dataset\""});
  expect_error([] { optimal_learning_rate({16, 16}, 0); }, {"batch of 0"});
  expect_error([] { clone_block({}); }, {"no stages"});
  expect_error([&] { clone_block({{teacher, {}, hyper}, {plain(3), {}, hyper}}); }, {"does not fit"});
  const auto smaller = student_of(StudentKind::hyper_linear, plain(3), CloneMode::conditional);
  expect_error([&] { clone_block({{teacher, {}, hyper}, {plain(3), {}, smaller}}); }, {"stage 1", "[N, 1, 9]"});
}

}  // namespace
}  // namespace orbitgrad::models
