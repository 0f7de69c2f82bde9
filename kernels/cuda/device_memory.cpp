// The memory of the device `cuda`: blocks from the pool, copies through pinned buffers. Compiled only with CUDA.
#include <cuda_runtime.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <vector>

#include "kernels/block_pool.hpp"
#include "kernels/cuda/device_graph.hpp"
#include "kernels/cuda/stream.hpp"
#include "kernels/launch_error.hpp"

namespace orbitgrad::kernels {
namespace {

void check(cudaError_t status, const char* action) {
  if (status == cudaSuccess) return;
  cudaGetLastError();  // told here, not once more after the next launch
  throw LaunchError(fmt::format("{}: {} ({})", action, cudaGetErrorString(status), cudaGetErrorName(status)));
}

/// Two pinned buffers: while the device reads or writes one, the host fills or empties the other.
class StagingBuffers {
 public:
  static constexpr std::size_t bytes = std::size_t{4} << 20;

  StagingBuffers() {
    for (Buffer& buffer : buffers_) {
      check(cudaMallocHost(&buffer.data, bytes), "pinned memory");
      check(cudaEventCreateWithFlags(&buffer.done, cudaEventDisableTiming), "event");
    }
  }

  /// Returns when all bytes have left the host's memory; the device may still be copying.
  void to_device(void* to, const void* from, std::size_t count) {
    for_each_piece(count, [&](Buffer& buffer, std::size_t offset, std::size_t piece) {
      check(cudaEventSynchronize(buffer.done), "copy to the device");
      std::memcpy(buffer.data, static_cast<const std::byte*>(from) + offset, piece);
      check(cudaMemcpyAsync(static_cast<std::byte*>(to) + offset, buffer.data, piece, cudaMemcpyHostToDevice,
                            current_stream()),
            "copy to the device");
      check(cudaEventRecord(buffer.done, current_stream()), "copy to the device");
    });
  }

  /// Returns when all bytes are in the host's memory.
  void to_host(void* to, const void* from, std::size_t count) {
    struct Pending {
      Buffer* buffer = nullptr;
      std::size_t offset = 0, piece = 0;
    } pending;
    const auto finish = [&] {
      if (pending.buffer == nullptr) return;
      check(cudaEventSynchronize(pending.buffer->done), "copy to the host");
      std::memcpy(static_cast<std::byte*>(to) + pending.offset, pending.buffer->data, pending.piece);
    };
    for_each_piece(count, [&](Buffer& buffer, std::size_t offset, std::size_t piece) {
      check(cudaEventSynchronize(buffer.done), "copy to the host");
      check(cudaMemcpyAsync(buffer.data, static_cast<const std::byte*>(from) + offset, piece, cudaMemcpyDeviceToHost,
                            current_stream()),
            "copy to the host");
      check(cudaEventRecord(buffer.done, current_stream()), "copy to the host");
      finish();
      pending = {&buffer, offset, piece};
    });
    finish();
  }

 private:
  struct Buffer {
    void* data = nullptr;
    cudaEvent_t done = nullptr;
  };

  template <class Body>
  void for_each_piece(std::size_t count, Body&& body) {
    for (std::size_t offset = 0; offset < count; offset += bytes) {
      body(buffers_[next_], offset, std::min(bytes, count - offset));
      next_ = 1 - next_;
    }
  }

  std::array<Buffer, 2> buffers_;
  std::size_t next_ = 0;
};

SegmentSource driver() {
  return {[](std::size_t bytes) -> void* {
            void* segment = nullptr;
            const cudaError_t status = cudaMalloc(&segment, bytes);
            if (status == cudaErrorMemoryAllocation) {  // told by the pool
              cudaGetLastError();
              return nullptr;
            }
            check(status, "memory of the device");
            return segment;
          },
          [](void* segment) { cudaFree(segment); }};
}

void refuse_while_recording(const char* what) {
  if (CudaGraph::recording() != nullptr)
    throw LaunchError(fmt::format("{} in a step that is recorded: a replay would not make it again", what));
}

class CudaMemory final : public DeviceMemory {
 public:
  // A tool such as compute-sanitizer knows only the driver's blocks: for it each of ours is one.
  CudaMemory()
      : pool_(driver(),
              std::getenv("ORBITGRAD_CUDA_NO_POOL") == nullptr ? BlockPool::Reuse::blocks : BlockPool::Reuse::none) {}

