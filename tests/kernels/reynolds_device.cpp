#include "kernels/reynolds/reynolds.hpp"
#include "tests/kernels/actions.hpp"
#include "tests/kernels/buffer.hpp"
#include "tests/kernels/device_versions.hpp"

namespace orbitgrad::testing {
namespace {

using kernels::ReynoldsProblem;
using kernels::testing::check_every_version;
using kernels::testing::DeviceArray;

template <class T>
class ReynoldsDeviceTest : public ::testing::Test {};
using Types = ::testing::Types<float, double>;
TYPED_TEST_SUITE(ReynoldsDeviceTest, Types);

struct Case {
  Action out, in;

  ReynoldsProblem problem() const { return {out.size, in.size, in.elements, out.source.data(), in.source.data()}; }
};

/// With fixed points, with free orbits, empty, of one entry, and larger than the grid of the penalty.
std::vector<Case> cases() {
  return {{square_action(3), square_action(4)}, {repeated(cyclic_action(6), 2), repeated(cyclic_action(6), 3)},
          {square_action(0), square_action(2)}, {square_action(2), square_action(0)},
          {cyclic_action(1), cyclic_action(1)}, {square_action(7), repeated(square_action(5), 60)}};
}

template <class T>
auto projection(const ReynoldsProblem& p, const std::vector<T>& weight) {
  return [&p, &weight](const auto& version) {
    DeviceArray<T> in(version.device, std::span(weight)), out(version.device, weight.size());
    version.launch(p, in.data(), out.data());
    return out.to_host();
  };
}

TYPED_TEST(ReynoldsDeviceTest, EveryVersionMatchesTheCpu) {
  using T = TypeParam;
  for (const Case& c : cases()) {
    const ReynoldsProblem p = c.problem();
    const auto weight = random_values<T>(p.count(), 1);
    std::vector<T> projected(weight.size()), gradient(weight.size());
    kernels::cpu::reynolds_project(p, weight.data(), projected.data());
    check_every_version<kernels::ReynoldsProject<T>>(p, projection(p, weight), projected, tolerance<T>);

    double value = -1;
    kernels::cpu::reynolds_penalty(p, weight.data(), 0.25, &value, gradient.data());
    for (const bool with_gradient : {true, false}) {
      const auto run = [&](const auto& version) {
        DeviceArray<T> in(version.device, std::span(weight)), out(version.device, weight.size());
        DeviceArray<double> sum(version.device, 1);
        version.launch(p, in.data(), 0.25, sum.data(), with_gradient ? out.data() : nullptr);
        std::vector<double> result = sum.to_host();
        if (!with_gradient) return result;
        for (const T entry : out.to_host()) result.push_back(static_cast<double>(entry));
        return result;
      };
      std::vector<double> expected = {value};
      if (with_gradient) expected.insert(expected.end(), gradient.begin(), gradient.end());
      check_every_version<kernels::ReynoldsPenalty<T>>(p, run, expected, tolerance<T>);
    }
  }
}

// P(W)[i, j] = P(W)[h i, h j] bit for bit, with fixed points too.
TYPED_TEST(ReynoldsDeviceTest, TheProjectionByOrbitsIsEquivariantExactly) {
  using T = TypeParam;
  const Case c{square_action(3), square_action(4)};
  const ReynoldsProblem p = c.problem();
  const auto weight = random_values<T>(p.count(), 2);
  const auto* version =
      kernels::Registry<kernels::ReynoldsProject<T>>::find("orbit_per_thread", kernels::DeviceKind::sim, p);
  ASSERT_NE(version, nullptr);
  const auto projected = projection(p, weight)(*version);
  for (std::int64_t h = 0; h < p.elements; ++h)
    for (std::int64_t i = 0; i < p.count(); ++i)
      EXPECT_EQ(projected[static_cast<std::size_t>(i)],
                projected[static_cast<std::size_t>(reynolds_source(p, h, i / p.cols, i % p.cols))]);
}

}  // namespace
}  // namespace orbitgrad::testing
