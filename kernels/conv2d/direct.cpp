// Forward and input gradient: a register tile of output channels times neighbouring positions, whose inputs are read
// from the padded planes through a table of offsets, one for each channel and tap.
#include "kernels/conv2d/direct.hpp"

#include <algorithm>
#include <array>

#include "kernels/ceil_div.hpp"
#include "kernels/gemm/micro_kernel.hpp"
#include "kernels/gemm/workspace.hpp"
#include "kernels/parallel.hpp"

namespace orbitgrad::kernels::cpu {

std::vector<Tap> forward_taps(const Conv2dProblem& p) {
  std::vector<Tap> taps;
  for (std::int64_t i = 0; i < p.kernel_height; ++i)
    for (std::int64_t j = 0; j < p.kernel_width; ++j)
      taps.push_back({forward_tap(i, p.stride_height, p.padding_height, p.dilation_height),
                      forward_tap(j, p.stride_width, p.padding_width, p.dilation_width), i * p.kernel_width + j});
  return taps;
}

PaddedPlanes::PaddedPlanes(std::int64_t image_height, std::int64_t image_width, std::int64_t step_of_rows,
                           std::int64_t step_of_columns, const std::vector<Tap>& taps, std::int64_t out_rows,
                           std::int64_t out_columns)
    : height(image_height), width(image_width), row_step(step_of_rows), column_step(step_of_columns) {
  if (taps.empty()) return;
  std::int64_t last_row = first_row = taps[0].row.shift, last_column = first_column = taps[0].column.shift;
  for (const Tap& tap : taps) {
    first_row = std::min(first_row, tap.row.shift), last_row = std::max(last_row, tap.row.shift);
    first_column = std::min(first_column, tap.column.shift), last_column = std::max(last_column, tap.column.shift);
  }
  rows = out_rows + last_row - first_row;
  pitch = out_columns + last_column - first_column;
}

namespace {

struct PackedFilter {};
struct Planes {};
struct Sums {};

/// What forward and input gradient have in common: out[n, k, row, column] = bias[k] + sum_{c, tap} planes[n, c, tap,
/// row, column] filter(k, c, tap).
template <class T>
struct Correlation {
  Correlation(const Conv2dProblem& problem, const std::vector<Tap>& all_taps)
      : taps(all_taps), images(problem.batch), groups(problem.groups) {}

  const std::vector<Tap>& taps;
  std::int64_t images, groups;
  std::int64_t in_channels = 0, out_channels = 0;  // of a group
  const T* in = nullptr;                           // images of in_height x in_width
  std::int64_t in_height = 0, in_width = 0, row_step = 1, column_step = 1;
  const T* filter =
      nullptr;  // filter(k, c, tap) = filter[group filter_group + k filter_out + c filter_in + tap.filter]
  std::int64_t filter_group = 0, filter_out = 0, filter_in = 0;
  const T* bias_or_null = nullptr;
  T* out = nullptr;  // element (image, k, row, column) at (image out_channels + k) out_plane + row out_row + column ...
  std::int64_t out_rows = 0, out_columns = 0, out_plane = 0, out_row = 0, out_column = 1;

  std::int64_t taps_per_channel() const { return static_cast<std::int64_t>(taps.size()); }
};

/// How the work is cut: one thread takes `block` output rows of one image, or `bunch` small images whole so that they
/// share the filters' way through the cache; `channels` input channels are copied at once.
struct Cut {
  std::int64_t tile_rows, row_tiles, block, blocks, bunch, bunches, channels;

