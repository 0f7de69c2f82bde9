#include "kernels/sim/launch.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "kernels/launch_error.hpp"
#include "kernels/parallel.hpp"
#include "kernels/sim/block.hpp"
#include "kernels/sim/device_graph.hpp"
#include "kernels/sim/grid.hpp"
#include "kernels/sim/trace.hpp"

namespace orbitgrad::kernels::sim {
namespace {

Schedule current_schedule;

struct Mutation {
  bool active = false;
  std::optional<BarrierSite> left_out;
  std::vector<BarrierSite> reached;
  std::mutex mutex;
} mutation;

// What a launch may ask of compute capability 8.0 (CUDA C++ Programming Guide, technical specifications).
constexpr unsigned most_threads = 1024, most_block_z = 64, most_grid_yz = 65535, most_grid_x = 0x7fffffff;
constexpr std::uint64_t most_stacks = 8 * 1024;  // a stack is two of the 65530 mappings Linux allows a process
constexpr std::size_t most_dynamic_shared_bytes = 163 * 1024, most_argument_bytes = 4096;

void check_launch(const Grid& grid) {
  const auto& [count, block, shared_bytes] = grid.shape;
  const auto refuse = [&](std::string_view why) {
    throw LaunchError(fmt::format("kernel {}: grid ({}, {}, {}), block ({}, {}, {}), {} bytes of shared memory: {}",
                                  grid.kernel, count.x, count.y, count.z, block.x, block.y, block.z, shared_bytes,
                                  why));
  };
  if (grid.block_count() == 0 || block.x == 0 || block.y == 0 || block.z == 0) refuse("a dimension is 0");
  if (std::uint64_t{block.x} * block.y * block.z > most_threads) refuse("a block has at most 1024 threads");
  if (block.z > most_block_z) refuse("a block has at most 64 threads along z");
  if (count.x > most_grid_x) refuse("a grid has at most 2^31 - 1 blocks along x");
  if (count.y > most_grid_yz || count.z > most_grid_yz) refuse("a grid has at most 65535 blocks along y and z");
  if (shared_bytes > most_dynamic_shared_bytes) refuse("a block has at most 163 KiB of shared memory");
  if (grid.call.argument_bytes > most_argument_bytes) refuse("the arguments take more than 4096 bytes");
}

}  // namespace

ScopedSchedule::ScopedSchedule(Schedule schedule) : before_(current_schedule) { current_schedule = schedule; }
ScopedSchedule::~ScopedSchedule() { current_schedule = before_; }

BarrierMutation::BarrierMutation(std::optional<BarrierSite> left_out) {
  mutation.active = true;
  mutation.left_out = std::move(left_out);
  mutation.reached.clear();
}
BarrierMutation::~BarrierMutation() { mutation.active = false; }

std::vector<BarrierSite> BarrierMutation::reached() {
  const std::lock_guard lock(mutation.mutex);
  return mutation.reached;
}

bool is_left_out(const std::source_location& where) {
  if (!mutation.active) return false;
  const BarrierSite site{where.file_name(), where.line(), where.column()};
  const std::lock_guard lock(mutation.mutex);
  if (std::find(mutation.reached.begin(), mutation.reached.end(), site) == mutation.reached.end())
    mutation.reached.push_back(site);
  return mutation.left_out == site;
}

Order::Order(std::uint64_t seed, std::uint64_t stream, std::uint64_t count) : count_(count), descending_(seed == 1) {
  if (seed < 2 || count > 0xffffffffU) return;
  shuffled_.resize(count);
  std::iota(shuffled_.begin(), shuffled_.end(), 0U);
  std::uint64_t state = seed * 0x9e3779b97f4a7c15U + stream;
  for (std::uint64_t left = count; left > 1; --left) {  // Fisher and Yates, numbers by splitmix64
    std::uint64_t z = state += 0x9e3779b97f4a7c15U;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    std::swap(shuffled_[left - 1], shuffled_[(z ^ (z >> 31)) % left]);
  }
}

void run_grid(std::string_view kernel, const LaunchShape& shape, const KernelCall& call, bool traced) {
  static std::atomic<std::uint64_t> launches = 0;
  if (inside_kernel()) {
    note_failure("a kernel launches a kernel", kernel);
    leave_kernel();
  }
  Grid grid(kernel, shape, call, current_schedule, ++launches);
  check_launch(grid);
  if (SimGraph* graph = SimGraph::recording()) return graph->record_launch(kernel, shape, call, traced);
  std::unique_lock alone(Trace::alone(), std::defer_lock);
  if (traced && Trace::current() != nullptr) alone.lock();
  if (traced) grid.trace = Trace::current();
  if (grid.trace != nullptr) grid.trace->begin_launch(grid);
  const std::uint64_t blocks = grid.block_count();
  const Order order(grid.schedule.seed, ~std::uint64_t{0}, blocks);
  const auto run = [&](std::uint64_t position) {
    if (grid.failed) return;
    try {
      run_block(grid, order[position]);
    } catch (const std::exception& error) {
      grid.fail(error.what());
    }
  };
  const auto workers = std::min({static_cast<std::uint64_t>(thread_count()), blocks,
                                 std::max<std::uint64_t>(most_stacks / grid.threads_per_block(), 1)});
  if (grid.trace != nullptr || workers <= 1) {
    for (std::uint64_t position = 0; position < blocks; ++position) run(position);
  } else {
#ifdef _OPENMP
#pragma omp parallel for schedule(dynamic) num_threads(static_cast <int>(workers))
#endif
    for (std::uint64_t position = 0; position < blocks; ++position) run(position);
  }
  if (grid.trace != nullptr) grid.trace->end_launch();
  if (grid.failed) throw LaunchError(grid.message);
}

}  // namespace orbitgrad::kernels::sim
