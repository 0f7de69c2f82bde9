#include <limits>

#include "kernels/cuda/device.hpp"
#include "kernels/pooling/pooling.hpp"

namespace orbitgrad::kernels {
namespace {

/// One output of a kernel, at (plane, row, col) of an array of planes of rows() by cols().
template <class T>
struct MaxForward {
  Pool2dProblem p;
  const T* x;
  T* y;
  std::int64_t* index;

  std::int64_t rows() const { return p.out_height(); }
  std::int64_t cols() const { return p.out_width(); }
  __device__ void operator()(std::int64_t plane, std::int64_t row, std::int64_t col, std::int64_t at) const {
    const PoolRange rows = pool_window(row, p.kernel_h, p.stride_h, p.pad_h, p.height);
    const PoolRange cols = pool_window(col, p.kernel_w, p.stride_w, p.pad_w, p.width);
    T best = -std::numeric_limits<T>::infinity();
    std::int64_t winner = -1;
    for (std::int64_t i = rows.begin; i < rows.end; ++i)
      for (std::int64_t j = cols.begin; j < cols.end; ++j) {
        const T candidate = x[(plane * p.height + i) * p.width + j];
        if (winner >= 0 && !replaces_maximum(candidate, best)) continue;
        best = candidate;
        winner = i * p.width + j;
      }
    y[at] = best;
    if (index) index[at] = winner;
  }
};

template <class T>
struct AverageForward {
  Pool2dProblem p;
  const T* x;
  T* y;

  std::int64_t rows() const { return p.out_height(); }
  std::int64_t cols() const { return p.out_width(); }
  __device__ void operator()(std::int64_t plane, std::int64_t row, std::int64_t col, std::int64_t at) const {
    const PoolRange rows = pool_window(row, p.kernel_h, p.stride_h, p.pad_h, p.height);
    const PoolRange cols = pool_window(col, p.kernel_w, p.stride_w, p.pad_w, p.width);
    double sum = 0;
    for (std::int64_t i = rows.begin; i < rows.end; ++i)
      for (std::int64_t j = cols.begin; j < cols.end; ++j)
        sum += static_cast<double>(x[(plane * p.height + i) * p.width + j]);
    y[at] = static_cast<T>(sum / static_cast<double>(p.kernel_h * p.kernel_w));
  }
};

/// The backward passes gather, for an input, from the windows that cover it: term(output, sum) adds
/// what it gives.
template <class Sum, class Term>
__device__ Sum sum_of_windows(const Pool2dProblem& p, std::int64_t out_height, std::int64_t out_width,
                              std::int64_t plane, std::int64_t row, std::int64_t col, Term&& term) {
  const PoolRange rows = pool_covering(row, p.kernel_h, p.stride_h, p.pad_h, out_height);
  const PoolRange cols = pool_covering(col, p.kernel_w, p.stride_w, p.pad_w, out_width);
  Sum sum = 0;
  for (std::int64_t i = rows.begin; i < rows.end; ++i)
    for (std::int64_t j = cols.begin; j < cols.end; ++j) term((plane * out_height + i) * out_width + j, sum);
  return sum;
}

template <class T>
struct MaxBackward {
  Pool2dProblem p;
  std::int64_t out_height, out_width;
  const T* dy;
  const std::int64_t* index;
  T* dx;

  std::int64_t rows() const { return p.height; }
  std::int64_t cols() const { return p.width; }
  __device__ void operator()(std::int64_t plane, std::int64_t row, std::int64_t col, std::int64_t at) const {
    dx[at] = sum_of_windows<T>(p, out_height, out_width, plane, row, col, [&](std::int64_t output, T& sum) {
      if (index[output] == row * p.width + col) sum += dy[output];
    });
  }
};

template <class T>
struct AverageAdjoint {
  Pool2dProblem p;
  std::int64_t out_height, out_width;
  const T* dy;
  T* dx;

