// Group averaging: a projection onto equivariant maps, the orthogonal split of the risk, the Monte-Carlo estimate.
#include "models/baselines/group_average.hpp"

#include "engine/autograd/grad.hpp"
#include "engine/ops/indexing.hpp"
#include "engine/ops/reduction.hpp"
#include "engine/ops/shape_ops.hpp"
#include "tests/models/baselines_support.hpp"

namespace orbitgrad::models {
namespace {

using namespace testing_support;

class LatticeSymmetryOf : public EveryLatticeGroup {};
class GroupAverageOf : public EveryLatticeGroup {};
INSTANTIATE_TEST_SUITE_P(Baselines, LatticeSymmetryOf, every_lattice_group, group_name);
INSTANTIATE_TEST_SUITE_P(Baselines, GroupAverageOf, every_lattice_group, group_name);

TEST_P(LatticeSymmetryOf, MovesEverySampleByItsOwnElement) {
  const int order = group_.order();
  const Tensor planar = images(2 * order), regular = normal({2 * order, 3, order, 4, 4}, baseline_key);
  const Tensor g = random_elements(2 * order, group_, baseline_key);
  for (const auto& [x, how] :
       {std::pair(planar, Representation::planar), std::pair(regular, Representation::regular)}) {
    const Tensor moved = act_each(x, how, group_, g);
    const auto elements = g.to_vector<std::int64_t>();
    for (std::int64_t i = 0; i < x.size(0); ++i)
      EXPECT_TRUE(same_bits(
          narrow(moved, 0, i, 1),
          nn::transform(narrow(x, 0, i, 1), how, group_, static_cast<int>(elements[static_cast<std::size_t>(i)]))));
    EXPECT_TRUE(same_bits(act_each_inverse(moved, how, group_, g), x));
  }
  EXPECT_TRUE(same_bits(act_each(planar, Representation::invariant, group_, g), planar));
}

TEST(LatticeSymmetry, RefusesWhatCannotMove) {
  const auto p4 = groups::lattice_group("p4");
  const Tensor x = images(3);
  const auto planar = Representation::planar;
  expect_error([&] { poses(zeros({2, 1, 4, 5}), planar, p4); }, {"[poses]", "[2, 1, 4, 5]", "square", "pm"});
  EXPECT_EQ(poses(zeros({2, 1, 4, 5}), planar, groups::lattice_group("p2")).size(), 2U);
  expect_error([&] { poses(zeros({4, 4}), planar, p4); }, {"[4, 4]", "batch"});
  expect_error([&] { act_each(x, planar, p4, zeros({2}, DType::int64)); }, {"[act_each]", "[3]", "[2]"});
  expect_error([&] { act_each(x, planar, p4, zeros({3})); }, {"int64 [3]", "float32"});
  expect_error([&] { act_each(x, planar, p4, full({3}, 4, DType::int64)); }, {"[act_each]", "4"});
  expect_error([&] { weighted_sum(zeros({3, 4}), {zeros({3, 2})}); }, {"[weighted_sum]", "[3, 4]"});
}

TEST_P(GroupAverageOf, IsInvariantAndEquivariant) {
  const Tensor x = images(3, 6);
  GroupAveraged logits(plain_network(36, 4), invariant_), maps(plain_convolution(2), planar_);
  EXPECT_LT(error([&](const Tensor& z) { return logits(z); }, x, Representation::invariant), 1e-13);
  EXPECT_LT(error([&](const Tensor& z) { return maps(z); }, x, Representation::planar), 1e-13);
}

TEST_P(GroupAverageOf, IsAProjectionThatKeepsEquivariantMaps) {
  const Tensor x = images(3, 6);
  const auto f = map_of(plain_network(36, 4));
  const TensorMap averaged = [&](const Tensor& z) { return group_average(f, z, invariant_); };
  expect_near(group_average(averaged, x, invariant_), averaged(x), 1e-13);

  const auto planar = map_of(plain_convolution(2));
  const TensorMap symmetric = [&](const Tensor& z) { return group_average(planar, z, planar_); };
  expect_near(group_average(symmetric, x, planar_), symmetric(x), 1e-13);
  const LatticeSymmetry lifted{group_, Representation::planar, Representation::regular};
  nn::LiftConv2d lift(group_, 1, 2, 3, baseline_key, {}, {.dtype = DType::float64});
  expect_near(group_average([&](const Tensor& z) { return lift(z); }, x, lifted), lift(x), 1e-12);
}

// E|f - t|^2 = E|Pf - t|^2 + E|f - Pf|^2 on a set closed under G, for an equivariant target t (Elesedy and Zaidi).
TEST_P(GroupAverageOf, SplitsTheRiskOrthogonally) {
  const Tensor x = concat(poses(images(4), Representation::planar, group_), 0);
  const auto squares = [](const Tensor& d) { return sum(d * d).item() / static_cast<double>(d.size(0)); };
  const auto check = [&](const TensorMap& f, const TensorMap& target, const LatticeSymmetry& symmetry) {
    const Tensor average = group_average(f, x, symmetry), y = group_average(target, x, symmetry), value = f(x);
    const double risk = squares(value - y), of_average = squares(average - y), excess = squares(value - average);
    EXPECT_NEAR(risk, of_average + excess, 1e-12 * risk);
    if (group_.order() > 1) {
      EXPECT_GT(excess, 1e-3 * risk);
    }
  };
  check(map_of(plain_network(25, 3, 50)), map_of(plain_network(25, 3, 51)), invariant_);
  check(
      map_of(plain_convolution(2)),
      [](const Tensor& z) {
        return concat(std::vector{z * z, z}, 1);
      },
      planar_);
}

TEST_P(GroupAverageOf, SamplesEstimateItWithoutBias) {
  const Tensor x = images(2, 4);
  const auto f = map_of(plain_network(16, 3));
  const Tensor exact = group_average(f, x, invariant_);
  const Tensor one = sampled_group_average(f, x, invariant_, 1, baseline_key);
  constexpr std::int64_t samples = 600;
  const Tensor many = sampled_group_average(f, x, invariant_, samples, baseline_key);
  expect_near(many, exact, 6 * max(absolute(f(x))).item() / std::sqrt(static_cast<double>(samples)));
  if (group_.order() > 1) {
    EXPECT_GT(max(absolute(one - exact)).item(), max(absolute(many - exact)).item());
  }
  // Of an equivariant map every sample is exact.
  const TensorMap averaged = [&](const Tensor& z) { return group_average(f, z, invariant_); };
  expect_near(sampled_group_average(averaged, x, invariant_, 2, baseline_key), exact, 1e-13);
}

TEST_P(GroupAverageOf, SamplesInTrainingOnly) {
  const auto network = plain_network(16, 3);
  GroupAveraged exact(network, invariant_), sampled(network, invariant_, 1);
  const Tensor x = images(8, 4);
  EXPECT_TRUE(same_bits(sampled(x), exact(x)));
  const nn::Pass training{.training = true, .key = baseline_key};
  EXPECT_TRUE(same_bits(sampled(x, training), sampled(x, training)));
  EXPECT_EQ(same_bits(sampled(x, training), exact(x, training)), group_.order() == 1);
}

// Equi-tuning: the gradient of a loss of P f is the mean of the gradients of its poses.
TEST_P(GroupAverageOf, HasTheMeanGradient) {
  const auto network = plain_network(16, 3);
  GroupAveraged averaged(network, invariant_);
  const Tensor x = images(2, 4), weight = network->parameters()[0];
  const Tensor gradient = grad({sum(averaged(x))}, {weight})[0];
  Tensor expected = zeros_like(weight);
  for (const Tensor& pose : poses(x, Representation::planar, group_))
    expected = expected + grad({sum((*network)(pose))}, {weight})[0] / static_cast<double>(group_.order());
  expect_near(gradient, expected, 1e-13);
}

TEST(GroupAverage, RefusesBadCounts) {
  const LatticeSymmetry p4{groups::lattice_group("p4")};
  expect_error([&] { sampled_group_average(map_of(plain_network(25, 2)), images(1), p4, 0, baseline_key); },
               {"[sampled_group_average]", "got 0"});
  expect_error([&] { GroupAveraged(plain_network(25, 2), p4, -1); }, {"[GroupAveraged]", "-1"});
}

}  // namespace
}  // namespace orbitgrad::models
