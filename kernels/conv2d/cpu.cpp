// Plain convolution on the CPU: the lowering to matrix products (im2col), the bias gradient, and the choice.
#include <algorithm>

#include "kernels/conv2d/conv2d.hpp"
#include "kernels/conv2d/onednn.hpp"
#include "kernels/gemm/gemm.hpp"
#include "kernels/gemm/workspace.hpp"
#include "kernels/parallel.hpp"
#include "kernels/registration.hpp"

namespace orbitgrad::kernels::cpu {
namespace {

struct Columns {};
struct Partials {};

/// The sizes one image and one channel group have in the lowered form.
struct Lowering {
  explicit Lowering(const Conv2dProblem& problem, std::int64_t element_size)
      : in_channels(problem.in_channels / problem.groups),
        out_channels(problem.out_channels / problem.groups),
        taps(problem.kernel_height * problem.kernel_width),
        depth(in_channels * taps),
        out_width(problem.out_width()),
        positions(problem.out_height() * out_width),
        plane(problem.in_height * problem.in_width) {
    constexpr std::int64_t panel_bytes = 1 << 20;
    const std::int64_t most = panel_bytes / std::max<std::int64_t>(depth * element_size, 1);
    tile = std::min(positions, std::max<std::int64_t>(64, most));
  }
  std::int64_t in_channels, out_channels, taps, depth, out_width, positions, plane;
  std::int64_t tile;  // output positions lowered at a time
};

/// Calls body(channel, input row, tap column, first output column, columns, offset in the panel row) for each piece of
/// an output row inside the tile [first, first + count), and says where the input row lies (outside: -1).
template <class Body>
void for_each_row(const Conv2dProblem& problem, const Lowering& sizes, std::int64_t first, std::int64_t count,
                  Body&& body) {
  for (std::int64_t row = 0; row < sizes.depth; ++row) {
    const std::int64_t channel = row / sizes.taps;
    const std::int64_t tap_row = row % sizes.taps / problem.kernel_width, tap_column = row % problem.kernel_width;
    for (std::int64_t done = 0; done < count;) {
      const std::int64_t position = first + done;
      const std::int64_t out_row = position / sizes.out_width, out_column = position % sizes.out_width;
      const std::int64_t length = std::min(sizes.out_width - out_column, count - done);
      const std::int64_t in_row =
          out_row * problem.stride_height + tap_row * problem.dilation_height - problem.padding_height;
      const std::int64_t in_column =
          out_column * problem.stride_width + tap_column * problem.dilation_width - problem.padding_width;
      const bool inside = in_row >= 0 && in_row < problem.in_height;
      body(inside ? channel * sizes.plane + in_row * problem.in_width : -1, in_column, length, row * count + done);
      done += length;
    }
  }
}

/// panel[depth, count] from the channels of one image.
template <class T>
void lower(const Conv2dProblem& problem, const Lowering& sizes, const T* x, std::int64_t first, std::int64_t count,
           T* panel) {
  for_each_row(problem, sizes, first, count,
               [&](std::int64_t line, std::int64_t column, std::int64_t n, std::int64_t to) {
                 for (std::int64_t i = 0; i < n; ++i, column += problem.stride_width)
                   panel[to + i] = line >= 0 && column >= 0 && column < problem.in_width ? x[line + column] : T{0};
               });
}

/// The transpose of `lower`: adds panel[depth, count] to the channels of one image.
template <class T>
void raise(const Conv2dProblem& problem, const Lowering& sizes, const T* panel, std::int64_t first, std::int64_t count,
           T* dx) {
  for_each_row(problem, sizes, first, count,
               [&](std::int64_t line, std::int64_t column, std::int64_t n, std::int64_t at) {
                 for (std::int64_t i = 0; i < n; ++i, column += problem.stride_width)
                   if (line >= 0 && column >= 0 && column < problem.in_width) dx[line + column] += panel[at + i];
               });
}

template <class T>
void im2col_forward(const Conv2dProblem& problem, const T* x, const T* w, const T* bias_or_null, T* y) {
  if (problem.y_size() == 0) return;
  const Lowering sizes(problem, sizeof(T));
  const std::int64_t tiles = (sizes.positions + sizes.tile - 1) / sizes.tile;
  parallel_for(problem.batch * problem.groups * tiles, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t item = begin; item < end; ++item) {
      const std::int64_t image = item / tiles, group = image % problem.groups;  // image counts (n, group)
      const std::int64_t first = item % tiles * sizes.tile, count = std::min(sizes.tile, sizes.positions - first);
      T* panel = workspace<Columns, T>(sizes.depth * sizes.tile);
      lower(problem, sizes, x + image * sizes.in_channels * sizes.plane, first, count, panel);
      T* out = y + image * sizes.out_channels * sizes.positions + first;
      GemmProblem product = dense_gemm(sizes.out_channels, count, sizes.depth);
      product.ldc = sizes.positions;
      gemm(product, w + group * sizes.out_channels * sizes.depth, panel, out);
      if (bias_or_null == nullptr) continue;
      for (std::int64_t k = 0; k < sizes.out_channels; ++k)
        for (std::int64_t i = 0; i < count; ++i)
          out[k * sizes.positions + i] += bias_or_null[group * sizes.out_channels + k];
    }
  });
}

