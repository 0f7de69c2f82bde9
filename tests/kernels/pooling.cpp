#include "kernels/pooling/pooling.hpp"

#include "kernels/dispatch.hpp"
#include "tests/kernels/buffer.hpp"

namespace orbitgrad::testing {
namespace {

using kernels::Pool2dProblem;

//                                    planes  H   W  kernel stride  pad
const Pool2dProblem problems[] = {{3, 6, 8, 2, 2, 2, 2, 0, 0}, {2, 7, 5, 3, 3, 2, 2, 1, 1},
                                  {2, 9, 9, 3, 2, 1, 3, 1, 0}, {1, 5, 5, 5, 5, 1, 1, 0, 0},
                                  {4, 3, 3, 1, 1, 2, 2, 0, 0}, {0, 4, 4, 2, 2, 2, 2, 0, 0},
                                  {2, 1, 4, 2, 2, 2, 2, 0, 0}, {2, 0, 4, 1, 1, 1, 1, 0, 0},
                                  {1, 1, 1, 1, 1, 1, 1, 0, 0}, {24, 28, 28, 3, 3, 2, 2, 1, 1}};

std::int64_t output_count(const Pool2dProblem& p) { return p.planes * p.out_height() * p.out_width(); }
std::int64_t input_count(const Pool2dProblem& p) { return p.planes * p.height * p.width; }

/// Calls body(output, row, col, inside) for every output and position of its window, in raster order.
template <class Body>
void for_each_tap(const Pool2dProblem& p, Body&& body) {
  for (std::int64_t o = 0; o < output_count(p); ++o) {
    const std::int64_t out_row = o / p.out_width() % p.out_height(), out_col = o % p.out_width();
    for (std::int64_t u = 0; u < p.kernel_h; ++u)
      for (std::int64_t v = 0; v < p.kernel_w; ++v) {
        const std::int64_t row = out_row * p.stride_h + u - p.pad_h, col = out_col * p.stride_w + v - p.pad_w;
        body(o, row, col, row >= 0 && row < p.height && col >= 0 && col < p.width);
      }
  }
}

template <class T>
class PoolingTest : public ::testing::Test {};
using Types = ::testing::Types<float, double>;
TYPED_TEST_SUITE(PoolingTest, Types);

template <class T>
struct Maximum {
  std::vector<T> value;
  std::vector<std::int64_t> index;
};

template <class T>
Maximum<T> max_pool(const Pool2dProblem& p, const std::vector<T>& x) {
  Guarded<T> y(output_count(p));
  Guarded<std::int64_t> index(output_count(p));
  kernels::cpu::max_pool2d_forward(p, x.data(), y.data(), index.data());
  return {y.values(), index.values()};
}

TYPED_TEST(PoolingTest, MaximumAndItsLowestIndex) {
  for (const auto& p : problems) {
    auto x = random_values<TypeParam>(input_count(p), 1);
    for (auto& value : x) value = std::round(value * 2);  // few values, many ties
    std::vector<TypeParam> value(static_cast<std::size_t>(output_count(p)));
    std::vector<std::int64_t> index(value.size(), -1);
    for_each_tap(p, [&](std::int64_t o, std::int64_t row, std::int64_t col, bool inside) {
      if (!inside) return;
      const auto out = static_cast<std::size_t>(o);
      const std::int64_t plane = o / (p.out_height() * p.out_width()) * p.height * p.width;
      const TypeParam candidate = x[static_cast<std::size_t>(plane + row * p.width + col)];
      if (index[out] < 0 || candidate > value[out]) value[out] = candidate, index[out] = row * p.width + col;
    });
    EXPECT_EQ(same_for_any_thread_count([&] { return max_pool(p, x).value; }), value);
    EXPECT_EQ(same_for_any_thread_count([&] { return max_pool(p, x).index; }), index);
  }
}

TYPED_TEST(PoolingTest, MaximumWithoutIndexAndTheGatherOfTheIndexAgree) {
  for (const auto& p : problems) {
    const auto x = random_values<TypeParam>(input_count(p), 2);
    const auto maximum = max_pool(p, x);
    Guarded<TypeParam> without_index(output_count(p)), gathered(output_count(p));
    kernels::cpu::max_pool2d_forward<TypeParam>(p, x.data(), without_index.data(), nullptr);
    kernels::cpu::gather_axis(p.gather(), x.data(), maximum.index.data(), gathered.data());
    EXPECT_EQ(without_index.values(), maximum.value);
    EXPECT_EQ(gathered.values(), maximum.value);
  }
}

TYPED_TEST(PoolingTest, MaximumBackwardIsTheAdjointOfTheGather) {
  for (const auto& p : problems) {
    const auto x = random_values<TypeParam>(input_count(p), 3), dy = random_values<TypeParam>(output_count(p), 4);
    const auto maximum = max_pool(p, x);
    const auto dx = same_for_any_thread_count([&] {
      Guarded<TypeParam> result(input_count(p));
      kernels::cpu::max_pool2d_backward(p, dy.data(), maximum.index.data(), result.data());
      return result.values();
    });
    EXPECT_NEAR(inner_product(maximum.value, dy), inner_product(x, dx),
                tolerance<TypeParam> * static_cast<double>(output_count(p) + 1));
  }
}

TYPED_TEST(PoolingTest, InfinityAndNaN) {
  const TypeParam infinity = std::numeric_limits<TypeParam>::infinity(), nan = std::nan("");
  const Pool2dProblem p{1, 2, 6, 2, 2, 2, 2, 0, 0};
  const auto maximum = max_pool<TypeParam>(p, {-infinity, -infinity, 1, nan, 7, infinity,  //
                                               -infinity, -infinity, nan, 9, 8, infinity});
  EXPECT_EQ(maximum.value[0], -infinity);
  EXPECT_EQ(maximum.index[0], 0);
  EXPECT_TRUE(std::isnan(maximum.value[1]));
  EXPECT_EQ(maximum.index[1], 3);  // the first NaN
  EXPECT_EQ(maximum.value[2], infinity);
  EXPECT_EQ(maximum.index[2], 5);
}

TYPED_TEST(PoolingTest, AWindowOfPaddingAloneHasNoWinner) {
  const Pool2dProblem p{1, 1, 1, 1, 1, 1, 1, 1, 1};
  const auto maximum = max_pool<TypeParam>(p, {3});
  EXPECT_EQ(maximum.index, (std::vector<std::int64_t>{-1, -1, -1, -1, 0, -1, -1, -1, -1}));
  EXPECT_EQ(maximum.value[0], -std::numeric_limits<TypeParam>::infinity());
}

TYPED_TEST(PoolingTest, AverageCountsThePaddingAndHasItsAdjoint) {
  for (const auto& p : problems) {
    const auto x = random_values<TypeParam>(input_count(p), 5), dy = random_values<TypeParam>(output_count(p), 6);
    std::vector<double> expected(static_cast<std::size_t>(output_count(p)));
    for_each_tap(p, [&](std::int64_t o, std::int64_t row, std::int64_t col, bool inside) {
      const std::int64_t plane = o / (p.out_height() * p.out_width()) * p.height * p.width;
      if (inside)
        expected[static_cast<std::size_t>(o)] +=
            static_cast<double>(x[static_cast<std::size_t>(plane + row * p.width + col)]) /
            static_cast<double>(p.kernel_h * p.kernel_w);
    });
    const auto y = same_for_any_thread_count([&] {
      Guarded<TypeParam> result(output_count(p));
      kernels::cpu::average_pool2d_forward(p, x.data(), result.data());
      return result.values();
    });
    expect_near(y, expected);
    const auto dx = same_for_any_thread_count([&] {
      Guarded<TypeParam> result(input_count(p));
      kernels::cpu::average_pool2d_adjoint(p, dy.data(), result.data());
      return result.values();
    });
    EXPECT_NEAR(inner_product(y, dy), inner_product(x, dx),
                tolerance<TypeParam> * static_cast<double>(output_count(p) + 1));
  }
}

TEST(Pooling, IsRegistered) {
  using kernels::DeviceKind;
  const auto* found = kernels::Registry<kernels::MaxPool2dForward<float>>::find("cpu", DeviceKind::cpu, problems[0]);
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->launch, &kernels::cpu::max_pool2d_forward<float>);
  EXPECT_NE(kernels::Registry<kernels::AveragePool2dAdjoint<double>>::best(DeviceKind::cpu, problems[0]), nullptr);
}

}  // namespace
}  // namespace orbitgrad::testing
