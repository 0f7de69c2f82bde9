// The check itself: exact for layers that are equivariant, loud for those that are not.
#include "nn/check_equivariance.hpp"

#include <bit>
#include <limits>

#include "engine/ops/reduction.hpp"
#include "nn/layers.hpp"
#include "tests/nn/support.hpp"

namespace orbitgrad::nn {
namespace {

using namespace testing_support;

const RandomKey key{51};
const GroupConv2dOptions gathered{.implementation = "orbit_gather"};

class EveryGroup : public testing::TestWithParam<const char*> {
 protected:
  groups::LatticeGroup group_ = groups::lattice_group(GetParam());
};

TEST_P(EveryGroup, OrbitGatherLayersAgreeInEveryBit) {
  for (const std::int64_t kernel : {3, 4}) {
    LiftConv2d lift(group_, 2, 3, kernel, key, gathered);
    GroupConv2d group(group_, 3, 2, kernel, key.split(1), gathered);
    const Tensor x = normal({2, 2, 9, 9}, key.split(2));
    const auto lifted = check_equivariance(lift, x, group_);
    EXPECT_TRUE(lifted.is_exact()) << lifted.to_string();
    EXPECT_EQ(lifted.values, lift(x).numel());
    EXPECT_EQ(lifted.elements.size(), static_cast<std::size_t>(group_.order()));
    const auto grouped = check_equivariance(group, lift(x), group_);
    EXPECT_TRUE(grouped.is_exact()) << grouped.to_string();
  }
}

TEST_P(EveryGroup, LayersOfEveryImplementationAgreeUpToRounding) {
  for (const std::string& implementation : group_conv2d_implementations(default_device())) {
    GroupConv2d group(group_, 3, 2, 3, key, {.implementation = implementation});
    const auto report = check_equivariance(group, normal({2, 3, group_.order(), 9, 9}, key), group_);
    EXPECT_LT(report.max_relative_error(), 1e-5) << implementation;
  }
}

TEST_P(EveryGroup, PlainConvolutionIsCaught) {
  Conv2d plain(2, 3, 3, key);
  const auto report = check_equivariance(plain, normal({2, 2, 9, 9}, key), group_);
  EXPECT_EQ(report.elements[0].differing_bits, 0);  // the identity
  for (std::size_t h = 1; h < report.elements.size(); ++h) EXPECT_GT(report.elements[h].relative_error, 0.05);
}

INSTANTIATE_TEST_SUITE_P(Groups, EveryGroup, testing::Values("p2", "p4", "pm", "p4m"));

TEST(CheckEquivariance, PoolingAndNormsAgreeInEveryBit) {
  const auto p4 = groups::lattice_group("p4");
  const Tensor regular = normal({2, 3, 4, 8, 8}, key);
  BatchNorm norm(3);
  norm.set_statistics(from_vector<float>({1, 2, 3}), from_vector<float>({3, 2, 1}));
  MaxPool2d pool;
  GroupPool over_group;
  GlobalPool over_pixels, over_all(PoolKind::max, PoolOver::group_and_pixels);
  EXPECT_TRUE(check_equivariance(norm, regular, p4).is_exact());
  EXPECT_TRUE(check_equivariance(pool, regular, p4).is_exact());
  EXPECT_TRUE(check_equivariance(over_group, regular, p4).is_exact());
  EXPECT_TRUE(check_equivariance(over_all, regular, p4).is_exact());
  EXPECT_TRUE(check_equivariance(over_pixels, regular, p4, Representation::regular_vector).is_exact());
  EXPECT_FALSE(check_equivariance(over_pixels, regular, p4, Representation::invariant).is_exact());
}

TEST(CheckEquivariance, CountsValuesAndBits) {
  const auto pm = groups::lattice_group("pm");
  const Tensor x = from_vector<float>({1, 3}, {1, 1, 1, 2});
  // Twice the first column: 2 before the flip and 6 after it.
  const auto f = [](const Tensor& image) { return image * from_vector<float>({2, 0}); };
  const auto report = check_equivariance(f, x, pm, Representation::planar, Representation::invariant);
  const auto difference = std::bit_cast<std::uint32_t>(2.0F) ^ std::bit_cast<std::uint32_t>(6.0F);
  EXPECT_EQ(report.elements[1].differing_values, 1);
  EXPECT_EQ(report.elements[1].differing_bits, std::popcount(difference));
  EXPECT_EQ(report.differing_bits(), 2);
  EXPECT_DOUBLE_EQ(report.max_relative_error(), 2);
  EXPECT_NE(report.to_string().find("1 of 2"), std::string::npos);
}

TEST(CheckEquivariance, RefusesWhatCannotBeCompared) {
  const auto p4 = groups::lattice_group("p4");
  Conv2d plain(1, 1, 3, key);
  const Tensor wide = normal({1, 1, 5, 7}, key);  // a turned image is as good as any other, but not as an invariant
  expect_error([&] { check_equivariance(plain, wide, p4, Representation::invariant); }, {"[1, 1, 5, 3]", "square"});
  EXPECT_EQ(check_equivariance(plain, wide, p4).values, 15);
  expect_error([&] { check_equivariance(plain, normal({5, 7}, key), p4, Representation::planar); }, {"[5, 7]"});
  const auto broken = [](const Tensor& x) { return x * std::numeric_limits<double>::quiet_NaN(); };
  expect_error(
      [&] {
        check_equivariance(broken, ones({1, 1, 3, 3}), p4, Representation::planar, Representation::planar);
      },
      {"not finite"});
  const auto same = [](const Tensor& x) { return x; };
  expect_error(
      [&] {
        check_equivariance(same, ones({0, 1, 3, 3}), p4, Representation::planar, Representation::planar);
      },
      {"[0, 1, 3, 3]", "no values"});
}

}  // namespace
}  // namespace orbitgrad::nn
