#include "engine/ops/sorting.hpp"

#include <cmath>
#include <limits>

#include "engine/ops/arithmetic.hpp"
#include "engine/ops/elementary.hpp"
#include "tests/engine/expect_error.hpp"
#include "tests/engine/op_checks.hpp"

namespace orbitgrad {
namespace {

using testing::expect_derivatives;
using testing::Inputs;
using testing::smooth_input;
using Whole = std::vector<std::int64_t>;

constexpr float nan = std::numeric_limits<float>::quiet_NaN(), infinity = std::numeric_limits<float>::infinity();

TEST(Sorting, IsStableAndPutsNaNLast) {
  const Tensor x = from_vector<float>({2, nan, -infinity, 2, 0, nan, infinity, -0.0F});
  EXPECT_EQ(argsort(x).to_vector<std::int64_t>(), (Whole{2, 4, 7, 0, 3, 6, 1, 5}));
  EXPECT_EQ(argsort(x, 0, true).to_vector<std::int64_t>(), (Whole{1, 5, 6, 0, 3, 4, 7, 2}));
  const auto values = sort(x).values.to_vector<float>();
  EXPECT_EQ(values[0], -infinity);
  EXPECT_TRUE(std::isnan(values[7]));
}

TEST(Sorting, WorksAlongAnyAxisOfAnyType) {
  const Tensor x = from_vector<std::int64_t>({3, 1, 2, 0, 5, 4}, {2, 3});
  EXPECT_EQ(sort(x, 0).values.to_vector<std::int64_t>(), (Whole{0, 1, 2, 3, 5, 4}));
  EXPECT_EQ(sort(x, 1, true).values.to_vector<std::int64_t>(), (Whole{3, 2, 1, 5, 4, 0}));
  EXPECT_EQ(sort(cast(x, DType::int32), 1).positions.to_vector<std::int64_t>(), (Whole{1, 2, 0, 0, 2, 1}));
  EXPECT_EQ(sort(from_vector<bool>({true, false, true}, {3})).values.to_vector<bool>(),
            (std::vector<bool>{false, true, true}));
  EXPECT_EQ(sort(zeros({0, 3}), 0).values.shape(), (Shape{0, 3}));
  EXPECT_EQ(argsort(zeros({3, 0})).shape(), (Shape{3, 0}));
}

TEST(Sorting, TopkKeepsTheFirstOfEquals) {
  const Tensor x = from_vector<float>({1, 4, 4, 2, 0, 3});
  EXPECT_EQ(topk(x, 3).positions.to_vector<std::int64_t>(), (Whole{1, 2, 5}));
  EXPECT_EQ(topk(x, 2, 0, false).values.to_vector<float>(), (std::vector<float>{0, 1}));
  EXPECT_EQ(topk(reshape(x, {2, 3}), 1, 0).values.to_vector<float>(), (std::vector<float>{2, 4, 4}));
  EXPECT_EQ(topk(x, 0).values.shape(), (Shape{0}));
}

TEST(Sorting, UniqueCountsAndFindsBack) {
  const Tensor x = from_vector<float>({2, nan, 1, 2, -0.0F, nan, 0, 2}, {2, 4});
  const Unique found = unique(x);
  const auto values = found.values.to_vector<float>();
  ASSERT_EQ(values.size(), 4u);
  EXPECT_TRUE(std::signbit(values[0]) && values[0] == 0) << "the first of -0 and 0";
  EXPECT_TRUE(std::isnan(values[3]));
  EXPECT_EQ(found.counts.to_vector<std::int64_t>(), (Whole{2, 1, 3, 2}));
  EXPECT_EQ(found.inverse.shape(), x.shape());
  EXPECT_EQ(found.inverse.to_vector<std::int64_t>(), (Whole{2, 3, 1, 2, 0, 3, 0, 2}));
  EXPECT_EQ(unique(from_vector<bool>({true, true}, {2})).values.to_vector<bool>(), (std::vector<bool>{true}));
  EXPECT_EQ(unique(zeros({0, 2})).values.shape(), (Shape{0}));
}

TEST(Sorting, SearchsortedCountsWhatIsBelow) {
  const Tensor sorted = from_vector<float>({1, 2, 2, 5}), values = from_vector<float>({0, 2, 3, 9, nan, 1}, {2, 3});
  EXPECT_EQ(searchsorted(sorted, values).to_vector<std::int64_t>(), (Whole{0, 1, 3, 4, 4, 0}));
  EXPECT_EQ(searchsorted(sorted, values, true).to_vector<std::int64_t>(), (Whole{0, 3, 3, 4, 4, 1}));
  const Tensor rows = from_vector<std::int64_t>({1, 3, 2, 9}, {2, 2}),
               wanted = from_vector<std::int64_t>({3, 3}, {2, 1});
  EXPECT_EQ(searchsorted(rows, wanted).to_vector<std::int64_t>(), (Whole{1, 1}));
  EXPECT_EQ(searchsorted(zeros({0}), zeros({2})).to_vector<std::int64_t>(), (Whole{0, 0}));
}

TEST(Sorting, Derivatives) {
  expect_derivatives({
      {"sort", [](const Inputs& x) { return square(sort(x[0], 0).values); }, {smooth_input({4, 2}, 1)}},
      {"topk", [](const Inputs& x) { return square(topk(x[0], 2, 1).values); }, {smooth_input({2, 5}, 1)}},
  });
}

TEST(Sorting, Errors) {
  const Tensor x = zeros({2, 3});
  EXPECT_ERROR(sort(x, 2), "axis");
  EXPECT_ERROR(argsort(zeros({})), "scalar");
  EXPECT_ERROR(topk(x, 4), "has 3");
  EXPECT_ERROR(topk(x, -1), "Ask for fewer");
  EXPECT_ERROR(searchsorted(x, zeros({3, 3})), "Leading axes");
  EXPECT_ERROR(searchsorted(x, zeros({2, 3}, DType::float64)), "float64");
  EXPECT_ERROR(searchsorted(zeros({}), x), "scalar");
}

}  // namespace
}  // namespace orbitgrad
