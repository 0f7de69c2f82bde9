// Generated digits: balanced, in range, a function of (seed, index) alone, and the rotated form is the upright one
// turned.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <ranges>
#include <set>
#include <vector>

#include "experiments/datasets/glyph_digits.hpp"
#include "experiments/datasets/glyph_shapes.hpp"
#include "experiments/datasets/rotation.hpp"
#include "tests/experiments/datasets_support.hpp"

namespace orbitgrad::experiments {
namespace {

double correlation(std::span<const float> a, std::span<const float> b) {
  double ab = 0, aa = 0, bb = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    ab += a[i] * b[i];
    aa += a[i] * a[i];
    bb += b[i] * b[i];
  }
  return ab / std::sqrt(aa * bb);
}

TEST(GlyphShapes, StayInTheirBoxAndPassThroughTheirPoints) {
  for (int digit = 0; digit < glyph_classes; ++digit) {
    ASSERT_FALSE(glyph_styles(digit).empty());
    for (const Glyph& glyph : glyph_styles(digit)) {
      for (const Stroke& stroke : glyph) {
        std::vector<Point> line;
        flatten_stroke(stroke, 4, line);
        for (const Point& p : line) {
          EXPECT_LE(std::abs(p.x), 0.7f) << digit;
          EXPECT_LE(std::abs(p.y), 1.1f) << digit;
        }
        for (const Point& control : stroke.points) {
          EXPECT_TRUE(std::any_of(line.begin(), line.end(), [&](const Point& p) {
            return std::hypot(p.x - control.x, p.y - control.y) < 1e-5f;
          })) << digit;
        }
        if (stroke.kind == StrokeKind::closed) {
          EXPECT_LT(std::hypot(line.front().x - line.back().x, line.front().y - line.back().y), 1e-5f);
        }
      }
    }
  }
}

TEST(GlyphDigits, PixelsAreInRangeAndClassesBalanced) {
  for (const bool rotated : {false, true}) {
    const ImageDataset digits = glyph_digits(2000, 3, {.rotated = rotated});
    check_dataset(digits);
    for (const int digit : std::views::iota(0, 10)) EXPECT_EQ(std::ranges::count(digits.labels, digit), 200) << digit;
    const auto [low, high] = std::minmax_element(digits.pixels.begin(), digits.pixels.end());
    EXPECT_GE(*low, 0);
    EXPECT_LE(*high, 1);
    const Brightness measured = brightness(digits);
    EXPECT_NEAR(measured.mean, 0.14, 0.04);
    EXPECT_NEAR(measured.deviation, 0.22, 0.05);
  }
}

TEST(GlyphDigits, EveryDigitLeavesInk) {
  const ImageDataset digits = glyph_digits(3000, 8, {.rotated = true, .clutter = false, .noise = false});
  for (std::int64_t i = 0; i < digits.count; ++i) {
    double ink = 0;
    for (const float pixel : digits.image(i)) ink += pixel;
    EXPECT_GT(ink, 8) << i;
    EXPECT_LT(ink, 260) << i;
  }
}

TEST(GlyphDigits, BitsDependOnSeedAndIndexAlone) {
  ThreadCount one(1);
  const ImageDataset expected = glyph_digits(400, 5, {.rotated = true});
  {
    ThreadCount three(3);
    EXPECT_EQ(glyph_digits(400, 5, {.rotated = true}).pixels, expected.pixels);
  }
  const ImageDataset tail = glyph_digits(57, 5, {.rotated = true, .first_index = 343});
  EXPECT_TRUE(std::equal(tail.pixels.begin(), tail.pixels.end(), expected.pixels.begin() + 343 * 784));
  EXPECT_TRUE(std::equal(tail.labels.begin(), tail.labels.end(), expected.labels.begin() + 343));
  EXPECT_NE(glyph_digits(400, 6, {.rotated = true}).pixels, expected.pixels);
}

TEST(GlyphDigits, NoTwoImagesAreAlike) {
  const ImageDataset digits = glyph_digits(2000, 1, {.clutter = false, .noise = false});
  std::set<std::vector<float>> images;
  for (std::int64_t i = 0; i < digits.count; ++i) {
    images.emplace(digits.image(i).begin(), digits.image(i).end());
  }
  EXPECT_EQ(images.size(), 2000u);
}

TEST(GlyphDigits, LabelsComeInNoFixedOrder) {
  std::set<std::vector<std::int64_t>> orders;
  const ImageDataset digits = glyph_digits(500, 1);
  for (auto block = digits.labels.begin(); block != digits.labels.end(); block += 10) orders.emplace(block, block + 10);
  EXPECT_GT(orders.size(), 45u);
}

TEST(GlyphDigits, RotatedIsTheUprightDigitTurned) {
  const ImageDataset upright = glyph_digits(300, 2, {.noise = false});
  const ImageDataset rotated = glyph_digits(300, 2, {.rotated = true, .noise = false});
  EXPECT_EQ(upright.labels, rotated.labels);
  const ImageDataset turned = turned_by_index(upright, 2);
  double mean = 0, unturned_mean = 0;
  for (std::int64_t i = 0; i < upright.count; ++i) {
    const double similarity = correlation(turned.image(i), rotated.image(i));
    EXPECT_GT(similarity, 0.8) << i;
    mean += similarity / 300;
    unturned_mean += correlation(upright.image(i), rotated.image(i)) / 300;
  }
  EXPECT_GT(mean, 0.95);
  EXPECT_LT(unturned_mean, 0.6);
}

TEST(GlyphDigits, ClutterAndNoiseLeaveTheDigitAlone) {
  const ImageDataset clean = glyph_digits(200, 2, {.clutter = false, .noise = false});
  const ImageDataset cluttered = glyph_digits(200, 2, {.noise = false});
  EXPECT_NE(clean.pixels, cluttered.pixels);
  for (std::size_t i = 0; i < clean.pixels.size(); ++i) EXPECT_LE(clean.pixels[i], cluttered.pixels[i]);
}

TEST(GlyphDigits, NegativeCountsAreErrors) {
  expect_contains(error_of([] { glyph_digits(-1, 0); }), "count is -1");
  expect_contains(error_of([] { glyph_digits(1, 0, {.first_index = -5}); }), "first_index -5");
  EXPECT_EQ(glyph_digits(0, 0).count, 0);
}

}  // namespace
}  // namespace orbitgrad::experiments
