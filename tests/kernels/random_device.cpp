#include "kernels/random/random.hpp"

#include "kernels/dropout/dropout.hpp"
#include "tests/kernels/buffer.hpp"
#include "tests/kernels/device_map.hpp"

namespace orbitgrad::testing {
namespace {

using kernels::RandomProblem;
using kernels::testing::check_every_version;
using kernels::testing::DeviceArray;

template <class T>
class RandomDeviceTest : public ::testing::Test {};
using Types = ::testing::Types<float, double>;
TYPED_TEST_SUITE(RandomDeviceTest, Types);

const std::int64_t counts[] = {0, 1, 2, 3, 4, 5, 257, 2051};

/// version.launch(problem, parameters..., y)
template <class T, class Version, class... Parameter>
std::vector<T> draw(const Version& version, const RandomProblem& p, Parameter... parameters) {
  DeviceArray<T> y(version.device, static_cast<std::size_t>(p.count));
  version.launch(p, parameters..., y.data());
  return y.to_host();
}

TYPED_TEST(RandomDeviceTest, EveryVersionHasTheBitsOfTheCpu) {
  using T = TypeParam;
  for (const std::int64_t count : counts) {
    const RandomProblem p{count, 0x123456789abcdefULL};
    std::vector<T> y(static_cast<std::size_t>(count));
    kernels::cpu::random_uniform(p, -2.0, 5.0, y.data());
    check_every_version<kernels::RandomUniform<T>>(
        p, [&](const auto& version) { return draw<T>(version, p, -2.0, 5.0); }, y, 0);
    kernels::cpu::random_bernoulli(p, 0.3, y.data());
    check_every_version<kernels::RandomBernoulli<T>>(
        p, [&](const auto& version) { return draw<T>(version, p, 0.3); }, y, 0);

    // A GPU has its own logarithm, sine and cosine; the simulator has those of the CPU.
    using Normal = kernels::RandomNormal<T>;
    kernels::cpu::random_normal(p, 1.0, 3.0, y.data());
    check_every_version<Normal>(
        p, [&](const auto& version) { return draw<T>(version, p, 1.0, 3.0); }, y, tolerance<T>);
    for (const auto& version : kernels::Registry<Normal>::all()) {
      const bool same = version.device != kernels::DeviceKind::sim || draw<T>(version, p, 1.0, 3.0) == y;
      EXPECT_TRUE(same) << version.name;
    }

    const auto x = random_values<T>(count, 1);
    for (const double probability : {0.0, 0.25, 1.0}) {
      const kernels::DropoutProblem dropped{count, 77, probability};
      kernels::cpu::dropout(dropped, x.data(), y.data());
      const auto run = [&](const auto& version) {
        return kernels::testing::map_on_device<T>(version, dropped, x.size(), x);
      };
      check_every_version<kernels::Dropout<T>>(dropped, run, y, 0);
    }
  }
}

TEST(RandomDevice, IntegersAndDropoutInPlace) {
  for (const std::int64_t bound : {std::int64_t{1}, std::int64_t{10}, (std::int64_t{1} << 62) + 1}) {
    const RandomProblem p{300, 9};
    std::vector<std::int64_t> y(300);
    kernels::cpu::random_integers(p, bound, y.data());
    const auto run = [&](const auto& version) { return draw<std::int64_t>(version, p, bound); };
    for (const auto& version : kernels::Registry<kernels::RandomIntegers>::all()) {
      const bool same = version.device != kernels::DeviceKind::sim || run(version) == y;
      EXPECT_TRUE(same) << version.name;
    }
    check_every_version<kernels::RandomIntegers>(p, run, y, 0);
  }
  for (const std::int64_t count : {0, 1, 2, 300}) {
    const kernels::RandomProblem p{count, 11};
    std::vector<std::int64_t> y(static_cast<std::size_t>(count));
    kernels::cpu::random_permutation(p, y.data());
    check_every_version<kernels::RandomPermutation>(
        p, [&](const auto& version) { return draw<std::int64_t>(version, p); }, y, 0);
  }
  const auto x = random_values<float>(70, 1);
  const kernels::DropoutProblem p{70, 5, 0.5};
  std::vector<float> y(70);
  kernels::cpu::dropout(p, x.data(), y.data());
  const auto in_place = [&](const auto& version) {
    DeviceArray<float> both(version.device, std::span<const float>(x));
    version.launch(p, both.data(), both.data());
    return both.to_host();
  };
  check_every_version<kernels::Dropout<float>>(p, in_place, y, 0);
}

}  // namespace
}  // namespace orbitgrad::testing
