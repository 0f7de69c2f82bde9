// Distillation against hand formulas, the REMUL penalty with its second derivatives, GradNorm against its definition.
#include <cmath>

#include "engine/autograd/grad.hpp"
#include "engine/autograd/gradcheck.hpp"
#include "engine/ops/elementary.hpp"
#include "engine/ops/indexing.hpp"
#include "engine/ops/matmul.hpp"
#include "engine/ops/normalization.hpp"
#include "engine/ops/reduction.hpp"
#include "engine/ops/shape_ops.hpp"
#include "engine/ops/statistics.hpp"
#include "models/baselines/distillation.hpp"
#include "models/baselines/group_average.hpp"
#include "models/baselines/remul.hpp"
#include "nn/loss.hpp"
#include "tests/models/baselines_support.hpp"

namespace orbitgrad::models {
namespace {

using namespace testing_support;

Tensor logits_of(std::uint64_t stream) {
  return normal({6, 5}, baseline_key.split(stream), 0, 2, DType::float64).set_requires_grad();
}
Tensor some_labels() { return random_integers({6}, baseline_key, 5); }

// dL/ds = ((1 - a) (softmax(s) - onehot(y)) + a T (softmax(s/T) - softmax(t/T))) / N.
TEST(Distillation, HasTheGradientOfItsFormula) {
  const Tensor s = logits_of(1), t = logits_of(2), labels = some_labels();
  for (const double a : {0.0, 0.3, 0.9, 1.0})
    for (const double temperature : {1.0, 4.0}) {
      const Tensor loss = distillation_loss(s, t, labels, {.teacher_share = a, .temperature = temperature});
      const Tensor hard = softmax(s, 1) - one_hot(labels, 5, DType::float64);
      const Tensor soft = softmax(s / temperature, 1) - softmax(t / temperature, 1);
      expect_near(grad({loss}, {s})[0], (hard * (1 - a) + soft * (a * temperature)) / 6.0, 1e-14);
      EXPECT_FALSE(grad({loss}, {t}, {.allow_unused = true})[0].defined());
    }
}

TEST(Distillation, IsZeroForTheTeacherAndCrossEntropyAtTheEnds) {
  const Tensor s = logits_of(1), t = logits_of(2), labels = some_labels();
  EXPECT_NEAR(distillation_loss(t, t, labels, {.teacher_share = 1}).item(), 0, 1e-14);
  EXPECT_GT(distillation_loss(s, t, labels, {.teacher_share = 1}).item(), 0.1);
  expect_near(distillation_loss(s, t, labels, {.teacher_share = 0}), nn::cross_entropy(s, labels), 1e-14);
}

TEST(Distillation, OverTheOrbitTurnsEachImage) {
  const LatticeSymmetry p4{groups::lattice_group("p4")};
  const auto student = map_of(plain_network(25, 5));
  const Tensor x = images(6), t = logits_of(2), labels = some_labels();
  const Tensor g = random_elements(6, p4.group, baseline_key);
  expect_near(orbit_distillation_loss(student, x, t, labels, p4, baseline_key),
              distillation_loss(student(act_each(x, Representation::planar, p4.group, g)), t, labels), 1e-14);
  // For an invariant student the orbit changes nothing.
  const TensorMap invariant = [&](const Tensor& z) { return group_average(student, z, p4); };
  expect_near(orbit_distillation_loss(invariant, x, t, labels, p4, baseline_key),
              distillation_loss(invariant(x), t, labels), 1e-13);
}

TEST(Distillation, FeaturesMatchThroughALinearMap) {
  FeatureMatching matching(12, 7, baseline_key, DType::float64);
  const Tensor s = normal({4, 3, 2, 2}, baseline_key, 0, 1, DType::float64).set_requires_grad();
  const Tensor t = normal({4, 7}, baseline_key.split(1), 0, 1, DType::float64).set_requires_grad();
  const Tensor loss = matching.loss(s, t);
  const Tensor projected = (*matching.children()[0].second)(reshape(s, {4, 12}));
  expect_near(loss, mean(square(projected - t)), 1e-14);
  loss.backward();
  EXPECT_TRUE(s.grad().defined() && matching.parameters()[0].grad().defined() && !t.grad().defined());
  expect_error([&] { matching.loss(zeros({4, 12}, DType::float64), zeros({4, 8}, DType::float64)); }, {"[mse]"});
}

TEST(Distillation, RefusesBadArguments) {
  const Tensor s = logits_of(1), labels = some_labels();
  expect_error([&] { distillation_loss(s, s, labels, {.teacher_share = 1.5}); }, {"[distillation_loss]", "1.5"});
  expect_error([&] { distillation_loss(s, s, labels, {.temperature = 0}); }, {"temperature is 0"});
  expect_error([&] { distillation_loss(s, zeros({6, 4}, DType::float64), labels); }, {"[6, 5]", "[6, 4]"});
  const auto p4 = groups::lattice_group("p4");
  const LatticeSymmetry planar{p4, Representation::planar, Representation::planar};
  expect_error(
      [&] { orbit_distillation_loss(map_of(plain_convolution(1)), images(6), s, labels, planar, baseline_key); },
      {"invariant"});
}

class RemulOf : public EveryLatticeGroup {};
INSTANTIATE_TEST_SUITE_P(Baselines, RemulOf, every_lattice_group, group_name);

TEST_P(RemulOf, IsZeroForEquivariantMapsOnly) {
  const Tensor x = images(8, 6), g = random_elements(8, group_, baseline_key);
  const auto f = map_of(plain_network(36, 4)), maps = map_of(plain_convolution(2));
  const TensorMap average = [&](const Tensor& z) { return group_average(f, z, invariant_); };
  const TensorMap average_maps = [&](const Tensor& z) { return group_average(maps, z, planar_); };
  EXPECT_LT(equivariance_loss(average, x, average(x), invariant_, g).item(), 1e-26);
  EXPECT_LT(equivariance_loss(average_maps, x, average_maps(x), planar_, g).item(), 1e-26);
  EXPECT_LT(distance_from_average(average, x, invariant_), 1e-26);
  EXPECT_LT(distance_from_average(average_maps, x, planar_, 3, baseline_key), 1e-26);
  if (group_.order() == 1) return;
  EXPECT_GT(equivariance_loss(f, x, f(x), invariant_, g).item(), 1e-3);
  EXPECT_GT(equivariance_loss(maps, x, maps(x), planar_, g).item(), 1e-3);
  EXPECT_GT(distance_from_average(f, x, invariant_), 1e-3);
}

// Over all pairs of elements, E|f(g x) - f(x)|^2 = 2 E|f - Pf|^2 for x uniform on an orbit.
TEST_P(RemulOf, MeasuresTwiceTheDistanceFromTheAverage) {
  const std::int64_t order = group_.order();
  const Tensor orbit = concat(poses(images(2), Representation::planar, group_), 0);  // |G| 2 images
  const auto f = map_of(plain_network(25, 3));
  Tensor penalty = zeros({}, DType::float64);
  for (std::int64_t g = 0; g < order; ++g)
    penalty = penalty + equivariance_loss(f, orbit, f(orbit), invariant_,
                                          full({2 * order}, static_cast<double>(g), DType::int64));
  const Tensor off = f(orbit) - group_average(f, orbit, invariant_);
  EXPECT_NEAR(penalty.item() / static_cast<double>(order), 2 * mean(off * off).item(), 1e-13);
  EXPECT_NEAR(distance_from_average(f, orbit, invariant_), mean(off * off).item() / mean(square(f(orbit))).item(),
              1e-13);
}

TEST_P(RemulOf, HasSecondDerivatives) {
  const Tensor x = images(3, 4), g = random_elements(3, group_, baseline_key);
  const auto penalty = [&](const std::vector<Tensor>& in) {
    const TensorMap f = [&](const Tensor& z) {
      return tanh(flatten(z * in[0] + conv2d(z, in[1], {}, {.padding = 1}), 1));
    };
    return equivariance_loss(f, x, f(x), invariant_, g);
  };
  const std::vector<Tensor> weights{normal({4, 4}, baseline_key, 0, 1, DType::float64).set_requires_grad(),
                                    normal({1, 1, 3, 3}, baseline_key, 0, 1, DType::float64).set_requires_grad()};
  EXPECT_TRUE(gradcheck(penalty, weights));
  EXPECT_TRUE(gradgradcheck(penalty, weights));
}

TEST(Remul, TakesTheTargetOfTheTaskAndAnotherLoss) {
  const LatticeSymmetry p4{groups::lattice_group("p4")};
  const auto f = map_of(plain_network(25, 4));
  const Tensor x = images(6), y = logits_of(3), g = random_elements(6, p4.group, baseline_key);
  const Tensor target = narrow(y, 1, 0, 4), moved = act_each(x, Representation::planar, p4.group, g);
  expect_near(equivariance_loss(f, x, target, p4, g), nn::mse(f(moved), target), 1e-14);
  const Loss l1 = [](const Tensor& a, const Tensor& b) { return nn::l1(a, b); };
  expect_near(equivariance_loss(f, x, target, p4, g, l1), nn::l1(f(moved), target), 1e-14);
}

/// Two losses of shared weights, of unlike sizes.
struct TwoTasks {
  Tensor shared = normal({4, 3}, baseline_key, 0, 1, DType::float64).set_requires_grad();
  Tensor x = normal({3, 5}, baseline_key.split(1), 0, 1, DType::float64);
  std::vector<Tensor> losses(double scale = 100) const {
    const Tensor y = matmul(shared, x);
    return {mean(square(y)), mean(square(tanh(y) - 0.3)) * scale};
  }
};

// The step is the gradient of sum_i |G_i - G r_i^a|, here by a second derivative through the norms.
TEST(GradNorm, DescendsItsObjective) {
  const TwoTasks tasks;
  constexpr double asymmetry = 0.7, rate = 1e-3;
  GradNorm balance(2, {.asymmetry = asymmetry, .learning_rate = rate});
  balance.update(tasks.losses(40), {tasks.shared});  // sets the first losses
  const auto before = balance.weights();
  const auto losses = tasks.losses();
  balance.update(losses, {tasks.shared});

  Tensor w = from_vector(before).set_requires_grad();
  std::vector<Tensor> norms;
  for (int i = 0; i < 2; ++i) {
    const Tensor weighted = losses[static_cast<std::size_t>(i)] * select(w, 0, i);
    norms.push_back(norm(grad({weighted}, {tasks.shared}, {.create_graph = true})[0]));
  }
  const double first[2] = {tasks.losses()[0].item(), tasks.losses(40)[1].item()};
  const double ratio[2] = {losses[0].item() / first[0], losses[1].item() / first[1]};
  const double average = (ratio[0] + ratio[1]) / 2;
  const Tensor common = ((norms[0] + norms[1]) / 2.0).detach();
  Tensor objective = zeros({}, DType::float64);
  for (int i = 0; i < 2; ++i)
    objective =
        objective + absolute(norms[static_cast<std::size_t>(i)] - common * std::pow(ratio[i] / average, asymmetry));
  const Tensor slope = grad({objective / common}, {w})[0];
  const Tensor stepped = w.detach() - slope * rate;
  expect_near(from_vector(balance.weights()), stepped * (2.0 / sum(stepped).item()), 1e-12);
}

TEST(GradNorm, BringsTheGradientsToOneSize) {
  const TwoTasks tasks;
  GradNorm balance(2, {.asymmetry = 0});
  const auto sizes = [&] {
    std::vector<double> result;
    const auto losses = tasks.losses();
    for (std::size_t i = 0; i < 2; ++i)
      result.push_back(balance.weights()[i] *
                       norm(grad({losses[i]}, {tasks.shared}, {.retain_graph = true})[0]).item());
    return result;
  };
  const auto before = sizes();
  EXPECT_GT(before[1], 4 * before[0]);
  for (int step = 0; step < 400; ++step) balance.update(tasks.losses(), {tasks.shared});
  const auto after = sizes();
  EXPECT_NEAR(after[1] / after[0], 1, 0.2);
  EXPECT_NEAR(balance.weights()[0] + balance.weights()[1], 2, 1e-12);
  const auto losses = tasks.losses();
  EXPECT_NEAR(balance.total(losses).item(),
              balance.weights()[0] * losses[0].item() + balance.weights()[1] * losses[1].item(), 1e-12);
}

TEST(GradNorm, ResumesFromItsState) {
  const TwoTasks tasks;
  GradNorm straight(2), resumed(2);
  straight.update(tasks.losses(40), {tasks.shared});
  resumed.load_state(snapshot(straight.state()));
  straight.update(tasks.losses(), {tasks.shared});
  resumed.update(tasks.losses(), {tasks.shared});
  EXPECT_EQ(straight.weights(), resumed.weights());
  GradNorm three(3);
  expect_error([&] { three.load_state(straight.state()); }, {"[GradNorm]", "weights"});
}

TEST(GradNorm, SurvivesLossesWithoutGradientOrValue) {
  const TwoTasks tasks;
  GradNorm balance(2);
  const Tensor nothing = sum(tasks.shared * 0.0);
  for (int step = 0; step < 3; ++step) balance.update({nothing, nothing}, {tasks.shared});
  EXPECT_EQ(balance.weights(), (std::vector<double>{1, 1}));
  for (int step = 0; step < 200; ++step) balance.update({tasks.losses()[0], nothing}, {tasks.shared});
  for (const double weight : balance.weights()) EXPECT_TRUE(std::isfinite(weight) && weight > 0) << weight;
  balance.update({tasks.losses()[0], zeros({}, DType::float64)}, {tasks.shared});  // no history at all
}

TEST(GradNorm, RefusesBadLosses) {
  const TwoTasks tasks;
  GradNorm balance(2);
  expect_error([&] { balance.update({tasks.losses()[0]}, {tasks.shared}); }, {"[GradNorm]", "2 losses, got 1"});
  expect_error([&] { static_cast<void>(balance.total({tasks.shared, tasks.shared})); }, {"[4, 3]", "scalars"});
  const Tensor broken = sum(tasks.shared) * std::numeric_limits<double>::infinity();
  expect_error([&] { balance.update({tasks.losses()[0], broken}, {tasks.shared}); }, {"[GradNorm]", "inf"});
  expect_error([] { GradNorm(0); }, {"got 0"});
  expect_error([] { GradNorm(2, {.learning_rate = -1}); }, {"-1"});
}

}  // namespace
}  // namespace orbitgrad::models
