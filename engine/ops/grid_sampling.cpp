// grid_sample: a product of a sparse matrix with the pixels, whose entries are functions of the grid. See
// resampling.hpp.
#include <algorithm>
#include <cmath>

#include "engine/autograd/node.hpp"
#include "engine/dispatch.hpp"
#include "engine/ops/arithmetic.hpp"
#include "engine/ops/cast.hpp"
#include "engine/ops/creation.hpp"
#include "engine/ops/cubic_weights.hpp"
#include "engine/ops/resampling.hpp"
#include "engine/ops/shape_ops.hpp"
#include "engine/ops/sparse.hpp"
#include "engine/ops/transfer.hpp"

namespace orbitgrad {

namespace {

/// A place on an axis folded into the image: slope * place + offset. Slope 0: it was clipped.
struct Folded {
  double slope = 1, offset = 0;
};

Folded folded(double place, std::int64_t size, GridPadding padding, bool align_corners) {
  Folded result;
  const auto last = static_cast<double>(size - 1);
  if (padding == GridPadding::zeros) return result;
  if (padding == GridPadding::reflection) {
    // Mirrors stand at the centres of the outer pixels, or at the edges of the image.
    const double low = align_corners ? 0 : -0.5, span = align_corners ? last : last + 1;
    if (span == 0) return {0, 0};
    const double turns = std::floor((place - low) / span);
    const bool is_mirrored = std::fmod(std::abs(turns), 2) == 1;
    result = is_mirrored ? Folded{-1, 2 * low + (turns + 1) * span} : Folded{1, -turns * span};
  }
  const double inside = result.slope * place + result.offset;
  if (inside < 0) return {0, 0};
  if (inside > last) return {0, last};
  return result;
}

/// What one axis contributes to the entries of the matrix: `taps` pixels and weights for every point.
struct AxisTaps {
  int taps;
  std::vector<std::int64_t> pixel;  // [points, taps]; -1 outside
  Tensor weight;                    // [points, taps], differentiable in the places
};

/// places: [points], pixels from the first pixel's centre.
AxisTaps axis_taps(const Tensor& places, std::int64_t size, Interpolation mode, GridPadding padding,
                   bool align_corners) {
  const std::int64_t points = places.numel();
  const int taps = mode == Interpolation::nearest ? 1 : mode == Interpolation::bilinear ? 2 : 4;
  AxisTaps result{taps, {}, {}};
  const Tensor here = on_host(cast(places.detach(), DType::float64));
  std::vector<double> slope, shift;  // t = slope * place + shift is the place after its first pixel
  for (std::int64_t i = 0; i < points; ++i) {
    const double given = here.host_data<double>()[i], place = std::isnan(given) ? 0 : given;
    // A cubic folds its taps, the others fold the place.
    const Folded fold = mode == Interpolation::bicubic ? Folded{} : folded(place, size, padding, align_corners);
    const double inside = fold.slope * place + fold.offset;
    const double first = mode == Interpolation::nearest ? std::nearbyint(inside) : std::floor(inside);
    slope.push_back(fold.slope);
    shift.push_back(fold.offset - first);
    for (int tap = 0; tap < taps; ++tap) {
      double pixel = first + tap - (mode == Interpolation::bicubic ? 1 : 0);
      if (mode == Interpolation::bicubic) {
        const Folded at = folded(pixel, size, padding, align_corners);
        pixel = at.slope * pixel + at.offset;
      }
      // Past the border the weight is 0: a place is at most on the last pixel.
      if (padding != GridPadding::zeros) pixel = std::clamp(pixel, 0.0, static_cast<double>(size - 1));
      result.pixel.push_back(pixel >= 0 && pixel < static_cast<double>(size) ? static_cast<std::int64_t>(pixel) : -1);
    }
  }
  const auto constant = [&](const std::vector<double>& values) {
    return from_vector(values, {points}, places.device()).to(places.dtype());
  };
  if (mode == Interpolation::nearest) {
    result.weight = ones({points, 1}, places.dtype(), places.device());
    return result;
  }
  const Tensor t = places * constant(slope) + constant(shift);
  std::vector<Tensor> weights;
  if (mode == Interpolation::bilinear)
    weights = {1.0 - t, t};
  else
    for (int tap = 0; tap < taps; ++tap) weights.push_back(cubic_weight(tap, t));
  result.weight = stack(weights, 1);
  return result;
}

}  // namespace

Tensor grid_sample(const Tensor& x, const Tensor& grid, Interpolation mode, GridPadding padding, bool align_corners) {
  constexpr std::string_view op = "grid_sample";
  require(x.defined() && grid.defined(), op, "x and grid must be tensors, got an undefined one. Give both.");
  require_same_kind(op, x, grid);
  require(is_floating(x.dtype()), op, "takes float32 or float64, got {}. Convert it first: x.to(DType::float32).",
          name(x.dtype()));
  require(x.rank() == 4 && x.size(2) >= 1 && x.size(3) >= 1, op,
          "x must be [N, C, H, W] with at least one pixel, got {}. Reshape it.", x.shape());
  require(grid.rank() == 4 && grid.size(0) == x.size(0) && grid.size(3) == 2, op,
          "the grid must be [{}, Ho, Wo, 2] for x {}, got {}. Give a (column, row) for each point.", x.size(0),
          x.shape(), grid.shape());
  const std::int64_t batch = x.size(0), channels = x.size(1), height = x.size(2), width = x.size(3);
  const std::int64_t points_each = grid.size(1) * grid.size(2), points = batch * points_each;
  const auto places = [&](int which, std::int64_t size) {
    const auto length = static_cast<double>(size);
    const Tensor g = reshape(select(grid, 3, which), {points});
    const Tensor place = align_corners ? (g + 1.0) * ((length - 1) / 2) : ((g + 1.0) * length - 1.0) / 2.0;
    const double far = 1 << 30;  // beyond, a point is as good as there
    return minimum(maximum(place, scalar_like(place, -far)), scalar_like(place, far));
  };
  const AxisTaps columns = axis_taps(places(0, width), width, mode, padding, align_corners);
  const AxisTaps rows = axis_taps(places(1, height), height, mode, padding, align_corners);
  // Entry (point, tap in height, tap in width).
  const int taps = rows.taps;
  std::vector<std::int64_t> point, pixel;
  std::vector<double> inside;
  for (std::int64_t p = 0; p < points; ++p)
    for (int i = 0; i < taps; ++i)
      for (int j = 0; j < taps; ++j) {
        const std::int64_t row = rows.pixel[static_cast<std::size_t>(p * taps + i)],
                           column = columns.pixel[static_cast<std::size_t>(p * taps + j)];
        const bool is_inside = row >= 0 && column >= 0;
        point.push_back(p);
        pixel.push_back(is_inside ? (p / points_each * height + row) * width + column : 0);
        inside.push_back(is_inside ? 1 : 0);
      }
  const Shape entries = {static_cast<std::int64_t>(point.size())};
  const SparsePattern pattern = SparsePattern::from_coordinates(
      from_vector(point, entries, x.device()), from_vector(pixel, entries, x.device()), points, batch * height * width);
  const Tensor weights = reshape(unsqueeze(rows.weight, 2) * unsqueeze(columns.weight, 1), entries) *
                         from_vector(inside, entries, x.device()).to(x.dtype());
  const Tensor pixels = reshape(permute(x, {0, 2, 3, 1}), {batch * height * width, channels});
  const Tensor y = sparse_matmul(pattern, weights, pixels);
  return permute(reshape(y, {batch, grid.size(1), grid.size(2), channels}), {0, 3, 1, 2});
}

}  // namespace orbitgrad
