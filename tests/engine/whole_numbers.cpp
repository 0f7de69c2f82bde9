// Ops on int32, int64 and bool tensors of several shapes and layouts against loops over their elements.
#include <functional>
#include <numeric>

#include "engine/ops/arithmetic.hpp"
#include "engine/ops/comparison.hpp"
#include "engine/ops/einsum.hpp"
#include "engine/ops/index.hpp"
#include "engine/ops/indexing.hpp"
#include "engine/ops/reduction.hpp"
#include "engine/ops/segments.hpp"
#include "engine/ops/sorting.hpp"
#include "engine/ops/statistics.hpp"
#include "engine/ops/triangular.hpp"
#include "kernels/philox.hpp"
#include "tests/engine/expect_error.hpp"
#include "tests/engine/op_checks.hpp"

namespace orbitgrad {
namespace {

using Whole = std::vector<std::int64_t>;
constexpr DType whole_types[] = {DType::int32, DType::int64},
                all_types[] = {DType::int32, DType::int64, DType::boolean};

std::int64_t random_whole(std::uint64_t key, std::uint64_t i, std::int64_t bound) {
  return static_cast<std::int64_t>(kernels::philox(key, i).word[0]) % (2 * bound + 1) - bound;
}

Whole random_values(const Shape& shape, DType dtype, std::uint64_t key) {
  Whole values(static_cast<std::size_t>(shape.numel()));
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = dtype == DType::boolean ? (random_whole(key, i, 5) > 0) : random_whole(key, i, 5);
  return values;
}

Whole values_of(const Tensor& x) { return cast(x, DType::int64).to_vector<std::int64_t>(); }

/// A tensor and its values in row-major order: dense, with its axes stored in reverse, or every other element reversed.
struct Case {
  Case(const Shape& shape, DType dtype, std::uint64_t key, int layout = 0)
      : values(random_values(shape, dtype, key)), x(cast(from_vector(values, shape), dtype)) {
    if (layout == 0 || shape.rank() == 0) return;
    Axes reversed;
    for (int axis = shape.rank(); axis-- > 0;) reversed.push_back(axis);
    if (layout == 1) {
      x = permute(contiguous(permute(x, reversed)), reversed);
    } else {
      const Tensor pair = stack(std::vector<Tensor>{zeros_like(x), flip(x, {0})}, shape.rank());
      x = flip(select(contiguous(pair), shape.rank(), 1), {0});
    }
    EXPECT_EQ(values_of(x), values);
  }
  std::int64_t operator[](std::int64_t i) const { return values[static_cast<std::size_t>(i)]; }

