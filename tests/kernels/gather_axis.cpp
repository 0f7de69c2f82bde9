#include "kernels/gather_axis/gather_axis.hpp"

#include "tests/kernels/buffer.hpp"

namespace orbitgrad::testing {
namespace {

using kernels::GatherAxisProblem;

std::vector<std::int64_t> random_index(const GatherAxisProblem& problem, std::uint64_t key) {
  std::vector<std::int64_t> index;
  for (const double value : random_values<double>(problem.output_count(), key))
    index.push_back(static_cast<std::int64_t>(std::floor((value + 1) / 2 * static_cast<double>(problem.size))));
  for (std::size_t i = 3; i < index.size(); i += 7) index[i] = -1;
  return index;
}

template <class T>
std::vector<T> gather(const GatherAxisProblem& problem, const std::vector<T>& x,
                      const std::vector<std::int64_t>& index) {
  Guarded<T> y(problem.output_count());
  kernels::cpu::gather_axis(problem, x.data(), index.data(), y.data());
  return y.values();
}

template <class T>
std::vector<T> scatter(const GatherAxisProblem& problem, const std::vector<T>& dy,
                       const std::vector<std::int64_t>& index) {
  Guarded<T> dx(problem.input_count());
  kernels::cpu::scatter_add_axis(problem, dy.data(), index.data(), dx.data());
  return dx.values();
}

template <class T>
class GatherAxisTest : public ::testing::Test {};
using Types = ::testing::Types<float, double>;
TYPED_TEST_SUITE(GatherAxisTest, Types);

const GatherAxisProblem problems[] = {{3, 5, 4, 1}, {2, 8, 1, 35}, {1, 8, 2, 3000}, {70, 49, 300, 1},
                                      {0, 4, 2, 3}, {2, 3, 0, 5},  {2, 3, 4, 0},    {1, 1, 1, 1}};

TYPED_TEST(GatherAxisTest, MatchesTheFormula) {
  for (const auto& p : problems) {
    const auto x = random_values<TypeParam>(p.input_count(), 1);
    const auto index = random_index(p, 2);
    const auto y = same_for_any_thread_count([&] { return gather(p, x, index); });
    for (std::int64_t o = 0; o < p.outer; ++o)
      for (std::int64_t k = 0; k < p.picks; ++k)
        for (std::int64_t i = 0; i < p.inner; ++i) {
          const auto out = static_cast<std::size_t>((o * p.picks + k) * p.inner + i);
          const auto in = static_cast<std::size_t>((o * p.size + index[out]) * p.inner + i);
          ASSERT_EQ(y[out], index[out] < 0 ? TypeParam(0) : x[in]);
        }
  }
}

TYPED_TEST(GatherAxisTest, ScatterIsTheAdjoint) {
  for (const auto& p : problems) {
    const auto x = random_values<TypeParam>(p.input_count(), 3), dy = random_values<TypeParam>(p.output_count(), 4);
    const auto index = random_index(p, 5);
    const auto dx = same_for_any_thread_count([&] { return scatter(p, dy, index); });
    const double scale = static_cast<double>(p.output_count()) + 1;
    EXPECT_NEAR(inner_product(gather(p, x, index), dy), inner_product(x, dx), tolerance<TypeParam> * scale);
  }
}

TYPED_TEST(GatherAxisTest, RepeatedPicksAdd) {
  const GatherAxisProblem p{1, 3, 4, 1};
  EXPECT_EQ(scatter<TypeParam>(p, {1, 2, 4, 8}, {2, 0, 2, -1}), (std::vector<TypeParam>{2, 0, 5}));
}

}  // namespace
}  // namespace orbitgrad::testing
