// Frames: not empty, equivariant, as large as the symmetry of the image; averages over them.
#include "models/baselines/frame_average.hpp"

#include "engine/autograd/gradcheck.hpp"
#include "engine/ops/comparison.hpp"
#include "engine/ops/indexing.hpp"
#include "engine/ops/reduction.hpp"
#include "engine/ops/shape_ops.hpp"
#include "models/baselines/group_average.hpp"
#include "tests/models/baselines_support.hpp"

namespace orbitgrad::models {
namespace {

using namespace testing_support;

/// Without any symmetry of its own: its frames have one element almost surely.
Tensor first_row_mass(const Tensor& x) {
  const Tensor weight = arange(x.size(3), DType::float64);
  return sum(select(x, 2, 0) * weight, {1, 2});
}

class FrameAverageOf : public EveryLatticeGroup {};
INSTANTIATE_TEST_SUITE_P(Baselines, FrameAverageOf, every_lattice_group, group_name);

TEST_P(FrameAverageOf, FramesMoveWithTheImage) {
  for (const TensorMap& statistic : {TensorMap(top_left_mass), TensorMap(first_row_mass)})
    for (const std::int64_t size : {6, 7}) {
      const Tensor x = images(6, size), frame = frame_of(statistic, x, group_);
      EXPECT_GE(min(sum(frame, {1})).item<std::int64_t>(), 1);
      for (int g = 0; g < group_.order(); ++g) {
        std::vector<std::int64_t> source;
        for (int h = 0; h < group_.order(); ++h) source.push_back(group_.group.product(group_.group.inverse(g), h));
        const Tensor moved = frame_of(statistic, nn::transform(x, Representation::planar, group_, g), group_);
        EXPECT_TRUE(same_bits(moved, index_select(frame, 1, from_vector(source))));
      }
    }
}

TEST_P(FrameAverageOf, IsEquivariantAndInEveryBitForOneElement) {
  const Tensor x = images(6, 6);
  FrameAveraged logits(plain_network(36, 4), invariant_), maps(plain_convolution(2), planar_);
  EXPECT_LT(error([&](const Tensor& z) { return logits(z); }, x, Representation::invariant), 1e-13);
  EXPECT_LT(error([&](const Tensor& z) { return maps(z); }, x, Representation::planar), 1e-13);
  ASSERT_EQ(max(sum(frame_of(first_row_mass, x, group_), {1})).item<std::int64_t>(), 1);
  FrameAveraged exact(plain_network(36, 4), invariant_, first_row_mass);
  EXPECT_TRUE(is_exact([&](const Tensor& z) { return exact(z); }, x, Representation::invariant));
  FrameAveraged exact_maps(plain_convolution(2), planar_, first_row_mass);
  EXPECT_TRUE(is_exact([&](const Tensor& z) { return exact_maps(z); }, x, Representation::planar));
}

TEST_P(FrameAverageOf, IsTheDefinition) {
  const Tensor x = images(5, 6), frame = frame_of(top_left_mass, x, group_);
  const auto f = map_of(plain_convolution(2));
  const auto mask = frame.to_vector<bool>();
  const Tensor y = frame_average(f, top_left_mass, x, planar_);
  for (std::int64_t i = 0; i < 5; ++i) {
    Tensor total = zeros({1, 2, 6, 6}, DType::float64);
    double size = 0;
    for (int h = 0; h < group_.order(); ++h) {
      if (!mask[static_cast<std::size_t>(i * group_.order() + h)]) continue;
      const Tensor upright = nn::transform(narrow(x, 0, i, 1), Representation::planar, group_, group_.group.inverse(h));
      total = total + nn::transform(f(upright), Representation::planar, group_, h);
      size += 1;
    }
    expect_near(narrow(y, 0, i, 1), total / size, 1e-13);
  }
}

// With a constant statistic the frame is the whole group, and the average that over the group.
TEST_P(FrameAverageOf, OverTheWholeGroupIsTheGroupAverage) {
  const Tensor x = images(3, 6);
  const auto f = map_of(plain_network(36, 4));
  const TensorMap constant = [](const Tensor& z) { return zeros({z.size(0)}, DType::float64); };
  expect_near(frame_average(f, constant, x, invariant_), group_average(f, x, invariant_), 1e-13);
}

TEST_P(FrameAverageOf, HasExactGradientsWhereTheFrameStays) {
  const auto f = map_of(plain_convolution(2));
  EXPECT_TRUE(gradcheck([&](const auto& in) { return frame_average(f, first_row_mass, in[0], planar_); },
                        {images(2, 4).set_requires_grad()}));
}

TEST(FrameAverage, RefusesWhatHasNoFrame) {
  const LatticeSymmetry p4{groups::lattice_group("p4")};
  const auto f = map_of(plain_network(36, 4));
  expect_error([&] { frame_average(f, map_of(plain_network(36, 1)), images(2, 6), p4); }, {"[frame_of]", "[2, 1]"});
  const Tensor broken = images(2, 6) * std::numeric_limits<double>::quiet_NaN();
  expect_error([&] { frame_average(f, top_left_mass, broken, p4); }, {"[frame_of]", "not a number"});
  expect_error([&] { FrameAveraged(plain_network(36, 4), p4, TensorMap()); }, {"[FrameAveraged]", "empty"});
  expect_error([&] { top_left_mass(zeros({3, 4})); }, {"[top_left_mass]", "[3, 4]"});
}

}  // namespace
}  // namespace orbitgrad::models
