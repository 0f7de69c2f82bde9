// CUDA's names on a plain C++ compiler: what kernels/cuda/device.hpp includes when nvcc is not the compiler. A thread
// of a block is a fiber; each name below is a few lines over block.hpp. Semantics: CUDA C++ Programming Guide,
// chapter 10.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <source_location>
#include <string_view>
#include <tuple>
#include <type_traits>

#include "kernels/launch_error.hpp"
#include "kernels/sim/block.hpp"
#include "kernels/sim/launch.hpp"

#define __global__
#if defined(ORBITGRAD_SIM_TRACED)
#define __device__ __attribute__((always_inline))  // one function per kernel: loops are seen by their addresses
#else
#define __device__
#endif
#define __host__
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define SIM_UNROLL _Pragma("GCC unroll 16")

/// A variable in the block's shared memory: `SIM_SHARED(tile, float[32][33]);` declares a reference to it.
#define SIM_SHARED(name, ...)                                                                                    \
  static constexpr char name##_declaration = 0;                                                                  \
  auto& name = *static_cast<std::type_identity_t<__VA_ARGS__>*>(                                                 \
      ::orbitgrad::kernels::sim::shared_variable(&name##_declaration, sizeof(std::type_identity_t<__VA_ARGS__>), \
                                                 alignof(std::type_identity_t<__VA_ARGS__>), #name))

inline void __syncthreads(std::source_location where = std::source_location::current()) {
  orbitgrad::kernels::sim::block_barrier(where);
}
inline void __syncwarp(unsigned mask = 0xffffffffU, std::source_location where = std::source_location::current()) {
  orbitgrad::kernels::sim::warp_collective(
      mask, &mask, [](void* const*, unsigned) {}, true, "__syncwarp", where);
}

namespace orbitgrad::kernels::sim {

/// What a lane posts to a shuffle and finds there afterwards.
template <class T>
struct ShuffleArguments {
  T value;
  int source;  // lane to read from; -1: the lane's own value
  T result;
};

template <class T>
T shuffle(unsigned mask, T value, int source, std::string_view operation, std::source_location where) {
  static_assert(std::is_trivially_copyable_v<T>);
  ShuffleArguments<T> mine{value, source, value};
  const auto exchange = [](void* const* lanes, unsigned) {
    for (int lane = 0; lane < 32; ++lane) {
      auto* to = static_cast<ShuffleArguments<T>*>(lanes[lane]);
      if (to == nullptr || to->source < 0) continue;
      const auto* from = static_cast<const ShuffleArguments<T>*>(lanes[to->source]);
      if (from != nullptr)
        to->result = from->value;
      else
        std::memset(&to->result, 0xff, sizeof(T));  // of a lane outside the mask: like memory nobody wrote
    }
  };
  warp_collective(mask, &mine, exchange, false, operation, where);
  return mine.result;
}

/// Each lane posts an unsigned; all receive reduce over the mask.
template <class Reduce>
unsigned vote(unsigned mask, unsigned value, Reduce, std::string_view operation, std::source_location where) {
  struct Arguments {
    unsigned value, result;
  } mine{value, 0};
  const auto all = [](void* const* lanes, unsigned) {
    unsigned result = 0;
    bool first = true;
    for (unsigned lane = 0; lane < 32; ++lane) {
      if (lanes[lane] == nullptr) continue;
      const unsigned posted = static_cast<Arguments*>(lanes[lane])->value;
      result = first ? Reduce::first(posted, lane) : Reduce::next(result, posted, lane);
      first = false;
    }
    for (unsigned lane = 0; lane < 32; ++lane)
      if (lanes[lane] != nullptr) static_cast<Arguments*>(lanes[lane])->result = result;
  };
  warp_collective(mask, &mine, all, false, operation, where);
  return mine.result;
}

struct Ballot {
  static unsigned first(unsigned value, unsigned lane) { return (value != 0 ? 1U : 0U) << lane; }
  static unsigned next(unsigned sum, unsigned value, unsigned lane) { return sum | first(value, lane); }
};
struct Add {
  static unsigned first(unsigned value, unsigned) { return value; }
  static unsigned next(unsigned sum, unsigned value, unsigned) { return sum + value; }
};
struct Maximum {
  static unsigned first(unsigned value, unsigned) { return value; }
  static unsigned next(unsigned best, unsigned value, unsigned) { return value > best ? value : best; }
};

}  // namespace orbitgrad::kernels::sim

// --- Warp shuffles and votes; width splits the warp into independent parts of a power of two. ---

template <class T>
T __shfl_sync(unsigned mask, T value, int source, int width = 32,
              std::source_location where = std::source_location::current()) {
  const int lane = static_cast<int>(orbitgrad::kernels::sim::lane_index()), base = lane / width * width;
  return orbitgrad::kernels::sim::shuffle(mask, value, base + ((source % width) + width) % width, "__shfl_sync", where);
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int lane_mask, int width = 32,
                  std::source_location where = std::source_location::current()) {
  const int lane = static_cast<int>(orbitgrad::kernels::sim::lane_index()), source = lane ^ lane_mask;
  return orbitgrad::kernels::sim::shuffle(mask, value, source < (lane / width + 1) * width ? source : -1,
                                          "__shfl_xor_sync", where);
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32,
                   std::source_location where = std::source_location::current()) {
  const int lane = static_cast<int>(orbitgrad::kernels::sim::lane_index()), source = lane + static_cast<int>(delta);
  return orbitgrad::kernels::sim::shuffle(mask, value, source < (lane / width + 1) * width ? source : -1,
                                          "__shfl_down_sync", where);
}
template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32,
                 std::source_location where = std::source_location::current()) {
  const int lane = static_cast<int>(orbitgrad::kernels::sim::lane_index()), source = lane - static_cast<int>(delta);
  return orbitgrad::kernels::sim::shuffle(mask, value, source >= lane / width * width ? source : -1, "__shfl_up_sync",
                                          where);
}
inline unsigned __ballot_sync(unsigned mask, int predicate,
                              std::source_location where = std::source_location::current()) {
  using namespace orbitgrad::kernels::sim;
  return vote(mask, predicate != 0 ? 1U : 0U, Ballot{}, "__ballot_sync", where);
}
inline int __any_sync(unsigned mask, int predicate, std::source_location where = std::source_location::current()) {
  return __ballot_sync(mask, predicate, where) != 0;
}
inline int __all_sync(unsigned mask, int predicate, std::source_location where = std::source_location::current()) {
  return __ballot_sync(mask, predicate, where) == mask;
}
inline unsigned __reduce_add_sync(unsigned mask, unsigned value,
                                  std::source_location where = std::source_location::current()) {
  return orbitgrad::kernels::sim::vote(mask, value, orbitgrad::kernels::sim::Add{}, "__reduce_add_sync", where);
}
inline unsigned __reduce_max_sync(unsigned mask, unsigned value,
                                  std::source_location where = std::source_location::current()) {
  return orbitgrad::kernels::sim::vote(mask, value, orbitgrad::kernels::sim::Maximum{}, "__reduce_max_sync", where);
}
inline int __popc(unsigned bits) { return std::popcount(bits); }
inline int __ffs(int bits) { return bits == 0 ? 0 : std::countr_zero(static_cast<unsigned>(bits)) + 1; }

// --- Atomics on integers: integer addition gives the same sum in any order, floating-point addition does not. ---

template <class T>
__forceinline__ T atomicAdd(T* address, std::type_identity_t<T> value,
                            std::source_location where = std::source_location::current()) {
  static_assert(std::is_integral_v<T>, "floating-point atomics depend on the order of the threads");
  orbitgrad::kernels::sim::note_atomic(address, sizeof(T), where);
  return __atomic_fetch_add(address, value, __ATOMIC_RELAXED);
}
template <class T>
__forceinline__ T atomicCAS(T* address, std::type_identity_t<T> compare, std::type_identity_t<T> value,
                            std::source_location where = std::source_location::current()) {
  orbitgrad::kernels::sim::note_atomic(address, sizeof(T), where);
  __atomic_compare_exchange_n(address, &compare, value, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
  return compare;
}
template <class T>
__forceinline__ T atomicMax(T* address, std::type_identity_t<T> value,
                            std::source_location where = std::source_location::current()) {
  orbitgrad::kernels::sim::note_atomic(address, sizeof(T), where);
  T seen = __atomic_load_n(address, __ATOMIC_RELAXED);
  while (seen < value &&
         !__atomic_compare_exchange_n(address, &seen, value, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
  }
  return seen;
}
template <class T>
__forceinline__ T atomicMin(T* address, std::type_identity_t<T> value,
                            std::source_location where = std::source_location::current()) {
  orbitgrad::kernels::sim::note_atomic(address, sizeof(T), where);
  T seen = __atomic_load_n(address, __ATOMIC_RELAXED);
  while (value < seen &&
         !__atomic_compare_exchange_n(address, &seen, value, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
  }
  return seen;
}

namespace orbitgrad::kernels {
inline namespace ORBITGRAD_BUILD {

/// Runs the kernel on every thread of the grid; see sim/launch.hpp for what can go wrong.
template <class... Parameters, class... Arguments>
void launch(std::string_view name, void (*kernel)(Parameters...), const LaunchShape& shape, Arguments... arguments) {
  static_assert((std::is_trivially_copyable_v<Parameters> && ...), "kernel arguments are copied byte by byte");
  struct Call {
    void (*kernel)(Parameters...);
    std::tuple<Parameters...> arguments;
  };
  const Call call{kernel, {static_cast<Parameters>(arguments)...}};
  const auto run = [](const void* data) {
    const Call& stored = *static_cast<const Call*>(data);
    std::apply(stored.kernel, stored.arguments);
  };
#if defined(ORBITGRAD_SIM_TRACED)
  constexpr bool traced = true;
#else
  constexpr bool traced = false;
#endif
  sim::run_grid(name, shape, {run, &call, sizeof call}, traced);
}

template <class T>
T* dynamic_shared() {
  return static_cast<T*>(sim::dynamic_shared_memory());
}

/// One access of 8 or 16 bytes.
template <class Vector, class T>
__forceinline__ Vector load(const T* address, std::source_location where = std::source_location::current()) {
  sim::check_vector_access(address, sizeof(Vector), where);
  Vector result;
#if defined(ORBITGRAD_SIM_TRACED)
  sim::traced_load(&result, address, sizeof result, where);
#else
  std::memcpy(&result, address, sizeof result);
#endif
  return result;
}
template <class Vector, class T>
__forceinline__ void store(T* address, Vector value, std::source_location where = std::source_location::current()) {
  sim::check_vector_access(address, sizeof(Vector), where);
#if defined(ORBITGRAD_SIM_TRACED)
  sim::traced_store(address, &value, sizeof value, where);
#else
  std::memcpy(address, &value, sizeof value);
#endif
}

/// 4, 8 or 16 bytes from global to shared memory without registers; zeros when not valid. The bytes are there after
/// copy_async_wait for the group they were committed with, and a barrier for the other threads.
template <int bytes>
__forceinline__ void copy_async(void* shared, const void* global, bool valid = true,
                                std::source_location where = std::source_location::current()) {
  static_assert(bytes == 4 || bytes == 8 || bytes == 16);
  sim::copy_async(shared, global, bytes, valid, where);
}
inline void copy_async_commit() { sim::copy_async_commit(); }
/// Waits until at most `groups_left` of this thread's youngest groups are under way.
template <int groups_left>
void copy_async_wait() {
  sim::copy_async_wait(groups_left);
}

}  // namespace ORBITGRAD_BUILD
}  // namespace orbitgrad::kernels
