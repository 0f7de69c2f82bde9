// What the instrumentation of the traced build calls: each access with its address, each basic block, each function.
// Names and meanings are those of the compilers' thread sanitizer and coverage interfaces.
#include <cstdint>

#include "kernels/sim/trace.hpp"
#include "kernels/sim/warp_requests.hpp"

using orbitgrad::kernels::sim::recording_lane;
using orbitgrad::kernels::sim::Trace;

namespace {

inline void tell(const void* program_counter, const void* address, std::size_t bytes, Trace::Access kind) {
  if (recording_lane != nullptr) Trace::current()->access(program_counter, address, bytes, kind);
}

/// An object whose type is aligned to less than its size: word by word, as a GPU moves it.
inline void tell_words(const void* program_counter, const void* address, std::size_t bytes, Trace::Access kind) {
  const std::size_t step = reinterpret_cast<std::uintptr_t>(address) % 4 == 0 && bytes % 4 == 0 ? 4 : 1;
  for (std::size_t i = 0; i < bytes; i += step)
    tell(program_counter, static_cast<const std::byte*>(address) + i, step, kind);
}

}  // namespace

// The names are the compiler's.
#define ORBITGRAD_ACCESS(bytes)                                                                                        \
  void __tsan_read##bytes(void* address) { tell(__builtin_return_address(0), address, bytes, Trace::Access::read); }   \
  void __tsan_write##bytes(void* address) { tell(__builtin_return_address(0), address, bytes, Trace::Access::write); } \
  void __tsan_unaligned_read##bytes(void* address) {                                                                   \
    tell_words(__builtin_return_address(0), address, bytes, Trace::Access::read);                                      \
  }                                                                                                                    \
  void __tsan_unaligned_write##bytes(void* address) {                                                                  \
    tell_words(__builtin_return_address(0), address, bytes, Trace::Access::write);                                     \
  }

// Atomics have been told by their wrapper (note_atomic): only the operation is left to do. One OS thread runs traced.
#define ORBITGRAD_ATOMIC(bits)                                                                                        \
  std::int##bits##_t __tsan_atomic##bits##_load(const volatile std::int##bits##_t* address, int) { return *address; } \
  std::int##bits##_t __tsan_atomic##bits##_fetch_add(volatile std::int##bits##_t* address, std::int##bits##_t value,  \
                                                     int) {                                                           \
    const std::int##bits##_t before = *address;                                                                       \
    __builtin_add_overflow(before, value, const_cast<std::int##bits##_t*>(address));                                  \
    return before;                                                                                                    \
  }                                                                                                                   \
  int __tsan_atomic##bits##_compare_exchange_strong(                                                                  \
      volatile std::int##bits##_t* address, std::int##bits##_t* expected, std::int##bits##_t value, int, int) {       \
    const std::int##bits##_t before = *address;                                                                       \
    const bool equal = before == *expected;                                                                           \
    if (equal) *address = value;                                                                                      \
    *expected = before;                                                                                               \
    return equal;                                                                                                     \
  }

#pragma GCC visibility push(hidden)
extern "C" {
ORBITGRAD_ATOMIC(32)
ORBITGRAD_ATOMIC(64)
ORBITGRAD_ACCESS(1)
ORBITGRAD_ACCESS(2)
ORBITGRAD_ACCESS(4)
ORBITGRAD_ACCESS(8)
ORBITGRAD_ACCESS(16)
void __tsan_read_range(void* address, std::size_t bytes) {
  tell_words(__builtin_return_address(0), address, bytes, Trace::Access::read);
}
void __tsan_write_range(void* address, std::size_t bytes) {
  tell_words(__builtin_return_address(0), address, bytes, Trace::Access::write);
}
void __tsan_vptr_update(void**, void*) {}
void __tsan_vptr_read(void**) {}
void __tsan_init() {}
void __tsan_func_entry(void* call_site) {
  if (recording_lane != nullptr) recording_lane->enter_function(reinterpret_cast<std::uintptr_t>(call_site));
}
void __tsan_func_exit() {
  if (recording_lane != nullptr) recording_lane->leave_function();
}
void __sanitizer_cov_trace_pc() {
  if (recording_lane != nullptr)
    recording_lane->basic_block(reinterpret_cast<std::uintptr_t>(__builtin_return_address(0)));
}
}
#pragma GCC visibility pop
