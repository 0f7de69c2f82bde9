// The orbit gather on a device: one thread computes all outputs s of one field and pixel, so that a weight read once
// serves the whole group, and the filters of the field lie in shared memory. The sum runs over the base filter's
// entries (g, v), with the input at (h_s g, h_s v): its order does not depend on s, and the result is equivariant bit
// for bit.
#pragma once

#include "kernels/conv2d/gathered_product.hpp"

namespace orbitgrad::kernels {
inline namespace ORBITGRAD_BUILD {

inline constexpr std::int32_t orbit_gather_threads = 128, orbit_gather_filter_bytes = 4096;

/// `channels` input fields are in shared memory at a time.
template <class T, int elements>
__global__ void orbit_gather(GatheredProduct p, std::int32_t channels, std::int32_t table_bytes, const T* in,
                             const T* filter, const T* bias_or_null, T* out) {
  auto* table = dynamic_shared<GatheredEntry>();
  T* weights = reinterpret_cast<T*>(dynamic_shared<char>() + table_bytes);
  write_gathered_table(p, table);
  const std::int32_t positions = p.out_positions(), pixels = p.batch * positions;
  const std::int32_t tiles = (pixels + orbit_gather_threads - 1) / orbit_gather_threads, depth = p.depth();
  const auto block = static_cast<std::int32_t>(blockIdx.x);
  const std::int32_t field = block / tiles, group = field / p.out_fields;
  const std::int32_t pixel = block % tiles * orbit_gather_threads + static_cast<std::int32_t>(threadIdx.x);
  const std::int32_t n = pixel / positions, o = pixel % positions;
  const std::int64_t in_field = std::int64_t{p.in_elements} * p.in_plane();
  const T* image = in + (std::int64_t{n} * p.groups + group) * p.in_fields * in_field;
  T sum[elements] = {};
  for (std::int32_t first = 0; first < p.in_fields; first += channels) {
    const std::int32_t count = p.in_fields - first < channels ? p.in_fields - first : channels;
    const T* source = filter + (std::int64_t{field} * p.in_fields + first) * depth;
    for (auto i = static_cast<std::int32_t>(threadIdx.x); i < count * depth; i += orbit_gather_threads)
      weights[i] = source[i];
    __syncthreads();
    for (std::int32_t d = 0; d < depth && pixel < pixels; ++d) {
      std::int32_t offset[elements];  // in an input field, -1 in the padding
      SIM_UNROLL
      for (int s = 0; s < elements; ++s) {
        const GatheredEntry entry = table[d * elements + s];
        const std::int32_t row = p.rows.source(o / p.columns.out, entry.row());
        const std::int32_t column = p.columns.source(o % p.columns.out, entry.column());
        offset[s] = row < 0 || column < 0 ? -1 : entry.element() * p.in_plane() + row * p.columns.in + column;
      }
      for (std::int32_t c = 0; c < count; ++c) {
        const T weight = weights[c * depth + d];
        const T* values = image + (first + c) * in_field;
        SIM_UNROLL
        for (int s = 0; s < elements; ++s)
          if (offset[s] >= 0) sum[s] = std::fma(weight, values[offset[s]], sum[s]);
      }
    }
    __syncthreads();
  }
  if (pixel >= pixels) return;
  const T bias = bias_or_null == nullptr ? T{0} : bias_or_null[field];
  T* target = out + (std::int64_t{n} * p.groups * p.out_fields + field) * elements * positions + o;
  SIM_UNROLL
  for (int s = 0; s < elements; ++s) target[std::int64_t{s} * positions] = p.result(sum[s], bias);
}

/// p.out_elements is 1, 2, 4 or 8: the orders of the subgroups of D4.
template <class T>
void launch_orbit_gather(std::string_view name, GatheredProduct p, const T* in, const T* filter, const T* bias_or_null,
                         T* out) {
  if (p.in_plane() == 0) p.in_fields = 0;
  const std::int64_t pixels = std::int64_t{p.batch} * p.out_positions(), fields = std::int64_t{p.groups} * p.out_fields;
  if (pixels == 0 || fields == 0) return;
  const auto field_bytes = static_cast<std::int32_t>(p.depth() * sizeof(T));
  const std::int32_t channels = std::clamp(orbit_gather_filter_bytes / field_bytes, 1, std::max(1, p.in_fields));
  const auto table_bytes = static_cast<std::int32_t>((p.table_bytes() + 15) / 16 * 16);
  const LaunchShape shape = {.grid = static_cast<unsigned>(fields * blocks_for(pixels, orbit_gather_threads)),
                             .block = static_cast<unsigned>(orbit_gather_threads),
                             .shared_bytes = static_cast<std::size_t>(table_bytes + channels * field_bytes)};
  const auto run = [&](auto kernel) {
    launch(name, kernel, shape, p, channels, table_bytes, in, filter, bias_or_null, out);
  };
  if (p.out_elements == 1) run(orbit_gather<T, 1>);
  if (p.out_elements == 2) run(orbit_gather<T, 2>);
  if (p.out_elements == 4) run(orbit_gather<T, 4>);
  if (p.out_elements == 8) run(orbit_gather<T, 8>);
}

}  // namespace ORBITGRAD_BUILD
}  // namespace orbitgrad::kernels
