#include "kernels/group_pool/group_pool.hpp"

#include "tests/kernels/buffer.hpp"

namespace orbitgrad::testing {
namespace {

using kernels::GroupPoolProblem;

// The cosets of the rotations in p4m, of {0, 2} in C4, and two overlapping sets.
const std::int32_t p4m_rotations[] = {0, 1, 2, 3, 4, 5, 6, 7};
const std::int32_t half_turns[] = {0, 2, 1, 3};
const std::int32_t overlapping[] = {0, 1, 2, 1, 2, 3};

const GroupPoolProblem problems[] = {GroupPoolProblem::whole_group(3, 8, 25),
                                     GroupPoolProblem::whole_group(1, 4, 1300),
                                     GroupPoolProblem::whole_group(60, 8, 49),
                                     GroupPoolProblem::whole_group(0, 8, 5),
                                     GroupPoolProblem::whole_group(2, 8, 0),
                                     GroupPoolProblem::whole_group(2, 1, 3),
                                     {3, 8, 600, 2, 4, p4m_rotations},
                                     {2, 4, 9, 2, 2, half_turns},
                                     {2, 4, 9, 2, 3, overlapping}};

std::int64_t input_count(const GroupPoolProblem& p) { return p.outer * p.elements * p.pixels; }
std::int64_t output_count(const GroupPoolProblem& p) { return p.outer * p.cosets * p.pixels; }

/// Calls body(output, element, input) for every member of every coset.
template <class Body>
void for_each_member(const GroupPoolProblem& p, Body&& body) {
  for (std::int64_t out = 0; out < output_count(p); ++out)
    for (std::int64_t u = 0; u < p.coset_size; ++u) {
      const std::int64_t coset = out / p.pixels % p.cosets, o = out / p.pixels / p.cosets;
      const std::int64_t element = p.table ? p.table[coset * p.coset_size + u] : u;
      body(static_cast<std::size_t>(out), element,
           static_cast<std::size_t>((o * p.elements + element) * p.pixels + out % p.pixels));
    }
}

template <class T>
class GroupPoolTest : public ::testing::Test {};
using Types = ::testing::Types<float, double>;
TYPED_TEST_SUITE(GroupPoolTest, Types);

TYPED_TEST(GroupPoolTest, MaximumItsLowestElementAndItsDerivatives) {
  for (const auto& p : problems) {
    auto x = random_values<TypeParam>(input_count(p), 1);
    for (auto& value : x) value = std::round(value * 2);  // few values, many ties
    std::vector<TypeParam> value(static_cast<std::size_t>(output_count(p)));
    std::vector<std::int64_t> element(value.size(), -1);
    for_each_member(p, [&](std::size_t out, std::int64_t s, std::size_t in) {
      if (element[out] < 0 || x[in] > value[out]) value[out] = x[in], element[out] = s;
    });
    Guarded<std::int64_t> index(output_count(p));
    const auto y = same_for_any_thread_count([&] {
      Guarded<TypeParam> result(output_count(p));
      kernels::cpu::group_max_forward(p, x.data(), result.data(), index.data());
      return result.values();
    });
    EXPECT_EQ(y, value);
    EXPECT_EQ(index.values(), element);

    Guarded<TypeParam> gathered(output_count(p));
    kernels::cpu::gather_axis(p.gather(), x.data(), index.data(), gathered.data());
    EXPECT_EQ(gathered.values(), value);
    const auto dy = random_values<TypeParam>(output_count(p), 2);
    Guarded<TypeParam> dx(input_count(p));
    kernels::cpu::group_max_backward(p, dy.data(), index.data(), dx.data());
    EXPECT_NEAR(inner_product(y, dy), inner_product(x, dx.values()),
                tolerance<TypeParam> * static_cast<double>(output_count(p) + 1));
  }
}

TYPED_TEST(GroupPoolTest, MaximumKeepsInfinityAndNaN) {
  const TypeParam infinity = std::numeric_limits<TypeParam>::infinity(), nan = std::nan("");
  const auto p = GroupPoolProblem::whole_group(1, 3, 2);
  const TypeParam x[] = {-infinity, 1, -infinity, nan, -infinity, nan};
  Guarded<TypeParam> y(2);
  Guarded<std::int64_t> index(2);
  kernels::cpu::group_max_forward(p, x, y.data(), index.data());
  EXPECT_EQ(y[0], -infinity);
  EXPECT_TRUE(std::isnan(y[1]));
  EXPECT_EQ(index.values(), (std::vector<std::int64_t>{0, 1}));
  kernels::cpu::group_max_forward<TypeParam>(p, x, y.data(), nullptr);
  EXPECT_TRUE(std::isnan(y[1]));
}

TYPED_TEST(GroupPoolTest, MeanAndItsAdjoint) {
  for (const auto& p : problems) {
    const auto x = random_values<TypeParam>(input_count(p), 3), dy = random_values<TypeParam>(output_count(p), 4);
    std::vector<double> expected(static_cast<std::size_t>(output_count(p)));
    for_each_member(p, [&](std::size_t out, std::int64_t, std::size_t in) {
      expected[out] += static_cast<double>(x[in]) / static_cast<double>(p.coset_size);
    });
    const auto y = same_for_any_thread_count([&] {
      Guarded<TypeParam> result(output_count(p));
      kernels::cpu::group_mean_forward(p, x.data(), result.data());
      return result.values();
    });
    expect_near(y, expected);
    const auto dx = same_for_any_thread_count([&] {
      Guarded<TypeParam> result(input_count(p));
      kernels::cpu::group_mean_adjoint(p, dy.data(), result.data());
      return result.values();
    });
    EXPECT_NEAR(inner_product(y, dy), inner_product(x, dx),
                tolerance<TypeParam> * static_cast<double>(output_count(p) + 1));
  }
}

}  // namespace
}  // namespace orbitgrad::testing
