// Layers of volumes: shapes, starts, and a small network that a turned volume does not change, on the cpu in no bit.
#include "nn/convolution3d.hpp"

#include "engine/ops/elementary.hpp"
#include "engine/ops/reduction.hpp"
#include "tests/nn/support.hpp"

namespace orbitgrad::nn {
namespace {

using testing_support::expect_error;

Tensor features(Module& lift, Module& group, const Tensor& x) { return group.forward(relu(lift.forward(x, {})), {}); }

TEST(Convolution3d, ATurnedVolumeGivesTheTurnedFeatures) {
  const groups::VoxelGroup o = groups::voxel_group("O");
  LiftConv3d lift(o, 1, 3, 3, RandomKey{1}, {.padding = 1});
  GroupConv3d group(o, 3, 2, 3, RandomKey{2});
  const Tensor x = normal({2, 1, 5, 5, 5}, RandomKey{3});
  const Tensor y = features(lift, group, x);
  EXPECT_EQ(y.shape(), Shape({2, 2, 24, 3, 3, 3}));
  const auto strongest = max(y, {2, 3, 4, 5}).detach().to_vector<float>();
  for (int h = 0; h < o.order(); ++h) {
    const Tensor turned = max(features(lift, group, act_on_volume(x, o, h)), {2, 3, 4, 5});
    const auto values = turned.detach().to_vector<float>();
    for (std::size_t i = 0; i < values.size(); ++i)
      if (default_device() == DeviceKind::cpu)
        EXPECT_EQ(values[i], strongest[i]) << h;
      else  // the expanded form adds in an order of its own
        EXPECT_NEAR(values[i], strongest[i], 1e-5) << h;
  }
}

TEST(Convolution3d, WeightsStartWithTheVarianceOfTheFanIn) {
  GroupConv3d layer(groups::voxel_group("Oh"), 4, 3, 3, RandomKey{5});
  const auto parameters = layer.named_parameters();
  ASSERT_EQ(parameters.size(), 2u);
  EXPECT_EQ(parameters[0].tensor.shape(), Shape({3, 4, 48, 3, 3, 3}));
  const double variance = mean(square(parameters[0].tensor)).item() * 4 * 48 * 27;
  EXPECT_NEAR(variance, 1, 0.05);
}

TEST(Convolution3d, RefusesEmptySizes) {
  const auto make = [](std::int64_t in, std::int64_t out, std::int64_t groups) {
    return [=] { GroupConv3d(groups::voxel_group("C2"), in, out, 3, RandomKey{1}, {.groups = groups}); };
  };
  expect_error(make(0, 2, 1), {"[GroupConv3d]", "positive sizes"});
  expect_error(make(3, 2, 2), {"groups 2 must divide in 3"});
}

}  // namespace
}  // namespace orbitgrad::nn
