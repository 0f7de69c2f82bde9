// The filter gradient of the irrep blocks: for each block, outer products of rows of the transformed input with rows of
// the transformed dy, then back through the transform of the filter.
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

template <class T>
inline constexpr std::int64_t part_positions = block_positions<T>;
constexpr std::int64_t most_vectors = vector_registers == 32 ? 3 : 1;  // of dy in a register tile of outer products

/// What vectors of dy hold in the products of a block: `columns` positions of each row (k, i), so many that the rows of
/// a vector leave few lanes empty. Vectors that are multiplied together lie side by side.
template <class T>
struct BlockLanes {
  std::int64_t rows, columns = 1, vectors;  // vectors for `columns` positions

  BlockLanes(std::int64_t rows_of_dy) : rows(rows_of_dy), vectors(ceil_div(rows, lanes<T>)) {
    for (std::int64_t more = 2; more * static_cast<std::int64_t>(sizeof(T)) <= 16; more *= 2)
      if (ceil_div(rows * more, lanes<T>) * columns < vectors * more)
        vectors = ceil_div(rows * more, lanes<T>), columns = more;
  }
  std::int64_t sum_row() const { return vectors * lanes<T>; }
  std::int64_t steps() const { return part_positions<T> / columns; }
  /// Of the vectors from `first` on, how many are multiplied together: runs of like size.
  std::int64_t together(std::int64_t first) const {
    return ceil_div(vectors - first, ceil_div(vectors - first, most_vectors));
  }
};

/// The register tile of outer_kernel.hpp for nine neighbouring rows of panels, summed over the frame vectors f, whose
/// panels lie `panel` elements apart: sum[row, lane] += sum_{f, step} x[f, row, step] dy[f, step, lane].
template <class T, int vectors, int columns>
void panel_kernel(std::int64_t size, const T* panels, std::int64_t panel, const T* dy, T* sum, std::int64_t sum_row) {
  Vector<T> total[outer_rows][vectors];
#pragma GCC unroll 9
  for (int i = 0; i < outer_rows; ++i)
#pragma GCC unroll 3
    for (int v = 0; v < vectors; ++v) total[i][v] = load(sum + i * sum_row + v * lanes<T>);
  for (std::int64_t f = 0; f < size; ++f)
    for (const T *x = panels + f * panel, *end = x + part_positions<T>; x < end;
         x += columns, dy += vectors * lanes<T>) {
      Vector<T> right[vectors];
#pragma GCC unroll 3
      for (int v = 0; v < vectors; ++v) right[v] = load(dy + v * lanes<T>);
#pragma GCC unroll 9
      for (int i = 0; i < outer_rows; ++i) {
        const Vector<T> left = broadcast_columns<T, columns>(x + i * part_positions<T>);
#pragma GCC unroll 3
        for (int v = 0; v < vectors; ++v) total[i][v] = multiply_add(left, right[v], total[i][v]);
      }
    }
#pragma GCC unroll 9
  for (int i = 0; i < outer_rows; ++i)
#pragma GCC unroll 3
    for (int v = 0; v < vectors; ++v) store(sum + i * sum_row + v * lanes<T>, total[i][v]);
}

template <class T>
using PanelKernel = void(std::int64_t, const T*, std::int64_t, const T*, T*, std::int64_t);

template <class T, int columns>
PanelKernel<T>* panel_kernel_of(std::int64_t vectors) {
  if constexpr (most_vectors == 3) {
    if (vectors == 3) return panel_kernel<T, 3, columns>;
    if (vectors == 2) return panel_kernel<T, 2, columns>;
  }
  return panel_kernel<T, 1, columns>;
}
template <class T>
PanelKernel<T>* panel_kernel_of(std::int64_t vectors, std::int64_t columns) {
  constexpr int most_columns = 16 / static_cast<int>(sizeof(T));
  return columns == 1   ? panel_kernel_of<T, 1>(vectors)
         : columns == 2 ? panel_kernel_of<T, 2>(vectors)
                        : panel_kernel_of<T, most_columns>(vectors);
}

