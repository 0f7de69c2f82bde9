#include "kernels/cuda/device_graph.hpp"

#include <fmt/format.h>

#include "kernels/cuda/stream.hpp"
#include "kernels/launch_error.hpp"

namespace orbitgrad::kernels {
namespace {

void check(cudaError_t status, const char* action) {
  if (status == cudaSuccess) return;
  cudaGetLastError();
  throw LaunchError(fmt::format("{}: {} ({})", action, cudaGetErrorString(status), cudaGetErrorName(status)));
}

const bool registered = [] {
  register_device_graphs(DeviceKind::cuda,
                         []() -> std::unique_ptr<DeviceGraph> { return std::make_unique<CudaGraph>(); });
  return true;
}();

}  // namespace

CudaGraph::CudaGraph() : DeviceGraph(DeviceKind::cuda), pool_(make_graph_pool()) {
  // Not ordered with the stream of all other work, which may go on while this one records.
  check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "stream of a graph");
}

CudaGraph::~CudaGraph() {
  if (executable_ != nullptr) {
    const Pause not_recorded;                 // another graph may be recorded now, whose stream must not be waited for
    cudaStreamSynchronize(current_stream());  // it may still run, and its memory is about to be anybody's
    cudaGraphExecDestroy(executable_);
  }
  cudaStreamDestroy(stream_);
}

CudaGraph* CudaGraph::recording() { return dynamic_cast<CudaGraph*>(DeviceGraph::recording()); }

void CudaGraph::current_stream_is(cudaStream_t stream) { current_stream() = stream; }

void CudaGraph::begin_recording() {
  // Relaxed: the pool may ask the driver for memory, and tables are copied on the other stream meanwhile.
  check(cudaStreamBeginCapture(stream_, cudaStreamCaptureModeRelaxed), "recording of a step");
  before_ = current_stream();
  current_stream() = stream_;
}

void CudaGraph::end_recording(bool is_kept) {
  current_stream() = before_;
  cudaGraph_t graph = nullptr;
  const cudaError_t ended = cudaStreamEndCapture(stream_, &graph);
  if (ended == cudaSuccess && is_kept) {
    const cudaError_t made = cudaGraphInstantiate(&executable_, graph, 0);
    cudaGraphDestroy(graph);
    return check(made, "making a graph of a recorded step");
  }
  if (graph != nullptr) cudaGraphDestroy(graph);
  check(ended, "recording of a step");
}

void CudaGraph::run() { check(cudaGraphLaunch(executable_, current_stream()), "a recorded step"); }

}  // namespace orbitgrad::kernels
