// The language the .cu files are written in: CUDA's own names for threads, barriers, shuffles and atomics, and the few
// wrappers below. nvcc compiles it for a GPU (cuda/gpu.hpp), a plain C++ compiler for the simulator (sim/dialect.hpp).
//
//   launch("softmax/row_per_warp", softmax_rows<T>, {.grid = rows, .block = 128}, problem, x, y);
//   SIM_SHARED(tile, float[32][33]);      shared memory of the block, by type; not written at first
//   dynamic_shared<float>()               the bytes asked for in LaunchShape::shared_bytes
//   load<float4>(p), store(p, value)      8 and 16 bytes in one access, alignment checked on the simulator
//   copy_async<16>(shared, global)        cp.async, with copy_async_commit() and copy_async_wait<groups_left>()
//   mma_m16n8k8_tf32, mma_m16n8k16_bf16   tensor cores (mma.hpp)
//   warp_sum, block_sum, ...              fixed-order reductions (reduce.hpp)
//
// Rules a kernel keeps (CONTRIBUTING.md has the reasons): include only our headers; explicit masks; every thread
// reaches every barrier; no waiting for another block; no floating-point atomics; trivially copyable arguments.
#pragma once

#if defined(__CUDACC__)
#define ORBITGRAD_BUILD gpu
#include "kernels/cuda/gpu.hpp"
#else
#if defined(ORBITGRAD_SIM_TRACED)
#define ORBITGRAD_BUILD traced
#else
#define ORBITGRAD_BUILD plain
#endif
#include "kernels/sim/dialect.hpp"
#endif

#include "kernels/device_memory.hpp"
#include "kernels/dispatch.hpp"

namespace orbitgrad::kernels {

inline constexpr unsigned full_warp = 0xffffffffU;
inline constexpr int warp_size = 32;

// One source becomes up to three builds in one process: names that differ between them live in an inline namespace.
inline namespace ORBITGRAD_BUILD {

/// The device this translation unit is compiled for.
#if defined(__CUDACC__)
inline constexpr DeviceKind this_device = DeviceKind::cuda;
#elif defined(ORBITGRAD_SIM_TRACED)
inline constexpr DeviceKind this_device = DeviceKind::sim_traced;
#else
inline constexpr DeviceKind this_device = DeviceKind::sim;
#endif

/// Workspace of a launcher on this device.
class Scratch : public DeviceScratch {
 public:
  explicit Scratch(std::int64_t bytes) : DeviceScratch(this_device, bytes) {}
};

/// Blocks of `block` threads that cover `count` items, one each.
inline unsigned blocks_for(std::int64_t count, std::int64_t block) {
  return static_cast<unsigned>((count + block - 1) / block);
}

/// Registers one version of a kernel for float and double on this device. Write them from naive to best: the last one
/// that supports a problem is taken.
///   const DeviceRegistration<SoftmaxForward> forward{"row_per_warp", softmax_forward<float>, softmax_forward<double>};
template <template <class> class Kernel>
class DeviceRegistration {
 public:
  DeviceRegistration(std::string_view name, typename Kernel<float>::Launch* for_float,
                     typename Kernel<double>::Launch* for_double)
      : DeviceRegistration(name, for_float, for_double, supports_all<float>, supports_all<double>) {}
  DeviceRegistration(std::string_view name, typename Kernel<float>::Launch* for_float,
                     typename Kernel<double>::Launch* for_double,
                     bool (*supports_float)(const typename Kernel<float>::Problem&),
                     bool (*supports_double)(const typename Kernel<double>::Problem&))
      : float_({name, this_device, supports_float, for_float}),
        double_({name, this_device, supports_double, for_double}) {}

 private:
  template <class T>
  static bool supports_all(const typename Kernel<T>::Problem&) {
    return true;
  }

  Registration<Kernel<float>> float_;
  Registration<Kernel<double>> double_;
};

}  // namespace ORBITGRAD_BUILD
}  // namespace orbitgrad::kernels
