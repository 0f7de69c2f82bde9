// The filter gradient of the irrep blocks: for each block, outer products of rows of the transformed input with rows of
// the transformed dy, then back through the transform of the filter.
#include <array>

#include "kernels/ceil_div.hpp"
#include "kernels/gemm/outer_kernel.hpp"
#include "kernels/gemm/pack.hpp"
#include "kernels/group_conv3d/filter_sums.hpp"
#include "kernels/group_conv3d/frame_tile.hpp"
#include "kernels/group_conv3d/implementations.hpp"

namespace orbitgrad::kernels::cpu {
namespace {

struct Gradients {};
struct Rows {};
struct PanelRows {};

/// What vectors of dy hold in the products of a block: `columns` positions of each row (k, i), so many that the rows of
/// a vector leave few lanes empty.
template <class T>
struct BlockLanes {
  std::int64_t rows, columns = 1, vectors;  // vectors for `columns` positions

  BlockLanes(std::int64_t rows_of_dy) : rows(rows_of_dy), vectors(ceil_div(rows, lanes<T>)) {
    for (std::int64_t more = 2; more * static_cast<std::int64_t>(sizeof(T)) <= 16; more *= 2)
      if (ceil_div(rows * more, lanes<T>) * columns < vectors * more)
        vectors = ceil_div(rows * more, lanes<T>), columns = more;
  }
  std::int64_t sum_row() const { return vectors * lanes<T>; }
};

/// Adds the products of nine rows of a block's panels with `vectors` vectors of dy over the frame vectors f; row r of f
/// begins at row_offset[f outer_rows + r].
template <class T, int columns>
void add_outer_products(std::int64_t size, std::int64_t vectors, const std::int32_t* step, const T* panels,
                        const std::int32_t* row_offset, const T* packed, T* sums, std::int64_t sum_row) {
  constexpr std::int64_t steps = block_positions<T> / columns;
  constexpr int most = vector_registers == 32 ? 3 : 1;
  while (vectors > 0) {
    const std::int64_t count = ceil_div(vectors, ceil_div(vectors, std::int64_t{most}));  // chunks of like size
    const auto kernel = count == 1 || most == 1 ? outer_micro_kernel<T, 1, columns>
                        : count == 2            ? outer_micro_kernel<T, std::min(2, most), columns>
                                                : outer_micro_kernel<T, most, columns>;
    kernel(size, steps, step, panels, row_offset, outer_rows, packed, sums, sum_row);
    vectors -= count, packed += count * size * steps * lanes<T>, sums += count * lanes<T>;
  }
}

/// dA[k, i][w, j] = sum_{f, o} dY[k, i, f] X[w, j, f] per block, then back through the sparse transform of the filter.
/// A vector holds rows (k, i) at one position; rows (w, j) of X are read as the transform leaves them.
template <class T>
struct BlocksWay {
  static constexpr std::int64_t positions = max_tile_positions<T>, part = block_positions<T>;
  using Lowered = std::vector<VolumeTile<T>>;
  FilterProblem<T> problem;
  const FrameTransform* transform;
  OrbitReads3d reads;
  FilterTransform sparse;
  FieldTransform<T> of_input;
  FrameProgram<T> of_gradient;
  std::int64_t filter_size, rows_of_gradient = 0, packed_size = 0, sums_size = 0;
  std::vector<std::int64_t> gradient_offset;      // of the rows that of_gradient reads, for each part
  std::array<std::vector<std::int32_t>, 3> step;  // where those of 1, 2 and 4 columns begin

  BlocksWay(const FilterProblem<T>& of, const GroupConv3dProblem& shape)
      : problem(of),
        transform(shape.transform),
        reads(orbit_reads3d(shape)),
        sparse(*shape.transform),
        of_input(*shape.transform, of.walk, reads, of.kernel),
        of_gradient(*shape.transform, FrameProgram<T>::Factors::gram),
        filter_size(shape.in_order * shape.taps()) {
    static_assert(taps_at_a_time % outer_rows == 0);
    for (const FrameBlock& block : transform->blocks) {
      rows_of_gradient += problem.out_fields * block.degree * block.size;
      const BlockLanes<T> of = lanes_of(block);
      packed_size += block.size * of.sum_row() * positions / of.columns;
      sums_size += sum_rows(block) * of.sum_row();
    }
    for (std::int64_t i = 0; i < positions; i += part)
      for (std::int64_t s = 0; s < problem.order; ++s) gradient_offset.push_back(s * positions + i);
    for (std::size_t log = 0; log < step.size(); ++log)
      for (std::int64_t i = 0; i < part; i += std::int64_t{1} << log) step[log].push_back(static_cast<std::int32_t>(i));
  }

