// Orbit gather, filter gradient: a filter entry meets, for each output element s, the row of the input that s reads it
// from, so the gradient is summed over the orbit without a filter bank:
//   dw[k, c, d] = sum_{n, o} sum_s dy[n, k, s, o] x[n, c, row_s(d) of the block lowered at o].
// The rows are never lowered: a row is a shift of a plane. The bands are cut into chunks by the problem alone; the sums
// of the chunks are added in order.
#include <algorithm>

#include "kernels/gemm/workspace.hpp"
#include "kernels/group_conv2d/filter_bands.hpp"
#include "kernels/group_conv2d/orbit_gather.hpp"
#include "kernels/parallel.hpp"

namespace orbitgrad::kernels::cpu {
namespace {

struct Planes {};
struct Gradients {};
struct Partials {};

/// Where the rows of a block begin in its packed planes: [element][block_rows], a row beyond the last repeats it. Where
/// a lane is a field of one element, the rows keep the order of the input.
template <class T>
std::vector<std::int32_t> row_offsets(const FilterProduct<T>& product) {
  const TileGeometry& g = product.geometry;
  const std::int64_t depth = product.rows->depth;
  const std::int64_t plane = product.plane_size(), width = product.plane_width();
  std::vector<std::int64_t> of_row;  // of the rows of one field
  for (std::int64_t t = 0; t < product.in_planes; ++t)
    for (std::int64_t r = 0; r < g.kernel; ++r)
      for (std::int64_t c = 0; c < g.kernel; ++c) of_row.push_back(t * plane + (r * width + c) * g.dilation);
  std::vector<std::int32_t> offsets;
  offsets.reserve(static_cast<std::size_t>(product.elements * product.block_rows));
  for (std::int64_t s = 0; s < product.elements; ++s) {
    for (std::int64_t c = 0; c < product.block; ++c)
      for (std::int64_t d = 0; d < depth; ++d) {
        const std::int64_t row = product.elements == 1 ? d : product.rows->of(s)[d];
        offsets.push_back(
            static_cast<std::int32_t>(c * product.in_planes * plane + of_row[static_cast<std::size_t>(row)]));
      }
    offsets.resize(static_cast<std::size_t>((s + 1) * product.block_rows), offsets.back());
  }
  return offsets;
}

/// Adds the bands [first, last) for the blocks [block_first, block_last) of input fields to one partial sum,
/// [block][row][channel].
template <class T, int Columns>
void add_bands(const FilterProduct<T>& product, const std::int32_t* row_offset, std::int64_t first, std::int64_t last,
               std::int64_t block_first, std::int64_t block_last, T* partial) {
  const std::int64_t sum_row = product.sum_row(), vectors = product.vectors, elements = product.elements;
  const std::int64_t planes = product.block * product.in_planes;
  std::vector<std::int32_t> step_offset;
  T* x = workspace<Planes, T>(planes * product.plane_size());
  T* dy = workspace<Gradients, T>(vectors * elements * product.steps() * lanes<T>);
  for (std::int64_t index = first; index < last; ++index) {
    const Band band = band_at(product, index);
    if (band.images * band.lines * product.geometry.out_width !=
        static_cast<std::int64_t>(step_offset.size()) * product.columns)
      step_offset = step_offsets(product, band);
    const auto steps = static_cast<std::int64_t>(step_offset.size());
    pack_gradients<T, Columns>(product, band, dy);
    for (std::int64_t b = block_first; b < block_last; ++b) {
      pack_planes(product, band, b * product.block, std::min((b + 1) * product.block, product.in_fields), x);
      for (std::int64_t v = 0; v < vectors; v += outer_vectors) {
        const T* gradients = dy + v * elements * steps * lanes<T>;
        T* sum = partial + b * product.block_rows * sum_row + v * lanes<T>;
        for (std::int64_t i = 0; i < product.block_rows; i += outer_rows) {
          if (vectors - v >= outer_vectors)
            outer_micro_kernel<T, outer_vectors, Columns>(elements, steps, step_offset.data(), x, row_offset + i,
                                                          product.block_rows, gradients, sum + i * sum_row, sum_row);
          else
            outer_micro_kernel<T, 1, Columns>(elements, steps, step_offset.data(), x, row_offset + i,
                                              product.block_rows, gradients, sum + i * sum_row, sum_row);
        }
      }
    }
  }
}

/// Adds the partial sums in order to the first, and the columns of a vector to one another.
template <class T>
void add_chunks(const FilterProduct<T>& product, T* partials) {
  const std::int64_t size = product.partial_size();
  if (product.chunks == 1 && product.columns == 1) return;
  parallel_for(size / lanes<T>, std::max<std::int64_t>(1, (1 << 14) / product.chunks),
               [&](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t i = begin * lanes<T>; i < end * lanes<T>; i += lanes<T>) {
                   Vector<T> sum = load(partials + i);
                   for (std::int64_t chunk = 1; chunk < product.chunks; ++chunk)
                     sum += load(partials + chunk * size + i);
                   if (product.columns == 2) sum = add_neighbours<T>(sum);
                   store(partials + i, sum);
                 }
               });
}

/// dw from the sums [block][row][channel]: the rest of the orbit sum, and the transposition.
template <class T>
void write_filter_gradient(const FilterProduct<T>& product, const T* sums) {
  constexpr std::int64_t n = lanes<T>;
  const std::int64_t depth = product.rows->depth, order = product.rows->outputs, sum_row = product.sum_row();
  const auto write_field = [&](std::int64_t c, std::int64_t k) {
    const std::int64_t fields = std::min(n, product.out_fields - k);
    const T* from = sums + (c / product.block * product.block_rows + c % product.block * depth) * sum_row + k;
    for (std::int64_t d = 0; d < depth; d += n) {
      const std::int64_t count = std::min(n, depth - d);
      Vector<T> value[n] = {};
      if (product.elements == order) {
        for (std::int64_t i = 0; i < count; ++i) value[i] = load(from + (d + i) * sum_row);
      } else {
        for (std::int64_t s = 0; s < order; ++s) {  // lanes beyond the fields carry what is not written
          const std::int32_t* row = product.rows->of(s) + d;
          for (std::int64_t i = 0; i < count; ++i) value[i] += load(from + row[i] * sum_row + s * product.out_fields);
        }
      }
      transpose<T>(value);
      for (std::int64_t i = 0; i < fields; ++i)
        masked_store(product.dw + ((k + i) * product.in_fields + c) * depth + d, (1u << count) - 1, value[i]);
    }
  };
  parallel_for(product.in_fields, std::max<std::int64_t>(1, (1 << 16) / (depth * product.out_fields)),
               [&](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t c = begin; c < end; ++c)
                   for (std::int64_t k = 0; k < product.out_fields; k += n) write_field(c, k);
               });
}

