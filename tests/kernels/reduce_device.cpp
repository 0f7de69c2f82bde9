#include "kernels/reduce/reduce.hpp"

#include "tests/kernels/strided_array.hpp"

namespace orbitgrad::kernels::testing {
namespace {

struct Case {
  Layout layout;  // kept axes first
  int kept_axes;

  std::size_t outputs() const {
    std::size_t count = 1;
    for (int axis = 0; axis < kept_axes; ++axis)
      count *= static_cast<std::size_t>(layout.size[static_cast<std::size_t>(axis)]);
    return count;
  }
};

const Case cases[] = {
    {dense({5, 300}), 1},                 // rows
    {dense({70, 9}), 1},                  // many short rows
    {dense({2, 1000}), 1},                // a block for each row
    {{{40, 70}, {1, 40}}, 1},             // columns: outputs are neighbours in memory
    {{{3, 2000}, {1, 3}}, 1},             // few columns, cut into pieces
    {{{300, 2}, {1, 300}}, 1},            // many short columns
    {dense({9000}), 0},                   // everything, cut into pieces
    {{{3, 4, 20}, {20, 60, 1}}, 1},       // channels of [N, C, H W]
    {{{2, 3, 5, 4}, {20, 40, 1, 5}}, 2},  // reduced axes in another order than in memory
    {{{6, 50}, {-50, -1}, 299}, 1},       // backwards
    {{{4, 30}, {1, 0}}, 1},               // the same element thirty times
    {{{4, 30}, {0, 1}}, 1},               // the same row four times
    {dense({4, 3}), 2},                   // nothing is reduced
    {dense({}), 0},
    {dense({1, 1}), 1},
    {dense({0, 3}), 1},
};

template <class T>
class ReduceDevice : public ::testing::Test {};
using Types = ::testing::Types<float, double, std::int64_t, std::int32_t>;
TYPED_TEST_SUITE(ReduceDevice, Types);

/// Every version of the kernel against `on_cpu(reduction, x, kept_axes, y)`.
template <class Kernel, class T, class Out, class OnCpu>
void check(const Case& c, Reduction reduction, bool special, double tolerance, OnCpu&& on_cpu) {
  StridedArray<T> x(c.layout, 3, special);
  std::vector<Out> expected(c.outputs());
  on_cpu(reduction, x.const_view(), c.kept_axes, expected.data());
  const auto run = [&](const Implementation<Kernel>& version) {
    auto input = x.on(version.device);
    DeviceArray<Out> y(version.device, expected.size());
    version.launch(reduction, input.const_view(), c.kept_axes, y.data());
    return y.to_host();
  };
  check_every_version<Kernel>(x.const_view(), run, expected, tolerance);
}

template <class T, class Out = T>
void check_reduce(const Case& c, Reduction reduction, bool special) {
  const bool exact = reduction != Reduction::sum || std::is_integral_v<T>;
  check<Reduce<T, Out>, T, Out>(c, reduction, special, exact ? 0 : sizeof(T) == 4 ? 3e-6 : 1e-12, cpu::reduce<T, Out>);
}

TYPED_TEST(ReduceDevice, SumMatchesTheCpu) {
  for (const Case& c : cases) check_reduce<TypeParam>(c, Reduction::sum, false);
  check_reduce<TypeParam>({dense({3, 0}), 1}, Reduction::sum, false);  // the empty sum
}

TYPED_TEST(ReduceDevice, ExtremesMatchTheCpu) {
  for (const Case& c : cases)
    for (const Reduction reduction : {Reduction::maximum, Reduction::minimum})
      check_reduce<TypeParam>(c, reduction, true);
  check_reduce<TypeParam>(cases[0], Reduction::maximum, false);
}

TYPED_TEST(ReduceDevice, TheFirstWinnerIsFound) {
  for (const Case& c : cases)
    for (const Reduction reduction : {Reduction::maximum, Reduction::minimum})
      check<ArgReduce<TypeParam>, TypeParam, std::int64_t>(c, reduction, true, 0, cpu::arg_reduce<TypeParam>);
}

TEST(ReduceDeviceBool, SumCounts) {
  for (const Case& c : cases) check_reduce<bool, std::int64_t>(c, Reduction::sum, false);
}

template <class Kernel, class T, class Out>
void check_barriers(const Case& c, Reduction reduction) {
  StridedArray<T> x(c.layout, 3);
  check_barriers_are_needed<Kernel>(x.const_view(), [&](const auto& version) {
    auto input = x.on(version.device);
    DeviceArray<Out> y(version.device, c.outputs());
    version.launch(reduction, input.const_view(), c.kept_axes, y.data());
    return y.to_host();
  });
}

TEST(ReduceDeviceBarriers, AreNeeded) {
  for (const Case& c : {cases[0], cases[3]}) {
    check_barriers<Reduce<float, float>, float, float>(c, Reduction::sum);
    check_barriers<Reduce<double, double>, double, double>(c, Reduction::maximum);
    check_barriers<ArgReduce<float>, float, std::int64_t>(c, Reduction::minimum);
  }
}

}  // namespace
}  // namespace orbitgrad::kernels::testing
