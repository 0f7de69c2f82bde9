// interpolate and adaptive pooling: fixed weights, one axis after the other. grid_sample: grid_sampling.cpp.
#include "engine/ops/resampling.hpp"

#include <algorithm>
#include <cmath>

#include "engine/ops/creation.hpp"
#include "engine/ops/cubic_weights.hpp"
#include "engine/ops/pick_positions.hpp"
#include "engine/ops/shape_ops.hpp"
#include "engine/ops/sparse.hpp"
#include "kernels/sparse_rows/sparse_rows.hpp"

namespace orbitgrad {

namespace {

/// A matrix [out, in] with few entries in each row, in order of the rows.
struct AxisWeights {
  std::vector<std::int64_t> row, column;
  std::vector<double> weight;

  void add(std::int64_t r, std::int64_t c, double w) {
    row.push_back(r);
    column.push_back(c);
    weight.push_back(w);
  }
};

/// The matrix times one of the last two axes of x.
Tensor along_axis(const AxisWeights& weights, const Tensor& x, int axis, std::int64_t out) {
  const Shape entries = {static_cast<std::int64_t>(weights.row.size())};
  const SparsePattern pattern =
      SparsePattern::from_coordinates(from_vector(weights.row, entries, x.device()),
                                      from_vector(weights.column, entries, x.device()), out, x.size(axis));
  const Tensor values = from_vector(weights.weight, entries, x.device()).to(x.dtype());
  if (axis == -2) return sparse_matmul(pattern, values, x);
  return squeeze(sparse_matmul(pattern, values, unsqueeze(x, x.rank())), -1);
}

void require_sizes(std::string_view op, const Tensor& x, std::int64_t height, std::int64_t width) {
  require(x.defined() && is_floating(x.dtype()) && x.rank() >= 2 && x.rank() < kernels::max_rank, op,
          "x must be a float32 or float64 tensor [..., H, W] of rank 2 to {}, got {}. Reshape or convert it.",
          kernels::max_rank - 1, x.defined() ? x.shape().to_string() : "an undefined tensor");
  require(x.size(-2) >= 1 && x.size(-1) >= 1, op, "x {} has no pixels. Leave empty images out.", x.shape());
  constexpr std::int64_t most = std::int64_t{1} << 20;  // longer than any image; products below stay in range
  require(height >= 1 && width >= 1 && height <= most && width <= most, op,
          "an image of {} x {} cannot be made. Use sizes from 1 to {}.", height, width, most);
  require(x.size(-2) <= most && x.size(-1) <= most, op, "the images of x {} are longer than {}. Cut them up.",
          x.shape(), most);
}

AxisWeights interpolation_weights(Interpolation mode, bool align_corners, std::int64_t in, std::int64_t out) {
  AxisWeights result;
  const auto pixel = [&](std::int64_t at) { return std::clamp<std::int64_t>(at, 0, in - 1); };
  for (std::int64_t i = 0; i < out; ++i) {
    if (mode == Interpolation::nearest) {
      result.add(i, i * in / out, 1);
      continue;
    }
    double place = 0;
    if (!align_corners)
      place = (static_cast<double>(i) + 0.5) * static_cast<double>(in) / static_cast<double>(out) - 0.5;
    else if (out > 1)
      place = static_cast<double>(i * (in - 1)) / static_cast<double>(out - 1);
    if (mode == Interpolation::bilinear) place = std::max(place, 0.0);
    const double below = std::floor(place), t = place - below;
    const auto first = static_cast<std::int64_t>(below);
    if (mode == Interpolation::bilinear) {
      result.add(i, pixel(first), 1 - t);
      result.add(i, pixel(first + 1), t);
    } else {
      for (int tap = 0; tap < 4; ++tap) result.add(i, pixel(first - 1 + tap), cubic_weight(tap, t));
    }
  }
  return result;
}

/// The pixels of window i: [begin, end).
struct Window {
  std::int64_t begin, end;
  Window(std::int64_t i, std::int64_t in, std::int64_t out)
      : begin(i * in / out), end(((i + 1) * in + out - 1) / out) {}
};

AxisWeights window_means(std::int64_t in, std::int64_t out) {
  AxisWeights result;
  for (std::int64_t i = 0; i < out; ++i) {
    const Window window(i, in, out);
    for (std::int64_t at = window.begin; at < window.end; ++at)
      result.add(i, at, 1 / static_cast<double>(window.end - window.begin));
  }
  return result;
}

}  // namespace

Tensor interpolate(const Tensor& x, std::int64_t height, std::int64_t width, Interpolation mode, bool align_corners) {
  constexpr std::string_view op = "interpolate";
  require_sizes(op, x, height, width);
  require(mode != Interpolation::nearest || !align_corners, op,
          "nearest has no corners to align. Use bilinear or bicubic, or leave align_corners out.");
  const Tensor rows = along_axis(interpolation_weights(mode, align_corners, x.size(-2), height), x, -2, height);
  return along_axis(interpolation_weights(mode, align_corners, x.size(-1), width), rows, -1, width);
}

Tensor adaptive_average_pool2d(const Tensor& x, std::int64_t height, std::int64_t width) {
  require_sizes("adaptive_average_pool2d", x, height, width);
  const Tensor rows = along_axis(window_means(x.size(-2), height), x, -2, height);
  return along_axis(window_means(x.size(-1), width), rows, -1, width);
}

Tensor adaptive_max_pool2d(const Tensor& x, std::int64_t height, std::int64_t width) {
  constexpr std::string_view op = "adaptive_max_pool2d";
  require_sizes(op, x, height, width);
  const std::int64_t in_height = x.size(-2), in_width = x.size(-1), pixels = in_height * in_width;
  Shape shape = x.shape();
  shape[x.rank() - 2] = height, shape[x.rank() - 1] = width;
  Tensor winner = Tensor::empty(shape, DType::int64, x.device());
  std::vector<std::int64_t> offset = {0}, pixel;
  for (std::int64_t row = 0; row < height; ++row)
    for (std::int64_t column = 0; column < width; ++column) {
      const Window rows(row, in_height, height), columns(column, in_width, width);
      for (std::int64_t i = rows.begin; i < rows.end; ++i)
        for (std::int64_t j = columns.begin; j < columns.end; ++j) pixel.push_back(i * in_width + j);
      offset.push_back(static_cast<std::int64_t>(pixel.size()));
    }
  const kernels::SparseRowsProblem problem{.outer = x.numel() / pixels,
                                           .rows = height * width,
                                           .columns = pixels,
                                           .entries = static_cast<std::int64_t>(pixel.size())};
  visit_floating(op, x.dtype(), [&]<class T>(TypeTag<T>) {
    const NoGrad no_grad;
    const Tensor offsets = from_vector(offset, {problem.rows + 1}, x.device()),
                 pixels_of = from_vector(pixel, {problem.entries}, x.device()), dense = contiguous(x);
    launch<kernels::SparseArgExtreme<T>>(op, x.device(), kernels::cpu::sparse_arg_extreme<T>, problem,
                                         offsets.data<std::int64_t>(), pixels_of.data<std::int64_t>(), dense.data<T>(),
                                         fresh_data<std::int64_t>(winner));
  });
  return linear::apply(PickPositions{{problem.outer, pixels, height * width, 1}, x.shape(), shape, winner}, x);
}

}  // namespace orbitgrad
