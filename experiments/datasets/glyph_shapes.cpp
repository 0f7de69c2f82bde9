#include "experiments/datasets/glyph_shapes.hpp"

#include <array>
#include <cstddef>

namespace orbitgrad::experiments {
namespace {

constexpr StrokeKind straight = StrokeKind::straight, smooth = StrokeKind::smooth, closed = StrokeKind::closed;

/// A closed oval through its eight principal points.
Stroke oval(float y, float half_width, float half_height) {
  const float w = 0.74f * half_width, h = 0.72f * half_height;
  return {closed,
          {{0, y - half_height},
           {w, y - h},
           {half_width, y},
           {w, y + h},
           {0, y + half_height},
           {-w, y + h},
           {-half_width, y},
           {-w, y - h}}};
}

std::array<std::vector<Glyph>, 10> make_styles() {
  std::array<std::vector<Glyph>, 10> digits;
  digits[0] = {{oval(0, 0.58f, 1)},
               {oval(0, 0.44f, 1)},
               {{smooth,
                 {{0.2f, -0.95f},
                  {-0.2f, -0.9f},
                  {-0.52f, -0.35f},
                  {-0.5f, 0.4f},
                  {-0.15f, 0.97f},
                  {0.3f, 0.85f},
                  {0.55f, 0.2f},
                  {0.45f, -0.5f},
                  {0.1f, -0.85f},
                  {-0.15f, -1.0f}}}}};
  digits[1] = {{{straight, {{0, -1}, {0, 1}}}},
               {{straight, {{-0.3f, -0.62f}, {0.05f, -1}, {0.05f, 1}}}},
               {{straight, {{-0.3f, -0.7f}, {0, -1}, {0, 1}}}, {straight, {{-0.38f, 1}, {0.38f, 1}}}}};
  digits[2] = {
      {{smooth,
        {{-0.5f, -0.55f}, {-0.3f, -0.92f}, {0.1f, -1}, {0.48f, -0.72f}, {0.42f, -0.25f}, {0, 0.3f}, {-0.55f, 1}}},
       {straight, {{-0.55f, 1}, {0.55f, 1}}}},
      {{smooth,
        {{-0.5f, -0.6f},
         {-0.2f, -0.97f},
         {0.3f, -0.92f},
         {0.48f, -0.5f},
         {0.2f, 0.1f},
         {-0.3f, 0.8f},
         {-0.58f, 0.88f},
         {-0.52f, 0.58f},
         {-0.2f, 0.66f},
         {0.2f, 0.95f},
         {0.6f, 0.82f}}}}};
  digits[3] = {
      {{smooth, {{-0.5f, -0.75f}, {-0.1f, -1}, {0.35f, -0.85f}, {0.42f, -0.45f}, {0.15f, -0.1f}, {-0.15f, -0.04f}}},
       {smooth, {{-0.15f, -0.04f}, {0.3f, 0.06f}, {0.52f, 0.45f}, {0.3f, 0.9f}, {-0.15f, 1}, {-0.55f, 0.75f}}}},
      {{straight, {{-0.5f, -1}, {0.45f, -1}, {-0.08f, -0.2f}}},
       {smooth, {{-0.08f, -0.2f}, {0.35f, -0.05f}, {0.52f, 0.4f}, {0.25f, 0.9f}, {-0.2f, 1}, {-0.55f, 0.75f}}}}};
  digits[4] = {{{straight, {{0.25f, 1}, {0.25f, -1}, {-0.6f, 0.35f}, {0.6f, 0.35f}}}},
               {{straight, {{-0.42f, -1}, {-0.52f, 0.12f}, {0.58f, 0.12f}}}, {straight, {{0.3f, -0.7f}, {0.25f, 1}}}}};
  digits[5] = {{{straight, {{0.5f, -1}, {-0.4f, -1}, {-0.45f, -0.15f}}},
                {smooth,
                 {{-0.45f, -0.15f},
                  {-0.05f, -0.33f},
                  {0.4f, -0.15f},
                  {0.53f, 0.35f},
                  {0.3f, 0.85f},
                  {-0.15f, 1},
                  {-0.55f, 0.78f}}}},
               {{straight, {{0.55f, -0.95f}, {-0.3f, -1}}},
                {smooth,
                 {{-0.3f, -1},
                  {-0.42f, -0.5f},
                  {-0.4f, -0.12f},
                  {0.05f, -0.22f},
                  {0.45f, 0.1f},
                  {0.42f, 0.65f},
                  {0.05f, 0.98f},
                  {-0.5f, 0.9f}}}}};
  digits[6] = {{{smooth,
                 {{0.5f, -0.86f},
                  {0.08f, -0.93f},
                  {-0.38f, -0.4f},
                  {-0.52f, 0.3f},
                  {-0.32f, 0.85f},
                  {0.1f, 1},
                  {0.48f, 0.7f},
                  {0.46f, 0.25f},
                  {0.1f, 0.02f},
                  {-0.3f, 0.2f},
                  {-0.48f, 0.5f}}}},
               {{smooth,
                 {{0.5f, -0.72f},
                  {0.25f, -1},
                  {-0.18f, -0.88f},
                  {-0.46f, -0.35f},
                  {-0.52f, 0.3f},
                  {-0.35f, 0.82f},
                  {0.08f, 1},
                  {0.47f, 0.72f},
                  {0.45f, 0.28f},
                  {0.08f, 0.05f},
                  {-0.42f, 0.3f}}}}};
  digits[7] = {{{straight, {{-0.5f, -1}, {0.5f, -1}, {-0.12f, 1}}}},
               {{straight, {{-0.5f, -1}, {0.5f, -1}, {-0.12f, 1}}}, {straight, {{-0.22f, -0.02f}, {0.45f, -0.02f}}}},
               {{straight, {{-0.52f, -0.68f}, {-0.5f, -1}, {0.5f, -1}}},
                {smooth, {{0.5f, -1}, {0.18f, -0.3f}, {0, 0.3f}, {-0.05f, 1}}}}};
  digits[8] = {{oval(-0.5f, 0.4f, 0.5f), oval(0.5f, 0.52f, 0.5f)},
               {{closed,
                 {{0, -1},
                  {0.4f, -0.8f},
                  {0.36f, -0.38f},
                  {0, 0},
                  {-0.46f, 0.4f},
                  {-0.4f, 0.84f},
                  {0, 1},
                  {0.42f, 0.84f},
                  {0.46f, 0.4f},
                  {0, 0},
                  {-0.36f, -0.38f},
                  {-0.4f, -0.8f}}}}};
  digits[9] = {{oval(-0.48f, 0.47f, 0.52f), {straight, {{0.47f, -0.6f}, {0.42f, 1}}}},
               {oval(-0.5f, 0.45f, 0.5f), {straight, {{0.45f, -0.5f}, {0, 1}}}}};
  return digits;
}

/// Uniform Catmull-Rom curve between b and c, at t in [0, 1].
Point catmull_rom(Point a, Point b, Point c, Point d, float t) {
  const auto blend = [t](float p, float q, float r, float s) {
    return q + 0.5f * t * (r - p + t * (2 * p - 5 * q + 4 * r - s + t * (3 * (q - r) + s - p)));
  };
  return {blend(a.x, b.x, c.x, d.x), blend(a.y, b.y, c.y, d.y)};
}

}  // namespace

std::span<const Glyph> glyph_styles(int digit) {
  static const std::array<std::vector<Glyph>, 10> styles = make_styles();
  return styles[static_cast<std::size_t>(digit)];
}

void flatten_stroke(const Stroke& stroke, int steps, std::vector<Point>& line) {
  const std::vector<Point>& points = stroke.points;
  if (stroke.kind == StrokeKind::straight) {
    line.insert(line.end(), points.begin(), points.end());
    return;
  }
  const int count = static_cast<int>(points.size());
  const bool is_closed = stroke.kind == StrokeKind::closed;
  const auto at = [&](int i) {  // beyond the ends: around a closed curve, the end point itself on an open one
    const int wrapped = is_closed ? (i + count) % count : (i < 0 ? 0 : i >= count ? count - 1 : i);
    return points[static_cast<std::size_t>(wrapped)];
  };
  line.push_back(points.front());
  for (int piece = 0; piece < (is_closed ? count : count - 1); ++piece) {
    for (int step = 1; step <= steps; ++step) {
      const float t = static_cast<float>(step) / static_cast<float>(steps);
      line.push_back(catmull_rom(at(piece - 1), at(piece), at(piece + 1), at(piece + 2), t));
    }
  }
}

}  // namespace orbitgrad::experiments
