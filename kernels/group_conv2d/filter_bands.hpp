// How the filter gradient is cut, and the packing of its two operands. The columns (output positions of the batch) are
// cut into bands, some output rows of one image or several whole images. For a band, dy is transposed so that a vector
// holds channels, and the planes of x are copied with their border of zeros, so that a tap is a constant offset.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <vector>

#include "kernels/gemm/outer_kernel.hpp"
#include "kernels/group_conv2d/column_tile.hpp"
#include "kernels/group_conv2d/orbit_tables.hpp"

namespace orbitgrad::kernels::cpu {

/// The filter gradient of one channel group. With enough fields a lane is a field and registers sum over the orbit:
/// `elements` is the order. With few, a lane is a field of one output element, s out_fields + k, and elements is 1.
template <class T>
struct FilterProduct {
  TileGeometry geometry;
  const OrbitRows* rows;
  std::int64_t in_fields, out_fields, in_planes;
  const T *x, *dy;
  T* dw;

  std::int64_t elements, channels, vectors;  // channels in `vectors` vectors for each element
  int columns;                               // of a vector
  std::int64_t block, blocks, block_rows;    // input fields packed at a time; their rows, whole register tiles
  std::int64_t images, lines;                // of a band: several images, or some lines of one
  std::int64_t bands, chunks;                // bands in all, sums that are kept apart

  std::int64_t steps() const { return images * lines * geometry.out_width / columns; }
  std::int64_t sum_row() const { return vectors * lanes<T>; }
  std::int64_t partial_size() const { return blocks * block_rows * sum_row(); }
  std::int64_t reach() const { return (geometry.kernel - 1) * geometry.dilation + 1; }
  /// Of a packed line, whole vectors.
  std::int64_t plane_width() const {
    return ((geometry.out_width - 1) * geometry.stride + reach() + lanes<T> - 1) / lanes<T> * lanes<T>;
  }
  std::int64_t plane_lines() const { return (lines - 1) * geometry.stride + reach(); }
  std::int64_t plane_size() const { return images * plane_lines() * plane_width(); }