  template <class T>
  explicit Cut(const Correlation<T>& c) {
    constexpr std::int64_t positions = 448, depth = 576;  // sums, planes and filters share a second-level cache
    row_tiles = ceil_div(c.out_channels, max_tile_rows);
    tile_rows = ceil_div(c.out_channels, row_tiles);
    blocks = ceil_div(c.out_rows, std::max<std::int64_t>(1, positions / (c.out_columns + 2)));
    block = ceil_div(c.out_rows, blocks);
    blocks = ceil_div(c.out_rows, block);
    const std::int64_t most = std::min(c.images / 4, positions / (c.out_rows * c.out_columns));
    bunch = std::max<std::int64_t>(1, blocks == 1 ? most : 1);
    bunches = ceil_div(c.images, bunch);
    channels = std::max<std::int64_t>(1, std::min(depth / c.taps_per_channel(), c.in_channels));
  }
};

/// [group][row tile][channel, tap][tile_rows], zeros beyond the last output channel.
template <class T>
const T* pack_filters(const Correlation<T>& c, const Cut& cut) {
  const std::int64_t taps = c.taps_per_channel(), depth = c.in_channels * taps;
  T* const packed = workspace<PackedFilter, T>(c.groups * cut.row_tiles * depth * cut.tile_rows);
  parallel_for(c.groups * cut.row_tiles, ceil_div(1 << 14, std::max<std::int64_t>(1, depth * cut.tile_rows)),
               [&](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t tile = begin; tile < end; ++tile) {
                   T* to = packed + tile * depth * cut.tile_rows;
                   const T* group = c.filter + tile / cut.row_tiles * c.filter_group;
                   const std::int64_t first = tile % cut.row_tiles * cut.tile_rows;
                   for (std::int64_t channel = 0; channel < c.in_channels; ++channel)
                     for (const Tap& tap : c.taps)
                       for (std::int64_t k = first; k < first + cut.tile_rows; ++k)
                         *to++ =
                             k < c.out_channels ? group[k * c.filter_out + channel * c.filter_in + tap.filter] : T{0};
                 }
               });
  return packed;
}

template <class T>
void correlate(const Correlation<T>& c) {
  constexpr std::int64_t cached_filters = 1 << 17;  // that many stay in the second-level cache: inputs in the first
  constexpr std::int64_t columns = tile_columns<T>;
  const Cut cut(c);
  const std::int64_t taps = c.taps_per_channel(), depth = c.in_channels * taps;
  const PaddedPlanes planes(c.in_height, c.in_width, c.row_step, c.column_step, c.taps, cut.block, c.out_columns);
  std::vector<std::int32_t> offsets;  // of the channels that are copied at once
  for (std::int64_t channel = 0; channel < cut.channels; ++channel)
    for (const Tap& tap : c.taps)
      offsets.push_back(static_cast<std::int32_t>(channel * planes.channel_size() + planes.offset(tap)));
  const T* const filters = pack_filters(c, cut);
  GatherKernel<T>* const kernel = gather_kernel_of<T>(cut.tile_rows);
  const std::int64_t planes_size = cut.channels * planes.channel_size(), sum_rows = cut.row_tiles * cut.tile_rows;
  const std::int64_t sums_size = sum_rows * ceil_div(cut.block * planes.pitch, columns) * columns;
  parallel_for(c.groups * cut.bunches * cut.blocks, 1, [&](std::int64_t begin, std::int64_t end) {
    T* const copies = workspace<Planes, T>(cut.bunch * planes_size + columns);
    T* const sums = workspace<Sums, T>(cut.bunch * sums_size);
    // What the last tile reads beyond the planes is dropped; it only has to be there.
    std::fill_n(copies + cut.bunch * planes_size, columns, T{0});
    for (std::int64_t item = begin; item < end; ++item) {
      const std::int64_t group = item / (cut.bunches * cut.blocks), first = item / cut.blocks % cut.bunches * cut.bunch;
      const std::int64_t count = std::min(cut.bunch, c.images - first);
      const std::int64_t row = item % cut.blocks * cut.block, rows = std::min(cut.block, c.out_rows - row);
      const std::int64_t width = ceil_div((rows - 1) * planes.pitch + c.out_columns, columns) * columns;
      const auto image = [&](std::int64_t n) { return (first + n) * c.groups + group; };
      for (std::int64_t n = 0; n < count; ++n)
        for (std::int64_t k = 0; k < sum_rows; ++k) {
          const bool biased = c.bias_or_null != nullptr && k < c.out_channels;
          std::fill_n(sums + n * sums_size + k * width, width,
                      biased ? c.bias_or_null[group * c.out_channels + k] : T{0});
        }
      for (std::int64_t channel = 0; channel < c.in_channels; channel += cut.channels) {
        const std::int64_t together = std::min(cut.channels, c.in_channels - channel);
        for (std::int64_t n = 0; n < count; ++n)
          planes.copy(c.in + (image(n) * c.in_channels + channel) * c.in_height * c.in_width, together, row,
                      copies + n * planes_size);
        const auto multiply = [&](std::int64_t n, std::int64_t i, std::int64_t j) {
          kernel(together * taps, filters + ((group * cut.row_tiles + i) * depth + channel * taps) * cut.tile_rows,
                 copies + n * planes_size + j, offsets.data(), 0, sums + n * sums_size + i * cut.tile_rows * width + j,
                 width, 0);
        };
        if (sum_rows * together * taps <= cached_filters) {
          for (std::int64_t n = 0; n < count; ++n)
            for (std::int64_t j = 0; j < width; j += columns)
              for (std::int64_t i = 0; i < cut.row_tiles; ++i) multiply(n, i, j);
        } else {
          for (std::int64_t i = 0; i < cut.row_tiles; ++i)
            for (std::int64_t n = 0; n < count; ++n)
              for (std::int64_t j = 0; j < width; j += columns) multiply(n, i, j);
        }
      }
      for (std::int64_t n = 0; n < count; ++n)
        for (std::int64_t k = 0; k < c.out_channels; ++k)
          for (std::int64_t r = 0; r < rows; ++r) {
            const T* from = sums + n * sums_size + k * width + r * planes.pitch;
            T* to = c.out + (image(n) * c.out_channels + k) * c.out_plane + (row + r) * c.out_row;
            if (c.out_column == 1)
              std::copy_n(from, c.out_columns, to);
            else
              for (std::int64_t q = 0; q < c.out_columns; ++q) to[q * c.out_column] = from[q];
          }
    }
  });
}

/// Entries phase, phase + stride, ... of `size`.
std::int64_t part_size(std::int64_t phase, std::int64_t size, std::int64_t stride) {
  return phase < size ? ceil_div(size - phase, stride) : 0;
}

}  // namespace