template <class T>
void im2col_input_gradient(const Conv2dProblem& problem, const T* dy, const T* w, T* dx) {
  if (problem.x_size() == 0) return;
  const Lowering sizes(problem, sizeof(T));
  parallel_for(problem.batch * problem.groups, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t image = begin; image < end; ++image) {
      T* out = dx + image * sizes.in_channels * sizes.plane;
      std::fill(out, out + sizes.in_channels * sizes.plane, T{0});
      T* panel = workspace<Columns, T>(sizes.depth * sizes.tile);
      for (std::int64_t first = 0; first < sizes.positions; first += sizes.tile) {
        const std::int64_t count = std::min(sizes.tile, sizes.positions - first);
        GemmProblem product = dense_gemm(sizes.depth, count, sizes.out_channels, true);
        product.ldb = sizes.positions;
        gemm(product, w + image % problem.groups * sizes.out_channels * sizes.depth,
             dy + image * sizes.out_channels * sizes.positions + first, panel);
        raise(problem, sizes, panel, first, count, out);
      }
    }
  });
}

template <class T>
void im2col_filter_gradient(const Conv2dProblem& problem, const T* x, const T* dy, T* dw) {
  const std::int64_t size = problem.w_size();
  if (size == 0) return;
  const Lowering sizes(problem, sizeof(T));
  constexpr std::int64_t most_chunks = 8;
  const std::int64_t chunks = std::max<std::int64_t>(1, std::min(most_chunks, problem.batch));
  T* partials = workspace<Partials, T>(chunks * size);
  std::fill(partials, partials + chunks * size, T{0});
  parallel_for(chunks, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t chunk = begin; chunk < end; ++chunk) {
      const std::int64_t images = problem.groups * problem.batch;
      const std::int64_t first_image = problem.batch * chunk / chunks * problem.groups;
      const std::int64_t last_image = std::min(images, problem.batch * (chunk + 1) / chunks * problem.groups);
      T* panel = workspace<Columns, T>(sizes.depth * sizes.tile);
      for (std::int64_t image = first_image; image < last_image; ++image)
        for (std::int64_t first = 0; first < sizes.positions; first += sizes.tile) {
          const std::int64_t count = std::min(sizes.tile, sizes.positions - first);
          lower(problem, sizes, x + image * sizes.in_channels * sizes.plane, first, count, panel);
          GemmProblem product = dense_gemm(sizes.out_channels, sizes.depth, count, false, true, true);
          product.lda = sizes.positions;
          gemm(product, dy + image * sizes.out_channels * sizes.positions + first, panel,
               partials + chunk * size + image % problem.groups * sizes.out_channels * sizes.depth);
        }
    }
  });
  parallel_for(size, 1 << 14, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      T sum = partials[i];
      for (std::int64_t chunk = 1; chunk < chunks; ++chunk) sum += partials[chunk * size + i];
      dw[i] = sum;
    }
  });
}

const CpuRegistration<Conv2dForward> forward_registration{"im2col", im2col_forward, im2col_forward};
const CpuRegistration<Conv2dInputGradient> input_gradient_registration{"im2col", im2col_input_gradient,
                                                                       im2col_input_gradient};
const CpuRegistration<Conv2dFilterGradient> filter_gradient_registration{"im2col", im2col_filter_gradient,
                                                                         im2col_filter_gradient};

