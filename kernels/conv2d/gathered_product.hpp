// Every convolution here, plain or over a group, forward or by its input, in the one form that a device computes as a
// matrix product whose columns are gathered from the input on the way:
//   out[n, f, s, o] = bias[f] + sum_{c, g, v} in[n, c, h_s g, (o step + (h_s v) dilation - padding) / gap] w[f, c, g,
//   v],
// a term being zero where the division leaves a rest or its result is outside the plane. The order of the sum does not
// depend on s: carried along by a symmetry of the input, the outputs are the same bits.
#pragma once

#include <algorithm>
#include <limits>

#include "kernels/conv2d/conv2d.hpp"
#include "kernels/elementwise/formulas.hpp"
#include "kernels/gemm/register_tile.hpp"

namespace orbitgrad::kernels {
inline namespace ORBITGRAD_BUILD {

/// One of the two axes of the image.
struct GatheredAxis {
  std::int32_t in = 0, out = 0, kernel = 1;
  std::int32_t step = 1, gap = 1, dilation = 1, padding = 0;  // padding may be negative

  /// The place in the input that tap `tap` of the output at `o` reads, -1 for none.
  __device__ std::int32_t source(std::int32_t o, std::int32_t tap) const {
    std::int32_t place = o * step + tap * dilation - padding;
    if (gap > 1) {
      if (place < 0 || place % gap != 0) return -1;
      place /= gap;
    }
    return place >= 0 && place < in ? place : -1;
  }
};

/// The axis of the input gradient: what was read is written.
inline GatheredAxis transposed(const GatheredAxis& axis) {
  return {axis.out,
          axis.in,
          axis.kernel,
          axis.gap,
          axis.step,
          axis.dilation,
          axis.dilation * (axis.kernel - 1) - axis.padding};
}

/// in [batch, groups in_fields, in_elements, rows.in, columns.in], w [groups out_fields, in_fields, in_elements,
/// rows.kernel, columns.kernel], out [batch, groups out_fields, out_elements, rows.out, columns.out].
struct GatheredProduct {
  static constexpr int max_order = 8;

  std::int32_t batch = 0, groups = 1, in_fields = 0, out_fields = 0, in_elements = 1, out_elements = 1;
  GatheredAxis rows, columns;
  bool relu = false;                              // of the result, NaN stays
  std::int32_t matrices[max_order][4] = {};       // h_s; without meaning if out_elements is 1: then h_s is 1
  std::int32_t image[max_order][max_order] = {};  // [s][g]: index of h_s g

  /// What is written for a sum and the bias of its field.
  template <class T>
  __device__ T result(T sum, T bias) const {
    return relu ? Relu{}(sum + bias) : sum + bias;
  }
  ORBITGRAD_HOST_DEVICE std::int32_t taps() const { return rows.kernel * columns.kernel; }
  ORBITGRAD_HOST_DEVICE std::int32_t depth() const { return in_elements * taps(); }  // of one input field
  ORBITGRAD_HOST_DEVICE std::int32_t in_plane() const { return rows.in * columns.in; }
  ORBITGRAD_HOST_DEVICE std::int32_t out_positions() const { return rows.out * columns.out; }
  /// All (n, s, o).
  ORBITGRAD_HOST_DEVICE std::int32_t out_columns() const { return batch * out_elements * out_positions(); }
  std::int64_t filter_size() const { return std::int64_t{groups} * out_fields * in_fields * depth(); }
  std::int64_t table_bytes() const { return std::int64_t{depth()} * out_elements * 4; }
};

/// The image of filter entry d = (g, v) under element s: h_s g, and the row and column of h_s v, in one word.
struct GatheredEntry {
  std::int32_t word;

  ORBITGRAD_HOST_DEVICE static GatheredEntry at(std::int32_t element, std::int32_t row, std::int32_t column) {
    return {element << 16 | row << 8 | column};
  }
  __device__ static GatheredEntry of(const GatheredProduct& p, std::int32_t s, std::int32_t d) {
    const std::int32_t g = d / p.taps(), v = d % p.taps();
    std::int32_t element = g, row = v / p.columns.kernel, column = v % p.columns.kernel;
    if (p.out_elements > 1) {
      // The square lattice about the centre of the kernel, offsets doubled; see group_conv2d/group_conv2d.hpp.
      const std::int32_t* h = p.matrices[s];
      const std::int32_t reach = p.rows.kernel - 1, y = 2 * row - reach, x = 2 * column - reach;
      element = p.image[s][g];
      row = (h[0] * y + h[1] * x + reach) / 2;
      column = (h[2] * y + h[3] * x + reach) / 2;
    }
    return at(element, row, column);
  }
  __device__ std::int32_t element() const { return word >> 16; }
  __device__ std::int32_t row() const { return word >> 8 & 255; }
  __device__ std::int32_t column() const { return word & 255; }
};

/// All entries, [depth][out_elements], by the threads of a block; a barrier must follow.
__device__ __forceinline__ void write_gathered_table(const GatheredProduct& p, GatheredEntry* table) {
  for (auto i = static_cast<std::int32_t>(threadIdx.x); i < p.depth() * p.out_elements;
       i += static_cast<std::int32_t>(blockDim.x))
    table[i] = GatheredEntry::of(p, i % p.out_elements, i / p.out_elements);
}

/// An output (n, s, o): where its window lies.
struct GatheredColumn {
  std::int64_t image = -1;  // offset of in[n, group], -1 for none
  std::int32_t s = 0, row = 0, column = 0;

  __device__ static GatheredColumn of(const GatheredProduct& p, std::int32_t group, std::int32_t index) {
    if (index >= p.out_columns()) return {};
    const std::int32_t o = index % p.out_positions(), outer = index / p.out_positions();
    const std::int32_t n = outer / p.out_elements;
    const std::int64_t fields = (std::int64_t{n} * p.groups + group) * p.in_fields;
    return {fields * p.in_elements * p.in_plane(), outer % p.out_elements, o / p.columns.out, o % p.columns.out};
  }
};
/// An entry (c, d) of the filter.
struct GatheredDepth {
  std::int32_t field = -1, entry = 0;  // field -1: none

  __device__ static GatheredDepth of(const GatheredProduct& p, std::int32_t index) {
    if (index >= p.in_fields * p.depth()) return {};
    return {index / p.depth(), index % p.depth()};
  }
};

/// The gathered matrix: element (depth, column) lies in the input, or is a zero of the padding.
template <class T>
struct GatheredMatrix {
  const GatheredProduct& product;
  const T* data;
  const GatheredEntry* table;
  std::int32_t group;

  __device__ const T* element(const GatheredDepth& depth, const GatheredColumn& column) const {
    if (depth.field < 0 || column.image < 0) return nullptr;
    const GatheredEntry entry = table[depth.entry * product.out_elements + column.s];
    const std::int32_t row = product.rows.source(column.row, entry.row());
    const std::int32_t x = product.columns.source(column.column, entry.column());
    if (row < 0 || x < 0) return nullptr;
    const std::int64_t plane = std::int64_t{depth.field} * product.in_elements + entry.element();
    return data + column.image + plane * product.in_plane() + row * product.columns.in + x;
  }
};

/// The gathered matrix as the right operand [depth, columns] of the product itself.
template <class T>
struct GatheredColumns : GatheredMatrix<T> {
  using Outer = GatheredColumn;
  using Inner = GatheredDepth;
  __device__ bool along_depth() const { return false; }
  __device__ Outer outer(std::int32_t i) const { return GatheredColumn::of(this->product, this->group, i); }
  __device__ Inner inner(std::int32_t d) const { return GatheredDepth::of(this->product, d); }
  __device__ const T* at(const Outer& i, const Inner& d) const { return this->element(d, i); }
};

/// Its transpose [columns, depth], for the gradient by the filter, where the sum runs over the columns.
template <class T>
struct GatheredRows : GatheredMatrix<T> {
  using Outer = GatheredDepth;
  using Inner = GatheredColumn;
  __device__ bool along_depth() const { return true; }
  __device__ Outer outer(std::int32_t i) const { return GatheredDepth::of(this->product, i); }
  __device__ Inner inner(std::int32_t d) const { return GatheredColumn::of(this->product, this->group, d); }
  __device__ const T* at(const Outer& i, const Inner& d) const { return this->element(i, d); }
};

/// The outputs of one channel group as a matrix [fields, columns (n, s, o)].
template <class T>
struct GatheredOutputs {
  using Outer = std::int64_t;
  using Inner = std::int64_t;
  const GatheredProduct& product;
  const T* data;
  std::int32_t group;

  __device__ bool along_depth() const { return true; }
  __device__ Outer outer(std::int32_t field) const {
    return field < product.out_fields ? (std::int64_t{group} * product.out_fields + field) * field_size() : -1;
  }
  __device__ Inner inner(std::int32_t column) const {
    if (column >= product.out_columns()) return -1;
    const std::int32_t image = column / field_size();
    return std::int64_t{image} * product.groups * product.out_fields * field_size() + column % field_size();
  }
  __device__ const T* at(Outer field, Inner column) const {
    return field < 0 || column < 0 ? nullptr : data + field + column;
  }

 private:
  __device__ std::int32_t field_size() const { return product.out_elements * product.out_positions(); }
};

/// Whether all counts fit 32 bits, the group its table and the taps one byte; for `element_bytes` also shared memory.
inline bool fits_gathered_product(const Conv2dProblem& p, std::int64_t in_elements, std::int64_t out_elements,
                                  std::int64_t element_bytes) {
  constexpr std::int64_t most = std::numeric_limits<std::int32_t>::max() / 2, shared_bytes = 48 * 1024;
  const std::int64_t elements = std::max(in_elements, out_elements);
  const std::int64_t tiles = 4 * element_bytes * static_cast<std::int64_t>(sizeof(OperandTile<char>));
  const std::int64_t depth = elements * p.kernel_height * p.kernel_width;
  const auto axis = [](std::int64_t in, std::int64_t out, std::int64_t kernel, std::int64_t stride,
                       std::int64_t padding, std::int64_t dilation) {
    return kernel < 256 && (out + 1) * stride + kernel * dilation + padding < most &&
           in + kernel * dilation + padding < most;
  };
  return elements <= GatheredProduct::max_order && tiles + 4 * depth * elements <= shared_bytes &&
         axis(p.in_height, p.out_height(), p.kernel_height, p.stride_height, p.padding_height, p.dilation_height) &&
         axis(p.in_width, p.out_width(), p.kernel_width, p.stride_width, p.padding_width, p.dilation_width) &&
         std::max(p.in_height * p.in_width, p.out_height() * p.out_width()) <
             most / std::max<std::int64_t>(p.batch, 1) / elements &&  // planes are counted also where no image is
         std::max(p.in_channels, p.out_channels) < most / std::max<std::int64_t>(depth, 1);
}

}  // namespace ORBITGRAD_BUILD
}  // namespace orbitgrad::kernels
