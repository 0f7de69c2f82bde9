// Values of the ops against loops written out here, layouts, sizes 0 and 1, and determinism.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "engine/allocator.hpp"
#include "engine/autograd/grad.hpp"
#include "engine/ops/arithmetic.hpp"
#include "engine/ops/cast.hpp"
#include "engine/ops/comparison.hpp"
#include "engine/ops/creation.hpp"
#include "engine/ops/elementary.hpp"
#include "engine/ops/indexing.hpp"
#include "engine/ops/matmul.hpp"
#include "engine/ops/reduction.hpp"
#include "engine/ops/shape_ops.hpp"
#include "engine/update.hpp"
#include "kernels/parallel.hpp"
#include "tests/engine/expect_error.hpp"
#include "tests/engine/gradient_cases.hpp"

extern "C" [[gnu::weak]] void __asan_init();  // there when the address sanitizer is linked

namespace orbitgrad {
namespace {

constexpr double nan_value = std::numeric_limits<double>::quiet_NaN();

Tensor counting(const Shape& shape, DType dtype = DType::float32) {
  return reshape(arange(shape.numel(), dtype), shape);
}

TEST(Values, BroadcastingFollowsNumPy) {
  const Tensor a = counting({2, 1, 3}), b = counting({4, 1});
  const Tensor c = a * 10.0 + b;
  EXPECT_EQ(c.shape(), (Shape{2, 4, 3}));
  const auto values = c.to_vector<float>();
  for (int i = 0; i < 2; ++i)
    for (int j = 0; j < 4; ++j)
      for (int k = 0; k < 3; ++k)
        EXPECT_EQ(values[static_cast<std::size_t>((i * 4 + j) * 3 + k)], static_cast<float>((i * 3 + k) * 10 + j));
  EXPECT_ERROR(counting({2, 3}) + counting({2, 4}), "[2, 3]");
  EXPECT_ERROR(counting({2}) + counting({2}, DType::float64), "float64");
  EXPECT_EQ((zeros({0, 3}) + ones({1, 3})).shape(), (Shape{0, 3}));
}

TEST(Values, EveryLayoutGivesTheSameElements) {
  const Tensor x = counting({3, 4, 5});
  const Tensor y = permute(slice(flip(x, {1}), 2, {.start = 4, .step = -2}), {2, 0, 1});
  EXPECT_EQ(y.shape(), (Shape{3, 3, 4}));
  const auto doubled = (y + y).to_vector<float>();
  for (int i = 0; i < 3; ++i)
    for (int j = 0; j < 3; ++j)
      for (int k = 0; k < 4; ++k)
        EXPECT_EQ(doubled[static_cast<std::size_t>((i * 3 + j) * 4 + k)],
                  static_cast<float>(2 * ((j * 4 + (3 - k)) * 5 + (4 - 2 * i))));
}

TEST(Values, TranspositionsOfEverySizeAreCopied) {
  for (const Shape& shape : {Shape{70, 45}, Shape{3, 33, 65}, Shape{64, 2, 64}, Shape{5, 31, 2, 40}, Shape{0, 40}})
    for (const DType dtype : {DType::float32, DType::int64, DType::boolean}) {
      const Tensor x = cast(counting(shape, DType::int64), dtype);
      const int last = shape.rank() - 1;
      for (int axis = 0; axis < last; ++axis) {
        const Tensor y = contiguous(transpose(x, axis, last)), back = contiguous(transpose(y, axis, last));
        EXPECT_TRUE(all(equal(back, x))) << shape.to_string() << " axis " << axis;
        EXPECT_TRUE(all(equal(y, transpose(x, axis, last))));
      }
    }
}

TEST(Values, ReductionsMatchLoops) {
  const Tensor x = testing::smooth_input({3, 5, 70}, 1).detach();
  const auto values = x.to_vector<double>();
  for (const bool swapped : {false, true}) {
    const Tensor seen = swapped ? testing::reversed_layout(x) : x;
    for (unsigned mask = 1; mask < 8; ++mask) {
      Axes axes;
      for (int axis = 0; axis < 3; ++axis)
        if ((mask >> axis & 1) != 0) axes.push_back(axis);
      const Tensor total = sum(seen, axes, true), largest = max(seen, axes, true), smallest = min(seen, axes, true);
      const auto totals = total.to_vector<double>(), maxima = largest.to_vector<double>(),
                 minima = smallest.to_vector<double>();
      std::vector<double> expected_sum(totals.size(), 0.0), expected_max(totals.size(), -1e9),
          expected_min(totals.size(), 1e9);
      for (std::int64_t i = 0; i < 3; ++i)
        for (std::int64_t j = 0; j < 5; ++j)
          for (std::int64_t k = 0; k < 70; ++k) {
            const Shape& shape = total.shape();
            const auto at = static_cast<std::size_t>(((mask & 1 ? 0 : i) * shape[1] + (mask & 2 ? 0 : j)) * shape[2] +
                                                     (mask & 4 ? 0 : k));
            const double value = values[static_cast<std::size_t>((i * 5 + j) * 70 + k)];
            expected_sum[at] += value;
            expected_max[at] = std::max(expected_max[at], value);
            expected_min[at] = std::min(expected_min[at], value);
          }
      for (std::size_t i = 0; i < totals.size(); ++i) EXPECT_NEAR(totals[i], expected_sum[i], 1e-12 * 1050);
      EXPECT_EQ(maxima, expected_max);
      EXPECT_EQ(minima, expected_min);
    }
  }
}

TEST(Values, ReductionsOfNothingAndOfNaN) {
  EXPECT_EQ(sum(zeros({0, 3}), {0}).to_vector<float>(), (std::vector<float>{0, 0, 0}));
  EXPECT_TRUE(std::isnan(mean(zeros({0})).item()));
  EXPECT_ERROR(max(zeros({2, 0}), {1}), "empty");
  EXPECT_EQ(max(zeros({0, 2}), {1}).shape(), (Shape{0}));
  const Tensor x = from_vector<double>({1, nan_value, 3});
  EXPECT_TRUE(std::isnan(max(x).item()));
  EXPECT_TRUE(std::isnan(min(x).item()));
  EXPECT_EQ(argmax(x, 0).item(), 1);
  EXPECT_EQ(argmax(from_vector<float>({1, 3, 3}), 0).item(), 1) << "ties go to the first";
  EXPECT_EQ(argmin(from_vector<float>({2, 1, 1}), 0).item(), 1);
}

TEST(Values, SumsDoNotDependOnTheNumberOfThreads) {
#ifdef _OPENMP
  const Tensor x = testing::smooth_input({37, 4001}, 2).detach().to(DType::float32);
  const int threads = omp_get_max_threads();
  std::vector<std::vector<float>> results;
  for (const int count : {1, 2, 3}) {
    omp_set_num_threads(count);
    auto result = sum(x).to_vector<float>();
    for (const int axis : {0, 1})
      for (const float value : sum(x, {axis}).to_vector<float>()) result.push_back(value);
    results.push_back(result);
  }
  omp_set_num_threads(threads);
  EXPECT_EQ(results[0], results[1]);
  EXPECT_EQ(results[0], results[2]);
#endif
}

TEST(Values, ComparisonsAndWhere) {
  const Tensor a = from_vector<float>({1, 2, 3}), b = from_vector<float>({2, 2, 2});
  EXPECT_EQ(less(a, b).to_vector<bool>(), (std::vector<bool>{true, false, false}));
  EXPECT_EQ(greater_equal(a, b).to_vector<bool>(), (std::vector<bool>{false, true, true}));
  EXPECT_EQ(not_equal(a, b).to_vector<bool>(), (std::vector<bool>{true, false, true}));
  EXPECT_EQ(where(equal(a, b), a, -b).to_vector<float>(), (std::vector<float>{-2, 2, -2}));
  EXPECT_TRUE(any(equal(a, b)));
  EXPECT_FALSE(all(equal(a, b)));
  EXPECT_FALSE(all(is_finite(from_vector<double>({1, nan_value}))));
  EXPECT_ERROR(where(a, a, b), "bool");
  EXPECT_ERROR(logical_not(a), "bool");
  EXPECT_ERROR(exp(zeros({2}, DType::int64)), "float32 or float64");
}

TEST(Values, ShapesThatDoNotFitAreErrors) {
  const Tensor x = counting({2, 3});
  EXPECT_ERROR(reshape(x, {4, 2}), "[2, 3]");
  EXPECT_ERROR(reshape(x, {-1, -1}), "Only one");
  EXPECT_ERROR(permute(x, {0, 0}), "twice");
  EXPECT_ERROR(permute(x, {0}), "each axis once");
  EXPECT_ERROR(squeeze(x, 0), "length 2");
  EXPECT_ERROR(sum(x, {2}), "does not exist");
  EXPECT_ERROR(slice(x, 0, {.step = 0}), "step of 0");
  EXPECT_ERROR(narrow(x, 1, 2, 2), "do not lie");
  EXPECT_ERROR(select(x, 0, 2), "outside");
  EXPECT_ERROR(concat(std::vector<Tensor>{x, counting({3, 3})}, 1), "Only the joined");
  EXPECT_ERROR(concat(std::vector<Tensor>{}, 0), "nothing to join");
  EXPECT_ERROR(pad(x, {{-1, 0}}), "negative");
  EXPECT_ERROR(zeros({-1}), "negative");
  EXPECT_ERROR(zeros({std::int64_t{1} << 40, std::int64_t{1} << 40}), "64-bit");
  EXPECT_ERROR(zeros({std::int64_t{1} << 60}), "bytes");
  EXPECT_ERROR(from_vector<float>({1, 2}, {3}), "do not fill");
  EXPECT_ERROR(x.item(), "exactly one");
  EXPECT_ERROR(x.data<double>(), "float64 was asked");
  EXPECT_ERROR(broadcast_to(x, {3, 3}), "broadcast");
  EXPECT_ERROR((Shape{1, 1, 1, 1, 1, 1, 1, 1, 1}), "at most");
  EXPECT_ERROR(reshape(zeros({0, 3}), {0, -1}), "any number would fill");
  EXPECT_ERROR(reshape(x, {-2, -1}), "negative");
  EXPECT_ERROR(sum(zeros({}), {-1}), "scalar");
}

TEST(Values, SizesThatOverflowAreErrors) {
  constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max(), long_axis = std::int64_t{1} << 32;
  const Tensor x = counting({3});
  EXPECT_ERROR(reshape(x, {long_axis, long_axis, -1}), "64-bit");
  for (const PadMode mode : {PadMode::zero, PadMode::circular}) {
    EXPECT_ERROR(pad(x, {{most, most}}, mode), "more than any memory holds");
    EXPECT_ERROR(pad(x, {{1, most}}, mode), "more than any memory holds");
  }
  EXPECT_ERROR(pad(x, {{0, long_axis}}, PadMode::circular), "repeats axis 0");
  const Tensor empty = zeros({long_axis, long_axis, 0}, DType::float32, DeviceKind::cpu);
  EXPECT_EQ(empty.numel(), 0);
  EXPECT_EQ(slice(empty, 0, {.start = 5}).numel(), 0);
  EXPECT_EQ(empty.to_string(), "[]\nfloat32 [4294967296, 4294967296, 0]");
}

TEST(Values, NumbersThatAnIntegerCannotHoldAreErrors) {
  const Tensor x = from_vector<std::int64_t>({1, 2}), y = x.to(DType::int32);
  EXPECT_EQ((x * 3.0).to_vector<std::int64_t>(), (std::vector<std::int64_t>{3, 6}));
  EXPECT_EQ((full({1}, -2147483648.0, DType::int32) + 2.0).to_vector<std::int32_t>(),
            (std::vector<std::int32_t>{-2147483646}));
  EXPECT_ERROR(x * 0.5, "0.5 is not a number of int64");
  EXPECT_ERROR(x + 9223372036854775808.0, "is not a number of int64");
  EXPECT_ERROR(y + 2147483648.0, "is not a number of int32");
  EXPECT_ERROR(full({1}, nan_value, DType::int32), "is not a number of int32");
}

TEST(Values, AssigningAViewOfTheTargetReadsBeforeItWrites) {
  Tensor x = counting({100});
  const auto expected = slice(x, 0, {.step = -1}).to_vector<float>();
  assign(x, slice(x, 0, {.step = -1}));
  EXPECT_EQ(x.to_vector<float>(), expected);
}

TEST(Values, SlicesFollowPython) {
  const Tensor x = counting({5});
  using Values = std::vector<float>;
  EXPECT_EQ(slice(x, 0, {.start = 1, .stop = -1}).to_vector<float>(), (Values{1, 2, 3}));
  EXPECT_EQ(slice(x, 0, {.step = -2}).to_vector<float>(), (Values{4, 2, 0}));
  EXPECT_EQ(slice(x, 0, {.start = 10}).to_vector<float>(), Values{});
  EXPECT_EQ(slice(x, 0, {.start = -100, .stop = 2}).to_vector<float>(), (Values{0, 1}));
  EXPECT_EQ(slice(x, 0, {.start = 3, .stop = 0, .step = -1}).to_vector<float>(), (Values{3, 2, 1}));
  EXPECT_EQ(slice(x, 0, {.step = std::numeric_limits<std::int64_t>::max()}).to_vector<float>(), (Values{0}));
  EXPECT_EQ(slice(zeros({0}), 0, {.step = -1}).numel(), 0);
  EXPECT_EQ(pad(x, {{2, 7}}, PadMode::circular).to_vector<float>(), (Values{3, 4, 0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1}));
}

TEST(Values, Indexing) {
  const Tensor x = counting({3, 2});
  EXPECT_EQ(index_select(x, 0, from_vector<std::int64_t>({2, -3})).to_vector<float>(),
            (std::vector<float>{4, 5, 0, 1}));
  EXPECT_ERROR(index_select(x, 0, from_vector<std::int64_t>({3})), "outside");
  EXPECT_ERROR(index_select(x, 0, from_vector<float>({1})), "int64");
  EXPECT_ERROR(gather(x, 0, from_vector<std::int64_t>({1})), "do not fit");
  EXPECT_EQ(one_hot(from_vector<std::int64_t>({1, 0}), 3).to_vector<float>(), (std::vector<float>{0, 1, 0, 1, 0, 0}));
}

TEST(Values, OneHotTakesClassesOnly) {
  const Tensor labels = from_vector<std::int64_t>({0, 2, 1, -1, 0, 2}, {2, 3});
  EXPECT_ERROR(one_hot(labels, 3), "label -1 at position 3 of 6 is no class. Use 0 to 2.");
  EXPECT_ERROR(one_hot(from_vector<std::int64_t>({0, 3}), 3), "label 3 at position 1");
  EXPECT_ERROR(one_hot(from_vector<float>({0}), 3), "int64");
  EXPECT_EQ(one_hot(from_vector<std::int64_t>({}, {0}), 0).shape(), (Shape{0, 0}));
}

TEST(Values, ExtremesOfNanAndTheirGradients) {
  constexpr double inf = std::numeric_limits<double>::infinity();
  const auto expect = [](const TensorFunction& f, const std::vector<double>& y, const std::vector<double>& to_a) {
    Tensor a = from_vector<double>({nan_value, 1, nan_value, 2, 1, 3, -inf, nan_value});
    Tensor b = from_vector<double>({1, nan_value, nan_value, 2, 3, 1, inf, -inf});
    a.set_requires_grad(), b.set_requires_grad();
    const Tensor result = f({a, b});
    const auto values = result.to_vector<double>();
    const auto gradients = grad({sum(result)}, {a, b});
    const auto da = gradients[0].to_vector<double>(), db = gradients[1].to_vector<double>();
    for (std::size_t i = 0; i < y.size(); ++i) {
      if (std::isnan(y[i]))
        EXPECT_TRUE(std::isnan(values[i])) << i;
      else
        EXPECT_EQ(values[i], y[i]) << i;
      EXPECT_EQ(da[i], to_a[i]) << i;
      EXPECT_EQ(db[i], 1 - to_a[i]) << i;
    }
  };
  const double n = nan_value;
  expect([](const auto& x) { return maximum(x[0], x[1]); }, {n, n, n, 2, 3, 3, inf, n}, {1, 0, 1, 1, 0, 1, 0, 1});
  expect([](const auto& x) { return minimum(x[0], x[1]); }, {n, n, n, 2, 1, 1, -inf, n}, {1, 0, 1, 1, 1, 0, 1, 1});
}

TEST(Values, MatmulMatchesALoopInEveryLayout) {
  for (const bool left : {false, true})
    for (const bool right : {false, true}) {
      const Tensor a = testing::smooth_input({2, 1, 5, 7}, 1).detach(),
                   b = testing::smooth_input({3, 7, 4}, 2).detach();
      const Tensor c = matmul(left ? testing::reversed_layout(a) : a, right ? testing::reversed_layout(b) : b);
      EXPECT_EQ(c.shape(), (Shape{2, 3, 5, 4}));
      const Tensor reference = sum(unsqueeze(a, 4) * unsqueeze(b, 1), {3});
      EXPECT_LT(max(absolute(c - reference)).item(), 1e-12);
    }
  EXPECT_EQ(matmul(zeros({2, 0}), zeros({0, 3})).to_vector<float>(), std::vector<float>(6, 0.0f));
  EXPECT_EQ(matmul(zeros({0, 2}), zeros({2, 3})).shape(), (Shape{0, 3}));
  EXPECT_ERROR(matmul(zeros({2, 3}), zeros({2, 3})), "3 columns meet 2 rows");
  EXPECT_ERROR(matmul(zeros({}), zeros({2})), "scalars");
}

TEST(Values, Printing) {
  const ScopedDefaultDevice on_cpu(DeviceKind::cpu);
  EXPECT_EQ(counting({2, 2}).to_string(), "[[0, 1],\n [2, 3]]\nfloat32 [2, 2]");
  EXPECT_EQ(zeros({}).to_string(), "0\nfloat32 []");
  EXPECT_EQ(zeros({0, 2}).to_string(), "[]\nfloat32 [0, 2]");
  EXPECT_EQ(from_vector<bool>({true, false}).to_string(), "[ true, false]\nbool [2]");
  EXPECT_NE(counting({100, 100}).to_string().find("..."), std::string::npos);
  EXPECT_EQ(Tensor().to_string(), "tensor(undefined)");
}

TEST(Values, TheAllocatorReusesAndLimits) {
  if (default_device() != DeviceKind::cpu) GTEST_SKIP() << "about host memory";
  CachingAllocator& allocator = CachingAllocator::host();
  allocator.trim();
  const auto before = allocator.statistics();
  for (int i = 0; i < 10; ++i) zeros({1000});
  const auto after = allocator.statistics();
  EXPECT_EQ(after.allocations - before.allocations, 10);
  const bool is_sanitized = __asan_init != nullptr;  // then every tensor is a block of the sanitizer's
  EXPECT_EQ(after.system_allocations - before.system_allocations, is_sanitized ? 10 : 1);
  EXPECT_EQ(after.live_bytes, before.live_bytes);
  allocator.set_limit(after.live_bytes + 1000);
  EXPECT_ERROR(zeros({1000}), "limit");
  allocator.set_limit(0);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(zeros({1}).data<float>()) % 64, 0u);
  for (std::int64_t bytes : {1, 64, 65, 1000, 4097, 1 << 20, (1 << 20) + 1}) {
    EXPECT_GE(CachingAllocator::size_class(bytes), bytes);
    EXPECT_LE(CachingAllocator::size_class(bytes), std::max<std::int64_t>(64 + bytes, bytes * 5 / 4));
  }
}

}  // namespace
}  // namespace orbitgrad
