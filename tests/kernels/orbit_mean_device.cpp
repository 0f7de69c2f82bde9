#include "kernels/orbit_mean/orbit_mean.hpp"
#include "tests/kernels/actions.hpp"
#include "tests/kernels/buffer.hpp"
#include "tests/kernels/device_versions.hpp"

namespace orbitgrad::testing {
namespace {

using kernels::OrbitProblem;
using kernels::testing::check_every_version;
using kernels::testing::DeviceArray;

template <class T>
class OrbitMeanDeviceTest : public ::testing::Test {};
using Types = ::testing::Types<float, double>;
TYPED_TEST_SUITE(OrbitMeanDeviceTest, Types);

struct Case {
  Action action;
  std::int64_t batch;
  std::vector<std::int32_t> selected = {};

  OrbitProblem problem() const {
    const auto terms = selected.empty() ? action.elements : static_cast<std::int64_t>(selected.size());
    return OrbitProblem::mean(batch, action.size, terms, action.source.data(),
                              selected.empty() ? nullptr : selected.data());
  }
};

// The sums run in the cpu's order: the same bits.
TYPED_TEST(OrbitMeanDeviceTest, EveryVersionHasTheBitsOfTheCpu) {
  using T = TypeParam;
  const Case cases[] = {{square_action(5), 3},
                        {cyclic_action(1), 1},
                        {square_action(4), 0},
                        {square_action(0), 2},
                        {square_action(5), 5, {6, 1, 1}},
                        {repeated(cyclic_action(40), 4), 9}};
  for (const Case& c : cases) {
    const OrbitProblem p = c.problem();
    const auto x = random_values<T>(p.batch * p.size, 1), z = random_values<T>(p.batch * p.terms * p.size, 2);
    std::vector<T> mean(x.size()), twisted(x.size()), expanded(z.size());
    kernels::cpu::orbit_mean(p, x.data(), mean.data());
    kernels::cpu::twisted_mean(p, z.data(), twisted.data());
    kernels::cpu::orbit_expand(p, x.data(), expanded.data());
    const auto on = [&p](const std::vector<T>& from, std::size_t size) {
      return [&p, &from, size](const auto& version) {
        DeviceArray<T> in(version.device, std::span(from)), out(version.device, size);
        version.launch(p, in.data(), out.data());
        return out.to_host();
      };
    };
    check_every_version<kernels::OrbitMean<T>>(p, on(x, x.size()), mean, 0.0);
    check_every_version<kernels::TwistedMean<T>>(p, on(z, x.size()), twisted, 0.0);
    check_every_version<kernels::OrbitExpand<T>>(p, on(x, z.size()), expanded, 0.0);
  }
}

}  // namespace
}  // namespace orbitgrad::testing