template <class T>
void direct_forward(const Conv2dProblem& p, const T* x, const T* w, const T* bias_or_null, T* y) {
  if (p.y_size() == 0) return;
  const std::vector<Tap> taps = forward_taps(p);
  const std::int64_t in = p.in_channels / p.groups, out = p.out_channels / p.groups;
  const std::int64_t kernel = p.kernel_height * p.kernel_width, width = p.out_width();
  Correlation<T> c(p, taps);
  c.in_channels = in, c.out_channels = out;
  c.in = x, c.in_height = p.in_height, c.in_width = p.in_width;
  c.row_step = p.stride_height, c.column_step = p.stride_width;
  c.filter = w, c.filter_group = out * in * kernel, c.filter_out = in * kernel, c.filter_in = kernel;
  c.bias_or_null = bias_or_null;
  c.out = y, c.out_rows = p.out_height(), c.out_columns = width;
  c.out_plane = p.out_height() * width, c.out_row = width;
  correlate(c);
}

template <class T>
void direct_input_gradient(const Conv2dProblem& p, const T* dy, const T* w, T* dx) {
  if (p.x_size() == 0) return;
  const std::int64_t in = p.in_channels / p.groups, out = p.out_channels / p.groups;
  const std::int64_t kernel = p.kernel_height * p.kernel_width;
  for (std::int64_t i = 0; i < p.stride_height; ++i)
    for (std::int64_t j = 0; j < p.stride_width; ++j) {
      const std::int64_t rows = part_size(i, p.in_height, p.stride_height);
      const std::int64_t columns = part_size(j, p.in_width, p.stride_width);
      if (rows == 0 || columns == 0) continue;
      std::vector<Tap> taps;
      for (std::int64_t u = 0; u < p.kernel_height; ++u)
        for (std::int64_t v = 0; v < p.kernel_width; ++v) {
          const std::int64_t row = i + p.padding_height - u * p.dilation_height;
          const std::int64_t column = j + p.padding_width - v * p.dilation_width;
          if (row % p.stride_height == 0 && column % p.stride_width == 0)
            taps.push_back({{0, row / p.stride_height}, {0, column / p.stride_width}, u * p.kernel_width + v});
        }
      if (taps.empty() || p.y_size() == 0) {  // no output reads these entries
        for (std::int64_t image = 0; image < p.batch * p.in_channels; ++image)
          for (std::int64_t r = i; r < p.in_height; r += p.stride_height)
            for (std::int64_t q = j; q < p.in_width; q += p.stride_width)
              dx[(image * p.in_height + r) * p.in_width + q] = T{0};
        continue;
      }
      Correlation<T> c(p, taps);
      c.in_channels = out, c.out_channels = in;
      c.in = dy, c.in_height = p.out_height(), c.in_width = p.out_width();
      c.filter = w, c.filter_group = out * in * kernel, c.filter_out = kernel, c.filter_in = in * kernel;
      c.out = dx + i * p.in_width + j, c.out_rows = rows, c.out_columns = columns;
      c.out_plane = p.in_height * p.in_width, c.out_row = p.stride_height * p.in_width, c.out_column = p.stride_width;
      correlate(c);
    }
}

template void direct_forward(const Conv2dProblem&, const float*, const float*, const float*, float*);
template void direct_forward(const Conv2dProblem&, const double*, const double*, const double*, double*);
template void direct_input_gradient(const Conv2dProblem&, const float*, const float*, float*);
template void direct_input_gradient(const Conv2dProblem&, const double*, const double*, double*);

}  // namespace orbitgrad::kernels::cpu