  BlockLanes<T> lanes_of(const FrameBlock& block) const { return {problem.out_fields * block.degree}; }
  /// Rows (w, j), whole register tiles for each taps_at_a_time taps.
  std::int64_t sum_rows(const FrameBlock& block) const {
    return ceil_div(reads.taps, taps_at_a_time) * taps_at_a_time * block.degree;
  }

  const std::vector<std::int32_t>& step_of(const BlockLanes<T>& of) const {
    return step[of.columns == 1 ? 0 : of.columns == 2 ? 1 : 2];
  }

  /// dy transformed, [part][block][vector][f][position][lane].
  void pack(const VolumeTile<T>& tile, std::int64_t first, const T* dy, T* packed) const {
    const std::int64_t width = tile.width(), size = problem.walk.positions(), order = problem.order;
    T* const values = workspace<Gradients, T>((order + of_gradient.scratch_rows()) * positions);
    T* const all = workspace<Rows, T>(rows_of_gradient * width);  // [block][f][k, j][position]
    std::vector<TapRow<T>> outputs(static_cast<std::size_t>(of_gradient.outputs()));
    for (std::int64_t k = 0; k < problem.out_fields; ++k) {
      for (std::int64_t s = 0; s < order; ++s)
        read_gradient(tile, dy + (k * order + s) * size + first, values + s * positions);
      T* to = all;
      std::size_t next = 0;
      for (const FrameBlock& block : transform->blocks)
        for (std::int64_t f = 0; f < block.size; ++f, to += problem.out_fields * block.degree * width)
          for (std::int64_t j = 0; j < block.degree; ++j) outputs[next++] = {to + (k * block.degree + j) * width, part};
      of_gradient.run({values, gradient_offset.data(), {0, lanes<T>}, width / part}, outputs.data(), 0,
                      values + order * positions);
    }
    for (std::int64_t i = 0; i < width; i += part) {
      const T* base = all + i;
      for (const FrameBlock& block : transform->blocks) {
        const BlockLanes<T> of = lanes_of(block);
        for (std::int64_t v = 0; v < of.vectors; ++v)
          for (std::int64_t f = 0; f < block.size; ++f, packed += lanes<T> * part / of.columns)
            pack_vector(of, v, base + f * of.rows * width, width, packed);
        base += block.size * of.rows * width;
      }
    }
  }

  /// Vector v of all positions of a part: lane m columns + q is row m at the next position q.
  void pack_vector(const BlockLanes<T>& of, std::int64_t v, const T* rows, std::int64_t width, T* packed) const {
    const std::int64_t at_once = lanes<T> / of.columns, count = std::min(at_once, of.rows - v * at_once);
    const auto steps = static_cast<std::int64_t>(step_of(of).size());
    rows += v * at_once * width;
    if (of.columns == 1) return pack_rows(count, steps, at_once, rows, width, packed, at_once);
    if constexpr (sizeof(T) == 4)  // pairs of positions move as one double
      if (of.columns == 2)
        return pack_rows(count, steps, at_once, reinterpret_cast<const double*>(rows), width / 2,
                         reinterpret_cast<double*>(packed), at_once);
    for (std::int64_t i = 0; i < part; i += of.columns)
      for (std::int64_t m = 0; m < at_once; ++m, packed += of.columns)
        if (m < count)
          std::copy_n(rows + m * width + i, of.columns, packed);
        else
          std::fill_n(packed, of.columns, T{0});
  }

  Lowered lowered(const VolumeTile<T>& tile, std::int64_t first) const {
    return parts_of(problem.walk, tile, first, part);
  }

