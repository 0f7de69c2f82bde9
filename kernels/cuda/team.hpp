// The threads that share one row of a reduction: one thread, a warp or a block. A kernel written for a team is written
// once and gets three versions: rank() of size threads takes items rank, rank + size, ..., and reduce combines them.
#pragma once

#include <algorithm>

#include "kernels/cuda/reduce.hpp"

namespace orbitgrad::kernels {
inline namespace ORBITGRAD_BUILD {

struct ThreadTeam {
  static constexpr int size = 1, block = 128;
  __device__ static int rank() { return 0; }
  template <class Combine, class T>
  __device__ static T reduce(T value, Combine) {
    return value;
  }
};

struct WarpTeam {
  static constexpr int size = warp_size, block = 128;
  __device__ static int rank() { return static_cast<int>(threadIdx.x) % warp_size; }
  template <class Combine, class T>
  __device__ static T reduce(T value, Combine combine) {
    return warp_reduce(value, combine);
  }
};

struct BlockTeam {
  static constexpr int size = 256, block = 256;
  __device__ static int rank() { return static_cast<int>(threadIdx.x); }
  template <class Combine, class T>
  __device__ static T reduce(T value, Combine combine) {
    return block_reduce(value, combine);
  }
};

/// Enough blocks to fill any GPU; teams beyond them take several rows each.
inline constexpr std::int64_t most_team_blocks = 1024;

template <class Team>
LaunchShape team_shape(std::int64_t rows) {
  const std::int64_t blocks = blocks_for(rows, Team::block / Team::size);
  return {.grid = static_cast<unsigned>(std::min(blocks, most_team_blocks)), .block = Team::block};
}

/// Calls body(row) for every row; all threads of a team are in the same row.
template <class Team, class Body>
__device__ void for_each_team_row(std::int64_t rows, Body&& body) {
  constexpr int teams = Team::block / Team::size;
  const std::int64_t first = std::int64_t{blockIdx.x} * teams + static_cast<int>(threadIdx.x) / Team::size;
  for (std::int64_t row = first; row < rows; row += std::int64_t{gridDim.x} * teams) body(row);
}

}  // namespace ORBITGRAD_BUILD
}  // namespace orbitgrad::kernels
