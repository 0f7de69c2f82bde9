// The loop of an elementwise kernel on a device: y[offset_0(i)] = formula(x_1[offset_1(i)], ...) for i in [0, count).
// StridedLoop merges the axes on the host; a kernel receives the merged sizes and strides by value. Where one axis is
// left (dense operands, scalars) an offset is one product; each further axis costs a division.
#pragma once

#include <limits>
#include <utility>

#include "kernels/cuda/device.hpp"
#include "kernels/elementwise/strided_loop.hpp"

namespace orbitgrad::kernels {
inline namespace ORBITGRAD_BUILD {

template <int Operands>
struct DeviceLoop {
  int rank = 1;
  std::int64_t count = 1;
  std::int64_t size[max_rank] = {};
  std::int64_t stride[Operands][max_rank] = {};

  struct Offsets {
    std::int64_t of[Operands];
  };

  explicit DeviceLoop(const StridedLoop<Operands>& loop) : rank(loop.rank), count(loop.numel()) {
    for (int axis = 0; axis < rank; ++axis) {
      size[axis] = loop.size[axis];
      for (int n = 0; n < Operands; ++n) stride[n][axis] = loop.stride[axis][static_cast<std::size_t>(n)];
    }
  }

  /// Where every operand keeps the element of row-major position i.
  __device__ Offsets offsets(std::int64_t i) const {
    if (rank == 1 || count > most_elements) return unravel(static_cast<std::uint64_t>(i));
    return unravel(static_cast<std::uint32_t>(i));
  }

  /// Elements of a loop that 32 bits can count: a 64-bit division takes several times as long.
  static constexpr std::int64_t most_elements = 0xffffffff;

  template <class Index>
  __device__ Offsets unravel(Index rest) const {
    Offsets result = {};
    for (int axis = rank - 1; axis > 0; --axis) {
      const Index length = static_cast<Index>(size[axis]), position = rest % length;
      rest /= length;
      for (int n = 0; n < Operands; ++n) result.of[n] += static_cast<std::int64_t>(position) * stride[n][axis];
    }
    for (int n = 0; n < Operands; ++n) result.of[n] += static_cast<std::int64_t>(rest) * stride[n][0];
    return result;
  }
};

template <class Formula, class Out, class... In, std::size_t... n>
__device__ Out evaluate(const typename DeviceLoop<1 + sizeof...(In)>::Offsets& offsets, std::index_sequence<n...>,
                        const In*... x) {
  return Formula{}(x[offsets.of[n + 1]]...);
}

inline constexpr int elements_per_thread = 4;

/// Each thread takes elements a block apart: a warp reads neighbours, and four loads per operand are under way at once.
template <class Formula, class Out, class... In>
__global__ void elementwise_kernel(DeviceLoop<1 + sizeof...(In)> loop, Out* y, const In*... x) {
  const std::int64_t step = blockDim.x, first = std::int64_t{blockIdx.x} * step * elements_per_thread + threadIdx.x;
  Out value[elements_per_thread] = {};
  std::int64_t target[elements_per_thread] = {};
  SIM_UNROLL
  for (int k = 0; k < elements_per_thread; ++k)
    if (const std::int64_t i = first + k * step; i < loop.count) {
      const auto offsets = loop.unravel(static_cast<std::uint32_t>(i));
      target[k] = offsets.of[0];
      value[k] = evaluate<Formula, Out, In...>(offsets, std::make_index_sequence<sizeof...(In)>(), x...);
    }
  SIM_UNROLL
  for (int k = 0; k < elements_per_thread; ++k)
    if (first + k * step < loop.count) y[target[k]] = value[k];
}

template <class Formula, class Out, class... In, std::size_t... n>
void launch_part(std::string_view name, const StridedLoop<1 + sizeof...(In)>& part,
                 const std::array<std::int64_t, 1 + sizeof...(In)>& offset, std::index_sequence<n...>, Out* out,
                 const In*... in) {
  constexpr unsigned block = 256;
  if (part.numel() == 0) return;
  const DeviceLoop<1 + sizeof...(In)> loop(part);
  void (*kernel)(DeviceLoop<1 + sizeof...(In)>, Out*, const In*...) = elementwise_kernel<Formula, Out, In...>;
  launch(name, kernel, {.grid = blocks_for(loop.count, block * elements_per_thread), .block = block}, loop,
         out + offset[0], in + offset[n + 1]...);
}

/// All views have the shape of `out`.
template <class Formula, class Out, class... In>
void launch_elementwise(std::string_view name, View<Out> out, View<const In>... in) {
  constexpr int operands = 1 + sizeof...(In);
  StridedLoop<operands>(out.rank, out.size, {out.stride, in.stride...})
      .split(DeviceLoop<operands>::most_elements, [&](const auto& part, const auto& offset) {
        launch_part<Formula, Out, In...>(name, part, offset, std::make_index_sequence<sizeof...(In)>(), out.data,
                                         in.data...);
      });
}

/// Registers a version that supports every problem.
template <class Kernel>
void register_version(std::string_view name, typename Kernel::Launch* launcher) {
  Registration<Kernel>({name, this_device, [](const typename Kernel::Problem&) { return true; }, launcher});
}

}  // namespace ORBITGRAD_BUILD
}  // namespace orbitgrad::kernels
