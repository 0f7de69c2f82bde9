// Filter gradient: a sum of outer products over the output positions, in registers nine (channel, tap) pairs times
// vectors of output channels. The inputs are read from the padded planes, the output gradient is transposed once.
#include <algorithm>

#include "kernels/ceil_div.hpp"
#include "kernels/conv2d/direct.hpp"
#include "kernels/gemm/outer_kernel.hpp"
#include "kernels/gemm/pack.hpp"
#include "kernels/gemm/workspace.hpp"
#include "kernels/parallel.hpp"

namespace orbitgrad::kernels::cpu {
namespace {

struct Planes {};
struct Gradients {};
struct Partials {};

/// How the work is cut, by the shape alone. A part is a piece of the batch times some input channels of one group; it
/// has a sum of its own, [channel, tap][out channels], padded to whole register tiles.
struct Cut {
  std::int64_t in, out, taps;                 // channels of a group, taps of a channel
  std::int64_t block, blocks;                 // output rows at a time
  std::int64_t pieces, channels, slices;      // of the batch; input channels of a part, parts a group is cut into
  std::int64_t row_tiles, vectors, sum_size;  // of a part

  Cut(const Conv2dProblem& p, std::int64_t lanes)
      : in(p.in_channels / p.groups), out(p.out_channels / p.groups), taps(p.kernel_height * p.kernel_width) {
    constexpr std::int64_t positions = 256, most_sums = 1 << 22, parts = 16;
    constexpr std::int64_t least_rows = 144;  // of a part: they repay the transposition of the output gradient
    blocks = ceil_div(p.out_height(), std::max<std::int64_t>(1, positions / p.out_width()));
    block = ceil_div(p.out_height(), blocks);
    blocks = ceil_div(p.out_height(), block);
    pieces = std::clamp<std::int64_t>(most_sums / p.w_size(), 1, std::min(parts, p.batch));
    channels = std::min(in, std::max(ceil_div(in, ceil_div(parts, pieces * p.groups)), ceil_div(least_rows, taps)));
    slices = ceil_div(in, channels);
    row_tiles = ceil_div(channels * taps, outer_rows);
    vectors = ceil_div(out, lanes);
    sum_size = row_tiles * outer_rows * vectors * lanes;
  }
  std::int64_t parts(std::int64_t groups) const { return groups * slices; }
};

/// sums += the products of one image's output rows [row, row + rows) with one part's input channels.
template <class T>
class PartSum {
 public:
  PartSum(const Conv2dProblem& problem, const Cut& cut)
      : cut_(cut),
        width_(problem.out_width()),
        positions_(problem.out_height() * width_),
        taps_(forward_taps(problem)),
        planes_(problem.in_height, problem.in_width, problem.stride_height, problem.stride_width, taps_, cut.block,
                width_) {
    for (std::int64_t channel = 0; channel < cut.channels; ++channel)
      for (const Tap& tap : taps_)
        row_offset_.push_back(static_cast<std::int32_t>(channel * planes_.channel_size() + planes_.offset(tap)));
    row_offset_.resize(static_cast<std::size_t>(cut.row_tiles * outer_rows));
    for (std::int64_t step = 0; step < cut.block * width_; ++step)
      step_offset_.push_back(static_cast<std::int32_t>(step / width_ * planes_.pitch + step % width_));
  }

  void add(const T* images, std::int64_t channels, const T* dy, std::int64_t row, std::int64_t rows, T* sums) const {
    const std::int64_t steps = rows * width_, vector_size = steps * lanes<T>, sum_row = cut_.vectors * lanes<T>;
    T* const copies = workspace<Planes, T>(cut_.channels * planes_.channel_size());
    planes_.copy(images, channels, row, copies);
    T* const gradients = workspace<Gradients, T>(cut_.vectors * cut_.block * width_ * lanes<T>);
    for (std::int64_t v = 0; v < cut_.vectors; ++v)
      pack_rows(std::min<std::int64_t>(lanes<T>, cut_.out - v * lanes<T>), steps, lanes<T>,
                dy + v * lanes<T> * positions_ + row * width_, positions_, gradients + v * vector_size, lanes<T>);
    const std::int64_t used = ceil_div(channels * cut_.taps, outer_rows) * outer_rows;
    for (std::int64_t v = 0; v < cut_.vectors; v += outer_vectors)
      for (std::int64_t i = 0; i < used; i += outer_rows) {
        const auto kernel =
            cut_.vectors - v >= outer_vectors ? outer_micro_kernel<T, outer_vectors, 1> : outer_micro_kernel<T, 1, 1>;
        kernel(1, steps, step_offset_.data(), copies, row_offset_.data() + i, 0, gradients + v * vector_size,
               sums + i * sum_row + v * lanes<T>, sum_row);
      }
  }

 private:
  const Cut& cut_;
  std::int64_t width_, positions_;
  std::vector<Tap> taps_;
  PaddedPlanes planes_;
  std::vector<std::int32_t> row_offset_, step_offset_;
};

}  // namespace

template <class T>
void direct_filter_gradient(const Conv2dProblem& p, const T* x, const T* dy, T* dw) {
  if (p.w_size() == 0) return;
  if (p.y_size() == 0) return static_cast<void>(std::fill_n(dw, p.w_size(), T{0}));
  const Cut cut(p, lanes<T>);
  const PartSum<T> part_sum(p, cut);
  const std::int64_t parts = cut.parts(p.groups), plane = p.in_height * p.in_width;
  const std::int64_t positions = p.out_height() * p.out_width();
  T* const sums = workspace<Partials, T>(cut.pieces * parts * cut.sum_size);
  parallel_for(cut.pieces * parts, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t item = begin; item < end; ++item) {
      const std::int64_t piece = item / parts, group = item % parts / cut.slices;
      const std::int64_t channel = item % cut.slices * cut.channels;
      T* const sum = sums + item * cut.sum_size;
      std::fill_n(sum, cut.sum_size, T{0});
      for (std::int64_t n = p.batch * piece / cut.pieces; n < p.batch * (piece + 1) / cut.pieces; ++n)
        for (std::int64_t row = 0; row < p.out_height(); row += cut.block)
          part_sum.add(x + (n * p.in_channels + group * cut.in + channel) * plane,
                       std::min(cut.channels, cut.in - channel),
                       dy + (n * p.out_channels + group * cut.out) * positions, row,
                       std::min(cut.block, p.out_height() - row), sum);
    }
  });
  const std::int64_t total = parts * cut.sum_size;
  parallel_for(total, 1 << 14, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t piece = 1; piece < cut.pieces; ++piece)
      for (std::int64_t i = begin; i < end; ++i) sums[i] += sums[piece * total + i];
  });
  // Transposes the sums of each part to dw[k][channel, tap].
  parallel_for(parts * cut.vectors, 4, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t item = begin; item < end; ++item) {
      const std::int64_t part = item / cut.vectors, k = item % cut.vectors * lanes<T>;
      const std::int64_t channel = part % cut.slices * cut.channels, pitch = cut.in * cut.taps;
      const std::int64_t entries = std::min(cut.channels, cut.in - channel) * cut.taps;
      pack_rows(entries, std::min<std::int64_t>(lanes<T>, cut.out - k), entries, sums + part * cut.sum_size + k,
                cut.vectors * lanes<T>, dw + (part / cut.slices * cut.out + k) * pitch + channel * cut.taps, pitch);
    }
  });
}

template void direct_filter_gradient(const Conv2dProblem&, const float*, const float*, float*);
template void direct_filter_gradient(const Conv2dProblem&, const double*, const double*, double*);

}  // namespace orbitgrad::kernels::cpu