  std::int64_t rows() const { return p.height; }
  std::int64_t cols() const { return p.width; }
  __device__ void operator()(std::int64_t plane, std::int64_t row, std::int64_t col, std::int64_t at) const {
    const auto add = [&](std::int64_t output, double& sum) { sum += static_cast<double>(dy[output]); };
    dx[at] = static_cast<T>(sum_of_windows<double>(p, out_height, out_width, plane, row, col, add) /
                            static_cast<double>(p.kernel_h * p.kernel_w));
  }
};

template <class Body>
__global__ void each_element(Body body, std::int64_t rows, std::int64_t cols) {
  const std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (i < body.p.planes * rows * cols) body(i / (rows * cols), i / cols % rows, i % cols, i);
}

constexpr int tile = 256;

template <class Body>
__global__ void each_plane_tile(Body body, unsigned tiles, unsigned area, unsigned cols) {
  const unsigned plane = blockIdx.x / tiles, i = blockIdx.x % tiles * tile + threadIdx.x;
  if (i < area) body(plane, i / cols, i % cols, std::int64_t{plane} * area + i);
}

struct Elements {
  template <class Body>
  static void run(std::string_view name, const Body& body) {
    const std::int64_t rows = body.rows(), cols = body.cols(), count = body.p.planes * rows * cols;
    if (count > 0) launch(name, each_element<Body>, {.grid = blocks_for(count, 256), .block = 256}, body, rows, cols);
  }
};

struct PlaneTiles {
  template <class Body>
  static void run(std::string_view name, const Body& body) {
    const std::int64_t cols = body.cols(), area = body.rows() * cols;
    const unsigned tiles = blocks_for(area, tile);
    if (body.p.planes * area == 0) return;
    launch(name, each_plane_tile<Body>, {.grid = static_cast<unsigned>(body.p.planes) * tiles, .block = tile}, body,
           tiles, static_cast<unsigned>(area), static_cast<unsigned>(cols));
  }
};

template <class Run, class T>
void max_forward(const Pool2dProblem& p, const T* x, T* y, std::int64_t* index) {
  Run::run("max_pool2d.forward", MaxForward<T>{p, x, y, index});
}
template <class Run, class T>
void max_backward(const Pool2dProblem& p, const T* dy, const std::int64_t* index, T* dx) {
  Run::run("max_pool2d.backward", MaxBackward<T>{p, p.out_height(), p.out_width(), dy, index, dx});
}
template <class Run, class T>
void average_forward(const Pool2dProblem& p, const T* x, T* y) {
  Run::run("average_pool2d.forward", AverageForward<T>{p, x, y});
}
template <class Run, class T>
void average_adjoint(const Pool2dProblem& p, const T* dy, T* dx) {
  Run::run("average_pool2d.adjoint", AverageAdjoint<T>{p, p.out_height(), p.out_width(), dy, dx});
}

template <class Run>
struct Versions {
  DeviceRegistration<MaxPool2dForward> max_forward_versions;
  DeviceRegistration<MaxPool2dBackward> max_backward_versions;
  DeviceRegistration<AveragePool2dForward> average_forward_versions;
  DeviceRegistration<AveragePool2dAdjoint> average_adjoint_versions;

  explicit Versions(std::string_view name)
      : max_forward_versions(name, max_forward<Run, float>, max_forward<Run, double>),
        max_backward_versions(name, max_backward<Run, float>, max_backward<Run, double>),
        average_forward_versions(name, average_forward<Run, float>, average_forward<Run, double>),
        average_adjoint_versions(name, average_adjoint<Run, float>, average_adjoint<Run, double>) {}
};

// The formula.
const Versions<Elements> element_per_thread{"element_per_thread"};
// The plane comes from the block, and what is left to divide fits 32 bits.
const Versions<PlaneTiles> tile_per_block{"tile_per_block"};

}  // namespace
}  // namespace orbitgrad::kernels