template <class T>
void run(const FilterProduct<T>& product) {
  const std::vector<std::int32_t> offsets = row_offsets(product);
  const std::int64_t size = product.partial_size(), block_size = product.block_rows * product.sum_row();
  T* partials = workspace<Partials, T>(product.chunks * size + lanes<T>);
  std::int64_t parts = 1;  // of the input fields, where the chunks do not occupy the threads; each packs dy
  const std::int64_t threads = thread_count();
  while (parts * 2 <= product.blocks && product.chunks * parts < 4 * threads && product.chunks * parts % threads != 0)
    parts *= 2;
  const double flops = 2.0 * static_cast<double>(product.geometry.columns() * product.elements * size);
  const std::int64_t items = product.chunks * parts;
  const auto grain = std::max<std::int64_t>(1, static_cast<std::int64_t>(2e5 * static_cast<double>(items) / flops));
  parallel_for(items, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t item = begin; item < end; ++item) {
      const std::int64_t chunk = item / parts, part = item % parts;
      const std::int64_t block_first = product.blocks * part / parts, block_last = product.blocks * (part + 1) / parts;
      T* partial = partials + chunk * size;
      std::fill(partial + block_first * block_size, partial + block_last * block_size, T{0});
      const auto add = product.columns == 2 ? add_bands < T, sizeof(T) == 4 ? 2 : 1 > : add_bands<T, 1>;
      add(product, offsets.data(), product.bands * chunk / product.chunks, product.bands * (chunk + 1) / product.chunks,
          block_first, block_last, partial);
    }
  });
  add_chunks(product, partials);
  write_filter_gradient(product, partials);
}

}  // namespace

template <class T>
void orbit_gather_filter_gradient(const GroupConv2dProblem& problem, const T* x, const T* dy, T* dw) {
  if (problem.x_size() == 0 || problem.y_size() == 0) {
    std::fill(dw, dw + problem.w_size(), T{0});
    return;
  }
  const std::int64_t in_fields = problem.in_fields / problem.groups, out_fields = problem.out_fields / problem.groups;
  const OrbitRows rows = orbit_rows(problem, problem.in_order != 1);
  const std::int64_t in_plane = problem.in_height * problem.in_width;
  const std::int64_t out_plane = problem.out_height() * problem.out_width();
  for (std::int64_t group = 0; group < problem.groups; ++group) {
    FilterProduct<T> product;
    product.geometry = forward_geometry(problem);
    product.rows = &rows;
    product.in_fields = in_fields, product.out_fields = out_fields, product.in_planes = problem.in_order;
    product.x = x + group * in_fields * problem.in_order * in_plane;
    product.dy = dy + group * out_fields * problem.order * out_plane;
    product.dw = dw + group * out_fields * in_fields * rows.depth;
    product.plan();
    run(product);
  }
}

template void orbit_gather_filter_gradient(const GroupConv2dProblem&, const float*, const float*, float*);
template void orbit_gather_filter_gradient(const GroupConv2dProblem&, const double*, const double*, double*);

}  // namespace orbitgrad::kernels::cpu
