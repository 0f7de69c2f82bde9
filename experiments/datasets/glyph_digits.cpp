#include "experiments/datasets/glyph_digits.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "experiments/datasets/glyph_shapes.hpp"
#include "experiments/datasets/random_sequence.hpp"
#include "experiments/datasets/rotation.hpp"
#include "groups/error.hpp"
#include "kernels/parallel.hpp"

namespace orbitgrad::experiments {
namespace {

constexpr std::uint64_t label_stream = 0x6c6162656cull, drawing_stream = 0x676c797068ull;  // "label", "glyph"
constexpr float centre = 13.5f;
constexpr float degree = std::numbers::pi_v<float> / 180;
constexpr int curve_steps = 4;

/// A smooth displacement: one wave in each coordinate. Points that coincide stay together, so strokes do not part.
struct Warp {
  float amplitude_x, frequency_x, phase_x, amplitude_y, frequency_y, phase_y;

  explicit Warp(RandomSequence& random)
      : amplitude_x(random.uniform(0, 0.12f)),
        frequency_x(random.uniform(1.5f, 3.5f)),
        phase_x(random.uniform(0, 2 * std::numbers::pi_v<float>)),
        amplitude_y(random.uniform(0, 0.10f)),
        frequency_y(random.uniform(2, 5)),
        phase_y(random.uniform(0, 2 * std::numbers::pi_v<float>)) {}

  Point operator()(Point p) const {
    return {p.x + amplitude_x * std::sin(frequency_x * p.y + phase_x),
            p.y + amplitude_y * std::sin(frequency_y * p.x + phase_y)};
  }
};

/// From glyph coordinates to pixels: p -> matrix p + offset.
struct Placement {
  float xx, xy, yx, yy, offset_x, offset_y;

  explicit Placement(RandomSequence& random) {
    const float half_height = random.uniform(6.75f, 9.5f);
    const float half_width = half_height * random.uniform(0.8f, 1.2f);
    const float shear = random.uniform(-0.3f, 0.3f);
    const float angle = random.uniform(-15, 15) * degree;
    const float c = std::cos(angle), s = std::sin(angle);
    xx = c * half_width;
    xy = (-c * shear - s) * half_height;
    yx = s * half_width;
    yy = (-s * shear + c) * half_height;
    offset_x = centre + random.uniform(-3, 3);
    offset_y = centre + random.uniform(-3, 3);
  }

