// x[...] against NumPy, index_put against loops, and their derivatives.
#include "engine/ops/index.hpp"

#include "engine/ops/arithmetic.hpp"
#include "engine/ops/comparison.hpp"
#include "engine/ops/elementary.hpp"
#include "engine/ops/reduction.hpp"
#include "tests/engine/expect_error.hpp"
#include "tests/engine/op_checks.hpp"

namespace orbitgrad {
namespace {

using testing::expect_derivatives;
using testing::Inputs;
using testing::smooth_input;
using Whole = std::vector<std::int64_t>;

const std::vector<bool> second_mask = {true, false, false, false, false, true, false, false, false, false, true, false};

struct Indexed {
  std::vector<Index> indices;
  Shape shape;
  std::int64_t checksum;  // sum of (position % 97 + 1) times element
};

TEST(Index, IsNumPys) {
  const Tensor x = reshape(arange(120), {2, 3, 4, 5});
  const Tensor i = from_vector<std::int64_t>({0, 1, 0}), j = from_vector<std::int64_t>({1, -1, 2});
  const Tensor g = from_vector<std::int64_t>({0, 1}, {2, 1});
  const Tensor m1 = from_vector<bool>({true, false, true}, {3}), m2 = from_vector<bool>(second_mask, {3, 4});
  // Shapes and checksums from NumPy.
  const std::vector<Indexed> cases = {
      {{0}, {3, 4, 5}, 71980},
      {{-1, 2}, {4, 5}, 23660},
      {{ellipsis, -2}, {2, 3, 4}, 23900},
      {{Range{.start = -1, .stop = {}, .step = -1}}, {2, 3, 4, 5}, 252872},
      {{every, Range{.start = 1}, ellipsis, Range{.step = -2}}, {2, 2, 4, 3}, 102728},
      {{new_axis, 1, new_axis, ellipsis, new_axis}, {1, 1, 3, 4, 5, 1}, 181780},
      {{i}, {3, 3, 4, 5}, 447702},
      {{every, i, j}, {2, 3, 5}, 29690},
      {{i, every, j}, {3, 3, 5}, 58035},
      {{ellipsis, i, j}, {2, 3, 3}, 12390},
      {{every, i, ellipsis, j}, {3, 2, 4}, 15604},
      {{every, every, i, ellipsis, j}, {3, 2, 3}, 10320},
      {{0, every, i}, {3, 3, 5}, 27585},
      {{every, 0, i}, {2, 3, 5}, 22465},
      {{i, new_axis, j}, {3, 1, 4, 5}, 124980},
      {{every, new_axis, i, j}, {2, 1, 3, 5}, 29690},
      {{every, m1}, {2, 2, 4, 5}, 259440},
      {{every, m2}, {2, 3, 5}, 35815},
      {{every, m2, Range{.step = 2}}, {2, 3, 3}, 13101},
      {{g, Range{.start = 1}, i}, {2, 3, 2, 5}, 145130},
      {{every, every, g, j}, {2, 3, 2, 3}, 49266},
      {{Range{.stop = 1}, 2, j, 3}, {1, 3}, 323},
      {{1, 2, 3, 4}, {}, 119},
  };
  for (std::size_t number = 0; number < cases.size(); ++number) {
    const Tensor y = index(x, cases[number].indices);
    EXPECT_EQ(y.shape(), cases[number].shape) << "case " << number;
    const auto values = y.to_vector<std::int64_t>();
    std::int64_t checksum = 0;
    for (std::size_t k = 0; k < values.size(); ++k) checksum += static_cast<std::int64_t>(k % 97 + 1) * values[k];
    EXPECT_EQ(checksum, cases[number].checksum) << "case " << number;
  }
  EXPECT_EQ(index(x, {ellipsis, from_vector<bool>({false, false, false, false, false}, {5})}).shape(),
            (Shape{2, 3, 4, 0}));
  EXPECT_EQ(index(x, {}).shape(), x.shape());
}

TEST(Index, PutWritesTheLastOrAddsAll) {
  const Tensor x = zeros({2, 3}, DType::float64);
  const Tensor twice = from_vector<std::int64_t>({2, 0, 2}), values = from_vector<double>({1, 2, 3});
  EXPECT_EQ(index_put(x, {1, twice}, values).to_vector<double>(), (std::vector<double>{0, 0, 0, 2, 0, 3}));
  EXPECT_EQ(index_put(x, {1, twice}, values, true).to_vector<double>(), (std::vector<double>{0, 0, 0, 2, 0, 4}));
  EXPECT_EQ(index_put(x, {every, Range{.step = 2}}, full({}, 7, DType::float64)).to_vector<double>(),
            (std::vector<double>{7, 0, 7, 7, 0, 7}));
  const Tensor mask = from_vector<bool>({false, true, false, true, false, false}, {2, 3});
  EXPECT_EQ(index_put(arange(6) * full({}, 1, DType::int64), {Range{.stop = 2}}, full({}, -1, DType::int64))
                .to_vector<std::int64_t>(),
            (Whole{-1, -1, 2, 3, 4, 5}));
  EXPECT_EQ(index_put(x, {mask}, full({}, 9, DType::float64)).to_vector<double>(),
            (std::vector<double>{0, 9, 0, 9, 0, 0}));
  EXPECT_EQ(sum(x).item(), 0) << "x itself is not changed";
}

TEST(Index, Derivatives) {
  const Tensor i = from_vector<std::int64_t>({0, 1, 0}), j = from_vector<std::int64_t>({1, -1, 1});
  const Tensor mask = from_vector<bool>({true, false, true}, {3});
  expect_derivatives({
      {"basic",
       [](const Inputs& x) {
         return square(index(x[0], {1, new_axis, Range{.step = -2}, ellipsis}));
       },
       {smooth_input({2, 3, 2}, 1)}},
      {"tensors",
       [=](const Inputs& x) {
         return square(index(x[0], {i, every, j}));
       },
       {smooth_input({2, 2, 3}, 1)}},
      {"mask",
       [=](const Inputs& x) {
         return square(index(x[0], {every, mask}));
       },
       {smooth_input({2, 3}, 1)}},
      {"put",
       [=](const Inputs& x) {
         return square(index_put(x[0], {every, i}, x[1]));
       },
       {smooth_input({2, 3}, 1), smooth_input({3}, 2)}},
      {"put and add",
       [=](const Inputs& x) {
         return square(index_put(x[0], {i, j}, x[1], true));
       },
       {smooth_input({2, 3}, 1), smooth_input({3}, 2)}},
  });
}

TEST(Index, NonzeroNamesPlacesInOrder) {
  const auto places = nonzero(from_vector<bool>({false, true, true, false, false, true}, {2, 3}));
  EXPECT_EQ(places[0].to_vector<std::int64_t>(), (Whole{0, 0, 1}));
  EXPECT_EQ(places[1].to_vector<std::int64_t>(), (Whole{1, 2, 2}));
}

TEST(Index, Errors) {
  const Tensor x = zeros({2, 3});
  EXPECT_ERROR(index(x, {0, 0, 0}), "3 axes are indexed");
  EXPECT_ERROR(index(x, {ellipsis, ellipsis}), "2 ellipses");
  EXPECT_ERROR(index(x, {2}), "position 2 is outside axis 0");
  EXPECT_ERROR(index(x, {from_vector<std::int64_t>({0}), 3}), "position 3 is outside axis 1");
  EXPECT_ERROR(index(x, {from_vector<std::int64_t>({0, 5})}), "position 5");
  EXPECT_ERROR(index(x, {from_vector<float>({0})}), "must be int64 or bool");
  EXPECT_ERROR(index(x, {from_vector<bool>({true}, {1})}), "does not fit the axes");
  EXPECT_ERROR(index(x, {from_vector<std::int64_t>({0, 1}), from_vector<std::int64_t>({0, 1, 2})}), "[2] and [3]");
  EXPECT_ERROR(index(x, {Tensor()}), "undefined");
  EXPECT_ERROR(index(x, {Range{.step = 0}}), "step of 0");
  EXPECT_ERROR(index_put(x, {0}, zeros({4})), "4 against 3");
  EXPECT_ERROR(index_put(x, {0}, zeros({3}, DType::float64)), "float64");
  EXPECT_ERROR(nonzero(x), "takes a bool tensor");
}

}  // namespace
}  // namespace orbitgrad
