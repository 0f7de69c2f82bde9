#include <vector>

#include "kernels/cuda/device.hpp"
#include "kernels/device_table.hpp"
#include "kernels/rotate/rotate.hpp"

namespace orbitgrad::kernels {
namespace {

/// Cosine and sine of an image's angle.
struct Direction {
  double cosine, sine;
};

/// y at one output pixel, for channels [channel, channel + count) of one image.
template <int count, class T>
__device__ void forward_pixel(const RotateProblem& p, Direction direction, const T* x, T* y, std::int64_t pixel) {
  const auto tap =
      rotation_taps<T>(pixel / p.width, pixel % p.width, p.height, p.width, direction.cosine, direction.sine);
  for (int channel = 0; channel < count; ++channel) {
    const T* in = x + channel * p.height * p.width;
    y[channel * p.height * p.width + pixel] = (tap.weight[0] * in[tap.offset[0]] + tap.weight[1] * in[tap.offset[1]]) +
                                              (tap.weight[2] * in[tap.offset[2]] + tap.weight[3] * in[tap.offset[3]]);
  }
}

/// dx at one input pixel: adds what its readers scatter to it, in the raster order of the output.
template <int count, class T>
__device__ void adjoint_pixel(const RotateProblem& p, Direction direction, const T* dy, T* dx, std::int64_t pixel) {
  const PixelBox readers =
      rotation_readers(pixel / p.width, pixel % p.width, p.height, p.width, direction.cosine, direction.sine);
  T sum[count] = {};
  for (std::int64_t row = readers.row_begin; row < readers.row_end; ++row)
    for (std::int64_t col = readers.col_begin; col < readers.col_end; ++col) {
      const auto tap = rotation_taps<T>(row, col, p.height, p.width, direction.cosine, direction.sine);
      SIM_UNROLL
      for (int corner = 0; corner < 4; ++corner) {
        if (tap.offset[corner] != pixel || tap.weight[corner] == T(0)) continue;
        for (int channel = 0; channel < count; ++channel)
          sum[channel] += tap.weight[corner] * dy[(channel * p.height + row) * p.width + col];
      }
    }
  for (int channel = 0; channel < count; ++channel) dx[channel * p.height * p.width + pixel] = sum[channel];
}

/// A thread serves `count` channels at a pixel; channel groups of an image follow one another, the last one may be
/// short.
template <bool adjoint, int count, class T>
__global__ void rotate(RotateProblem p, const Direction* directions, const T* from, T* to, std::int64_t groups) {
  const std::int64_t thread = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x, area = p.height * p.width;
  if (thread >= p.batch * groups * area) return;
  const std::int64_t pixel = thread % area, group = thread / area % groups, image = thread / area / groups;
  const std::int64_t left = p.channels - group * count, offset = (image * p.channels + group * count) * area;
  const auto run = [&]<int channels>(std::integral_constant<int, channels>, std::int64_t at) {
    if constexpr (adjoint)
      adjoint_pixel<channels>(p, directions[image], from + at, to + at, pixel);
    else
      forward_pixel<channels>(p, directions[image], from + at, to + at, pixel);
  };
  if (left >= count) {
    run(std::integral_constant<int, count>{}, offset);
  } else {
    for (std::int64_t channel = 0; channel < left; ++channel)
      run(std::integral_constant<int, 1>{}, offset + channel * area);
  }
}

template <bool adjoint, int count, class T>
void launch_rotate(const RotateProblem& p, const T* from, T* to) {
  if (p.count() == 0) return;
  std::vector<Direction> directions;
  for (std::int64_t image = 0; image < p.batch; ++image)
    directions.push_back({std::cos(p.angles[image]), std::sin(p.angles[image])});
  const auto on_device = device_table<Direction>(this_device, directions);
  const std::int64_t groups = (p.channels + count - 1) / count;
  launch(adjoint ? "rotate.adjoint" : "rotate.forward", rotate<adjoint, count, T>,
         {.grid = blocks_for(p.batch * groups * p.height * p.width, 256), .block = 256}, p, on_device.get(), from, to,
         groups);
}

// The formula; the adjoint as a gather, so that nobody else writes a pixel.
const DeviceRegistration<RotateForward> forward{"pixel_per_thread", launch_rotate<false, 1, float>,
                                                launch_rotate<false, 1, double>};
const DeviceRegistration<RotateAdjoint> adjoint{"pixel_per_thread", launch_rotate<true, 1, float>,
                                                launch_rotate<true, 1, double>};

// The taps, in double, are worked out once for four channels.
const auto has_channels = [](const RotateProblem& p) { return p.channels >= 4; };
const DeviceRegistration<RotateForward> four_channels{"four_channels", launch_rotate<false, 4, float>,
                                                      launch_rotate<false, 4, double>, has_channels, has_channels};
const DeviceRegistration<RotateAdjoint> adjoint_four_channels{
    "four_channels", launch_rotate<true, 4, float>, launch_rotate<true, 4, double>, has_channels, has_channels};

}  // namespace
}  // namespace orbitgrad::kernels
