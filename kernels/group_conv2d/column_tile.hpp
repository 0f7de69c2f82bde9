// One tile of the lowered input: the columns are a few consecutive output positions, numbered over the whole batch so
// that tiny maps fill a tile too; a row is one tap of one input plane. Rows are copied straight from the image with
// lane masks where the lowering is a shift, lane by lane where a stride tears it apart.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "kernels/gemm/micro_kernel.hpp"
#include "kernels/group_conv2d/group_conv2d.hpp"

namespace orbitgrad::kernels::cpu {

/// Largest kernel size that a column tile handles.
inline constexpr std::int64_t max_tile_kernel = 16;

/// Offsets inside the images of one tile are 32 bits wide.
inline bool column_tile_supports(const GroupConv2dProblem& problem) {
  const std::int64_t images = std::min<std::int64_t>(problem.batch, tile_columns<float>);
  return problem.kernel <= max_tile_kernel && problem.in_fields > 0 && problem.out_fields > 0 &&
         std::max(problem.x_size(), problem.y_size()) / std::max<std::int64_t>(problem.batch, 1) * images < 1LL << 31;
}

/// Output position o meets input position (o stride + u dilation - padding) / input_stride, where it is whole and
/// inside. The forward has input_stride 1; its transpose swaps the strides. The padding may be negative.
struct TileGeometry {
  std::int64_t batch, height, width, out_height, out_width;
  std::int64_t kernel, stride, input_stride, padding, dilation;
  std::int64_t in_image, out_image;  // elements between images

  std::int64_t positions() const { return out_height * out_width; }
  std::int64_t columns() const { return batch * positions(); }
  bool is_shift() const { return stride == 1 && input_stride == 1; }
};

/// From x to y of the problem: what the forward and the filter gradient read.
inline TileGeometry forward_geometry(const GroupConv2dProblem& problem) {
  const std::int64_t in_plane = problem.in_height * problem.in_width;
  const std::int64_t out_plane = problem.out_height() * problem.out_width();
  return {.batch = problem.batch,
          .height = problem.in_height,
          .width = problem.in_width,
          .out_height = problem.out_height(),
          .out_width = problem.out_width(),
          .kernel = problem.kernel,
          .stride = problem.stride,
          .input_stride = 1,
          .padding = problem.padding,
          .dilation = problem.dilation,
          .in_image = problem.in_fields * problem.in_order * in_plane,
          .out_image = problem.out_fields * problem.order * out_plane};
}

/// From dy to dx: what was the output is read, and the strides change sides.
inline TileGeometry transposed_geometry(const GroupConv2dProblem& problem) {
  TileGeometry geometry = forward_geometry(problem);
  std::swap(geometry.height, geometry.out_height);
  std::swap(geometry.width, geometry.out_width);
  std::swap(geometry.stride, geometry.input_stride);
  std::swap(geometry.in_image, geometry.out_image);
  geometry.padding = problem.dilation * (problem.kernel - 1) - problem.padding;
  return geometry;
}

/// Lanes of a tile that share one constant between memory and lane number: element of lane j is at data[offset + j].
struct LaneRun {
  std::int64_t offset;
  std::uint32_t mask;
};

/// The runs of both halves (vectors) of a tile.
template <class T>
struct LaneRuns {
  int count[2] = {0, 0};
  LaneRun runs[2][lanes<T>];

  /// `length` lanes from `lane` on live at `address`, address + 1, ...
  void add(int lane, int length, std::int64_t address) {
    while (length > 0) {
      const int half = lane / lanes<T>, bit = lane % lanes<T>, here = std::min(length, lanes<T> - bit);
      const std::int64_t offset = address - bit;
      int& used = count[half];
      if (used == 0 || runs[half][used - 1].offset != offset) runs[half][used++] = {offset, 0};
      runs[half][used - 1].mask |= ((1u << here) - 1) << bit;
      lane += here, length -= here, address += here;
    }
  }
  void clear() { count[0] = count[1] = 0; }
};

/// from[index[lane]] where the bit is set, else 0.
template <class T>
[[gnu::always_inline]] inline Vector<T> masked_gather(std::uint32_t mask, const T* from, const std::int32_t* index) {
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4) {
    return reinterpret_cast<Vector<T>>(_mm512_mask_i32gather_ps(_mm512_setzero_ps(), static_cast<__mmask16>(mask),
                                                                _mm512_loadu_si512(index), from, 4));
  } else {
    return reinterpret_cast<Vector<T>>(
        _mm512_mask_i32gather_pd(_mm512_setzero_pd(), static_cast<__mmask8>(mask),
                                 _mm256_loadu_si256(reinterpret_cast<const __m256i*>(index)), from, 8));
  }
#else
  Vector<T> value{};
  for (int lane = 0; lane < lanes<T>; ++lane)
    if (mask >> lane & 1) value[lane] = from[index[lane]];
  return value;
#endif
}

template <class T>
class ColumnTile {
 public:
  static constexpr int columns = tile_columns<T>;
  explicit ColumnTile(const TileGeometry& geometry) : g_(geometry) {
    if (!g_.is_shift()) source_.resize(static_cast<std::size_t>(g_.kernel * g_.kernel * columns));
  }

