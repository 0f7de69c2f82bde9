#include "kernels/softmax/softmax.hpp"
#include "tests/kernels/buffer.hpp"
#include "tests/kernels/device_map.hpp"

namespace orbitgrad::testing {
namespace {

using kernels::SoftmaxProblem;
using kernels::testing::map_on_device;

template <class T>
class SoftmaxDeviceTest : public ::testing::Test {};
using Types = ::testing::Types<float, double>;
TYPED_TEST_SUITE(SoftmaxDeviceTest, Types);

// Empty, one element, one row, several blocks of rows, rows longer than a warp, and than a block.
const SoftmaxProblem problems[] = {{0, 7}, {4, 0}, {1, 1}, {3, 1}, {1, 10}, {130, 10}, {5, 33}, {2, 1025}};

template <class T>
std::vector<T> logits(const SoftmaxProblem& p) {
  auto x = random_values<T>(p.rows * p.columns, 1);
  for (T& value : x) value *= 20;
  return x;
}

TYPED_TEST(SoftmaxDeviceTest, EveryVersionMatchesTheCpu) {
  using T = TypeParam;
  for (const SoftmaxProblem& p : problems) {
    const auto x = logits<T>(p), dy = random_values<T>(p.rows * p.columns, 2);
    std::vector<T> y(x.size()), z(x.size()), dx(x.size()), log_dx(x.size());
    kernels::cpu::softmax_forward(p, x.data(), y.data());
    kernels::cpu::log_softmax_forward(p, x.data(), z.data());
    kernels::cpu::softmax_backward(p, y.data(), dy.data(), dx.data());
    kernels::cpu::log_softmax_backward(p, z.data(), dy.data(), log_dx.data());
    const auto map = [&](const auto&... inputs) {
      return [&](const auto& version) { return map_on_device<T>(version, p, x.size(), inputs...); };
    };
    using kernels::testing::check_every_version;
    check_every_version<kernels::SoftmaxForward<T>>(p, map(x), y, tolerance<T>);
    check_every_version<kernels::LogSoftmaxForward<T>>(p, map(x), z, tolerance<T>);
    check_every_version<kernels::SoftmaxBackward<T>>(p, map(y, dy), dx, tolerance<T>);
    check_every_version<kernels::LogSoftmaxBackward<T>>(p, map(z, dy), log_dx, tolerance<T>);
  }
}

TYPED_TEST(SoftmaxDeviceTest, InfinityAndNaNAsOnTheCpu) {
  using T = TypeParam;
  const T infinity = std::numeric_limits<T>::infinity(), nan = std::numeric_limits<T>::quiet_NaN();
  const SoftmaxProblem p{5, 3};
  const std::vector<T> x = {3e4, 3e4, -infinity, -infinity, -infinity, -infinity, 1,   infinity,
                            2,   1,   nan,       2,         -3e4,      -3e4,      -3e4};
  std::vector<T> y(x.size()), z(x.size());
  kernels::cpu::softmax_forward(p, x.data(), y.data());
  kernels::cpu::log_softmax_forward(p, x.data(), z.data());
  const auto run = [&](const auto& version) { return map_on_device<T>(version, p, x.size(), x); };
  kernels::testing::check_every_version<kernels::SoftmaxForward<T>>(p, run, y, tolerance<T>);
  kernels::testing::check_every_version<kernels::LogSoftmaxForward<T>>(p, run, z, tolerance<T>);
}

// The barriers are those of block_reduce; batch_norm_device.cpp leaves them out one by one.

}  // namespace
}  // namespace orbitgrad::testing
