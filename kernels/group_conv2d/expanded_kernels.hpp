// Expansion on a device: the base filters become the bank of a plain convolution with order times the channels on both
// sides (expanded.hpp), whose best version computes the rest. What the other versions are measured against, and the way
// to a library's convolution.
#pragma once

#include "kernels/group_conv2d/expanded.hpp"
#include "kernels/group_conv2d/formula_kernels.hpp"

namespace orbitgrad::kernels {
inline namespace ORBITGRAD_BUILD {

template <class T>
__global__ void expand_filter_entries(LatticeProblem p, std::int64_t size, const T* w, T* bank) {
  const std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (i >= size) return;
  const std::int32_t depth = p.in_order * p.taps, d = static_cast<std::int32_t>(i % depth);
  const std::int64_t in = p.channels_in(), c = i / depth % in, out = i / depth / in;
  const auto s = static_cast<std::int32_t>(out % p.order);
  bank[i] = w[(out / p.order * in + c) * depth + p.offset(s, d / p.taps, d % p.taps)];
}

template <class T>
__global__ void sum_orbit_entries(LatticeProblem p, std::int64_t size, const T* bank_gradient, T* dw) {
  const std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (i >= size) return;
  const std::int32_t depth = p.in_order * p.taps, d = static_cast<std::int32_t>(i % depth);
  const std::int64_t in = p.channels_in(), c = i / depth % in, k = i / depth / in;
  T sum = 0;
  for (std::int32_t s = 0; s < p.order; ++s) {
    const std::int32_t entry =
        p.image(s, d / p.taps) * p.taps + transform_tap(p.matrices + 4 * s, p.kernel, d % p.taps);
    sum += bank_gradient[((k * p.order + s) * in + c) * depth + entry];
  }
  dw[i] = sum;
}

/// The bias of field k for its channels k order + s.
template <class T>
__global__ void repeat_bias(std::int64_t size, std::int64_t order, const T* bias, T* repeated) {
  const std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (i < size) repeated[i] = bias[i / order];
}

template <class T>
__global__ void rectify(std::int64_t size, T* y) {
  const std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (i < size) y[i] = Relu{}(y[i]);
}

template <class T>
void launch_expand_filter(const GroupConv2dProblem& p, const T* w, T* bank) {
  const std::int64_t size = p.w_size() * p.order;
  if (size > 0)
    launch("group_conv2d.expand_filter", expand_filter_entries<T>, {.grid = blocks_for(size, 128), .block = 128},
           LatticeProblem(p), size, w, bank);
}
template <class T>
void launch_sum_filter_orbits(const GroupConv2dProblem& p, const T* bank_gradient, T* dw) {
  if (p.w_size() > 0)
    launch("group_conv2d.sum_filter_orbits", sum_orbit_entries<T>, {.grid = blocks_for(p.w_size(), 128), .block = 128},
           LatticeProblem(p), p.w_size(), bank_gradient, dw);
}

/// Workspace for the bank of a problem's filters, expanded or yet to be written.
template <class T>
class FilterBank {
 public:
  explicit FilterBank(const GroupConv2dProblem& p)
      : scratch_(p.w_size() * p.order * static_cast<std::int64_t>(sizeof(T))) {}
  FilterBank(const GroupConv2dProblem& p, const T* w) : FilterBank(p) { launch_expand_filter(p, w, data()); }
  T* data() const { return scratch_.template as<T>(); }

 private:
  Scratch scratch_;
};

template <template <class> class Kernel, class T, class... Arrays>
void launch_plain_convolution(const GroupConv2dProblem& p, Arrays... arrays) {
  const Conv2dProblem plain = cpu::expanded_problem(p);
  Registry<Kernel<T>>::best(this_device, plain)->launch(plain, arrays...);
}

template <class T>
void expanded_forward(const GroupConv2dProblem& p, const T* x, const T* w, const T* bias_or_null, T* y) {
  if (p.y_size() == 0) return;
  const FilterBank<T> bank(p, w);
  const std::int64_t channels = p.out_fields * p.order;
  const Scratch bias(bias_or_null == nullptr ? 0 : channels * static_cast<std::int64_t>(sizeof(T)));
  if (bias_or_null != nullptr)
    launch("group_conv2d.forward/repeat_bias", repeat_bias<T>, {.grid = blocks_for(channels, 128), .block = 128},
           channels, p.order, bias_or_null, bias.as<T>());
  launch_plain_convolution<Conv2dForward, T>(p, x, bank.data(), bias.as<T>(), y);
  if (p.relu)
    launch("group_conv2d.forward/relu", rectify<T>, {.grid = blocks_for(p.y_size(), 128), .block = 128}, p.y_size(), y);
}
template <class T>
void expanded_input_gradient(const GroupConv2dProblem& p, const T* dy, const T* w, T* dx) {
  if (p.x_size() == 0) return;
  const FilterBank<T> bank(p, w);
  launch_plain_convolution<Conv2dInputGradient, T>(p, dy, bank.data(), dx);
}
template <class T>
void expanded_filter_gradient(const GroupConv2dProblem& p, const T* x, const T* dy, T* dw) {
  const FilterBank<T> bank(p);
  launch_plain_convolution<Conv2dFilterGradient, T>(p, x, dy, bank.data());
  launch_sum_filter_orbits(p, bank.data(), dw);
}

}  // namespace ORBITGRAD_BUILD
}  // namespace orbitgrad::kernels
