// Pooling over pixels and over the group: values, winners among equals, derivatives, equivariance, errors.
#include "engine/ops/pooling.hpp"

#include <limits>

#include "engine/ops/arithmetic.hpp"
#include "engine/ops/reduction.hpp"
#include "engine/ops/symmetry.hpp"
#include "tests/engine/expect_error.hpp"
#include "tests/engine/op_checks.hpp"

namespace orbitgrad {
namespace {

using testing::expect_derivatives;
using testing::Inputs;
using testing::relative_difference;
using testing::smooth_input;

std::string text(const Pool2dOptions& options) {
  return fmt::format("kernel {} stride {} padding {}", options.kernel, options.stride, options.padding);
}

std::vector<Pool2dOptions> settings() {
  return {{}, {.kernel = 3, .stride = 2, .padding = 1}, {.kernel = 3, .stride = 1}, {.kernel = 1, .stride = 2}};
}

/// Window by window; reduce(values inside, kernel^2).
template <class Reduce>
Tensor reference(const Tensor& x, const Pool2dOptions& options, Reduce&& reduce) {
  const auto xs = x.to_vector<double>();
  const std::int64_t height = x.size(-2), width = x.size(-1), stride = options.stride ? options.stride : options.kernel;
  const std::int64_t out_height = (height + 2 * options.padding - options.kernel) / stride + 1;
  const std::int64_t out_width = (width + 2 * options.padding - options.kernel) / stride + 1;
  std::vector<double> ys;
  for (std::int64_t plane = 0; plane < x.numel() / (height * width); ++plane)
    for (std::int64_t o = 0; o < out_height * out_width; ++o) {
      std::vector<double> inside;
      for (std::int64_t u = 0; u < options.kernel * options.kernel; ++u) {
        const std::int64_t row = o / out_width * stride - options.padding + u / options.kernel;
        const std::int64_t col = o % out_width * stride - options.padding + u % options.kernel;
        if (row >= 0 && col >= 0 && row < height && col < width)
          inside.push_back(xs[static_cast<std::size_t>((plane * height + row) * width + col)]);
      }
      ys.push_back(reduce(inside, static_cast<double>(options.kernel * options.kernel)));
    }
  Shape shape = x.shape();
  shape[x.rank() - 2] = out_height;
  shape[x.rank() - 1] = out_width;
  return from_vector(ys, shape);
}

TEST(Pooling, FollowsTheFormula) {
  for (const Shape& shape : {Shape{3, 5, 4}, Shape{2, 2, 4, 6}, Shape{1, 2, 4, 3, 4}})
    for (const Pool2dOptions& options : settings()) {
      SCOPED_TRACE(text(options) + shape.to_string());
      const Tensor x = smooth_input(shape, 1);
      const auto largest = [](const std::vector<double>& v, double) { return *std::max_element(v.begin(), v.end()); };
      const auto average = [](const std::vector<double>& v, double count) {
        double total = 0;
        for (const double value : v) total += value;
        return total / count;
      };
      EXPECT_EQ(relative_difference(max_pool2d(x, options), reference(x, options, largest)), 0);
      EXPECT_LE(relative_difference(average_pool2d(x, options), reference(x, options, average)), 1e-14);
    }
}

TEST(Pooling, DerivativesOfEveryOrder) {
  for (const Pool2dOptions& options : settings()) {
    const Inputs in = {smooth_input({2, 2, 5, 4}, 1)};
    expect_derivatives({"max " + text(options), [=](const Inputs& x) { return max_pool2d(x[0], options); }, in});
    expect_derivatives(
        {"average " + text(options), [=](const Inputs& x) { return average_pool2d(x[0], options); }, in});
  }
  const Inputs in = {smooth_input({2, 2, 4, 2, 3}, 1)};
  expect_derivatives({"group max", [](const Inputs& x) { return group_max_pool(x[0]); }, in});
  expect_derivatives({"group mean", [](const Inputs& x) { return group_mean_pool(x[0]); }, in});
}

TEST(Pooling, TheSecondDerivativeOfAFunctionOfAMaximum) {
  // max^2 has one: without the path through the gather it would come out as zero.
  expect_derivatives({"square",
                      [](const Inputs& x) {
                        const Tensor y = max_pool2d(x[0]), z = group_max_pool(x[1]);
                        return y * y * z * z;
                      },
                      {smooth_input({1, 1, 4, 4}, 1), smooth_input({1, 1, 4, 2, 2}, 2)}});
}

TEST(Pooling, TheLowestIndexWinsAmongEquals) {
  Tensor x = ones({1, 2, 3, 2, 2});
  x.set_requires_grad();
  const Tensor over_pixels = grad({max_pool2d(x)}, {x}, {.output_gradients = {ones({1, 2, 3, 1, 1})}})[0];
  const Tensor over_group = grad({group_max_pool(x)}, {x}, {.output_gradients = {ones({1, 2, 2, 2})}})[0];
  const auto pixels = over_pixels.to_vector<float>(), elements = over_group.to_vector<float>();
  for (std::size_t i = 0; i < pixels.size(); ++i) {
    EXPECT_EQ(pixels[i], i % 4 == 0 ? 1.0f : 0.0f);
    EXPECT_EQ(elements[i], i / 4 % 3 == 0 ? 1.0f : 0.0f);
  }
}

TEST(Pooling, NanIsPassedOn) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const Tensor x = from_vector<float>({1, nan, 3, 2}, {1, 1, 1, 2, 2});
  EXPECT_TRUE(std::isnan(max_pool2d(x).item()));
  EXPECT_TRUE(std::isnan(max(group_max_pool(x)).item()));
}

TEST(Pooling, GroupPoolsCommuteWithTheGroup) {
  for (const std::string& name : groups::lattice_group_names()) {
    const groups::LatticeGroup group = groups::lattice_group(name);
    const Tensor x = uniform({2, 3, group.order(), 4, 4}, RandomKey{1}, -1, 1);
    for (int h = 0; h < group.order(); ++h) {
      SCOPED_TRACE(fmt::format("{} {}", name, h));
      const Tensor moved = act_on_regular(x, group, h);
      EXPECT_TRUE(testing::same_bits(group_max_pool(moved), act_on_image(group_max_pool(x), group, h)));
      EXPECT_LE(relative_difference(group_mean_pool(moved), act_on_image(group_mean_pool(x), group, h)), 1e-6);
      EXPECT_TRUE(testing::same_bits(max_pool2d(moved), act_on_regular(max_pool2d(x), group, h)));
      EXPECT_LE(relative_difference(average_pool2d(moved), act_on_regular(average_pool2d(x), group, h)), 1e-6);
    }
  }
}

TEST(Pooling, EmptyBatch) {
  testing::expect_empty_gradients([](const Inputs& x) { return max_pool2d(x[0]); }, {smooth_input({0, 2, 4, 4}, 1)});
  testing::expect_empty_gradients([](const Inputs& x) { return average_pool2d(x[0]); },
                                  {smooth_input({2, 0, 4, 4}, 1)});
  testing::expect_empty_gradients([](const Inputs& x) { return group_max_pool(x[0]); },
                                  {smooth_input({0, 2, 4, 2, 2}, 1)});
  testing::expect_empty_gradients([](const Inputs& x) { return group_mean_pool(x[0]); },
                                  {smooth_input({2, 2, 4, 0, 2}, 1)});
}

TEST(Pooling, Errors) {
  const Tensor x = ones({2, 3, 5, 4});
  for (Tensor (*pool)(const Tensor&, const Pool2dOptions&) : {max_pool2d, average_pool2d}) {
    EXPECT_ERROR(pool(ones({5, 4}), {}), "x must have rank 3 or more");
    EXPECT_ERROR(pool(x, {.kernel = 0}), "the kernel must be at least 1, got 0");
    EXPECT_ERROR(pool(x, {.stride = -1}), "the stride must be at least 1");
    EXPECT_ERROR(pool(x, {.padding = -1}), "the padding must be between 0 and half the kernel 2, got -1");
    EXPECT_ERROR(pool(x, {.kernel = 3, .padding = 2}), "half the kernel 3, got 2");
    EXPECT_ERROR(pool(x, {.kernel = 5}), "the kernel 5 is larger than the padded image 5 x 4");
    constexpr std::int64_t huge = std::int64_t{1} << 62, most = std::numeric_limits<std::int64_t>::max();
    EXPECT_ERROR(pool(x, {.kernel = huge, .padding = huge / 2}), "kernel and stride are at most");
    EXPECT_ERROR(pool(x, {.kernel = most, .padding = huge}), "kernel and stride are at most");
    EXPECT_ERROR(pool(x, {.kernel = 4, .stride = most, .padding = 2}), "kernel and stride are at most");
    EXPECT_ERROR(pool(ones({1, 1, 0, 4}), {.padding = 1}), "no pixels to pool");
    EXPECT_ERROR(pool(x.to(DType::int64), {}), "takes float32 or float64, got int64");
  }
  for (Tensor (*pool)(const Tensor&) : {group_max_pool, group_mean_pool}) {
    EXPECT_ERROR(pool(x), "[N, C, |G|, H, W], got [2, 3, 5, 4]. Images have no group axis: lift them first");
    EXPECT_ERROR(pool(ones({2, 3, 0, 4, 4})), "x must be regular features");
    EXPECT_ERROR(pool(ones({2, 3, 4, 4, 4}, DType::int32)), "takes float32 or float64, got int32");
  }
}

}  // namespace
}  // namespace orbitgrad