  Point operator()(Point p) const { return {xx * p.x + xy * p.y + offset_x, yx * p.x + yy * p.y + offset_y}; }
};

struct Pen {
  float radius, softness, intensity;  // pixels, pixels over which an edge fades, brightness
};

/// Turns counter-clockwise as seen about the image centre, like rotate_images; y points down.
struct Turn {
  float cosine, sine;
  Point operator()(Point p) const {
    const float x = p.x - centre, y = p.y - centre;
    return {centre + cosine * x + sine * y, centre - sine * x + cosine * y};
  }
};

/// Draws a segment: brightness falls from 1 to 0 over `softness` pixels around the distance `radius`. Overlap: maximum.
void draw_segment(Point a, Point b, const Pen& pen, std::span<float> pixels) {
  constexpr int side = static_cast<int>(glyph_side);
  const float reach = pen.radius + 0.5f * pen.softness;
  const int left = std::max(0, static_cast<int>(std::ceil(std::min(a.x, b.x) - reach)));
  const int right = std::min(side - 1, static_cast<int>(std::floor(std::max(a.x, b.x) + reach)));
  const int top = std::max(0, static_cast<int>(std::ceil(std::min(a.y, b.y) - reach)));
  const int bottom = std::min(side - 1, static_cast<int>(std::floor(std::max(a.y, b.y) + reach)));
  const float dx = b.x - a.x, dy = b.y - a.y;
  const float inverse_square = 1.0f / std::max(dx * dx + dy * dy, 1e-12f);
  const float fade = 1.0f / pen.softness;
  for (int row = top; row <= bottom; ++row) {
    for (int column = left; column <= right; ++column) {
      const float px = static_cast<float>(column) - a.x, py = static_cast<float>(row) - a.y;
      const float t = std::clamp((px * dx + py * dy) * inverse_square, 0.0f, 1.0f);
      const float ex = px - t * dx, ey = py - t * dy;
      const float coverage = (pen.radius - std::sqrt(ex * ex + ey * ey)) * fade + 0.5f;
      float& pixel = pixels[static_cast<std::size_t>(row * side + column)];
      pixel = std::max(pixel, pen.intensity * std::clamp(coverage, 0.0f, 1.0f));
    }
  }
}

void draw_digit(int digit, RandomSequence& random, const Turn& turn, std::span<float> pixels) {
  const std::span<const Glyph> styles = glyph_styles(digit);
  const Glyph& glyph = styles[static_cast<std::size_t>(random.below(static_cast<std::int64_t>(styles.size())))];
  const Warp warp(random);
  const Placement place(random);
  const Pen pen{random.uniform(0.5f, 1.5f), random.uniform(0.8f, 2.0f), random.uniform(0.55f, 1.0f)};
  constexpr float tremor = 0.025f;  // deviation of each control point
  std::vector<Point> line;
  for (Stroke stroke : glyph) {
    for (Point& point : stroke.points) {
      point.x += tremor * random.nearly_normal();
      point.y += tremor * random.nearly_normal();
      point = warp(point);
    }
    line.clear();
    flatten_stroke(stroke, curve_steps, line);
    for (Point& point : line) point = turn(place(point));
    for (std::size_t i = 1; i < line.size(); ++i) draw_segment(line[i - 1], line[i], pen, pixels);
  }
}

void draw_clutter(RandomSequence& random, const Turn& turn, std::span<float> pixels) {
  const std::int64_t specks = random.below(5);
  for (std::int64_t i = 0; i < specks; ++i) {
    const Point p = turn({random.uniform(0, 27), random.uniform(0, 27)});
    draw_segment(p, p, {random.uniform(0.3f, 0.8f), 1, random.uniform(0.3f, 0.9f)}, pixels);
  }
  if (random.chance(0.4f)) {
    const Point a{random.uniform(1, 26), random.uniform(1, 26)};
    const float length = random.uniform(3, 8), angle = random.uniform(0, 360) * degree;
    const Point b{a.x + length * std::cos(angle), a.y + length * std::sin(angle)};
    draw_segment(turn(a), turn(b), {random.uniform(0.4f, 0.8f), 1, random.uniform(0.25f, 0.6f)}, pixels);
  }
}

void add_noise(RandomSequence& random, std::span<float> pixels) {
  const float background = random.uniform(0, 0.1f), deviation = random.uniform(0.02f, 0.08f);
  for (float& pixel : pixels) {
    pixel = std::clamp(background + (1 - background) * pixel + deviation * random.nearly_normal(), 0.0f, 1.0f);
  }
}

}  // namespace

int glyph_label(std::uint64_t seed, std::int64_t index) {
  // Each block of ten indices is a shuffled 0 .. 9, so that any set of whole blocks is balanced.
  const std::uint64_t block = static_cast<std::uint64_t>(index / glyph_classes);
  RandomSequence random(kernels::philox_split(kernels::philox_split(seed, label_stream), block));
  std::array<int, glyph_classes> digits{0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
  for (int last = glyph_classes - 1; last > 0; --last) {
    std::swap(digits[static_cast<std::size_t>(last)], digits[static_cast<std::size_t>(random.below(last + 1))]);
  }
  return digits[static_cast<std::size_t>(index % glyph_classes)];
}

void draw_glyph_digit(std::uint64_t seed, std::int64_t index, const GlyphOptions& options, std::span<float> pixels) {
  const std::uint64_t key =
      kernels::philox_split(kernels::philox_split(seed, drawing_stream), static_cast<std::uint64_t>(index));
  // Separate sequences: leaving out clutter or noise does not change the rest.
  RandomSequence digit_random(kernels::philox_split(key, 0)), clutter_random(kernels::philox_split(key, 1)),
      noise_random(kernels::philox_split(key, 2));
  const float angle = options.rotated ? static_cast<float>(rotation_angle(seed, index)) : 0.0f;
  const Turn turn{std::cos(angle), std::sin(angle)};
  std::fill(pixels.begin(), pixels.end(), 0.0f);
  draw_digit(glyph_label(seed, index), digit_random, turn, pixels);
  if (options.clutter) draw_clutter(clutter_random, turn, pixels);
  if (options.noise) add_noise(noise_random, pixels);
}

ImageDataset glyph_digits(std::int64_t count, std::uint64_t seed, const GlyphOptions& options) {
  require(count >= 0 && options.first_index >= 0, "glyph_digits",
          "count is {} and first_index {}. Pass numbers that are not negative.", count, options.first_index);
  ImageDataset dataset{count, 1, glyph_side, glyph_side, {}, {}, glyph_classes};
  dataset.labels.resize(static_cast<std::size_t>(count));
  dataset.pixels.resize(static_cast<std::size_t>(count * dataset.image_size()));
  const std::size_t size = static_cast<std::size_t>(dataset.image_size());
  kernels::parallel_for(count, 64, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t index = options.first_index + i;
      dataset.labels[static_cast<std::size_t>(i)] = glyph_label(seed, index);
      draw_glyph_digit(seed, index, options,
                       std::span(dataset.pixels).subspan(static_cast<std::size_t>(i) * size, size));
    }
  });
  return dataset;
}

}  // namespace orbitgrad::experiments
