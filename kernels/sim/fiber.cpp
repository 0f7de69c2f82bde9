#include "kernels/sim/fiber.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>

#include "kernels/launch_error.hpp"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#if !defined(__x86_64__) && !defined(__aarch64__)
#include <ucontext.h>
#endif

namespace orbitgrad::kernels::sim {
namespace {

#if defined(__SANITIZE_ADDRESS__)
constexpr std::size_t stack_bytes = 256 * 1024;  // red zones widen the frames
#else
constexpr std::size_t stack_bytes = 64 * 1024;
#endif

std::size_t page_bytes() {
  static const auto bytes = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  return bytes;
}

}  // namespace

FiberStackPool::~FiberStackPool() {
  for (const FiberStack& stack : all_) munmap(stack.bottom - page_bytes(), stack_bytes + page_bytes());
}

FiberStack FiberStackPool::take() {
  if (free_.empty()) {
    void* memory = mmap(nullptr, stack_bytes + page_bytes(), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) throw LaunchError("the system has no memory for the stacks of the simulated threads");
    if (mprotect(memory, page_bytes(), PROT_NONE) != 0) {  // an overflow shall fault, not spoil a neighbour
      munmap(memory, stack_bytes + page_bytes());
      throw LaunchError("the system allows no more stacks for the simulated threads");
    }
    auto* bottom = static_cast<std::byte*>(memory) + page_bytes();
    free_.push_back({bottom, bottom + stack_bytes});
    all_.push_back(free_.back());
  }
  const FiberStack stack = free_.back();
  free_.pop_back();
#if defined(__SANITIZE_ADDRESS__)
  __asan_unpoison_memory_region(stack.bottom, stack_bytes);  // frames that were left by a switch
#endif
  return stack;
}

#if defined(__x86_64__)

asm(R"(
.text
.hidden orbitgrad_switch_fiber
.globl orbitgrad_switch_fiber
.type orbitgrad_switch_fiber,@function
orbitgrad_switch_fiber:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size orbitgrad_switch_fiber,.-orbitgrad_switch_fiber
)");
constexpr std::size_t saved_words = 6;  // the registers above; the return address follows

#elif defined(__aarch64__)

asm(R"(
.text
.hidden orbitgrad_switch_fiber
.globl orbitgrad_switch_fiber
.type orbitgrad_switch_fiber,%function
orbitgrad_switch_fiber:
  sub sp, sp, #160
  stp x19, x20, [sp, #0]
  stp x21, x22, [sp, #16]
  stp x23, x24, [sp, #32]
  stp x25, x26, [sp, #48]
  stp x27, x28, [sp, #64]
  stp x29, x30, [sp, #80]
  stp d8, d9, [sp, #96]
  stp d10, d11, [sp, #112]
  stp d12, d13, [sp, #128]
  stp d14, d15, [sp, #144]
  mov x9, sp
  str x9, [x0]
  mov sp, x1
  ldp x19, x20, [sp, #0]
  ldp x21, x22, [sp, #16]
  ldp x23, x24, [sp, #32]
  ldp x25, x26, [sp, #48]
  ldp x27, x28, [sp, #64]
  ldp x29, x30, [sp, #80]
  ldp d8, d9, [sp, #96]
  ldp d10, d11, [sp, #112]
  ldp d12, d13, [sp, #128]
  ldp d14, d15, [sp, #144]
  add sp, sp, #160
  ret
.size orbitgrad_switch_fiber,.-orbitgrad_switch_fiber
)");

#endif

#if defined(__x86_64__) || defined(__aarch64__)

extern "C" void orbitgrad_switch_fiber(FiberContext* from, FiberContext to);

FiberContext make_fiber(FiberStack stack, void (*entry)()) {
  auto* words = reinterpret_cast<std::uintptr_t*>(stack.top);
#if defined(__x86_64__)
  // As if entry had been called: the stack pointer is 8 past a multiple of 16 when it starts.
  words -= 2;
  words[0] = reinterpret_cast<std::uintptr_t>(entry);
  words[1] = 0;
  words -= saved_words;
  std::memset(words, 0, saved_words * sizeof *words);
#else
  words -= 20;
  std::memset(words, 0, 20 * sizeof *words);
  words[11] = reinterpret_cast<std::uintptr_t>(entry);  // x30, the address `ret` goes to
#endif
  return words;
}

namespace {
void switch_context(FiberContext& from, FiberContext to) { orbitgrad_switch_fiber(&from, to); }
}  // namespace

#else

namespace {

/// The context lies at the bottom of its stack; the scheduler's own is made by its first switch.
struct PortableContext {
  ucontext_t context;
};

}  // namespace

FiberContext make_fiber(FiberStack stack, void (*entry)()) {
  auto* portable = new (stack.bottom) PortableContext;
  getcontext(&portable->context);
  portable->context.uc_stack.ss_sp = stack.bottom + sizeof(PortableContext);
  portable->context.uc_stack.ss_size = stack_bytes - sizeof(PortableContext);
  portable->context.uc_link = nullptr;
  makecontext(&portable->context, entry, 0);
  return portable;
}

namespace {
void switch_context(FiberContext& from, FiberContext to) {
  PortableContext here;
  from = &here;
  swapcontext(&here.context, &static_cast<PortableContext*>(to)->context);
}
}  // namespace

#endif

#if defined(__SANITIZE_ADDRESS__)

void switch_fiber(FiberContext& from, FiberContext to, FiberStack to_stack) {
  void* own_frames = nullptr;
  __sanitizer_start_switch_fiber(&own_frames, to_stack.bottom,
                                 static_cast<std::size_t>(to_stack.top - to_stack.bottom));
  switch_context(from, to);
  __sanitizer_finish_switch_fiber(own_frames, nullptr, nullptr);
}

FiberStack arrive_in_fiber() {
  const void* bottom = nullptr;
  std::size_t bytes = 0;
  __sanitizer_finish_switch_fiber(nullptr, &bottom, &bytes);
  auto* first = const_cast<std::byte*>(static_cast<const std::byte*>(bottom));
  return {first, first + bytes};
}

#else

void switch_fiber(FiberContext& from, FiberContext to, FiberStack) { switch_context(from, to); }
FiberStack arrive_in_fiber() { return {}; }

#endif

}  // namespace orbitgrad::kernels::sim
