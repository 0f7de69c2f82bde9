// CUDA graphs: a thread records by stream capture, into memory of the graph's own pool (CUDA C++ Programming Guide,
// CUDA graphs).
#pragma once

#include <cuda_runtime.h>

#include <memory>

#include "kernels/block_pool.hpp"
#include "kernels/device_graph.hpp"

namespace orbitgrad::kernels {

class CudaGraph final : public DeviceGraph {
 public:
  CudaGraph();
  ~CudaGraph() override;

  /// The graph of this device that this thread records; null: none.
  static CudaGraph* recording();
  BlockPool& pool() { return *pool_; }

  bool owns(const void* address) const override { return pool_->holds(address); }

 private:
  void begin_recording() override;
  void end_recording(bool is_kept) override;
  void run() override;
  // What is not recorded goes where it went before.
  void pause() override { current_stream_is(before_); }
  void resume() override { current_stream_is(stream_); }
  static void current_stream_is(cudaStream_t stream);

  std::shared_ptr<BlockPool> pool_;
  cudaStream_t stream_ = nullptr, before_ = nullptr;
  cudaGraphExec_t executable_ = nullptr;
};

/// A pool of the driver's memory for one graph. It stays until the graph and the last of its blocks are gone.
std::shared_ptr<BlockPool> make_graph_pool();

}  // namespace orbitgrad::kernels