  Whole values;
  Tensor x;
};

/// visit(outer, inner) for the rows of x along an axis: element j of one lies at (outer length + j) inner_size + inner.
void for_each_row(const Shape& shape, int axis,
                  const std::function<void(std::function<std::int64_t(std::int64_t)>)>& f) {
  std::int64_t outer = 1, inner = 1;
  for (int i = 0; i < shape.rank(); ++i) (i < axis ? outer : inner) *= i == axis ? 1 : shape[i];
  for (std::int64_t i = 0; i < outer; ++i)
    for (std::int64_t k = 0; k < inner; ++k)
      f([=, length = shape[axis]](std::int64_t j) { return (i * length + j) * inner + k; });
}

const Shape shapes[] = {{7}, {3, 5}, {2, 1, 4}, {2, 3, 2, 3}, {1}, {3, 0, 2}};

/// body(shape, dtype, layout) for all of them.
template <class Types, class Body>
void for_each_case(const Types& types, Body&& body) {
  for (const Shape& shape : shapes)
    for (const DType dtype : types)
      for (const int layout : {0, 1, 2}) {
        SCOPED_TRACE(shape.to_string() + " " + std::string(name(dtype)) + ", layout " + std::to_string(layout));
        body(shape, dtype, layout);
      }
}

TEST(WholeNumbers, ElementByElement) {
  struct Binary {
    BinaryOp op;
    std::function<std::int64_t(std::int64_t, std::int64_t)> expected;
    bool of_bool;
  };
  const Binary binaries[] = {
      {add, std::plus<>(), false},
      {subtract, std::minus<>(), false},
      {multiply, std::multiplies<>(), false},
      {maximum, [](auto a, auto b) { return std::max(a, b); }, false},
      {minimum, [](auto a, auto b) { return std::min(a, b); }, false},
      {equal, std::equal_to<>(), true},
      {not_equal, std::not_equal_to<>(), true},
      {less, std::less<>(), true},
      {less_equal, std::less_equal<>(), true},
      {greater, std::greater<>(), true},
      {greater_equal, std::greater_equal<>(), true},
  };
  for_each_case(all_types, [&](const Shape& shape, DType dtype, int layout) {
    const Case a(shape, dtype, 1, layout), b(shape, dtype, 2);
    const Shape last = {shape[shape.rank() - 1]};
    const Case row(last, dtype, 3);
    for (const Binary& binary : binaries) {
      if (dtype == DType::boolean && !binary.of_bool) continue;
      Whole expected, against_row;
      for (std::int64_t i = 0; i < shape.numel(); ++i) {
        expected.push_back(binary.expected(a[i], b[i]));
        against_row.push_back(binary.expected(a[i], row[i % shape[shape.rank() - 1]]));
      }
      const Tensor y = binary.op(a.x, b.x);
      EXPECT_EQ(y.dtype(), binary.of_bool ? DType::boolean : dtype);
      EXPECT_EQ(values_of(y), expected);
      EXPECT_EQ(values_of(binary.op(a.x, row.x)), against_row);
    }
    Whole chosen, negated, magnitude, signs, opposite, both, either;
    for (std::int64_t i = 0; i < shape.numel(); ++i) {
      chosen.push_back(a[i] != 0 ? a[i] : b[i]);
      negated.push_back(-a[i]);
      magnitude.push_back(std::abs(a[i]));
      signs.push_back((a[i] > 0) - (a[i] < 0));
      opposite.push_back(a[i] == 0);
      both.push_back(a[i] != 0 && b[i] != 0);
      either.push_back(a[i] != 0 || b[i] != 0);
    }
    const Tensor left = cast(a.x, DType::boolean), right = cast(b.x, DType::boolean);
    EXPECT_EQ(values_of(where(left, a.x, b.x)), chosen);
    EXPECT_EQ(values_of(logical_not(left)), opposite);
    EXPECT_EQ(values_of(logical_and(left, right)), both);
    EXPECT_EQ(values_of(logical_or(left, right)), either);
    if (dtype == DType::boolean) return;
    EXPECT_EQ(values_of(negate(a.x)), negated);
    EXPECT_EQ(values_of(absolute(a.x)), magnitude);
    EXPECT_EQ(values_of(sign(a.x)), signs);
  });
}

TEST(WholeNumbers, OverAnAxis) {
  for_each_case(all_types, [](const Shape& shape, DType dtype, int layout) {
    const Case a(shape, dtype, 4, layout);
    for (int axis = 0; axis < shape.rank(); ++axis) {
      const std::int64_t length = shape[axis];
      Whole total, product, largest, smallest, at_largest, at_smallest, running(a.values.size());
      for_each_row(shape, axis, [&](const auto& place) {
        std::int64_t sum = 0, factor = 1, high = 0, low = 0;
        for (std::int64_t j = 0; j < length; ++j) {
          running[static_cast<std::size_t>(place(j))] = sum += a[place(j)];
          factor *= a[place(j)];
          if (a[place(j)] > a[place(high)]) high = j;
          if (a[place(j)] < a[place(low)]) low = j;
        }
        total.push_back(sum);
        product.push_back(factor);
        if (length == 0) return;
        largest.push_back(a[place(high)]), at_largest.push_back(high);
        smallest.push_back(a[place(low)]), at_smallest.push_back(low);
      });
      EXPECT_EQ(values_of(sum(a.x, {axis})), total) << axis;
      EXPECT_EQ(values_of(cumsum(a.x, axis)), running) << axis;
      if (dtype == DType::boolean) continue;
      EXPECT_EQ(values_of(prod(a.x, {axis})), product) << axis;
      if (length == 0) continue;
      EXPECT_EQ(values_of(max(a.x, {axis})), largest) << axis;
      EXPECT_EQ(values_of(min(a.x, {axis}, true)), smallest) << axis;
      EXPECT_EQ(values_of(argmax(a.x, axis)), at_largest) << axis;
      EXPECT_EQ(values_of(argmin(a.x, axis)), at_smallest) << axis;
    }
    EXPECT_EQ(values_of(sum(a.x)), (Whole{std::accumulate(a.values.begin(), a.values.end(), std::int64_t{0})}));
    const auto ones = std::count_if(a.values.begin(), a.values.end(), [](std::int64_t v) { return v != 0; });
    EXPECT_EQ(any(cast(a.x, DType::boolean)), ones > 0);
    EXPECT_EQ(all(cast(a.x, DType::boolean)), ones == shape.numel());
  });
}

TEST(WholeNumbers, InOrder) {
  for_each_case(all_types, [](const Shape& shape, DType dtype, int layout) {
    const Case a(shape, dtype, 5, layout);
    for (int axis = 0; axis < shape.rank(); ++axis)
      for (const bool descending : {false, true}) {
        const std::int64_t length = shape[axis];
        Whole positions(a.values.size()), sorted(a.values.size());
        for_each_row(shape, axis, [&](const auto& place) {
          Whole order(static_cast<std::size_t>(length));
          std::iota(order.begin(), order.end(), 0);
          std::stable_sort(order.begin(), order.end(), [&](std::int64_t i, std::int64_t j) {
            return descending ? a[place(i)] > a[place(j)] : a[place(i)] < a[place(j)];
          });
          for (std::int64_t j = 0; j < length; ++j) {
            const std::int64_t from = order[static_cast<std::size_t>(j)];
            positions[static_cast<std::size_t>(place(j))] = from;
            sorted[static_cast<std::size_t>(place(j))] = a[place(from)];
          }
        });
        const Sorted found = sort(a.x, axis, descending);
        EXPECT_EQ(values_of(found.values), sorted) << axis;
        EXPECT_EQ(values_of(found.positions), positions) << axis;
        const std::int64_t k = length / 2;
        const Sorted extreme = topk(a.x, k, axis, descending);
        EXPECT_EQ(values_of(extreme.values), values_of(narrow(found.values, axis, 0, k))) << axis;
        EXPECT_EQ(values_of(extreme.positions), values_of(narrow(found.positions, axis, 0, k))) << axis;
      }
    Whole distinct = a.values;
    std::sort(distinct.begin(), distinct.end());
    distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
    Whole inverse, counts(distinct.size());
    for (const std::int64_t value : a.values) {
      inverse.push_back(std::lower_bound(distinct.begin(), distinct.end(), value) - distinct.begin());
      ++counts[static_cast<std::size_t>(inverse.back())];
    }
    const Unique found = unique(a.x);
    EXPECT_EQ(values_of(found.values), distinct);
    EXPECT_EQ(values_of(found.inverse), inverse);
    EXPECT_EQ(values_of(found.counts), counts);
    if (dtype == DType::boolean) return;
    EXPECT_EQ(values_of(searchsorted(found.values, a.x)), inverse);
  });
}

TEST(WholeNumbers, MovedAndPicked) {
  for_each_case(all_types, [](const Shape& shape, DType dtype, int layout) {
    const Case a(shape, dtype, 6, layout), b(shape, dtype, 7);
    for (int axis = 0; axis < shape.rank(); ++axis) {
      const std::int64_t length = shape[axis];
      Whole reversed(a.values.size());
      for_each_row(shape, axis, [&](const auto& place) {
        for (std::int64_t j = 0; j < length; ++j)
          reversed[static_cast<std::size_t>(place(j))] = a[place(length - 1 - j)];
      });
      EXPECT_EQ(values_of(flip(a.x, {axis})), reversed) << axis;
      EXPECT_EQ(concat(std::vector<Tensor>{a.x, b.x}, axis).dtype(), dtype);
      EXPECT_EQ(values_of(narrow(concat(std::vector<Tensor>{a.x, b.x}, axis), axis, length, length)), b.values) << axis;
      EXPECT_EQ(values_of(select(stack(std::vector<Tensor>{b.x, a.x}, axis), axis, 1)), a.values) << axis;
      if (length == 0) continue;
      Whole backward(static_cast<std::size_t>(length));
      for (std::int64_t j = 0; j < length; ++j) backward[static_cast<std::size_t>(j)] = -1 - j;
      EXPECT_EQ(values_of(take(a.x, from_vector(backward), axis)), reversed) << axis;
      Whole everywhere(a.values.size());
      for (std::size_t i = 0; i < everywhere.size(); ++i) everywhere[i] = random_whole(8, i, 50) % length;
      for (std::int64_t& position : everywhere) position = std::abs(position);
      Whole gathered(a.values.size());
      for_each_row(shape, axis, [&](const auto& place) {
        for (std::int64_t j = 0; j < length; ++j) {
          const std::int64_t there = everywhere[static_cast<std::size_t>(place(j))];
          gathered[static_cast<std::size_t>(place(j))] = a[place(there)];
        }
      });
      const Tensor index = from_vector(everywhere, shape);
      EXPECT_EQ(values_of(gather(a.x, axis, index)), gathered) << axis;
    }
    std::vector<Padding> padding(static_cast<std::size_t>(shape.rank()), Padding{1, 2});
    const Tensor padded = pad(a.x, padding);
    EXPECT_EQ(padded.dtype(), dtype);
    Tensor inner = padded;
    for (int axis = 0; axis < shape.rank(); ++axis) inner = narrow(inner, axis, 1, shape[axis]);
    EXPECT_EQ(values_of(inner), a.values);
    EXPECT_EQ(values_of(sum(cast(padded, DType::int64))), values_of(sum(a.x)));
    for (const DType other : all_types) {
      Whole expected = a.values;
      if (other == DType::boolean)
        for (std::int64_t& value : expected) value = value != 0;
      EXPECT_EQ(values_of(cast(a.x, other)), expected);
    }
  });
}

TEST(WholeNumbers, MatricesAndIndices) {
  for (const DType dtype : all_types) {
    SCOPED_TRACE(name(dtype));
    const Case a({3, 4}, dtype, 9, 1);
    for (std::int64_t offset = -3; offset <= 4; ++offset) {
      Whole lower, upper, on;
      for (std::int64_t i = 0; i < 12; ++i) {
        const std::int64_t beyond = i % 4 - i / 4 - offset;
        lower.push_back(beyond <= 0 ? a[i] : 0);
        upper.push_back(beyond >= 0 ? a[i] : 0);
        if (beyond == 0) on.push_back(a[i]);
      }
      EXPECT_EQ(values_of(tril(a.x, offset)), lower) << offset;
      EXPECT_EQ(values_of(triu(a.x, offset)), upper) << offset;
      EXPECT_EQ(values_of(diagonal(a.x, offset)), on) << offset;
    }
    const Tensor rows = from_vector<std::int64_t>({2, -3}), columns = from_vector<std::int64_t>({1, 3});
    EXPECT_EQ(values_of(index(a.x, {rows, columns})), (Whole{a[9], a[3]}));
    EXPECT_EQ(values_of(index(a.x, {std::int64_t{-1}, Range{.step = -2}})), (Whole{a[11], a[9]}));
    Whole chosen, changed = a.values;
    for (const std::int64_t value : a.values)
      if (value != 0) chosen.push_back(value);
    EXPECT_EQ(values_of(index(a.x, {cast(a.x, DType::boolean)})), chosen);
    changed[9] = 1, changed[3] = 0;
    const Tensor written = cast(from_vector<std::int64_t>({1, 0}), dtype);
    EXPECT_EQ(values_of(index_put(a.x, {rows, columns}, written)), changed);
  }
  for (const DType dtype : whole_types) {
    const Case a({3, 4}, dtype, 10, 1), b({4, 2}, dtype, 11);
    Whole product(6);
    for (std::size_t i = 0; i < 6; ++i)
      for (std::int64_t j = 0; j < 4; ++j)
        product[i] += a[static_cast<std::int64_t>(i / 2) * 4 + j] * b[j * 2 + static_cast<std::int64_t>(i % 2)];
    EXPECT_EQ(values_of(einsum("ij,jk->ik", {a.x, b.x})), product);
    EXPECT_EQ(values_of(outer(select(a.x, 1, 0), select(b.x, 1, 0))), ([&] {
                Whole expected;
                for (std::int64_t i = 0; i < 3; ++i)
                  for (std::int64_t j = 0; j < 4; ++j) expected.push_back(a[i * 4] * b[j * 2]);
                return expected;
              })());
  }
}

TEST(WholeNumbers, NoneGoesThroughAFloatingNumber) {
  const std::int64_t most = std::numeric_limits<std::int64_t>::max(), least = std::numeric_limits<std::int64_t>::min();
  const std::int64_t odd = (std::int64_t{1} << 53) + 1;  // no float64
  const Tensor x = from_vector<std::int64_t>({odd, odd - 1, most, most - 1, least, least + 1});
  EXPECT_EQ(values_of(sort(x).values), (Whole{least, least + 1, odd - 1, odd, most - 1, most}));
  EXPECT_EQ(values_of(unique(x).counts), Whole(6, 1));
  EXPECT_EQ(values_of(max(x)), (Whole{most}));
  EXPECT_EQ(argmax(x, 0).item<std::int64_t>(), 2);
  EXPECT_EQ(values_of(equal(x, flip(x, {0}))), Whole(6, 0));
  EXPECT_EQ(values_of(sum(narrow(x, 0, 0, 2))), (Whole{2 * odd - 1}));
  EXPECT_EQ(values_of(prod(narrow(x, 0, 0, 1))), (Whole{odd}));
  EXPECT_EQ(values_of(cumsum(narrow(x, 0, 0, 1), 0)), (Whole{odd}));
  EXPECT_EQ(values_of(maximum(x, flip(x, {0})))[0], odd);
  EXPECT_EQ(values_of(take(x, from_vector<std::int64_t>({0}))), (Whole{odd}));
}

}  // namespace
}  // namespace orbitgrad
