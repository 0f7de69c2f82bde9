#include "kernels/pooling/pooling.hpp"
#include "tests/kernels/buffer.hpp"
#include "tests/kernels/device_map.hpp"

namespace orbitgrad::testing {
namespace {

using kernels::Pool2dProblem;
using kernels::testing::check_every_version;
using kernels::testing::map_on_device;
using kernels::testing::maximum_on_device;

// One element, windows side by side, overlapping, with gaps and padding, larger than a block, windows that meet no
// pixel, and nothing at all.
const Pool2dProblem problems[] = {{1, 1, 1},
                                  {3, 8, 8, 2, 2, 2, 2},
                                  {2, 7, 9, 3, 2, 2, 1, 1, 1},
                                  {5, 5, 6, 2, 2, 3, 4},
                                  {2, 19, 31, 3, 3, 1, 1, 1, 1},
                                  {1, 2, 2, 1, 1, 1, 1, 2, 2},
                                  {0, 4, 4, 2, 2},
                                  {2, 1, 1, 2, 2}};

template <class T>
class PoolingDeviceTest : public ::testing::Test {};
using Types = ::testing::Types<float, double>;
TYPED_TEST_SUITE(PoolingDeviceTest, Types);

TYPED_TEST(PoolingDeviceTest, EveryVersionMatchesTheCpu) {
  using T = TypeParam;
  for (const Pool2dProblem& p : problems) {
    const auto inputs = static_cast<std::size_t>(p.planes * p.height * p.width);
    const auto outputs = static_cast<std::size_t>(p.planes * p.out_height() * p.out_width());
    auto x = random_values<T>(p.planes * p.height * p.width, 1);
    const auto dy = random_values<T>(static_cast<std::int64_t>(outputs), 2);
    for (std::size_t i = 0; i < inputs; i += 3) x[i] = T(0.5);  // ties
    if (inputs > 20) x[20] = std::numeric_limits<T>::quiet_NaN();
    std::vector<T> maximum(outputs), to_maximum(inputs), to_average(inputs);
    std::vector<std::int64_t> index(outputs);
    kernels::cpu::max_pool2d_forward(p, x.data(), maximum.data(), index.data());
    kernels::cpu::max_pool2d_backward(p, dy.data(), index.data(), to_maximum.data());
    kernels::cpu::average_pool2d_adjoint(p, dy.data(), to_average.data());

    auto with_winners = maximum;
    for (const std::int64_t winner : index) with_winners.push_back(static_cast<T>(winner));
    check_every_version<kernels::MaxPool2dForward<T>>(
        p, [&](const auto& version) { return maximum_on_device<T>(version, p, outputs, x); }, with_winners, 0);
    check_every_version<kernels::MaxPool2dBackward<T>>(
        p, [&](const auto& version) { return map_on_device<T>(version, p, inputs, dy, index); }, to_maximum, 0);
    check_every_version<kernels::AveragePool2dAdjoint<T>>(
        p, [&](const auto& version) { return map_on_device<T>(version, p, inputs, dy); }, to_average, tolerance<T>);

    x = random_values<T>(static_cast<std::int64_t>(inputs), 3);
    std::vector<T> average(outputs);
    kernels::cpu::average_pool2d_forward(p, x.data(), average.data());
    check_every_version<kernels::AveragePool2dForward<T>>(
        p, [&](const auto& version) { return map_on_device<T>(version, p, outputs, x); }, average, tolerance<T>);
  }
}

TEST(PoolingDevice, TheIndexMayBeLeftOut) {
  const Pool2dProblem p{2, 6, 6, 2, 2, 2, 2};
  const auto x = random_values<float>(72, 1);
  std::vector<float> y(18);
  kernels::cpu::max_pool2d_forward<float>(p, x.data(), y.data(), nullptr);
  const auto run = [&](const auto& version) {
    kernels::testing::DeviceArray<float> in(version.device, std::span<const float>(x)), out(version.device, 18);
    version.launch(p, in.data(), out.data(), nullptr);
    return out.to_host();
  };
  check_every_version<kernels::MaxPool2dForward<float>>(p, run, y, 0);
}

}  // namespace
}  // namespace orbitgrad::testing
