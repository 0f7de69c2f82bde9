// Orbit means on a device. The gather indices of a problem lie in host memory; the rows it needs become a table.
// Sums run in double, in order of k, as on the cpu: the same bits.
#include <span>
#include <vector>

#include "kernels/cuda/device.hpp"
#include "kernels/device_table.hpp"
#include "kernels/orbit_mean/orbit_mean.hpp"

namespace orbitgrad::kernels {
namespace {

/// The rows of the terms of a problem, [terms, size], in the device's memory.
class OrbitRowsOnDevice {
 public:
  explicit OrbitRowsOnDevice(const OrbitProblem& p) : problem_(p) {
    std::span<const std::int32_t> rows(p.source,
                                       static_cast<std::size_t>(p.selected == nullptr ? p.terms * p.size : 0));
    std::vector<std::int32_t> selected;
    if (p.selected != nullptr) {
      for (std::int64_t k = 0; k < p.terms; ++k)
        selected.insert(selected.end(), orbit_source(p, k), orbit_source(p, k) + p.size);
      rows = selected;
    }
    rows_ = device_table(this_device, rows);
    problem_.source = rows_.get();
    problem_.selected = nullptr;
  }
  /// The same problem, for a kernel.
  const OrbitProblem& problem() const { return problem_; }

 private:
  OrbitProblem problem_;
  std::shared_ptr<const std::int32_t> rows_;
};

/// y[b, i] = 1 / divisor sum_k in[b batch_stride + k term_stride + source_k[i]], `images` images b a thread, so that an
/// index read once serves all of them.
template <class T, int images>
__global__ void gathered_mean(OrbitProblem p, const T* in, std::int64_t batch_stride, std::int64_t term_stride, T* y) {
  const std::int64_t unit = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  const std::int64_t i = unit % p.size, first = unit / p.size * images;
  if (first >= p.batch) return;
  double sum[images] = {};
  for (std::int64_t k = 0; k < p.terms; ++k) {
    const T* term = in + k * term_stride + orbit_source(p, k)[i];
    SIM_UNROLL
    for (int image = 0; image < images; ++image)
      if (first + image < p.batch) sum[image] += static_cast<double>(term[(first + image) * batch_stride]);
  }
  SIM_UNROLL
  for (int image = 0; image < images; ++image)
    if (first + image < p.batch) y[(first + image) * p.size + i] = static_cast<T>(sum[image] / p.divisor);
}

template <class T>
__global__ void expand(OrbitProblem p, const T* x, T* y) {
  const std::int64_t unit = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (unit >= p.batch * p.terms * p.size) return;
  const std::int64_t i = unit % p.size, k = unit / p.size % p.terms, b = unit / p.size / p.terms;
  y[unit] = static_cast<T>(static_cast<double>(x[b * p.size + orbit_source(p, k)[i]]) / p.divisor);
}

template <class T, int images>
void launch_mean(std::string_view name, const OrbitProblem& p, const T* in, std::int64_t batch_stride,
                 std::int64_t term_stride, T* y) {
  if (p.batch == 0 || p.size == 0) return;
  const OrbitRowsOnDevice rows(p);
  const std::int64_t threads = (p.batch + images - 1) / images * p.size;
  launch(name, gathered_mean<T, images>, {.grid = blocks_for(threads, 128), .block = 128}, rows.problem(), in,
         batch_stride, term_stride, y);
}

template <class T, int images>
void mean_launch(const OrbitProblem& p, const T* x, T* y) {
  launch_mean<T, images>("orbit_mean.mean", p, x, p.size, 0, y);
}
template <class T, int images>
void twisted_launch(const OrbitProblem& p, const T* z, T* y) {
  launch_mean<T, images>("orbit_mean.twisted", p, z, p.terms * p.size, p.size, y);
}
template <class T>
void expand_launch(const OrbitProblem& p, const T* x, T* y) {
  if (p.batch == 0 || p.size == 0 || p.terms == 0) return;
  const OrbitRowsOnDevice rows(p);
  launch("orbit_mean.expand", expand<T>, {.grid = blocks_for(p.batch * p.terms * p.size, 128), .block = 128},
         rows.problem(), x, y);
}

constexpr int several = 4;
const DeviceRegistration<OrbitMean> mean_1{"thread_per_value", mean_launch<float, 1>, mean_launch<double, 1>};
const DeviceRegistration<OrbitMean> mean_2{"several_images", mean_launch<float, several>, mean_launch<double, several>};
const DeviceRegistration<TwistedMean> twisted_1{"thread_per_value", twisted_launch<float, 1>,
                                                twisted_launch<double, 1>};
const DeviceRegistration<TwistedMean> twisted_2{"several_images", twisted_launch<float, several>,
                                                twisted_launch<double, several>};
const DeviceRegistration<OrbitExpand> expand_1{"thread_per_value", expand_launch<float>, expand_launch<double>};

}  // namespace
}  // namespace orbitgrad::kernels