  /// Moves to the columns [first, first + columns), of which those beyond the last are empty: read 0, never written.
  void move_to(std::int64_t first) {
    std::int32_t row[columns], column[columns];
    std::int64_t image_of[columns];
    in_.clear();
    out_.clear();
    std::int64_t image = first / g_.positions(), position = first % g_.positions();
    std::int64_t out_row = position / g_.out_width, out_column = position % g_.out_width;
    const int used = static_cast<int>(std::min<std::int64_t>(columns, g_.columns() - first));
    for (int lane = 0; lane < used;) {  // piece by piece of an output row
      const int length = static_cast<int>(std::min<std::int64_t>(used - lane, g_.out_width - out_column));
      const auto in_row = static_cast<std::int32_t>(out_row * g_.stride - g_.padding);
      const auto in_column = static_cast<std::int32_t>(out_column * g_.stride - g_.padding);
      const auto step = static_cast<std::int32_t>(g_.stride);
      for (int j = 0; j < length; ++j) {
        row[lane + j] = in_row;
        column[lane + j] = in_column + j * step;
        image_of[lane + j] = image * g_.in_image;
      }
      out_.add(lane, length, image * g_.out_image + position);
      if (g_.is_shift()) in_.add(lane, length, image * g_.in_image + in_row * g_.width + in_column);
      lane += length, position += length, out_column = 0, ++out_row;
      if (position == g_.positions()) position = out_row = 0, ++image;
    }
    for (int lane = used; lane < columns; ++lane) {
      row[lane] = column[lane] = -(1 << 29);
      image_of[lane] = 0;
    }
    if (g_.is_shift())
      find_shifts(row, column);
    else
      find_sources(row, column, image_of);
  }

  /// Copies the kernel^2 rows of `planes` consecutive planes of x to `to`, rows `pitch` elements apart.
  void pack(const T* x, std::int64_t planes, T* to, std::int64_t pitch) const {
    const std::int64_t taps = g_.kernel * g_.kernel, plane = g_.height * g_.width;
    for (std::int64_t p = 0; p < planes; ++p, x += plane, to += taps * pitch)
      if (g_.is_shift())
        pack_shifts(x, to, pitch);
      else
        pack_sources(x, to, pitch);
  }

  std::int64_t plane_size() const { return g_.height * g_.width; }
  /// Whether each half of a row is one masked load.
  bool has_one_run() const { return g_.is_shift() && in_.count[0] == 1 && in_.count[1] == 1; }

  /// Then where a half begins for tap 0, and the lanes of both halves that are inside for a tap.
  std::int64_t run_offset(int half) const { return in_.runs[half][0].offset; }
  std::uint32_t run_mask(std::int64_t tap) const {
    return tap_mask_[tap] & (in_.runs[0][0].mask | in_.runs[1][0].mask << lanes<T>);
  }

  /// One half of the row of that tap of a plane, zeros outside the image.
  [[gnu::always_inline]] Vector<T> read(const T* plane, std::int64_t tap, int half) const {
    Vector<T> value{};
    if (g_.is_shift()) {
      const std::uint32_t mask = tap_mask_[tap] >> half * lanes<T>;
      for (int run = 0; run < in_.count[half]; ++run)
        value =
            masked_load(value, mask & in_.runs[half][run].mask, plane + tap_offset_[tap] + in_.runs[half][run].offset);
    } else {
      value = masked_gather(tap_mask_[tap] >> half * lanes<T>, plane + source_image_,
                            source_.data() + tap * columns + half * lanes<T>);
    }
    return value;
  }

  /// Fetches the last line that a tile reads of the plane, or all its lines.
  void prefetch(const T* plane, bool all) const {
    if (!g_.is_shift() || in_.count[1] == 0) return;
    const T* last = plane + in_.runs[1][in_.count[1] - 1].offset;
    for (std::int64_t line = all ? 0 : g_.kernel - 1; line < g_.kernel; ++line) {
      __builtin_prefetch(last + line * g_.dilation * g_.width, 0, 2);
      __builtin_prefetch(last + line * g_.dilation * g_.width + lanes<T>, 0, 2);
    }
  }

  /// The rows of an array laid out like the output: where the used lanes live.
  const LaneRuns<T>& out_runs() const { return out_; }

 private:
  /// Bit j is set if lane[j] + shift is in [0, limit).
  static std::uint32_t inside(const std::int32_t* lane, std::int32_t shift, std::int32_t limit) {
    std::uint32_t mask = 0;
#if defined(__AVX512F__)
    for (int j = 0; j < columns; j += 16) {
      const __m512i moved = _mm512_add_epi32(_mm512_loadu_si512(lane + j), _mm512_set1_epi32(shift));
      mask |= static_cast<std::uint32_t>(_mm512_cmplt_epu32_mask(moved, _mm512_set1_epi32(limit))) << j;
    }
#else
    for (int j = 0; j < columns; ++j)
      mask |=
          static_cast<std::uint32_t>(static_cast<std::uint32_t>(lane[j] + shift) < static_cast<std::uint32_t>(limit))
          << j;
#endif
    return mask;
  }

