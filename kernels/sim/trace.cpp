#include "kernels/sim/trace.hpp"

#include <dlfcn.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <set>

#include "kernels/device_table.hpp"
#include "kernels/launch_error.hpp"
#include "kernels/sim/block.hpp"
#include "kernels/sim/grid.hpp"
#include "kernels/sim/shadow.hpp"
#include "kernels/sim/source_place.hpp"
#include "kernels/sim/warp_requests.hpp"

namespace orbitgrad::kernels::sim {

thread_local constinit LaneRecorder* recording_lane __attribute__((tls_model("initial-exec"))) = nullptr;

namespace {

Trace* current_trace = nullptr;

/// Loads the instrumented kernels that lie beside this library, or beside the plain one if this is that of a level;
/// they register themselves. Once.
void load_traced_kernels() {
  static bool loaded = false;
  if (loaded) return;
  Dl_info info{};
  std::string path = "liborbitgrad_traced.so";
  if (dladdr(reinterpret_cast<const void*>(&load_traced_kernels), &info) != 0 && info.dli_fname != nullptr) {
    const std::string library = info.dli_fname;
    path = library.substr(0, std::min(library.rfind('/'), library.rfind("/glibc-hwcaps/")) + 1) + path;
  }
  if (dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL) == nullptr)
    throw LaunchError(fmt::format("the instrumented kernels cannot be loaded: {}", dlerror()));
  loaded = true;
}

bool lies_in(const void* address, const void* begin, std::size_t bytes) {
  const auto* first = static_cast<const std::byte*>(begin);
  return address >= first && address < first + bytes;
}

/// Constants of a loaded library.
bool is_constant(const void* address) {
  Dl_info info{};
  return dladdr(address, &info) != 0;
}

}  // namespace

double LaunchCounts::sectors_per_request() const {
  return global_requests == 0 ? 0 : static_cast<double>(global_sectors) / static_cast<double>(global_requests);
}
double LaunchCounts::wavefronts_per_request() const {
  return shared_requests == 0 ? 0 : static_cast<double>(shared_wavefronts) / static_cast<double>(shared_requests);
}
double LaunchCounts::lanes_per_request() const {
  const std::uint64_t requests = global_requests + shared_requests;
  return requests == 0 ? 0 : static_cast<double>(active_lanes) / static_cast<double>(requests);
}

struct Trace::State {
  /// Where an access comes from: a program counter of the instrumented code, or a place the runtime knows.
  struct Origin {
    const void* program_counter;
    const std::source_location* where;

    std::string place() const {
      return where == nullptr ? source_place(program_counter)
                              : fmt::format("{}:{}", short_path(where->file_name()), where->line());
    }
  };
  /// A block of device memory as the trace knows it.
  struct Allocation {
    SimMemory::Block block;
    bool written;   // as a whole: by the host, or before the trace began
    bool in_trace;  // allocated since the trace began
  };

  Shadow global{SimMemory::capacity};
  Shadow shared{SharedMemory::capacity};
  std::map<std::size_t, Allocation> allocations;  // by offset
  const Allocation* last_allocation = nullptr;
  std::vector<LaunchCounts> launches;
  std::set<std::pair<const void*, std::string_view>> seen;  // program counter and kind of a finding
  std::vector<std::string> findings;

  // The launch, block and thread that run now.
  Grid* grid = nullptr;
  LaunchCounts counts;
  SharedMemory* shared_memory = nullptr;
  Moment now;
  std::uint32_t launch_number = 0;
  std::uint32_t block_generation = 0;  // of all traced blocks, so that old shared memory is seen as not written
  std::vector<LaneRecorder> lanes;
  std::vector<std::uint32_t> warp_barriers;  // by thread, since the last block barrier
  const void *stack_bottom = nullptr, *stack_top = nullptr;
  WarpRequests requests;