  void* allocate(std::int64_t bytes) override {
    require_room(bytes);
    if (CudaGraph* graph = CudaGraph::recording()) return graph->pool().allocate(bytes);
    try {
      return pool_.allocate(bytes);
    } catch (const LaunchError&) {
      if (!drop_finished_pools()) throw;
    }
    return pool_.allocate(bytes);
  }
  void release(void* pointer, std::int64_t) override {
    if (pointer != nullptr && !pool_.holds(pointer)) {
      const std::lock_guard lock(pools_mutex_);
      for (const auto& pool : graph_pools_)
        if (pool->holds(pointer)) return pool->release(pointer);
    }
    pool_.release(pointer);
  }
  std::shared_ptr<BlockPool> add_graph_pool() {
    drop_finished_pools();
    const std::lock_guard lock(pools_mutex_);
    return graph_pools_.emplace_back(std::make_shared<BlockPool>(driver_after_trim(), BlockPool::Reuse::held));
  }
  void copy_to_device(void* to, const void* from_host, std::int64_t bytes) override {
    refuse_while_recording("a copy from the host");
    const std::lock_guard lock(mutex_);
    staging_.to_device(to, from_host, static_cast<std::size_t>(bytes));
  }
  void copy_to_host(void* to_host, const void* from, std::int64_t bytes) override {
    refuse_while_recording("a copy to the host");
    const std::lock_guard lock(mutex_);
    staging_.to_host(to_host, from, static_cast<std::size_t>(bytes));
  }
  void synchronize() override {
    refuse_while_recording("waiting for the device");
    check(cudaStreamSynchronize(current_stream()), "work on the device failed");
  }
  void trim() override {
    synchronize();  // the driver may not take back what the device still uses
    pool_.trim();
    drop_finished_pools();
  }
  void set_limit(std::int64_t bytes) override { limit_ = bytes; }
  DeviceMemoryStatistics statistics() const override {
    DeviceMemoryStatistics all = pool_.statistics();
    const std::lock_guard lock(pools_mutex_);
    for (const auto& pool : graph_pools_) {
      const DeviceMemoryStatistics own = pool->statistics();
      all.live_bytes += own.live_bytes;
      all.peak_live_bytes += own.peak_live_bytes;
      all.reserved_bytes += own.reserved_bytes;
      all.allocations += own.allocations;
      all.system_allocations += own.system_allocations;
    }
    return all;
  }

 private:
  /// The graph is gone, and so are the tensors it made.
  static bool is_over(const std::shared_ptr<BlockPool>& pool) {
    return pool.use_count() == 1 && pool->statistics().live_bytes == 0;
  }
  /// Whether there were any.
  bool drop_finished_pools() {
    const std::lock_guard lock(pools_mutex_);
    return std::erase_if(graph_pools_, is_over) > 0;
  }
  /// For graphs: what is cached outside of them is given back before the device counts as full.
  SegmentSource driver_after_trim() {
    SegmentSource source = driver();
    source.allocate = [this, allocate = source.allocate](std::size_t bytes) {
      void* segment = allocate(bytes);
      if (segment != nullptr) return segment;
      pool_.trim();
      return allocate(bytes);
    };
    return source;
  }
  /// The limit is one of all live bytes, those of graphs included.
  void require_room(std::int64_t bytes) const {
    const std::int64_t limit = limit_;
    if (limit == 0) return;
    const std::int64_t live = statistics().live_bytes;
    if (live + bytes > limit)
      throw LaunchError(fmt::format(
          "{} bytes asked for with {} live would pass the limit of {}. Raise the limit or use a smaller batch", bytes,
          live, limit));
  }

  std::mutex mutex_;
  mutable std::mutex pools_mutex_;
  std::atomic<std::int64_t> limit_ = 0;
  BlockPool pool_;
  std::vector<std::shared_ptr<BlockPool>> graph_pools_;
  StagingBuffers staging_;
};

struct Status {
  bool usable = false;
  std::string description;
};

/// What the driver says, asked once.
const Status& status() {
  static const Status found = []() -> Status {
    int devices = 0;
    const cudaError_t error = cudaGetDeviceCount(&devices);
    if (error == cudaErrorInsufficientDriver) {
      int driver = 0, runtime = 0;
      cudaDriverGetVersion(&driver);
      cudaRuntimeGetVersion(&runtime);
      if (driver == 0) return {false, "no NVIDIA driver"};
      return {false, fmt::format("the driver supports CUDA {}.{}, this build needs {}.{}", driver / 1000,
                                 driver % 1000 / 10, runtime / 1000, runtime % 1000 / 10)};
    }
    if (error == cudaErrorNoDevice || (error == cudaSuccess && devices == 0)) return {false, "no NVIDIA GPU"};
    if (error != cudaSuccess) return {false, cudaGetErrorString(error)};
    cudaDeviceProp properties{};
    if (const cudaError_t asked = cudaGetDeviceProperties(&properties, 0); asked != cudaSuccess)
      return {false, cudaGetErrorString(asked)};
    const std::string gpu = fmt::format("{}, compute capability {}.{}, {:.0f} GiB", properties.name, properties.major,
                                        properties.minor, static_cast<double>(properties.totalGlobalMem) / (1 << 30));
    if (properties.major < 8) return {false, gpu + ": this build has kernels for 8.0 and newer only"};
    return {true, gpu};
  }();
  return found;
}

CudaMemory& memory() {
  static auto* memory = new CudaMemory;  // never destroyed: the driver may be gone before static tensors are
  return *memory;
}

DeviceMemory* find() { return status().usable ? &memory() : nullptr; }

const bool registered = [] {
  register_device_memory(DeviceKind::cuda, find, [] { return status().description; });
  return true;
}();

}  // namespace

std::shared_ptr<BlockPool> make_graph_pool() { return memory().add_graph_pool(); }

}  // namespace orbitgrad::kernels
