// What both implementations read: volumes with their border of zeros, and tiles of output positions. A row of a tile is
// x at those positions, moved by one tap; positions follow each other in memory order, whatever rows they lie in.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "kernels/gemm/micro_kernel.hpp"
#include "kernels/gemm/vector.hpp"
#include "kernels/group_conv3d/group_conv3d.hpp"

namespace orbitgrad::kernels::cpu {

/// Positions of a tile: a whole number of register tiles.
template <class T>
inline constexpr std::int64_t max_tile_positions = 4 * tile_columns<T>;

/// How one op walks over its input: from[i] lies at border + i spread of a volume of zeros, of size `padded`; output
/// position o meets it at o stride, tap u at + u dilation.
struct VolumeWalk {
  Size3 from, padded, out;
  std::int64_t border, spread, stride, dilation;

  std::int64_t positions() const { return volume(out); }
  std::int64_t tile_positions(std::int64_t columns, std::int64_t most) const {
    return std::min(most, (positions() + columns - 1) / columns * columns);
  }
  std::int32_t tap_offset(std::int64_t kernel, std::int64_t tap) const {
    const std::int64_t depth = tap / (kernel * kernel), row = tap / kernel % kernel, col = tap % kernel;
    return static_cast<std::int32_t>(((depth * padded[1] + row) * padded[2] + col) * dilation);
  }
};

inline VolumeWalk forward_walk(const GroupConv3dProblem& problem) {
  VolumeWalk walk{problem.in_size, {}, problem.out_size(), problem.padding, 1, problem.stride, problem.dilation};
  for (std::size_t axis = 0; axis < 3; ++axis) walk.padded[axis] = problem.in_size[axis] + 2 * problem.padding;
  return walk;
}

/// From dy to dx: taps run backwards, a stride becomes gaps between the values of dy, and a padding that is wider than
/// the kernel reaches cuts values off.
inline VolumeWalk transposed_walk(const GroupConv3dProblem& problem) {
  const std::int64_t reach = problem.dilation * (problem.kernel - 1);
  VolumeWalk walk{problem.out_size(), {}, problem.in_size, reach - problem.padding,
                  problem.stride,     1,  problem.dilation};
  for (std::size_t axis = 0; axis < 3; ++axis) walk.padded[axis] = problem.in_size[axis] + reach;
  return walk;
}

/// Copies a row, which is short; the end of the copy.
template <class T>
T* copy_row(const T* from, std::int64_t count, T* to) {
  std::int64_t i = 0;
  for (; i + lanes<T> <= count; i += lanes<T>) store(to + i, load(from + i));
  if (i < count) {
    const auto rest = static_cast<std::uint32_t>((std::uint64_t{1} << (count - i)) - 1);
    masked_store(to + i, rest, masked_load(Vector<T>{}, rest, from + i));
  }
  return to + count;
}

/// One volume of `walk.from` into one of `walk.padded`.
template <class T>
void pad_volume(const VolumeWalk& walk, const T* from, T* to) {
  const auto range = [&](std::size_t axis) {  // the values that are not cut off
    const std::int64_t first = std::max<std::int64_t>(0, (-walk.border + walk.spread - 1) / walk.spread);
    const std::int64_t room = walk.padded[axis] - walk.border;
    return std::array{first, room <= 0 ? 0 : std::min(walk.from[axis], (room + walk.spread - 1) / walk.spread)};
  };
  const auto planes = range(0), rows = range(1), columns = range(2);
  const auto place = [&](std::int64_t i) { return walk.border + i * walk.spread; };
  T *const end = to + volume(walk.padded), *next = to;  // the first value that is not written yet
  if (walk.spread > 1) std::fill(to, next = end, T{0});
  for (std::int64_t d = planes[0]; d < planes[1]; ++d)
    for (std::int64_t r = rows[0]; r < rows[1]; ++r) {
      const T* source = from + (d * walk.from[1] + r) * walk.from[2];
      T* target = to + (place(d) * walk.padded[1] + place(r)) * walk.padded[2];
      if (walk.spread > 1) {
        for (std::int64_t c = columns[0]; c < columns[1]; ++c) target[place(c)] = source[c];
      } else if (columns[0] < columns[1]) {
        T* const first = target + place(columns[0]);
        for (; next < first; ++next) *next = T{0};
        next = copy_row(source + columns[0], columns[1] - columns[0], first);
      }
    }
  std::fill(next, end, T{0});
}

/// Some positions of the output, a tile or a part of one.
template <class T>
class VolumeTile {
 public:
  static constexpr std::int64_t most = max_tile_positions<T>, vectors = most / lanes<T>;