  void add(const Lowered& parts, const T* field, const T* packed, T* sums) const {
    T* const values = workspace<Gradients, T>(of_input.scratch_size());
    const Panels<T> panels(*transform, workspace<PanelRows, T>(Panels<T>::size(*transform)));
    const std::int64_t packed_part = packed_size / positions * part;
    for (const VolumeTile<T>& tile : parts) {
      for (std::int64_t w = 0; w < reads.taps; w += taps_at_a_time) {
        const std::int64_t count = std::min(taps_at_a_time, reads.taps - w);
        of_input.run(tile, field, w, count, panels, values);
        multiply(w, count, panels.data, packed, sums);
      }
      packed += packed_part;
    }
  }

  /// Adds the outer products of the panels, taps first ... first + count, with dy of the same part.
  void multiply(std::int64_t first, std::int64_t count, const T* panels, const T* packed, T* sums) const {
    std::array<std::int32_t, max_frame_order * outer_rows> offset;
    for (const FrameBlock& block : transform->blocks) {
      const BlockLanes<T> of = lanes_of(block);
      const std::int64_t row = of.sum_row(), rows = count * block.degree, panel = taps_at_a_time * block.degree * part;
      for (std::int64_t i = 0; i < rows; i += outer_rows) {
        for (std::int64_t f = 0; f < block.size; ++f)  // a row beyond the last repeats it, and its sums are not read
          for (std::int64_t r = 0; r < outer_rows; ++r)
            offset[static_cast<std::size_t>(f * outer_rows + r)] =
                static_cast<std::int32_t>(f * panel + std::min(i + r, rows - 1) * part);
        const auto add = of.columns == 1   ? add_outer_products<T, 1>
                         : of.columns == 2 ? add_outer_products<T, 2>
                                           : add_outer_products<T, 16 / static_cast<int>(sizeof(T))>;
        add(block.size, of.vectors, step_of(of).data(), panels, offset.data(), packed,
            sums + (first * block.degree + i) * row, row);
      }
      panels += block.size * panel;
      packed += block.size * row * part / of.columns;
      sums += sum_rows(block) * row;
    }
  }

  void finish(std::int64_t c, const T* sums, T* dw) const {
    const auto slots = static_cast<std::size_t>(sparse.slots);
    std::vector<T> slot(slots), element(static_cast<std::size_t>(problem.order));
    for (std::int64_t k = 0; k < problem.out_fields; ++k) {
      T* target = dw + (k * problem.in_fields + c) * filter_size;
      std::fill(target, target + filter_size, T{0});
      for (std::int64_t w = 0; w < reads.taps; ++w) {
        const T* base = sums;
        std::size_t next = 0;
        for (const FrameBlock& block : transform->blocks) {
          const BlockLanes<T> of = lanes_of(block);
          const std::int64_t d = block.degree, row = of.sum_row();
          for (std::int64_t j = 0; j < d; ++j)
            for (std::int64_t i = 0; i < d; ++i, ++next) {
              const T* const sum = base + (w * d + j) * row + (k * d + i) * of.columns;
              const T total = of.columns == 1   ? sum[0]
                              : of.columns == 2 ? sum[0] + sum[1]
                                                : (sum[0] + sum[1]) + (sum[2] + sum[3]);
              slot[next] = total / static_cast<T>(sparse.divisor[next]);
            }
          base += sum_rows(block) * row;
        }
        std::fill(element.begin(), element.end(), T{0});
        for (const auto& entry : sparse.entries)
          element[static_cast<std::size_t>(entry.element)] +=
              static_cast<T>(entry.factor) * slot[static_cast<std::size_t>(entry.slot)];
        const auto weight = static_cast<T>(reads.weight[static_cast<std::size_t>(w)]);
        for (std::int64_t g = 0; g < problem.order; ++g)
          target[reads.entry[static_cast<std::size_t>(w * problem.order + g)]] +=
              weight * element[static_cast<std::size_t>(g)];
      }
    }
  }
};

}  // namespace

template <class T>
void irrep_blocks3d_filter_gradient(const GroupConv3dProblem& problem, const T* x, const T* dy, T* dw) {
  const auto group = group_problem<T>(problem);
  sum_over_images(problem, group, BlocksWay<T>(group, problem), x, dy, dw);
}

template void irrep_blocks3d_filter_gradient(const GroupConv3dProblem&, const float*, const float*, float*);
template void irrep_blocks3d_filter_gradient(const GroupConv3dProblem&, const double*, const double*, double*);

}  // namespace orbitgrad::kernels::cpu