/// dA[k, i][w, j] = sum_{f, o} dY[k, i, f] X[w, j, f] per block, then back through the sparse transform of the filter.
/// A vector holds rows (k, i) at one position; rows (w, j) of X are read as the transform leaves them.
template <class T>
struct BlocksWay {
  static constexpr std::int64_t positions = max_tile_positions<T>, part = part_positions<T>;
  using Lowered = std::vector<VolumeTile<T>>;
  FilterProblem<T> problem;
  const FrameTransform* transform;
  OrbitReads3d reads;
  FilterTransform sparse;
  FieldTransform<T> of_input;
  FrameProgram<T> of_gradient;
  std::int64_t filter_size, rows_of_gradient = 0, packed_size = 0, sums_size = 0;
  std::vector<std::int64_t> gradient_offset;  // of the rows that of_gradient reads, for each part

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
  }

  BlockLanes<T> lanes_of(const FrameBlock& block) const { return {problem.out_fields * block.degree}; }
  /// Rows (w, j), whole register tiles for each taps_at_a_time taps.
  std::int64_t sum_rows(const FrameBlock& block) const {
    return ceil_div(reads.taps, taps_at_a_time) * taps_at_a_time * block.degree;
  }

  /// dy transformed, [part][block][vectors together][f][step][vector][lane].
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
        for (std::int64_t v = 0, together; v < of.vectors; v += together) {
          together = of.together(v);
          for (std::int64_t f = 0; f < block.size; ++f, packed += together * lanes<T> * of.steps())
            for (std::int64_t of_run = 0; of_run < together; ++of_run)
              pack_vector(of, v + of_run, base + f * of.rows * width, width, packed + of_run * lanes<T>,
                          together * lanes<T>);
        }
        base += block.size * of.rows * width;
      }
    }
  }

  /// Vector v at all steps of a part, `pitch` apart: lane m columns + q is row m at the next position q.
  void pack_vector(const BlockLanes<T>& of, std::int64_t v, const T* rows, std::int64_t width, T* packed,
                   std::int64_t pitch) const {
    const std::int64_t at_once = lanes<T> / of.columns, count = std::min(at_once, of.rows - v * at_once);
    const std::int64_t steps = of.steps();
    rows += v * at_once * width;
    if (of.columns == 1) return pack_rows(count, steps, at_once, rows, width, packed, pitch);
    if constexpr (sizeof(T) == 4)  // pairs of positions move as one double
      if (of.columns == 2)
        return pack_rows(count, steps, at_once, reinterpret_cast<const double*>(rows), width / 2,
                         reinterpret_cast<double*>(packed), pitch / 2);
    for (std::int64_t step = 0; step < steps; ++step, packed += pitch)
      for (std::int64_t m = 0; m < at_once; ++m)
        if (m < count)
          std::copy_n(rows + m * width + step * of.columns, of.columns, packed + m * of.columns);
        else
          std::fill_n(packed + m * of.columns, of.columns, T{0});
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

  /// Adds the outer products of the panels, taps first ... first + count, with dy of the same part. Rows beyond the
  /// last hold anything, and their sums are not read.
  void multiply(std::int64_t first, std::int64_t count, const T* panels, const T* packed, T* sums) const {
    for (const FrameBlock& block : transform->blocks) {
      const BlockLanes<T> of = lanes_of(block);
      const std::int64_t row = of.sum_row(), rows = count * block.degree, panel = taps_at_a_time * block.degree * part;
      for (std::int64_t v = 0, together; v < of.vectors; v += together) {
        together = of.together(v);
        const auto kernel = panel_kernel_of<T>(together, of.columns);
        for (std::int64_t i = 0; i < rows; i += outer_rows)
          kernel(block.size, panels + i * part, panel, packed, sums + (first * block.degree + i) * row + v * lanes<T>,
                 row);
        packed += block.size * together * lanes<T> * of.steps();
      }
      panels += block.size * panel;
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
