// Networks on hexagons: a picture turned by any of the 12 elements gives the turned features, bit for bit.
#include "engine/ops/hexagonal.hpp"
#include "nn/check_equivariance.hpp"
#include "nn/layers.hpp"
#include "nn/to_plain.hpp"
#include "tests/nn/support.hpp"

namespace orbitgrad::nn {
namespace {

using testing_support::expect_error;

TEST(Hexagonal, ANetworkTurnsItsFeaturesWithThePicture) {
  if (default_device() != DeviceKind::cpu) GTEST_SKIP() << "bits are promised by name there";
  const groups::LatticeGroup p6m = groups::lattice_group("p6m");
  Sequential network;
  network.add<LiftConv2d>("lift", p6m, 2, 4, 3, RandomKey{1});
  network.add<Relu>("relu");
  network.add<GroupConv2d>("group", p6m, 4, 3, 3, RandomKey{2}, GroupConv2dOptions{.stride = 2, .padding = 1});
  network.add<FibreLinear>("fibre", p6m.group, 3, 3, RandomKey{3}, FibreLinearOptions{"irrep_blocks"});
  const Tensor x = image_to_hexagonal(normal({2, 2, 16, 16}, RandomKey{4}), 7);
  EXPECT_EQ(network(x).shape(), (Shape{2, 3, 12, 7, 7}));
  EXPECT_LE(check_equivariance(network, x, p6m).max_relative_error(), 1e-6);
  Sequential exact;
  exact.add<LiftConv2d>("lift", p6m, 2, 4, 3, RandomKey{1});
  exact.add<Relu>("relu");
  exact.add<GroupConv2d>("group", p6m, 4, 3, 5, RandomKey{2});
  exact.add<GroupPool>("pool");
  EXPECT_TRUE(check_equivariance(exact, x, p6m).is_exact());
  expect_error([&] { to_plain(exact); }, {"LiftConv2d over p6m", "hexagons"});
}

}  // namespace
}  // namespace orbitgrad::nn
