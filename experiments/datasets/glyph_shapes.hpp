// The digits 0 to 9 as pen strokes, several ways of writing each. Coordinates: x to the right within about +-0.6, y
// down from -1 (top) to 1 (bottom). The tail of a 9 is straight and that of a 6 is curved, so that a half turn keeps
// them apart.
#pragma once

#include <span>
#include <vector>

namespace orbitgrad::experiments {

struct Point {
  float x, y;
};

enum class StrokeKind { straight, smooth, closed };  // polyline; Catmull-Rom curve; closed Catmull-Rom curve

struct Stroke {
  StrokeKind kind;
  std::vector<Point> points;
};

using Glyph = std::vector<Stroke>;

/// The ways of writing a digit from 0 to 9; never empty.
std::span<const Glyph> glyph_styles(int digit);

/// Appends the polyline of a stroke to `line`: the points themselves, or `steps` points for each curve piece.
void flatten_stroke(const Stroke& stroke, int steps, std::vector<Point>& line);

}  // namespace orbitgrad::experiments
