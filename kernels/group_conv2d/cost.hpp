// What the implementations of group convolution cost: the multiplications, moves and packed filter entries that their
// arithmetic says, times nanoseconds of one AVX-512 core. The rates are fitted to the cases of `orbitgrad tune`
// (engine/tuning.hpp), four in five of which they meet to a quarter; the automatic choice needs their ratios alone.
#pragma once

#include <algorithm>

#include "kernels/ceil_div.hpp"
#include "kernels/group_conv2d/group_conv2d.hpp"

namespace orbitgrad::kernels {

/// Of one channel group, as its product sees it: the input gradient has its fields and planes exchanged.
struct GroupConv2dCounts {
  double columns;  // positions of the product, whole tiles
  std::int64_t in_fields, out_fields;
  std::int64_t in_planes, outputs;  // of a field
  std::int64_t order, taps;
  std::int64_t orbits;  // taps that irrep blocks transform: one of each orbit where an image is lifted
  bool is_torn;         // lowered element by element: a stride

  std::int64_t blocks() const {  // products of all irreps, sum of d^3
    return order == 8 ? 12 : order == 4 ? 6 : order == 2 ? 2 : order * order;
  }
};

namespace group_conv2d_cost {

inline constexpr std::int64_t tile_rows = 12, tile_columns = 32, lanes = 16, outer_rows = 9;

/// The number of orbits of the taps is the mean number of taps that an element leaves in place (Burnside): all, those
/// of an axis, or the centre.
inline std::int64_t tap_orbits(const GroupConv2dProblem& problem) {
  const std::int64_t k = problem.kernel;
  std::int64_t fixed = 0;
  for (std::int64_t s = 0; s < problem.order; ++s) {
    const std::int32_t* h = problem.matrices + 4 * s;
    const bool is_identity = h[0] == 1 && h[1] == 0 && h[2] == 0 && h[3] == 1;
    fixed += is_identity ? k * k : h[0] * h[3] - h[1] * h[2] < 0 ? k : k % 2;
  }
  return ceil_div(fixed, problem.order);
}

inline GroupConv2dCounts forward_counts(const GroupConv2dProblem& problem) {
  const std::int64_t columns = problem.batch * problem.out_height() * problem.out_width();
  const std::int64_t taps = problem.kernel * problem.kernel;
  const bool lifts = problem.in_order != problem.order;
  return {static_cast<double>(ceil_div(columns, tile_columns) * tile_columns),
          problem.in_fields / problem.groups,
          problem.out_fields / problem.groups,
          problem.in_order,
          problem.order,
          problem.order,
          taps,
          lifts ? tap_orbits(problem) : taps,
          problem.stride > 1};
}

inline GroupConv2dCounts input_gradient_counts(const GroupConv2dProblem& problem) {
  GroupConv2dCounts counts = forward_counts(problem);
  const std::int64_t columns = problem.batch * problem.in_height * problem.in_width;
  counts.columns = static_cast<double>(ceil_div(columns, tile_columns) * tile_columns);
  std::swap(counts.in_fields, counts.out_fields);
  std::swap(counts.in_planes, counts.outputs);
  return counts;
}

/// Rows of lowered input, whole register tiles, with as many fields at a time as fill them (plan() of both filter
/// gradients).
inline std::int64_t filter_rows(std::int64_t fields, std::int64_t depth) {
  const auto tiles = [&](std::int64_t block) { return ceil_div(block * depth, outer_rows) * outer_rows; };
  std::int64_t block = 1;
  while (block < std::min(fields, outer_rows) && tiles(block) * 8 > block * depth * 9) ++block;
  return ceil_div(fields, block) * tiles(block);
}

inline double real(std::int64_t count) { return static_cast<double>(count); }

/// Of a lowered element that is copied by itself, in addition.
inline double torn(const GroupConv2dCounts& c) { return c.is_torn ? 0.28 : 0.0; }

/// Forward and input gradient: products, lowered rows, sums written, filter entries packed, a call, its tables.
inline double orbit_gather(const GroupConv2dCounts& c) {
  const std::int64_t tiles = std::max<std::int64_t>(1, ceil_div(c.out_fields, tile_rows));
  const double depth = real(c.in_fields * c.in_planes * c.taps), rows = real(ceil_div(c.out_fields, tiles) * tiles);
  return c.columns * (0.0106 * depth * rows * real(c.outputs) + (0.0875 + torn(c)) * depth +
                      0.383 * real(c.out_fields * c.outputs)) +
         0.66 * depth * rows + 260 + 1.97 * real(c.in_planes * c.outputs * c.taps);
}
inline double irrep_blocks(const GroupConv2dCounts& c) {
  const std::int64_t tiles = std::max<std::int64_t>(1, ceil_div(c.out_fields, tile_rows));
  const double depth = real(c.in_fields * c.orbits), rows = real(ceil_div(c.out_fields, tiles) * tiles);
  return c.columns * (0.00992 * depth * rows * real(c.blocks()) + (0.140 + torn(c)) * depth * real(c.order) +
                      0.428 * real(c.out_fields * c.order)) +
         0.658 * depth * rows * real(c.order) + 464 + 19.6 * real(c.order * c.orbits);
}
/// The dense form with oneDNN: whole vectors of channels, moves, expanded filter entries, a call.
inline double expanded(const GroupConv2dCounts& c) {
  const std::int64_t in = c.in_fields * c.in_planes, out = c.out_fields * c.outputs;
  const auto vectors = [](std::int64_t channels) { return real(ceil_div(channels, lanes) * lanes); };
  return c.columns * (0.0118 * real(c.taps) * vectors(in) * vectors(out) + 0.264 * real(in + out)) +
         0.82 * real(c.in_fields * c.out_fields * std::min(c.in_planes, c.outputs) * c.taps * c.order) + 4780;
}

/// Filter gradient: steps of register tiles, planes or transformed rows of x, vectors of dy, sums, a call, its tables.
inline double orbit_gather_filter(const GroupConv2dCounts& c) {
  const std::int64_t by_field = c.order * ceil_div(c.out_fields, lanes);
  const std::int64_t by_channel = ceil_div(c.order * c.out_fields, lanes);
  const std::int64_t elements = c.out_fields >= 2 * lanes && by_field * 8 <= by_channel * 9 ? c.order : 1;
  const std::int64_t channels = c.out_fields * c.order / elements, vectors = ceil_div(channels, lanes);
  const double rows = real(filter_rows(c.in_fields, c.in_planes * c.taps));
  const double columns = 2 * channels <= lanes && !c.is_torn ? c.columns / 2 : c.columns;  // of a vector
  return columns * 0.211 * rows * real(vectors * elements) +
         c.columns * (0.286 * real(c.in_planes * c.in_fields) + 0.102 * real(elements * vectors * lanes)) +
         2.81 * rows * real(vectors) + 264 + 2.96 * real(c.order * c.in_planes * c.taps);
}
inline double irrep_blocks_filter(const GroupConv2dCounts& c) {
  const double sums = real(filter_rows(c.in_fields, c.orbits) * c.blocks() * ceil_div(c.out_fields, lanes));
  const double columns = 2 * c.out_fields <= lanes ? c.columns / 2 : c.columns;
  return columns * 0.223 * sums +
         c.columns * ((0.113 + torn(c)) * real(c.order * c.orbits * c.in_fields) +
                      0.123 * real(c.order * ceil_div(c.out_fields, lanes) * lanes)) +
         3.6 * sums + 2050 + 3.56 * real(c.order * c.orbits);
}

}  // namespace group_conv2d_cost
}  // namespace orbitgrad::kernels