  void find_shifts(const std::int32_t* row, const std::int32_t* column) {
    std::uint32_t column_inside[max_tile_kernel];
    for (std::int64_t u = 0; u < g_.kernel; ++u)
      column_inside[u] =
          inside(column, static_cast<std::int32_t>(u * g_.dilation), static_cast<std::int32_t>(g_.width));
    std::int64_t tap = 0;
    for (std::int64_t r = 0; r < g_.kernel; ++r) {
      const std::uint32_t row_inside =
          inside(row, static_cast<std::int32_t>(r * g_.dilation), static_cast<std::int32_t>(g_.height));
      for (std::int64_t c = 0; c < g_.kernel; ++c, ++tap) {
        tap_mask_[tap] = row_inside & column_inside[c];
        tap_offset_[tap] = (r * g_.width + c) * g_.dilation;
      }
    }
  }

  void pack_shifts(const T* x, T* to, std::int64_t pitch) const {
    const std::int64_t taps = g_.kernel * g_.kernel;
    if (in_.count[1] > 0) {  // fetch what the next tile reads beyond this one: no hardware does, planes are pages apart
      const T* ahead = x + tap_offset_[taps - 1] + in_.runs[1][in_.count[1] - 1].offset + columns;
      __builtin_prefetch(ahead);
      __builtin_prefetch(ahead + 64 / sizeof(T));
    }
    if (in_.count[0] == 1 && in_.count[1] == 1) {
      const LaneRun first[2] = {in_.runs[0][0], in_.runs[1][0]};
      for (std::int64_t tap = 0; tap < taps; ++tap, to += pitch) {
        const std::uint32_t mask = tap_mask_[tap];
        const T* from = x + tap_offset_[tap];
        store(to, masked_load(Vector<T>{}, mask & first[0].mask, from + first[0].offset));
        store(to + lanes<T>, masked_load(Vector<T>{}, mask >> lanes<T> & first[1].mask, from + first[1].offset));
      }
      return;
    }
    for (std::int64_t tap = 0; tap < taps; ++tap, to += pitch)
      for (int half = 0; half < 2; ++half) store(to + half * lanes<T>, read(x, tap, half));
  }

  /// Where the taps of one axis lie: at[tap][lane], and the lanes that are inside.
  struct AxisSources {
    std::int32_t at[max_tile_kernel][columns];
    std::uint32_t inside[max_tile_kernel];

    AxisSources(const TileGeometry& g, const std::int32_t* first, std::int64_t size) {
      const auto step = static_cast<std::int32_t>(g.input_stride), limit = static_cast<std::int32_t>(size);
      for (std::int32_t tap = 0; tap < static_cast<std::int32_t>(g.kernel); ++tap) {
        inside[tap] = 0;
        for (int lane = 0; lane < columns; ++lane) {
          const std::int32_t place = first[lane] + tap * static_cast<std::int32_t>(g.dilation);
          const std::int32_t source = step == 1 ? place : place / step;
          at[tap][lane] = source;
          const bool hit = place >= 0 && source * step == place && source < limit;
          inside[tap] |= static_cast<std::uint32_t>(hit) << lane;
        }
      }
    }
  };

  void find_sources(const std::int32_t* row, const std::int32_t* column, const std::int64_t* image_of) {
    const AxisSources rows(g_, row, g_.height), sources(g_, column, g_.width);
    source_image_ = image_of[0];
    for (std::int64_t r = 0, tap = 0; r < g_.kernel; ++r) {
      std::int64_t line[columns];
      for (int lane = 0; lane < columns; ++lane)
        line[lane] = image_of[lane] - source_image_ + rows.at[r][lane] * g_.width;
      for (std::int64_t c = 0; c < g_.kernel; ++c, ++tap) {
        tap_mask_[tap] = rows.inside[r] & sources.inside[c];
        for (int lane = 0; lane < columns; ++lane) {  // a lane outside the image is masked: any place will do
          const bool inside = (tap_mask_[tap] >> lane & 1) != 0;
          source_[static_cast<std::size_t>(tap * columns + lane)] =
              inside ? static_cast<std::int32_t>(line[lane] + sources.at[c][lane]) : 0;
        }
      }
    }
  }

  void pack_sources(const T* x, T* to, std::int64_t pitch) const {
    for (std::int64_t tap = 0; tap < g_.kernel * g_.kernel; ++tap, to += pitch)
      for (int half = 0; half < 2; ++half) store(to + half * lanes<T>, read(x, tap, half));
  }

  TileGeometry g_;
  LaneRuns<T> in_, out_;
  std::uint32_t tap_mask_[max_tile_kernel * max_tile_kernel] = {};
  std::int64_t tap_offset_[max_tile_kernel * max_tile_kernel] = {};
  std::vector<std::int32_t> source_;  // [tap][lane] from the first lane's image on, where the lowering is no shift
  std::int64_t source_image_ = 0;
};

}  // namespace orbitgrad::kernels::cpu