  void plan();
};

/// All of it from the problem alone: the cut decides the order of additions.
template <class T>
void FilterProduct<T>::plan() {
  constexpr std::int64_t least_columns = 512, most_chunks = 16, partial_elements = 1 << 20;
  // Of dy for one register tile; it streams from a second-level cache. Short bands would pack lines of x twice.
  constexpr std::int64_t band_bytes = 224 << 10;
  const std::int64_t order = rows->outputs;
  const auto ratio_up = [](std::int64_t a, std::int64_t b) { return (a + b - 1) / b; };
  const auto vectors_of = [&](std::int64_t count) { return ratio_up(count, lanes<T>); };
  const std::int64_t by_field = order * vectors_of(out_fields), by_channel = vectors_of(order * out_fields);
  elements = out_fields >= outer_vectors * lanes<T> && by_field * 8 <= by_channel * 9 ? order : 1;
  channels = out_fields * (order / elements);
  vectors = vectors_of(channels);
  columns = sizeof(T) == 4 && 2 * channels <= lanes<T> && geometry.stride == 1 && geometry.out_width % 2 == 0 ? 2 : 1;

  const auto tile_rows = [&](std::int64_t fields) { return ratio_up(fields * rows->depth, outer_rows) * outer_rows; };
  block = 1;  // more fields at a time where the rows of one leave register tiles half empty
  while (block < std::min<std::int64_t>(in_fields, outer_rows) && tile_rows(block) * 8 > block * rows->depth * 9)
    ++block;
  blocks = ratio_up(in_fields, block);
  block_rows = tile_rows(block);

  const std::int64_t line_bytes =
      elements * std::min<std::int64_t>(vectors, outer_vectors) * vector_bytes * ratio_up(geometry.out_width, columns);
  const std::int64_t most = std::max<std::int64_t>(1, band_bytes / line_bytes);
  chunks = std::clamp<std::int64_t>(std::min(geometry.columns() / least_columns, partial_elements / partial_size()), 1,
                                    most_chunks);
  chunks = static_cast<std::int64_t>(std::bit_floor(static_cast<std::uint64_t>(chunks)));  // threads share it evenly
  const std::int64_t share = ratio_up(geometry.batch, chunks);  // images of a chunk, cut into like bands
  const std::int64_t fit = std::clamp<std::int64_t>(most / geometry.out_height, 1, share);
  images = ratio_up(share, ratio_up(share, fit));
  lines = ratio_up(geometry.out_height, ratio_up(geometry.out_height, most));
  bands = ratio_up(geometry.batch, images) * ratio_up(geometry.out_height, lines);
  chunks = std::min(chunks, bands);
}

/// One band of the columns.
struct Band {
  std::int64_t image, images, line, lines;
};

template <class T>
Band band_at(const FilterProduct<T>& product, std::int64_t index) {
  const std::int64_t cuts = (product.geometry.out_height + product.lines - 1) / product.lines;
  Band band;
  band.image = index / cuts * product.images, band.line = index % cuts * product.lines;
  band.images = std::min(product.images, product.geometry.batch - band.image);
  band.lines = std::min(product.lines, product.geometry.out_height - band.line);
  return band;
}

/// Where the columns of each step are in a packed plane; the same for all bands of one shape.
template <class T>
std::vector<std::int32_t> step_offsets(const FilterProduct<T>& product, const Band& band) {
  const TileGeometry& g = product.geometry;
  std::vector<std::int32_t> offsets;
  offsets.reserve(static_cast<std::size_t>(product.steps()));
  for (std::int64_t image = 0; image < band.images; ++image)
    for (std::int64_t line = 0; line < band.lines; ++line) {
      const std::int64_t start = (image * product.plane_lines() + line * g.stride) * product.plane_width();
      for (std::int64_t column = 0; column < g.out_width; column += product.columns)
        offsets.push_back(static_cast<std::int32_t>(start + column * g.stride));
    }
  return offsets;
}

/// dy of a band as [vector][element][step][lane].
template <class T, int Columns>
void pack_gradients(const FilterProduct<T>& product, const Band& band, T* to) {
  using E = Element<T, Columns>;
  constexpr int square = lanes<E>;  // channels, and steps, of one transposition
  const TileGeometry& g = product.geometry;
  const std::int64_t order = product.rows->outputs, run = band.lines * g.out_width;
  for (std::int64_t v = 0; v < product.vectors; ++v)
    for (std::int64_t s = 0; s < product.elements; ++s) {
      const T* channel[square];
      const int used = static_cast<int>(std::min<std::int64_t>(square, product.channels - v * square));
      for (int i = 0; i < used; ++i) {
        const std::int64_t m = v * square + i;
        const std::int64_t index =
            product.elements == 1 ? m % product.out_fields * order + m / product.out_fields : m * order + s;
        channel[i] = product.dy + band.image * g.out_image + index * g.positions() + band.line * g.out_width;
      }
      for (std::int64_t image = 0; image < band.images; ++image)
        for (std::int64_t first = 0; first < run; first += square * Columns) {
          const int count = static_cast<int>(std::min<std::int64_t>(square * Columns, run - first));
          const std::uint32_t mask = (1u << count) - 1;
          Vector<E> value[square] = {};
          for (int i = 0; i < used; ++i)
            value[i] =
                reinterpret_cast<Vector<E>>(masked_load(Vector<T>{}, mask, channel[i] + image * g.out_image + first));
          transpose<E>(value);
          for (int i = 0; i < count / Columns; ++i, to += lanes<T>) store(to, reinterpret_cast<Vector<T>>(value[i]));
        }
    }
}

/// The planes of the input fields [c_first, c_last) of a band with their zeros: [plane][image][line][column].
template <class T>
void pack_planes(const FilterProduct<T>& product, const Band& band, std::int64_t c_first, std::int64_t c_last, T* to) {
  const TileGeometry& g = product.geometry;
  const std::int64_t width = product.plane_width(), plane = g.height * g.width;
  const std::int64_t lines = (band.lines - 1) * g.stride + product.reach(), top = band.line * g.stride - g.padding;
  const std::int64_t ahead = (c_last - c_first) * product.in_planes * plane;
  for (std::int64_t p = c_first * product.in_planes; p < c_last * product.in_planes; ++p, to += product.plane_size())
    for (std::int64_t column = 0; column < width; column += lanes<T>) {
      const std::int64_t first = std::clamp<std::int64_t>(g.padding - column, 0, lanes<T>);
      const std::int64_t last = std::clamp<std::int64_t>(g.padding + g.width - column, first, lanes<T>);
      const std::uint32_t inside = ((1u << last) - 1) & ~((1u << first) - 1);
      for (std::int64_t image = 0; image < band.images; ++image) {
        const T* source =
            product.x + (band.image + image) * g.in_image + p * plane + top * g.width - g.padding + column;
        T* target = to + image * product.plane_lines() * width + column;
        for (std::int64_t row = top; row < top + lines; ++row, source += g.width, target += width) {
          __builtin_prefetch(source + ahead);  // the same line of the next block: planes are too short for the hardware
          store(target, masked_load(Vector<T>{}, row >= 0 && row < g.height ? inside : 0, source));
        }
      }
    }
}

}  // namespace orbitgrad::kernels::cpu
