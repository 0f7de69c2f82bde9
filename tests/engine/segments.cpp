// Rows by index, sums by index and sparse products, against plain loops; their derivatives of both orders.
#include "engine/ops/segments.hpp"

#include <limits>

#include "engine/ops/arithmetic.hpp"
#include "engine/ops/elementary.hpp"
#include "engine/ops/indexing.hpp"
#include "engine/ops/matmul.hpp"
#include "engine/ops/reduction.hpp"
#include "engine/ops/sparse.hpp"
#include "tests/engine/expect_error.hpp"
#include "tests/engine/op_checks.hpp"

namespace orbitgrad {
namespace {

using testing::expect_derivatives;
using testing::Inputs;
using testing::relative_difference;
using testing::smooth_input;

Tensor positions(const std::vector<std::int64_t>& values) { return from_vector(values); }

TEST(Segments, TakeIsNumPys) {
  const Tensor x = reshape(arange(12), {3, 4});
  EXPECT_EQ(take(x, positions({2, -3})).to_vector<std::int64_t>(),
            (std::vector<std::int64_t>{8, 9, 10, 11, 0, 1, 2, 3}));
  const Tensor index = reshape(positions({3, 0, 1, -1}), {2, 2});
  const Tensor y = take(x, index, 1);
  EXPECT_EQ(y.shape(), (Shape{3, 2, 2}));
  EXPECT_EQ(select(y, 0, 1).to_vector<std::int64_t>(), (std::vector<std::int64_t>{7, 4, 5, 7}));
  EXPECT_EQ(take(x, full({}, 1, DType::int64), 1).shape(), (Shape{3}));
  EXPECT_EQ(take(cast(x, DType::boolean), positions({0}), 1).to_vector<bool>(), (std::vector<bool>{false, true, true}));
  EXPECT_EQ(take(zeros({0, 2}), zeros({0}, DType::int64)).shape(), (Shape{0, 2}));
}

// Segments by loops over a [3, 5, 2] tensor along its middle axis; segment 2 is empty.
TEST(Segments, AreSumsMeansAndExtremes) {
  const Tensor x = smooth_input({3, 5, 2}, 1).detach();
  const std::vector<std::int64_t> member = {1, 0, 1, 3, 1};
  const Tensor index = positions(member);
  const auto total = segment_sum(x, index, 4, 1), mean = segment_mean(x, index, 4, 1);
  const auto largest = segment_max(x, index, 4, 1), smallest = segment_min(x, index, 4, 1);
  for (std::int64_t o = 0; o < 3; ++o)
    for (std::int64_t s = 0; s < 4; ++s)
      for (std::int64_t i = 0; i < 2; ++i) {
        double sum = 0, count = 0, high = 0, low = 0;
        for (std::size_t k = 0; k < member.size(); ++k) {
          if (member[k] != s) continue;
          const double value = select(select(select(x, 0, o), 0, static_cast<std::int64_t>(k)), 0, i).item();
          high = count == 0 ? value : std::max(high, value);
          low = count == 0 ? value : std::min(low, value);
          sum += value, ++count;
        }
        const auto at = [&](const Tensor& t) { return select(select(select(t, 0, o), 0, s), 0, i).item(); };
        EXPECT_EQ(at(total), sum);
        EXPECT_NEAR(at(mean), count == 0 ? 0 : sum / count, 1e-15);
        EXPECT_EQ(at(largest), high);
        EXPECT_EQ(at(smallest), low);
      }
}

TEST(Segments, Derivatives) {
  const Tensor member = positions({1, 0, 1, 3, 1}), index = reshape(positions({2, 0, 2, -1}), {2, 2});
  const auto squared = [](const Tensor& y) { return square(y); };
  expect_derivatives({
      {"take", [=](const Inputs& x) { return squared(take(x[0], index, 1)); }, {smooth_input({2, 3, 2}, 1)}},
      {"embedding", [=](const Inputs& x) { return squared(embedding(x[0], index)); }, {smooth_input({4, 3}, 1)}},
      {"segment_sum",
       [=](const Inputs& x) { return squared(segment_sum(x[0], member, 4)); },
       {smooth_input({5, 2}, 2)}},
      {"segment_mean",
       [=](const Inputs& x) { return squared(segment_mean(x[0], member, 4, -1)); },
       {smooth_input({2, 5}, 2)}},
      {"segment_max",
       [=](const Inputs& x) { return squared(segment_max(x[0], member, 4)); },
       {smooth_input({5, 2}, 2)}},
      {"segment_min",
       [=](const Inputs& x) { return squared(segment_min(x[0], member, 4)); },
       {smooth_input({5, 2}, 2)}},
  });
}

TEST(Segments, TheFirstOfEqualExtremesHasTheGradient) {
  Tensor x = from_vector<double>({2, 5, 5, 1});
  x.set_requires_grad();
  const Tensor y = segment_max(x, positions({0, 0, 0, 1}), 3);
  EXPECT_EQ(y.to_vector<double>(), (std::vector<double>{5, 1, 0}));
  EXPECT_EQ(grad({sum(y)}, {x})[0].to_vector<double>(), (std::vector<double>{0, 1, 0, 1}));
}

/// Entries in no order, one place twice, an empty row and an empty column.
SparsePattern pattern() {
  return SparsePattern::from_coordinates(positions({3, 0, 0, 3, 1, 0}), positions({0, 2, 1, 4, 1, 2}), 4, 5);
}

/// The same matrix, dense.
Tensor dense_matrix(const SparsePattern& p, const Tensor& values) {
  const Tensor place = p.row() * full({}, static_cast<double>(p.columns()), DType::int64) + p.column();
  return reshape(segment_sum(values, place, p.rows() * p.columns()), {p.rows(), p.columns()});
}

TEST(Sparse, ProductIsThatOfTheDenseMatrix) {
  const SparsePattern p = pattern();
  const Tensor values = smooth_input({6}, 3).detach(), x = smooth_input({2, 5, 3}, 4).detach();
  EXPECT_LE(relative_difference(sparse_matmul(p, values, x), matmul(dense_matrix(p, values), x)), 1e-15);
  EXPECT_LE(relative_difference(sparse_matmul(p, {}, x), matmul(dense_matrix(p, ones_like(values)), x)), 1e-15);
  const SparsePattern t = p.transposed();
  EXPECT_LE(relative_difference(sparse_matmul(t, values, narrow(x, 1, 0, 4)),
                                matmul(transpose(dense_matrix(p, values)), narrow(x, 1, 0, 4))),
            1e-15);
  const SparsePattern by_rows = SparsePattern::from_rows(positions({0, 2, 2, 3}), positions({4, 0, 1}), 5);
  EXPECT_EQ(by_rows.rows(), 3);
  EXPECT_EQ(by_rows.row().to_vector<std::int64_t>(), (std::vector<std::int64_t>{0, 0, 2}));
}

TEST(Sparse, Derivatives) {
  const SparsePattern p = pattern();
  expect_derivatives(
      {{"weighted",
        [=](const Inputs& x) { return square(sparse_matmul(p, x[0], x[1])); },
        {smooth_input({6}, 3), smooth_input({2, 5, 2}, 4)}},
       {"unweighted", [=](const Inputs& x) { return square(sparse_matmul(p, {}, x[0])); }, {smooth_input({5, 2}, 4)}}});
}

TEST(Sparse, Errors) {
  const Tensor x = zeros({5, 2});
  EXPECT_ERROR(take(x, positions({5})), "position 5 is outside");
  EXPECT_ERROR(take(x, zeros({2})), "must be int64");
  EXPECT_ERROR(take(x, positions({0}), 2), "axis");
  EXPECT_ERROR(embedding(zeros({5}), positions({0})), "[V, D]");
  EXPECT_ERROR(embedding(zeros({5, 2}), positions({5})), "[embedding] position 5 is outside");
  EXPECT_ERROR(segment_sum(x, positions({0, 1}), 2), "must be named by an index [5]");
  EXPECT_ERROR(segment_max(x, positions({0, 1, 0, 1, 7}), 2), "position 7");
  EXPECT_ERROR(segment_mean(x, positions({0, 1, 0, 1, 1}), -1), "must not be negative");
  EXPECT_ERROR(segment_sum(cast(x, DType::int64), positions({0, 1, 0, 1, 1}), 2), "float32 or float64");
  EXPECT_ERROR(segment_sum(zeros({2, 0}), positions({0, 1}), std::int64_t{1} << 58), "smaller shape");
  constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();  // one row more has no 64-bit count
  EXPECT_ERROR(segment_sum(zeros({2, 0}), positions({0, 1}), most), "[segments] 9223372036854775807 rows");
  EXPECT_ERROR(segment_max(zeros({2, 0}), positions({0, 1}), most), "[segments] 9223372036854775807 rows");
  EXPECT_ERROR(sparse_matmul(pattern(), zeros({3}), zeros({5, 2})), "one per entry");
  EXPECT_ERROR(sparse_matmul(pattern(), {}, zeros({4, 2})), "a matrix of 5 columns");
  EXPECT_ERROR(sparse_matmul(pattern(), zeros({6}, DType::float64), zeros({5, 2})), "float64");
  EXPECT_ERROR(SparsePattern::from_rows(positions({0, 3, 2}), positions({0, 1}), 2), "must rise");
  EXPECT_ERROR(SparsePattern::from_coordinates(positions({0}), positions({0, 1}), 2, 2), "one number each");
}

}  // namespace
}  // namespace orbitgrad
