// Plain convolution on a device: the sums of conv2d.hpp by one thread or one block an element, and as matrix products
// whose operand is gathered on the way (never stored, as im2col would).
#include "kernels/conv2d/conv2d.hpp"
#include "kernels/conv2d/gathered_mma.hpp"
#include "kernels/cuda/reduce.hpp"

namespace orbitgrad::kernels {
namespace {

/// An element of x, w or y by its flat index: the last four axes.
struct Place {
  std::int64_t n, c, row, column;

  __device__ static Place of(std::int64_t i, std::int64_t channels, std::int64_t height, std::int64_t width) {
    return {i / width / height / channels, i / width / height % channels, i / width % height, i % width};
  }
};

struct OutSize {
  std::int64_t height, width;
  explicit OutSize(const Conv2dProblem& p) : height(p.out_height()), width(p.out_width()) {}
};

template <class T>
__global__ void direct_forward(Conv2dProblem p, OutSize out, const T* x, const T* w, const T* bias_or_null, T* y) {
  const std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (i >= p.batch * p.out_channels * out.height * out.width) return;
  const auto at = Place::of(i, p.out_channels, out.height, out.width);
  const std::int64_t channels = p.in_channels / p.groups, group = at.c / (p.out_channels / p.groups);
  T sum = 0;
  for (std::int64_t c = 0; c < channels; ++c)
    for (std::int64_t u = 0; u < p.kernel_height; ++u)
      for (std::int64_t v = 0; v < p.kernel_width; ++v) {
        const std::int64_t row = at.row * p.stride_height + u * p.dilation_height - p.padding_height;
        const std::int64_t column = at.column * p.stride_width + v * p.dilation_width - p.padding_width;
        if (row < 0 || row >= p.in_height || column < 0 || column >= p.in_width) continue;
        sum = std::fma(x[((at.n * p.in_channels + group * channels + c) * p.in_height + row) * p.in_width + column],
                       w[((at.c * channels + c) * p.kernel_height + u) * p.kernel_width + v], sum);
      }
  y[i] = sum + (bias_or_null == nullptr ? T{0} : bias_or_null[at.c]);
}

/// The outputs that met the input element, instead of scattering each output.
template <class T>
__global__ void direct_input_gradient(Conv2dProblem p, OutSize out, const T* dy, const T* w, T* dx) {
  const std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (i >= p.batch * p.in_channels * p.in_height * p.in_width) return;
  const auto at = Place::of(i, p.in_channels, p.in_height, p.in_width);
  const std::int64_t in_channels = p.in_channels / p.groups, out_channels = p.out_channels / p.groups;
  const std::int64_t group = at.c / in_channels;
  T sum = 0;
  for (std::int64_t k = group * out_channels; k < (group + 1) * out_channels; ++k)
    for (std::int64_t u = 0; u < p.kernel_height; ++u)
      for (std::int64_t v = 0; v < p.kernel_width; ++v) {
        const std::int64_t row = at.row + p.padding_height - u * p.dilation_height;
        const std::int64_t column = at.column + p.padding_width - v * p.dilation_width;
        if (row < 0 || row % p.stride_height != 0 || row / p.stride_height >= out.height || column < 0 ||
            column % p.stride_width != 0 || column / p.stride_width >= out.width)
          continue;
        sum = std::fma(dy[((at.n * p.out_channels + k) * out.height + row / p.stride_height) * out.width +
                          column / p.stride_width],
                       w[((k * in_channels + at.c % in_channels) * p.kernel_height + u) * p.kernel_width + v], sum);
      }
  dx[i] = sum;
}

/// One block a pair of channels: its threads share the outputs, one tap after another.
template <class T>
__global__ void direct_filter_gradient(Conv2dProblem p, OutSize out, const T* x, const T* dy, T* dw) {
  const std::int64_t channels = p.in_channels / p.groups, taps = p.kernel_height * p.kernel_width;
  const std::int64_t k = blockIdx.x / channels;
  const std::int64_t c = k / (p.out_channels / p.groups) * channels + blockIdx.x % channels;
  for (std::int64_t tap = 0; tap < taps; ++tap) {
    T sum = 0;
    for (std::int64_t i = threadIdx.x; i < p.batch * out.height * out.width; i += blockDim.x) {
      const auto output = Place::of(i, 1, out.height, out.width);
      const std::int64_t row =
          output.row * p.stride_height + tap / p.kernel_width * p.dilation_height - p.padding_height;
      const std::int64_t column =
          output.column * p.stride_width + tap % p.kernel_width * p.dilation_width - p.padding_width;
      if (row < 0 || row >= p.in_height || column < 0 || column >= p.in_width) continue;
      sum = std::fma(x[((output.n * p.in_channels + c) * p.in_height + row) * p.in_width + column],
                     dy[((output.n * p.out_channels + k) * out.height + output.row) * out.width + output.column], sum);
    }
    sum = block_reduce(sum, SumOf{});
    if (threadIdx.x == 0) dw[blockIdx.x * taps + tap] = sum;
  }
}

/// One warp a piece of one channel, to partial[piece, channel].
template <class T>
__global__ void bias_gradient(BiasGradientProblem p, std::int64_t pieces, std::int64_t length, const T* dy,
                              T* partial) {
  const std::int64_t warp = (std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x) / warp_size;
  if (warp >= pieces * p.channels) return;
  const std::int64_t channel = warp % p.channels, begin = warp / p.channels * length;
  const std::int64_t end = begin + length < p.batch * p.positions ? begin + length : p.batch * p.positions;
  T sum = 0;
  for (std::int64_t i = begin + threadIdx.x % warp_size; i < end; i += warp_size)
    sum += dy[(i / p.positions * p.channels + channel) * p.positions + i % p.positions];
  sum = warp_reduce(sum, SumOf{});
  if (threadIdx.x % warp_size == 0) partial[warp] = sum;
}

template <class T>
void launch_direct_forward(const Conv2dProblem& p, const T* x, const T* w, const T* bias_or_null, T* y) {
  if (p.y_size() == 0) return;
  launch("conv2d.forward/direct", direct_forward<T>, {.grid = blocks_for(p.y_size(), 128), .block = 128}, p, OutSize(p),
         x, w, bias_or_null, y);
}
template <class T>
void launch_direct_input_gradient(const Conv2dProblem& p, const T* dy, const T* w, T* dx) {
  if (p.x_size() == 0) return;
  launch("conv2d.input_gradient/direct", direct_input_gradient<T>, {.grid = blocks_for(p.x_size(), 128), .block = 128},
         p, OutSize(p), dy, w, dx);
}
template <class T>
void launch_direct_filter_gradient(const Conv2dProblem& p, const T* x, const T* dy, T* dw) {
  if (p.w_size() == 0) return;
  launch("conv2d.filter_gradient/direct", direct_filter_gradient<T>,
         {.grid = static_cast<unsigned>(p.out_channels * (p.in_channels / p.groups)), .block = 128}, p, OutSize(p), x,
         dy, dw);
}
/// The number of pieces depends on the problem alone.
template <class T>
void launch_bias_gradient(const BiasGradientProblem& p, const T* dy, T* db) {
  if (p.channels == 0) return;
  constexpr std::int64_t shortest = 1024, most_pieces = 128;
  const std::int64_t count = p.batch * p.positions;
  const std::int64_t length = std::max(shortest, (count + most_pieces - 1) / most_pieces);
  const std::int64_t pieces = std::max<std::int64_t>(1, (count + length - 1) / length);
  const Scratch partial(pieces * p.channels * static_cast<std::int64_t>(sizeof(T)));
  launch("conv2d.bias_gradient/warp_per_piece", bias_gradient<T>,
         {.grid = blocks_for(pieces * p.channels * warp_size, 128), .block = 128}, p, pieces, length, dy,
         partial.as<T>());
  launch("conv2d/sum_pieces", sum_pieces<T>, {.grid = blocks_for(p.channels, 128), .block = 128}, p.channels, pieces,
         partial.as<T>(), db);
}

/// The forward product: x is gathered.
GatheredProduct forward_product(const Conv2dProblem& p) {
  const auto i32 = [](std::int64_t value) { return static_cast<std::int32_t>(value); };
  GatheredProduct product;
  product.batch = i32(p.batch), product.groups = i32(p.groups);
  product.in_fields = i32(p.in_channels / p.groups), product.out_fields = i32(p.out_channels / p.groups);
  product.rows = {i32(p.in_height),       i32(p.out_height()),  i32(p.kernel_height), i32(p.stride_height), 1,
                  i32(p.dilation_height), i32(p.padding_height)};
  product.columns = {i32(p.in_width),       i32(p.out_width()),  i32(p.kernel_width), i32(p.stride_width), 1,
                     i32(p.dilation_width), i32(p.padding_width)};
  return product;
}

/// The product of the input gradient: dy is gathered, with w*[c, k, u] = w[k, c, -u].
GatheredProduct transposed_product(const Conv2dProblem& p) {
  GatheredProduct product = forward_product(p);
  std::swap(product.in_fields, product.out_fields);
  product.rows = transposed(product.rows);
  product.columns = transposed(product.columns);
  return product;
}

/// w* [in_channels, out_channels / groups, taps] of the channel groups.
template <class T>
__global__ void transpose_filter(std::int64_t size, std::int64_t in_channels, std::int64_t out_channels,
                                 std::int64_t taps, const T* w, T* transposed) {
  const std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (i >= size) return;
  const std::int64_t u = i % taps, k = i / taps % out_channels, c = i / taps / out_channels % in_channels;
  const std::int64_t group = i / taps / out_channels / in_channels;
  transposed[i] = w[((group * out_channels + k) * in_channels + c) * taps + (taps - 1 - u)];
}

template <class T>
void implicit_forward(const Conv2dProblem& p, const T* x, const T* w, const T* bias_or_null, T* y) {
  launch_gathered_product("conv2d.forward/implicit_gemm", gathered_product<T>, forward_product(p), x, w, bias_or_null,
                          y);
}
/// w* in memory of its own.
template <class T>
class TransposedFilter {
 public:
  TransposedFilter(const Conv2dProblem& p, const T* w) : scratch_(p.w_size() * static_cast<std::int64_t>(sizeof(T))) {
    if (p.w_size() > 0)
      launch("conv2d.input_gradient/transpose_filter", transpose_filter<T>,
             {.grid = blocks_for(p.w_size(), 128), .block = 128}, p.w_size(), p.in_channels / p.groups,
             p.out_channels / p.groups, p.kernel_height * p.kernel_width, w, scratch_.template as<T>());
  }
  const T* data() const { return scratch_.template as<T>(); }

