// Irrep blocks on a device, what all versions share: the problem as a kernel reads it, the transform of what one output
// position reads, the transform of the filter, and the way back from the sums. The algebra: irrep_transform.hpp.
#pragma once

#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "kernels/device_table.hpp"
#include "kernels/group_conv2d/lattice_product.hpp"
#include "kernels/group_conv2d/orbit_reads.hpp"

namespace orbitgrad::kernels {
inline namespace ORBITGRAD_BUILD {

/// What group element r reads for tap w (OrbitReads).
struct IrrepRead {
  GatheredEntry place;
  std::int32_t filter_entry;
  std::int32_t sharers;  // bit g: element g of this tap has the same filter entry, as a stabilizer has (lifting)
  float weight;          // of the tap, a power of two
};

/// product.matrices and product.image are not read: `reads` [taps, order] stands for them.
struct IrrepConvolution {
  GatheredProduct product;
  std::int32_t taps = 0;
  const IrrepRead* reads = nullptr;

  /// Rows (c, w) of one channel group, and columns (n, o).
  ORBITGRAD_HOST_DEVICE std::int32_t depth() const { return product.in_fields * taps; }
  ORBITGRAD_HOST_DEVICE std::int32_t positions() const { return product.batch * product.out_positions(); }
};

/// The reads of a problem in the device's memory, as long as this lives.
class IrrepReads {
 public:
  explicit IrrepReads(const GroupConv2dProblem& p) {
    const OrbitReads reads = orbit_reads(p);
    const auto order = static_cast<std::size_t>(p.order);
    const auto kernel = static_cast<std::int32_t>(p.kernel);
    std::vector<IrrepRead> table;
    for (std::size_t i = 0; i < reads.tap.size(); ++i) {
      const auto element = reads.planes == 1 ? 0 : static_cast<std::int32_t>(i % order);
      const std::int32_t row = reads.tap[i] / kernel, column = reads.tap[i] % kernel;
      std::int32_t sharers = 0;
      for (std::size_t g = 0; g < order; ++g)
        if (reads.filter_entry[i / order * order + g] == reads.filter_entry[i]) sharers |= 1 << g;
      table.push_back({GatheredEntry::at(element, row, column), reads.filter_entry[i], sharers,
                       static_cast<float>(reads.weight[i / order])});
    }
    taps_ = static_cast<std::int32_t>(reads.taps);
    table_ = device_table(this_device, std::span<const IrrepRead>(table));
  }
  /// The forward product of the problem, or its transposed one.
  IrrepConvolution of(const GatheredProduct& product) const { return {product, taps_, table_.get()}; }

 private:
  std::int32_t taps_;
  std::shared_ptr<const IrrepRead> table_;
};

/// An output position (n, o) of a channel group.
struct IrrepPosition {
  std::int64_t in = -1, out = 0;  // offsets of in[n, group] and of (o) in out[n, group, 0, 0]; in -1: there is none
  std::int32_t row = 0, column = 0;

  __device__ static IrrepPosition of(const GatheredProduct& p, std::int32_t group, std::int32_t index) {
    if (index >= p.batch * p.out_positions()) return {};
    const std::int32_t n = index / p.out_positions(), o = index % p.out_positions();
    const std::int64_t image = std::int64_t{n} * p.groups + group;
    return {image * p.in_fields * p.in_elements * p.in_plane(),
            image * p.out_fields * p.out_elements * p.out_positions() + o, o / p.columns.out, o % p.columns.out};
  }
};

/// X^[d] of one position, d = (c, w): what the elements read at `table[w order + r]`, transformed. Zeros beyond.
template <class Irreps, class T, class Table>
__device__ __forceinline__ void transformed_input(const IrrepConvolution& convolution, const T* in, const Table& table,
                                                  const IrrepPosition& position, std::int32_t d,
                                                  T (&value)[Irreps::order]) {
  const GatheredProduct& p = convolution.product;
  SIM_UNROLL
  for (int r = 0; r < Irreps::order; ++r) value[r] = 0;
  if (position.in < 0 || d >= convolution.depth()) return;
  const std::int32_t c = d / convolution.taps, w = d % convolution.taps;
  const T* field = in + position.in + std::int64_t{c} * p.in_elements * p.in_plane();
  SIM_UNROLL
  for (int r = 0; r < Irreps::order; ++r) {
    const GatheredEntry place = table(w * Irreps::order + r);
    const std::int32_t row = p.rows.source(position.row, place.row());
    const std::int32_t column = p.columns.source(position.column, place.column());
    if (row >= 0 && column >= 0) value[r] = field[place.element() * p.in_plane() + row * p.columns.in + column];
  }
  Irreps::transform(value);
}

/// dY^ of one field and position: `out` has the layout of the outputs.
template <class Irreps, class T>
__device__ __forceinline__ void transformed_output(const GatheredProduct& p, const T* out,
                                                   const IrrepPosition& position, std::int32_t field,
                                                   T (&value)[Irreps::order]) {
  SIM_UNROLL
  for (int s = 0; s < Irreps::order; ++s) value[s] = 0;
  if (position.in < 0 || field >= p.out_fields) return;
  const T* from = out + position.out + std::int64_t{field} * Irreps::order * p.out_positions();
  SIM_UNROLL
  for (int s = 0; s < Irreps::order; ++s) value[s] = from[std::int64_t{s} * p.out_positions()];
  Irreps::transform(value);
}

/// From the sums of one field and position to its outputs; destroys the sums. bias null: none.
template <class Irreps, class T>
__device__ __forceinline__ void write_output(const GatheredProduct& p, const IrrepPosition& position,
                                             std::int32_t group, std::int32_t field, T (&sum)[Irreps::sums],
                                             const T* bias_or_null, T* out) {
  Irreps::join(sum);
  Irreps::inverse(sum);
  const T bias = bias_or_null == nullptr ? T{0} : bias_or_null[group * p.out_fields + field];
  T* to = out + position.out + std::int64_t{field} * Irreps::order * p.out_positions();
  SIM_UNROLL
  for (int s = 0; s < Irreps::order; ++s) to[std::int64_t{s} * p.out_positions()] = p.result(sum[s], bias);
}

/// a^[field, d] of `filter` [groups out_fields, in_fields, entries] with its scale. Zeros beyond the fields and rows.
template <class Irreps, class T>
__device__ __forceinline__ void transformed_filter(const IrrepConvolution& convolution, const T* filter,
                                                   std::int32_t group, std::int32_t field, std::int32_t d,
                                                   T (&value)[Irreps::filters]) {
  const GatheredProduct& p = convolution.product;
  SIM_UNROLL
  for (int i = 0; i < Irreps::filters; ++i) value[i] = 0;
  if (field >= p.out_fields || d >= convolution.depth()) return;
  const std::int32_t c = d / convolution.taps, w = d % convolution.taps;
  const IrrepRead* reads = convolution.reads + w * Irreps::order;
  const T* entries = filter + ((std::int64_t{group} * p.out_fields + field) * p.in_fields + c) * p.depth();
  SIM_UNROLL
  for (int g = 0; g < Irreps::order; ++g) value[g] = entries[reads[g].filter_entry];
  Irreps::transform(value);
  SIM_UNROLL
  for (int i = 0; i < Irreps::order; ++i)
    value[i] *= static_cast<T>(Irreps::scale(i) * static_cast<double>(reads[0].weight));
  Irreps::spread(value);
}

/// The transpose of transformed_filter: writes the entries of tap w from the sums of the transformed filters, which it
/// destroys. Elements of a stabilizer share an entry.
template <class Irreps, class T>
__device__ __forceinline__ void write_filter_entries(const IrrepConvolution& convolution, std::int64_t pair,
                                                     std::int32_t w, T (&sum)[Irreps::filters], T* filter) {
  const IrrepRead* reads = convolution.reads + w * Irreps::order;
  Irreps::collect(sum);
  SIM_UNROLL
  for (int i = 0; i < Irreps::order; ++i)
    sum[i] *= static_cast<T>(Irreps::scale(i) * static_cast<double>(reads[0].weight));
  Irreps::inverse(sum);
  SIM_UNROLL
  for (int g = 0; g < Irreps::order; ++g) {
    const std::int32_t sharers = reads[g].sharers;
    if ((sharers & ((1 << g) - 1)) != 0) continue;  // the first of them writes
    T total = sum[g];
    SIM_UNROLL
    for (int other = g + 1; other < Irreps::order; ++other)
      if ((sharers >> other & 1) != 0) total += sum[other];
    filter[pair * convolution.product.depth() + reads[g].filter_entry] = total;
  }
}

/// body(i) for the products of the group, i a constant.
template <class Irreps, class Body>
__device__ __forceinline__ void for_each_product(Body&& body) {
  [&]<std::size_t... i>(std::index_sequence<i...>) { (body(std::integral_constant<std::size_t, i>{}), ...); }
  (std::make_index_sequence<std::size(Irreps::products)>{});
}

}  // namespace ORBITGRAD_BUILD
}  // namespace orbitgrad::kernels
