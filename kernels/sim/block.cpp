#include "kernels/sim/block.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <vector>

#include "kernels/launch_error.hpp"
#include "kernels/sim/fiber.hpp"
#include "kernels/sim/grid.hpp"
#include "kernels/sim/shared_memory.hpp"
#include "kernels/sim/source_place.hpp"
#include "kernels/sim/trace.hpp"

// One library, loaded at start: the fast model of thread-local storage.
#define ORBITGRAD_INITIAL_EXEC __attribute__((tls_model("initial-exec")))

thread_local constinit uint3 threadIdx ORBITGRAD_INITIAL_EXEC = {};
thread_local constinit uint3 blockIdx ORBITGRAD_INITIAL_EXEC = {};
thread_local constinit dim3 blockDim ORBITGRAD_INITIAL_EXEC = {};
thread_local constinit dim3 gridDim ORBITGRAD_INITIAL_EXEC = {};

namespace orbitgrad::kernels::sim {
namespace {

enum class State { not_started, ready, at_barrier, at_collective, finished, failed };

struct AsyncCopy {
  void* shared;
  const void* global;
  std::size_t bytes;
  bool valid;
  std::source_location where;
};

struct Thread {
  State state = State::not_started;
  unsigned linear = 0;
  uint3 index = {};
  FiberContext context = nullptr;
  FiberStack stack;
  std::source_location waits_at;
  std::vector<AsyncCopy> copies;         // not yet performed
  std::vector<std::size_t> group_sizes;  // copies of each committed group, oldest first
  std::size_t uncommitted = 0;
};

/// Lanes of one warp that wait for each other.
struct Collective {
  unsigned warp, mask, arrived;
  std::string_view operation;
  std::source_location where;
  void* lanes[32];
};

/// What one worker thread of the machine needs to run blocks, one after another.
struct Worker {
  FiberStackPool stacks;
  FiberContext scheduler = nullptr;
  FiberStack scheduler_stack;
  std::vector<Thread> threads;
  std::vector<Collective> collectives;
  SharedMemory shared;
  Grid* grid = nullptr;
  Thread* running = nullptr;
  unsigned at_barrier = 0;
  std::source_location barrier_place;
};

thread_local constinit Worker* worker ORBITGRAD_INITIAL_EXEC = nullptr;

std::string place(const std::source_location& where) {
  return fmt::format("{}:{}", short_path(where.file_name()), where.line());
}

bool is_same_place(const std::source_location& a, const std::source_location& b) {
  return a.line() == b.line() && a.column() == b.column() && std::string_view(a.file_name()) == b.file_name();
}

std::string position(const Thread& thread) {
  return fmt::format("thread ({}, {}, {})", thread.index.x, thread.index.y, thread.index.z);
}

std::string block_position() {
  return fmt::format("kernel {}, block ({}, {}, {})", worker->grid->kernel, blockIdx.x, blockIdx.y, blockIdx.z);
}

/// Ends the running thread and its launch with that message. The thread is left where it is, so nothing that owns
/// memory may be alive in its frames: the text is made and gone before.
template <class... Arguments>
[[noreturn]] void fail_at(const std::source_location& where, fmt::format_string<Arguments...> text,
                          Arguments&&... arguments) {
  note_failure(fmt::format(text, std::forward<Arguments>(arguments)...), place(where));
  leave_kernel();
}

void suspend(State state, const std::source_location& where) {
  Thread& thread = *worker->running;
  thread.state = state;
  thread.waits_at = where;
  switch_fiber(thread.context, worker->scheduler, worker->scheduler_stack);
}

void perform(const AsyncCopy& copy) {
  if (copy.valid)
    std::memcpy(copy.shared, copy.global, copy.bytes);
  else
    std::memset(copy.shared, 0, copy.bytes);
}

/// Nobody can go on: says who waits where.
std::string deadlock_message() {
  struct Waiting {
    std::string what;
    unsigned count;
    const Thread* first;
  };
  std::vector<Waiting> groups;
  unsigned finished = 0;
  for (const Thread& thread : worker->threads) {
    if (thread.state == State::finished) {
      ++finished;
      continue;
    }
    const bool barrier = thread.state == State::at_barrier;
    const std::string what =
        fmt::format("{} at {}", barrier ? "the barrier" : "the warp operation", place(thread.waits_at));
    const auto found = std::find_if(groups.begin(), groups.end(), [&](const Waiting& g) { return g.what == what; });
    if (found == groups.end())
      groups.push_back({what, 1, &thread});
    else
      ++found->count;
  }
  std::string text = fmt::format("{}: not all threads reach the same barrier or warp operation:", block_position());
  for (const Waiting& group : groups)
    text += fmt::format(" {} of {} threads wait for {} (first: {});", group.count, worker->threads.size(), group.what,
                        position(*group.first));
  if (finished > 0) text += fmt::format(" {} have returned;", finished);
  text.pop_back();
  return text;
}

[[noreturn]] void run_thread() {
  worker->scheduler_stack = arrive_in_fiber();
  worker->grid->call.run(worker->grid->call.arguments);
  Thread& thread = *worker->running;
  // Without a wait the bytes arrive some time: nobody can have been promised them.
  if (worker->grid->schedule.late_copies)
    for (const AsyncCopy& copy : thread.copies) perform(copy);
  thread.copies.clear();
  for (;;) suspend(State::finished, {});
}

/// Runs the thread until it waits or ends.
void resume(Thread& thread) {
  worker->running = &thread;
  threadIdx = thread.index;
  if (thread.state == State::not_started) {
    thread.stack = worker->stacks.take();
    thread.context = make_fiber(thread.stack, run_thread);
  }
  thread.state = State::ready;
  if (worker->grid->trace != nullptr)
    worker->grid->trace->enter_thread(thread.linear, thread.stack.bottom, thread.stack.top);
  switch_fiber(worker->scheduler, thread.context, thread.stack);
  if (worker->grid->trace != nullptr) worker->grid->trace->leave_thread();
  if (thread.state == State::finished) {
    worker->stacks.give_back(thread.stack);
    thread.stack = {};
  }
}

void prepare_threads(const dim3& block) {
  // Stacks of threads that a failure left where they were: kernels own nothing that needs an end.
  for (Thread& thread : worker->threads) {
    if (thread.stack.bottom != nullptr) worker->stacks.give_back(thread.stack);
    thread.stack = {};
  }
  const unsigned count = block.x * block.y * block.z;
  worker->threads.resize(count);
  for (unsigned linear = 0; linear < count; ++linear) {
    Thread& thread = worker->threads[linear];
    thread.state = State::not_started;
    thread.linear = linear;
    thread.index = {linear % block.x, linear / block.x % block.y, linear / block.x / block.y};
    thread.copies.clear();
    thread.group_sizes.clear();
    thread.uncommitted = 0;
  }
  worker->collectives.clear();
  worker->at_barrier = 0;
}

void schedule_threads(const Order& order) {
  Grid& grid = *worker->grid;
  for (bool all_finished = false; !all_finished && !grid.failed;) {
    bool moved = false;
    all_finished = true;
    for (std::size_t i = 0; i < worker->threads.size() && !grid.failed; ++i) {
      Thread& thread = worker->threads[order[i]];
      if (thread.state == State::not_started || thread.state == State::ready) {
        resume(thread);
        moved = true;
      }
      all_finished = all_finished && thread.state == State::finished;
    }
    if (!moved && !all_finished) grid.fail(deadlock_message());
  }
}

unsigned existing_lanes(unsigned warp) {
  const auto left = static_cast<unsigned>(worker->threads.size()) - warp * 32;
  return left >= 32 ? 0xffffffffU : (1U << left) - 1;
}

}  // namespace

void run_block(Grid& grid, std::uint64_t linear_block) {
  thread_local Worker own;
  struct Entered {
    ~Entered() { worker = nullptr; }
  } const entered;
  worker = &own;
  own.grid = &grid;
  const dim3& count = grid.shape.grid;
  blockIdx = {static_cast<unsigned>(linear_block % count.x), static_cast<unsigned>(linear_block / count.x % count.y),
              static_cast<unsigned>(linear_block / count.x / count.y)};
  blockDim = grid.shape.block;
  gridDim = count;
  prepare_threads(grid.shape.block);
  own.shared.begin_block(grid.number, grid.shape.shared_bytes);
  if (grid.trace != nullptr) grid.trace->begin_block(linear_block, own.shared);
  schedule_threads(Order(grid.schedule.seed, linear_block, own.threads.size()));
  if (grid.trace != nullptr) grid.trace->end_block();
}

void block_barrier(std::source_location where) {
  if (is_left_out(where)) return;
  Worker& own = *worker;
  if (own.at_barrier == 0)
    own.barrier_place = where;
  else if (!is_same_place(own.barrier_place, where))
    fail_at(where, "threads of one block wait at different barriers, others at {}:{}",
            short_path(own.barrier_place.file_name()), own.barrier_place.line());
  if (++own.at_barrier < own.threads.size()) {
    suspend(State::at_barrier, where);
    return;
  }
  own.at_barrier = 0;
  for (Thread& thread : own.threads)
    if (thread.state == State::at_barrier) thread.state = State::ready;
  if (own.grid->trace != nullptr) own.grid->trace->block_barrier();
}

unsigned lane_index() { return worker->running->linear % 32; }

void warp_collective(unsigned mask, void* mine, void (*all)(void* const* lanes, unsigned mask), bool is_barrier,
                     std::string_view operation, std::source_location where) {
  if (is_barrier && is_left_out(where)) return;
  Worker& own = *worker;
  const unsigned linear = own.running->linear, warp = linear / 32, lane = linear % 32;
  if ((mask >> lane & 1) == 0)
    fail_at(where, "{}: the mask {:#010x} does not name the calling lane {}", operation, mask, lane);
  if ((mask & ~existing_lanes(warp)) != 0)
    fail_at(where, "{}: the mask {:#010x} names lanes the block does not have", operation, mask);
  auto found = std::find_if(own.collectives.begin(), own.collectives.end(),
                            [&](const Collective& c) { return c.warp == warp && (c.mask & mask) != 0; });
  if (found == own.collectives.end()) {
    found = own.collectives.insert(found, Collective{warp, mask, 0, operation, where, {}});
  } else if (found->mask != mask || found->operation != operation || !is_same_place(found->where, where)) {
    fail_at(where, "{} with mask {:#010x} meets {} with mask {:#010x} at {}:{}", operation, mask, found->operation,
            found->mask, short_path(found->where.file_name()), found->where.line());
  }
  found->arrived |= 1U << lane;
  found->lanes[lane] = mine;
  if (found->arrived != mask) {
    suspend(State::at_collective, where);
    return;
  }
  const Collective complete = *found;
  own.collectives.erase(found);
  Trace* const trace = own.grid->trace;
  if (trace != nullptr) trace->leave_thread();  // what follows is the warp's exchange, not the lane's code
  all(complete.lanes, mask);
  if (trace != nullptr) trace->enter_thread(linear, own.running->stack.bottom, own.running->stack.top);
  for (unsigned i = 0; i < 32; ++i) {
    if ((mask >> i & 1) == 0) continue;
    Thread& thread = own.threads[warp * 32 + i];
    if (thread.state == State::at_collective) thread.state = State::ready;
  }
  if (trace != nullptr) trace->warp_operation(warp, mask, is_barrier);
}

void* shared_variable(const void* key, std::size_t bytes, std::size_t alignment, std::string_view name) {
  try {
    return worker->shared.variable(key, bytes, alignment, name);
  } catch (const LaunchError& error) {  // it may not leave the fiber
    note_failure(error.what(), "its declaration");
  }
  leave_kernel();
}

void* dynamic_shared_memory() { return worker->shared.dynamic(); }

void copy_async(void* shared, const void* global, std::size_t bytes, bool valid, std::source_location where) {
  const AsyncCopy copy{shared, global, bytes, valid, where};
  if (reinterpret_cast<std::uintptr_t>(shared) % bytes != 0 || reinterpret_cast<std::uintptr_t>(global) % bytes != 0)
    fail_at(where, "copy_async of {} bytes between addresses that are not multiples of it", bytes);
  if (!worker->shared.contains(shared, bytes)) fail_at(where, "copy_async must write inside the block's shared memory");
  Trace* trace = worker->grid->trace;
  if (trace != nullptr) {
    if (valid) trace->access(where, __builtin_return_address(0), global, bytes, Trace::Access::read);
    trace->access(where, __builtin_return_address(0), shared, bytes, Trace::Access::early_write);
  }
  ++worker->running->uncommitted;
  if (!worker->grid->schedule.late_copies) perform(copy);
  worker->running->copies.push_back(copy);
}

void copy_async_commit() {
  Thread& thread = *worker->running;
  thread.group_sizes.push_back(thread.uncommitted);
  thread.uncommitted = 0;
}

void copy_async_wait(int groups_left) {
  Thread& thread = *worker->running;
  while (thread.group_sizes.size() > static_cast<std::size_t>(groups_left)) {
    const auto count = static_cast<std::ptrdiff_t>(thread.group_sizes.front());
    for (auto copy = thread.copies.begin(); copy != thread.copies.begin() + count; ++copy) {
      if (worker->grid->schedule.late_copies) perform(*copy);
      // The bytes may have come any time until now: a reader since the start of the copy is a race.
      if (worker->grid->trace != nullptr)
        worker->grid->trace->access(copy->where, nullptr, copy->shared, copy->bytes, Trace::Access::late_write);
    }
    thread.copies.erase(thread.copies.begin(), thread.copies.begin() + count);
    thread.group_sizes.erase(thread.group_sizes.begin());
  }
}

void check_vector_access(const void* address, std::size_t bytes, std::source_location where) {
  if (reinterpret_cast<std::uintptr_t>(address) % bytes != 0)
    fail_at(where, "an access of {} bytes at {}, which is not a multiple of {}", bytes, address, bytes);
}

void traced_load(void* value, const void* address, std::size_t bytes, std::source_location where) {
  if (Trace* trace = worker->grid->trace)
    trace->access(where, __builtin_return_address(0), address, bytes, Trace::Access::read);
  std::memcpy(value, address, bytes);
}

void traced_store(void* address, const void* value, std::size_t bytes, std::source_location where) {
  if (Trace* trace = worker->grid->trace)
    trace->access(where, __builtin_return_address(0), address, bytes, Trace::Access::write);
  std::memcpy(address, value, bytes);
}

void note_atomic(const void* address, std::size_t bytes, std::source_location where) {
  if (reinterpret_cast<std::uintptr_t>(address) % bytes != 0)
    fail_at(where, "an atomic of {} bytes at {}, which is not a multiple of {}", bytes, address, bytes);
  if (Trace* trace = worker->grid->trace)
    trace->access(where, __builtin_return_address(0), address, bytes, Trace::Access::atomic);
}

void note_mma() {
  if (Trace* trace = worker->grid->trace) trace->mma();
}

bool inside_kernel() { return worker != nullptr; }

void note_failure(std::string_view what, std::string_view at) {
  worker->grid->fail(fmt::format("{}, {}, {}: {}", block_position(), position(*worker->running), at, what));
}

void leave_kernel() {
  for (;;) suspend(State::failed, {});
}

}  // namespace orbitgrad::kernels::sim