 private:
  Scratch scratch_;
};

template <class T>
void implicit_input_gradient(const Conv2dProblem& p, const T* dy, const T* w, T* dx) {
  const TransposedFilter<T> filter(p, w);
  launch_gathered_product<T>("conv2d.input_gradient/implicit_gemm", gathered_product<T>, transposed_product(p), dy,
                             filter.data(), nullptr, dx);
}
template <class T>
void implicit_filter_gradient(const Conv2dProblem& p, const T* x, const T* dy, T* dw) {
  launch_gathered_filter_gradient("conv2d.filter_gradient/implicit_gemm", gathered_filter_gradient<T>,
                                  forward_product(p), x, dy, dw);
}
template <class T>
bool fits(const Conv2dProblem& p) {
  return fits_gathered_product(p, 1, 1, sizeof(T));
}

const DeviceRegistration<Conv2dForward> forward_1{"direct", launch_direct_forward<float>,
                                                  launch_direct_forward<double>};
const DeviceRegistration<Conv2dForward> forward_2{"implicit_gemm", implicit_forward<float>, implicit_forward<double>,
                                                  fits<float>, fits<double>};
const DeviceRegistration<Conv2dInputGradient> input_1{"direct", launch_direct_input_gradient<float>,
                                                      launch_direct_input_gradient<double>};
const DeviceRegistration<Conv2dInputGradient> input_2{"implicit_gemm", implicit_input_gradient<float>,
                                                      implicit_input_gradient<double>, fits<float>, fits<double>};
const DeviceRegistration<Conv2dFilterGradient> filter_1{"direct", launch_direct_filter_gradient<float>,
                                                        launch_direct_filter_gradient<double>};
const DeviceRegistration<Conv2dFilterGradient> filter_2{"implicit_gemm", implicit_filter_gradient<float>,
                                                        implicit_filter_gradient<double>, fits<float>, fits<double>};
const DeviceRegistration<Conv2dBiasGradient> bias{"warp_per_piece", launch_bias_gradient<float>,
                                                  launch_bias_gradient<double>};

struct OnTensorCores {
  using Forward = Conv2dForward<float>;
  using InputGradient = Conv2dInputGradient<float>;
  using FilterGradient = Conv2dFilterGradient<float>;
  using TransposedFilter = kernels::TransposedFilter<float>;
  static GatheredProduct forward_product(const Conv2dProblem& p) { return kernels::forward_product(p); }
  static GatheredProduct transposed_product(const Conv2dProblem& p) { return kernels::transposed_product(p); }
  static bool fits(const Conv2dProblem& p) { return kernels::fits<float>(p); }
};
const MmaVersions<OnTensorCores> on_tensor_cores;

}  // namespace
}  // namespace orbitgrad::kernels