  std::string thread_name(unsigned linear) const {
    const dim3& block = grid->shape.block;
    return fmt::format("thread ({}, {}, {})", linear % block.x, linear / block.x % block.y, linear / block.x / block.y);
  }
  std::string block_name(std::uint32_t linear) const {
    const dim3& count = grid->shape.grid;
    return fmt::format("block ({}, {}, {})", linear % count.x, linear / count.x % count.y, linear / count.x / count.y);
  }

  /// Whether this is the first finding of its kind at its instruction; the others would say the same.
  bool is_new(std::string_view kind, const Origin& origin) {
    return seen.insert({origin.program_counter, kind}).second;
  }

  void find(std::string_view kind, const Origin& origin, const std::string& what) {
    findings.push_back(fmt::format("{}: kernel {}, {}, {}, {}: {}", kind, grid->kernel, block_name(now.block),
                                   thread_name(now.thread), origin.place(), what));
  }

  /// A finding that ends the launch. No text may be alive in a frame that is left (see leave_kernel).
  template <class... Arguments>
  [[noreturn]] void fail(std::string_view kind, const Origin& origin, fmt::format_string<Arguments...> text,
                         Arguments&&... arguments) {
    note(kind, origin, fmt::format(text, std::forward<Arguments>(arguments)...));
    leave_kernel();
  }
  void note(std::string_view kind, const Origin& origin, const std::string& what) {
    if (is_new(kind, origin)) find(kind, origin, what);
    recording_lane = nullptr;
    note_failure(fmt::format("{}: {}", kind, what), origin.place());
  }

  const Allocation* allocation_at(std::size_t offset, std::size_t bytes) {
    const auto holds = [&](const Allocation& a) {
      return offset >= a.block.begin && offset + bytes <= a.block.begin + a.block.bytes;
    };
    if (last_allocation != nullptr && holds(*last_allocation)) return last_allocation;
    auto after = allocations.upper_bound(offset);
    if (after == allocations.begin()) return nullptr;
    const Allocation& candidate = std::prev(after)->second;
    if (!holds(candidate)) return nullptr;
    last_allocation = &candidate;
    return last_allocation;
  }

  void flush() {
    for (std::size_t first = 0; first < lanes.size(); first += 32)
      requests.count(lanes, first, std::min<std::size_t>(32, lanes.size() - first), counts);
  }

  void access(const Origin& origin, const void* address, std::size_t bytes, Access kind);
  void check_cells(const Origin& origin, Shadow& shadow, std::size_t offset, std::size_t bytes, Access kind,
                   std::uint32_t owner, bool all_written, bool is_shared);
};

void Trace::State::check_cells(const Origin& origin, Shadow& shadow, std::size_t offset, std::size_t bytes, Access kind,
                               std::uint32_t owner, bool all_written, bool is_shared) {
  const bool reads = kind == Access::read || kind == Access::atomic;
  const char* const memory = is_shared ? "shared" : "global";
  Moment when = now;
  if (is_shared) when.epoch = owner;  // every block has its own: what an earlier block did is long ago
  shadow.for_each(offset, bytes, [&](ShadowCell& cell, std::size_t cell_bytes) {
    if (reads && cell.owner != owner && !all_written && is_new("uninitialised read", origin))
      find("uninitialised read", origin, fmt::format("reads {} memory that nobody has written", memory));
    if (!is_shared && kind == Access::read && cell.read.epoch != now.epoch) counts.unique_bytes_read += cell_bytes;
    if (!is_shared && kind != Access::read && cell.write.epoch != now.epoch) counts.unique_bytes_written += cell_bytes;
    const Race race = kind == Access::read ? read_cell(cell, when) : write_cell(cell, when, kind == Access::atomic);
    if (kind != Access::read) cell.owner = kind == Access::early_write ? 0 : owner;  // until its wait nobody may read
    if (race.kind == RaceKind::none || !is_new("race", origin)) return;
    find("race", origin,
         fmt::format("{} {} memory that {} of {} has {}, with no barrier between", reads ? "reads" : "writes", memory,
                     thread_name(race.other.thread), block_name(race.other.block),
                     race.kind == RaceKind::with_write ? "written" : "read"));
  });
}

