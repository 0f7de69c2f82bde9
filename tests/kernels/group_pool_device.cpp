#include "kernels/group_pool/group_pool.hpp"

#include "tests/kernels/buffer.hpp"
#include "tests/kernels/device_map.hpp"

namespace orbitgrad::testing {
namespace {

using kernels::GroupPoolProblem;
using kernels::testing::check_every_version;
using kernels::testing::map_on_device;
using kernels::testing::maximum_on_device;

/// `cosets` disjoint cosets of `size` elements: element cosets u + k is member u of coset k.
std::vector<std::int32_t> disjoint_cosets(std::int32_t cosets, std::int32_t size) {
  std::vector<std::int32_t> table;
  for (std::int32_t k = 0; k < cosets; ++k)
    for (std::int32_t u = 0; u < size; ++u) table.push_back(cosets * u + k);
  return table;
}

template <class T>
class GroupPoolDeviceTest : public ::testing::Test {};
using Types = ::testing::Types<float, double>;
TYPED_TEST_SUITE(GroupPoolDeviceTest, Types);

TYPED_TEST(GroupPoolDeviceTest, EveryVersionMatchesTheCpu) {
  using T = TypeParam;
  const auto halves = disjoint_cosets(2, 4), many = disjoint_cosets(150, 2);
  const std::vector<std::int32_t> overlapping = {0, 1, 1, 2, 3, 0}, partial = {4, 1};
  const GroupPoolProblem problems[] = {GroupPoolProblem::whole_group(3, 8, 49), GroupPoolProblem::whole_group(2, 4, 1),
                                       GroupPoolProblem::whole_group(1, 1, 1),  GroupPoolProblem::whole_group(0, 8, 4),
                                       GroupPoolProblem::whole_group(2, 8, 0),  {3, 8, 35, 2, 4, halves.data()},
                                       {2, 300, 2, 150, 2, many.data()},  // a table too large for an argument
                                       {3, 4, 5, 3, 2, overlapping.data()},     {3, 6, 5, 1, 2, partial.data()}};
  for (const GroupPoolProblem& p : problems) {
    const auto inputs = static_cast<std::size_t>(p.outer * p.elements * p.pixels);
    const auto outputs = static_cast<std::size_t>(p.outer * p.cosets * p.pixels);
    auto x = random_values<T>(static_cast<std::int64_t>(inputs), 1);
    const auto dy = random_values<T>(static_cast<std::int64_t>(outputs), 2);
    std::vector<T> mean(outputs), maximum(outputs), to_maximum(inputs), to_mean(inputs);
    std::vector<std::int64_t> index(outputs);
    kernels::cpu::group_mean_forward(p, x.data(), mean.data());
    kernels::cpu::group_mean_adjoint(p, dy.data(), to_mean.data());
    check_every_version<kernels::GroupMeanForward<T>>(
        p, [&](const auto& version) { return map_on_device<T>(version, p, outputs, x); }, mean, 0);
    check_every_version<kernels::GroupMeanAdjoint<T>>(
        p, [&](const auto& version) { return map_on_device<T>(version, p, inputs, dy); }, to_mean, 0);

    for (std::size_t i = 0; i < inputs; i += 3) x[i] = T(0.5);  // ties
    if (inputs > 20) x[20] = std::numeric_limits<T>::quiet_NaN();
    kernels::cpu::group_max_forward(p, x.data(), maximum.data(), index.data());
    kernels::cpu::group_max_backward(p, dy.data(), index.data(), to_maximum.data());
    auto with_winners = maximum;
    for (const std::int64_t winner : index) with_winners.push_back(static_cast<T>(winner));
    check_every_version<kernels::GroupMaxForward<T>>(
        p, [&](const auto& version) { return maximum_on_device<T>(version, p, outputs, x); }, with_winners, 0);
    check_every_version<kernels::GroupMaxBackward<T>>(
        p, [&](const auto& version) { return map_on_device<T>(version, p, inputs, dy, index); }, to_maximum, 0);
  }
}

TEST(GroupPoolDevice, OverlappingCosetsAreNotLeftToTheTableOfCosets) {
  const std::vector<std::int32_t> overlapping = {0, 1, 1, 2};
  const GroupPoolProblem p{1, 3, 1, 2, 2, overlapping.data()};
  const auto* best = kernels::Registry<kernels::GroupMeanAdjoint<float>>::best(kernels::DeviceKind::sim, p);
  ASSERT_NE(best, nullptr);
  EXPECT_EQ(best->name, "all_cosets");
}

}  // namespace
}  // namespace orbitgrad::testing