  /// Positions first .. first + count of the output; at most `most`. Lanes up to `width` are zero.
  VolumeTile(const VolumeWalk& walk, std::int64_t first, std::int64_t count, std::int64_t width)
      : count_(count), width_(width) {
    for (std::int64_t i = 0; i < count; ++i) {
      const std::int64_t p = first + i, row = p / walk.out[2];
      index_[static_cast<std::size_t>(i)] = static_cast<std::int32_t>(
          ((row / walk.out[1] * walk.padded[1] + row % walk.out[1]) * walk.padded[2] + p % walk.out[2]) * walk.stride);
    }
    for (std::int64_t v = 0; v * lanes<T> < width; ++v) {
      const auto at = static_cast<std::size_t>(v), begin = static_cast<std::size_t>(v * lanes<T>);
      const auto valid = static_cast<std::size_t>(std::clamp<std::int64_t>(count - v * lanes<T>, 0, lanes<T>));
      Pieces& pieces = pieces_[at];
      for (std::size_t lane = 0; lane < valid; ++lane) {
        const std::int32_t place = index_[begin + lane] - static_cast<std::int32_t>(lane);
        if (pieces.count == 0 || place != pieces.place[pieces.count - 1]) {
          if (pieces.count == most_pieces) {
            pieces.count = scattered;
            break;
          }
          pieces.mask[pieces.count] = 0, pieces.place[pieces.count++] = place;
        }
        pieces.mask[pieces.count - 1] |= 1u << lane;
      }
      all_dense_ = all_dense_ && pieces.count == 1 && valid == static_cast<std::size_t>(lanes<T>);
      dense_places_[at] = index_[begin];
    }
  }

  std::int64_t count() const { return count_; }
  std::int64_t width() const { return width_; }
  /// Where each vector of positions lies from x on, or null if one of them is not dense.
  const std::int32_t* dense_places() const { return all_dense_ ? dense_places_.data() : nullptr; }

  /// to[i] = from[index of position i], rows of tile_columns elements `block` apart; zeros beyond the last position.
  void read(const T* from, T* to, std::int64_t block) const {
    for (std::int64_t v = 0; v * lanes<T> < width_; ++v) read_vector(v, from, to + v / 2 * block + v % 2 * lanes<T>);
  }

  /// Row i of many, dense at `to`: from + offset[i] as read does, a vector after the other.
  void read_rows(const T* from, const std::int64_t* offset, std::int64_t rows, T* to) const {
    for (std::int64_t v = 0; v * lanes<T> < width_; ++v) {
      const Pieces& pieces = pieces_[static_cast<std::size_t>(v)];
      T* const target = to + v * lanes<T>;
      if (pieces.count == 1)
        read_pieces<1>(pieces, from, offset, rows, target);
      else if (pieces.count == 2)
        read_pieces<2>(pieces, from, offset, rows, target);
      else
        for (std::int64_t i = 0; i < rows; ++i) read_vector(v, from + offset[i], target + i * width_);
    }
  }

 private:
  /// A vector as pieces of rows: lane l of a mask is read at its place + l. Or scattered, as by a stride.
  static constexpr int most_pieces = 4, scattered = most_pieces + 1;
  struct Pieces {
    int count = 0;
    std::uint32_t mask[most_pieces];
    std::int32_t place[most_pieces];
  };

  void read_vector(std::int64_t v, const T* from, T* to) const {
    const Pieces& pieces = pieces_[static_cast<std::size_t>(v)];
    if (pieces.count != scattered) {
      Vector<T> value{};
      for (int i = 0; i < pieces.count; ++i) value = masked_load(value, pieces.mask[i], from + pieces.place[i]);
      return store(to, value);
    }
    const std::int32_t* index = index_.data() + v * lanes<T>;
    const std::int64_t valid = std::clamp<std::int64_t>(count_ - v * lanes<T>, 0, lanes<T>);
    for (std::int64_t lane = 0; lane < valid; ++lane) to[lane] = from[index[lane]];
    for (std::int64_t lane = valid; lane < lanes<T>; ++lane) to[lane] = T{0};
  }

  /// Vectors of one or two pieces, whose masks stay in registers.
  template <int count>
  void read_pieces(const Pieces& pieces, const T* from, const std::int64_t* offset, std::int64_t rows, T* to) const {
    std::uint32_t mask[count];
    const T* place[count];
    for (int i = 0; i < count; ++i) mask[i] = pieces.mask[i], place[i] = from + pieces.place[i];
    for (std::int64_t row = 0; row < rows; ++row, to += width_) {
      Vector<T> value{};
      for (int i = 0; i < count; ++i) value = masked_load(value, mask[i], place[i] + offset[row]);
      store(to, value);
    }
  }

  std::int64_t count_, width_;
  std::array<std::int32_t, static_cast<std::size_t>(most)> index_{};
  std::array<std::int32_t, static_cast<std::size_t>(vectors)> dense_places_{};
  std::array<Pieces, static_cast<std::size_t>(vectors)> pieces_{};
  bool all_dense_ = true;
};

}  // namespace orbitgrad::kernels::cpu