void Trace::State::access(const Origin& origin, const void* address, std::size_t bytes, Access kind) {
  if (recording_lane == nullptr) return;
  if (address >= stack_bottom && address < stack_top) return;  // the thread's own variables
  const SimMemory& memory = SimMemory::instance();
  const bool is_write = kind == Access::write || kind == Access::early_write || kind == Access::late_write;
  const std::string_view verb = is_write ? "writes" : "reads";
  const auto number = reinterpret_cast<std::uintptr_t>(address);
  const bool is_global = memory.owns(address), is_shared = !is_global && shared_memory->owns(address);
  if (!is_global && !is_shared) {
    // Arguments, the position of the thread and constants may be read from anywhere.
    const bool may_read = lies_in(address, grid->call.arguments, grid->call.argument_bytes) ||
                          lies_in(address, &threadIdx, sizeof threadIdx) ||
                          lies_in(address, &blockIdx, sizeof blockIdx) ||
                          lies_in(address, &blockDim, sizeof blockDim) || lies_in(address, &gridDim, sizeof gridDim) ||
                          is_constant(address);
    if (may_read && kind == Access::read) return;
    fail("out of bounds", origin, "{} {} bytes at {}, which is no memory of the device", verb, bytes, address);
  }
  if (number % bytes != 0 && std::has_single_bit(bytes))
    fail("misaligned", origin, "an access of {} bytes at an address that is not a multiple of it", bytes);
  if (is_shared) {
    if (!shared_memory->contains(address, bytes))
      fail("out of bounds", origin, "{} {} bytes of shared memory outside every variable", verb, bytes);
    check_cells(origin, shared, shared_memory->offset(address), bytes, kind, block_generation, false, true);
  } else {
    const std::size_t offset = memory.offset(address);
    const Allocation* allocation = allocation_at(offset, bytes);
    if (allocation == nullptr)
      fail("out of bounds", origin, "{} {} bytes of global memory outside every block that is allocated", verb, bytes);
    check_cells(origin, global, offset, bytes, kind, static_cast<std::uint32_t>(allocation->block.number),
                allocation->written, false);
    if (is_write || kind == Access::atomic) counts.bytes_written += bytes;
    if (!is_write) counts.bytes_read += bytes;
  }
  if (kind == Access::atomic) ++counts.atomics;
  if (kind != Access::late_write)
    recording_lane->access(reinterpret_cast<std::uintptr_t>(origin.program_counter), number,
                           static_cast<std::uint32_t>(bytes), is_shared);
}

Trace::Trace() {
  if (current_trace != nullptr) throw LaunchError("a trace is already on; end it before the next one begins");
  load_traced_kernels();
  state_ = std::make_unique<State>();
  for (const SimMemory::Block& block : SimMemory::instance().live_blocks())
    state_->allocations.emplace(block.begin, State::Allocation{block, true, false});
  current_trace = this;
}

Trace::~Trace() { current_trace = nullptr; }

Trace* Trace::current() { return current_trace; }

std::vector<std::string> Trace::findings() const {
  std::vector<std::string> all = state_->findings;
  for (const auto& [begin, allocation] : state_->allocations)
    if (allocation.in_trace && !is_lasting(DeviceKind::sim, SimMemory::instance().address(begin)))
      all.push_back(fmt::format("leak: {} bytes of device memory (allocation {}) have not been released",
                                allocation.block.bytes, allocation.block.number));
  return all;
}

const std::vector<LaunchCounts>& Trace::launches() const { return state_->launches; }

void Trace::begin_launch(Grid& grid) {
  State& s = *state_;
  s.grid = &grid;
  s.counts = {};
  s.counts.kernel = grid.kernel;
  s.counts.blocks = grid.block_count();
  s.counts.threads = grid.block_count() * grid.threads_per_block();
  s.now = {};
  s.now.epoch = ++s.launch_number;
}