template <class T>
void bias_gradient(const BiasGradientProblem& problem, const T* dy, T* db) {
  conv2d_bias_gradient(problem.batch, problem.channels, problem.positions, dy, db);
}
const CpuRegistration<Conv2dBiasGradient> bias_gradient_registration{"cpu", bias_gradient, bias_gradient};

#ifdef ORBITGRAD_HAVE_ONEDNN
const Registration<Conv2dForward<float>> onednn_forward_registration({"onednn", DeviceKind::cpu,
                                                                      onednn_supports<ConvolutionOp::forward>,
                                                                      onednn_forward});
const Registration<Conv2dInputGradient<float>> onednn_input_registration(
    {"onednn", DeviceKind::cpu, onednn_supports<ConvolutionOp::input_gradient>, onednn_input_gradient});
const Registration<Conv2dFilterGradient<float>> onednn_filter_registration(
    {"onednn", DeviceKind::cpu, onednn_supports<ConvolutionOp::filter_gradient>, onednn_filter_gradient});
#endif

/// The forced implementation, else oneDNN where it is there and knows the type, else the lowering.
template <class Kernel>
const Implementation<Kernel>& choose(const Conv2dProblem& problem) {
  for (const std::string_view name : {problem.implementation, std::string_view("onednn")})
    if (const auto* found = Registry<Kernel>::find(name, DeviceKind::cpu, problem)) return *found;
  return *Registry<Kernel>::find("im2col", DeviceKind::cpu, problem);
}

}  // namespace

template <class T>
void conv2d_forward(const Conv2dProblem& problem, const T* x, const T* w, const T* bias_or_null, T* y) {
  choose<Conv2dForward<T>>(problem).launch(problem, x, w, bias_or_null, y);
}
template <class T>
void conv2d_input_gradient(const Conv2dProblem& problem, const T* dy, const T* w, T* dx) {
  choose<Conv2dInputGradient<T>>(problem).launch(problem, dy, w, dx);
}
template <class T>
void conv2d_filter_gradient(const Conv2dProblem& problem, const T* x, const T* dy, T* dw) {
  choose<Conv2dFilterGradient<T>>(problem).launch(problem, x, dy, dw);
}

template <class T>
void conv2d_bias_gradient(std::int64_t batch, std::int64_t channels, std::int64_t positions, const T* dy, T* db) {
  parallel_for(channels, std::max<std::int64_t>(1, (1 << 15) / std::max<std::int64_t>(batch * positions, 1)),
               [&](std::int64_t begin, std::int64_t end) {
                 constexpr int strands = 16;  // independent sums that the compiler keeps in vectors
                 for (std::int64_t channel = begin; channel < end; ++channel) {
                   T total = T{0};
                   for (std::int64_t n = 0; n < batch; ++n) {
                     const T* values = dy + (n * channels + channel) * positions;
                     T sum[strands] = {};
                     std::int64_t i = 0;
                     for (; i + strands <= positions; i += strands)
                       for (int strand = 0; strand < strands; ++strand) sum[strand] += values[i + strand];
                     for (int strand = 0; i < positions; ++i, ++strand) sum[strand] += values[i];
                     for (int half = strands / 2; half > 0; half /= 2)
                       for (int strand = 0; strand < half; ++strand) sum[strand] += sum[strand + half];
                     total += sum[0];
                   }
                   db[channel] = total;
                 }
               });
}

template void conv2d_forward(const Conv2dProblem&, const float*, const float*, const float*, float*);
template void conv2d_forward(const Conv2dProblem&, const double*, const double*, const double*, double*);
template void conv2d_input_gradient(const Conv2dProblem&, const float*, const float*, float*);
template void conv2d_input_gradient(const Conv2dProblem&, const double*, const double*, double*);
template void conv2d_filter_gradient(const Conv2dProblem&, const float*, const float*, float*);
template void conv2d_filter_gradient(const Conv2dProblem&, const double*, const double*, double*);
template void conv2d_bias_gradient(std::int64_t, std::int64_t, std::int64_t, const float*, float*);
template void conv2d_bias_gradient(std::int64_t, std::int64_t, std::int64_t, const double*, double*);

}  // namespace orbitgrad::kernels::cpu