void Trace::end_launch() {
  state_->launches.push_back(state_->counts);
  recording_lane = nullptr;
  state_->grid = nullptr;
}

void Trace::begin_block(std::uint64_t linear_block, SharedMemory& shared) {
  State& s = *state_;
  const unsigned threads = s.grid->threads_per_block();
  s.shared_memory = &shared;
  s.now.block = static_cast<std::uint32_t>(linear_block);
  s.now.block_barriers = s.now.warp_barriers = 0;
  ++s.block_generation;
  s.lanes.resize(threads);
  for (LaneRecorder& lane : s.lanes) lane.reset();
  s.warp_barriers.assign(threads, 0);
}

void Trace::end_block() { state_->flush(); }

void Trace::enter_thread(unsigned linear, const void* stack_bottom, const void* stack_top) {
  State& s = *state_;
  recording_lane = &s.lanes[linear];
  s.now.thread = static_cast<std::uint16_t>(linear);
  s.now.warp_barriers = s.warp_barriers[linear];
  s.stack_bottom = stack_bottom;
  s.stack_top = stack_top;
}

void Trace::leave_thread() { recording_lane = nullptr; }

void Trace::block_barrier() {
  State& s = *state_;
  ++s.counts.barriers;
  ++s.now.block_barriers;
  s.warp_barriers.assign(s.warp_barriers.size(), 0);
  s.now.warp_barriers = 0;
  s.flush();
}

void Trace::warp_operation(unsigned warp, unsigned mask, bool is_barrier) {
  State& s = *state_;
  ++(is_barrier ? s.counts.warp_barriers : s.counts.warp_operations);
  if (!is_barrier) return;
  std::uint32_t latest = 0;
  const auto for_lanes = [&](auto&& body) {
    for (unsigned lane = 0; lane < 32; ++lane)
      if ((mask >> lane & 1) != 0) body(s.warp_barriers[warp * 32 + lane]);
  };
  for_lanes([&](std::uint32_t& passed) { latest = std::max(latest, passed); });
  for_lanes([&](std::uint32_t& passed) { passed = latest + 1; });
  s.now.warp_barriers = latest + 1;  // the running lane is one of them
}

void Trace::mma() {
  if (state_->now.thread % 32 == 0) ++state_->counts.mma;
}

void Trace::access(const std::source_location& where, const void* program_counter, const void* address,
                   std::size_t bytes, Access kind) {
  state_->access({program_counter, &where}, address, bytes, kind);
}

void Trace::access(const void* program_counter, const void* address, std::size_t bytes, Access kind) {
  state_->access({program_counter, nullptr}, address, bytes, kind);
}

std::mutex& Trace::alone() {
  static std::mutex mutex;
  return mutex;
}

void Trace::allocated(const SimMemory::Block& block, bool has_owner) {
  const std::lock_guard lock(alone());
  state_->last_allocation = nullptr;
  state_->allocations.insert_or_assign(block.begin, State::Allocation{block, false, has_owner});
}

void Trace::released(const SimMemory::Block& block) {
  const std::lock_guard lock(alone());
  state_->last_allocation = nullptr;
  state_->allocations.erase(block.begin);
}

void Trace::written_by_host(const void* address, std::size_t bytes) {
  const std::lock_guard lock(alone());
  State& s = *state_;
  const std::size_t offset = SimMemory::instance().offset(address);
  const auto after = s.allocations.upper_bound(offset);
  if (after == s.allocations.begin()) return;
  State::Allocation& allocation = std::prev(after)->second;
  if (bytes == allocation.block.bytes) {
    allocation.written = true;
    return;
  }
  s.global.for_each(offset, bytes, [&](ShadowCell& cell, std::size_t) {
    cell.owner = static_cast<std::uint32_t>(allocation.block.number);
  });
}

}  // namespace orbitgrad::kernels::sim
