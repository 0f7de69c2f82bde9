#include "bench/device/cudnn_opponent.hpp"

#ifdef ORBITGRAD_BENCH_CUDNN

#include <cudnn.h>

#include <memory>
#include <stdexcept>
#include <string>

#include "kernels/cuda/stream.hpp"
#include "kernels/device_memory.hpp"

namespace orbitgrad::bench {
namespace {

void check(cudnnStatus_t status, const char* action) {
  if (status != CUDNN_STATUS_SUCCESS)
    throw std::runtime_error(std::string("cuDNN, ") + action + ": " + cudnnGetErrorString(status));
}

class Convolution {
 public:
  Convolution(ConvolutionOp op, const kernels::Conv2dProblem& p) : op_(op) {
    const auto number = [](std::int64_t value) { return static_cast<int>(value); };
    check(cudnnCreate(&handle_), "start");
    check(cudnnSetStream(handle_, kernels::current_stream()), "stream");
    check(cudnnCreateTensorDescriptor(&x_), "description");
    check(cudnnCreateTensorDescriptor(&y_), "description");
    check(cudnnCreateFilterDescriptor(&w_), "description");
    check(cudnnCreateConvolutionDescriptor(&convolution_), "description");
    check(cudnnSetTensor4dDescriptor(x_, CUDNN_TENSOR_NCHW, CUDNN_DATA_FLOAT, number(p.batch), number(p.in_channels),
                                     number(p.in_height), number(p.in_width)),
          "input");
    check(cudnnSetTensor4dDescriptor(y_, CUDNN_TENSOR_NCHW, CUDNN_DATA_FLOAT, number(p.batch), number(p.out_channels),
                                     number(p.out_height()), number(p.out_width())),
          "output");
    check(cudnnSetFilter4dDescriptor(w_, CUDNN_DATA_FLOAT, CUDNN_TENSOR_NCHW, number(p.out_channels),
                                     number(p.in_channels / p.groups), number(p.kernel_height), number(p.kernel_width)),
          "filter");
    check(cudnnSetConvolution2dDescriptor(convolution_, number(p.padding_height), number(p.padding_width),
                                          number(p.stride_height), number(p.stride_width), number(p.dilation_height),
                                          number(p.dilation_width), CUDNN_CROSS_CORRELATION, CUDNN_DATA_FLOAT),
          "convolution");
    check(cudnnSetConvolutionGroupCount(convolution_, number(p.groups)), "groups");
    check(cudnnSetConvolutionMathType(convolution_, CUDNN_FMA_MATH), "precision");
    tune();
  }
  ~Convolution() {
    workspace_.reset();
    cudnnDestroyConvolutionDescriptor(convolution_);
    cudnnDestroyFilterDescriptor(w_);
    cudnnDestroyTensorDescriptor(y_);
    cudnnDestroyTensorDescriptor(x_);
    cudnnDestroy(handle_);
  }
  Convolution(const Convolution&) = delete;
  Convolution& operator=(const Convolution&) = delete;

  void run(const float* first, const float* second, float* output) const {
    const float one = 1, zero = 0;
    void* workspace = workspace_->as<void>();
    if (op_ == ConvolutionOp::forward)
      check(cudnnConvolutionForward(handle_, &one, x_, first, w_, second, convolution_, forward_, workspace,
                                    workspace_bytes_, &zero, y_, output),
            "forward");
    else if (op_ == ConvolutionOp::input_gradient)
      check(cudnnConvolutionBackwardData(handle_, &one, w_, second, y_, first, convolution_, input_, workspace,
                                         workspace_bytes_, &zero, x_, output),
            "input gradient");
    else
      check(cudnnConvolutionBackwardFilter(handle_, &one, x_, first, y_, second, convolution_, filter_, workspace,
                                           workspace_bytes_, &zero, w_, output),
            "filter gradient");
  }

 private:
  static constexpr int most = 16;

  /// The fastest of what cuDNN measured; its list is sorted.
  template <class Algorithm, class Performance, class Ask>
  void take_fastest(Algorithm& algorithm, Ask&& ask) {
    Performance measured[most];
    int count = 0;
    check(ask(&count, measured), "tuning");
    for (int i = 0; i < count; ++i) {
      const bool strict = measured[i].mathType == CUDNN_FMA_MATH || measured[i].mathType == CUDNN_DEFAULT_MATH;
      if (measured[i].status != CUDNN_STATUS_SUCCESS || !strict) continue;
      algorithm = measured[i].algo;
      workspace_bytes_ = measured[i].memory;
      workspace_ = std::make_unique<kernels::DeviceScratch>(kernels::DeviceKind::cuda,
                                                            static_cast<std::int64_t>(workspace_bytes_));
      return;
    }
    throw std::runtime_error("cuDNN has no algorithm for this convolution");
  }

  void tune() {
    if (op_ == ConvolutionOp::forward)
      take_fastest<cudnnConvolutionFwdAlgo_t, cudnnConvolutionFwdAlgoPerf_t>(forward_, [&](int* count, auto* measured) {
        return cudnnFindConvolutionForwardAlgorithm(handle_, x_, w_, convolution_, y_, most, count, measured);
      });
    else if (op_ == ConvolutionOp::input_gradient)
      take_fastest<cudnnConvolutionBwdDataAlgo_t, cudnnConvolutionBwdDataAlgoPerf_t>(
          input_, [&](int* count, auto* measured) {
            return cudnnFindConvolutionBackwardDataAlgorithm(handle_, w_, y_, convolution_, x_, most, count, measured);
          });
    else
      take_fastest<cudnnConvolutionBwdFilterAlgo_t, cudnnConvolutionBwdFilterAlgoPerf_t>(filter_, [&](int* count,
                                                                                                      auto* measured) {
        return cudnnFindConvolutionBackwardFilterAlgorithm(handle_, x_, y_, convolution_, w_, most, count, measured);
      });
  }

  ConvolutionOp op_;
  cudnnHandle_t handle_ = nullptr;
  cudnnTensorDescriptor_t x_ = nullptr, y_ = nullptr;
  cudnnFilterDescriptor_t w_ = nullptr;
  cudnnConvolutionDescriptor_t convolution_ = nullptr;
  cudnnConvolutionFwdAlgo_t forward_{};
  cudnnConvolutionBwdDataAlgo_t input_{};
  cudnnConvolutionBwdFilterAlgo_t filter_{};
  std::size_t workspace_bytes_ = 0;
  std::unique_ptr<kernels::DeviceScratch> workspace_;
};

}  // namespace

PlainConvolution tuned_cudnn(ConvolutionOp op, const kernels::Conv2dProblem& problem) {
  const auto convolution = std::make_shared<std::unique_ptr<Convolution>>();
  return [=](const float* first, const float* second, float* output) {
    if (*convolution == nullptr) *convolution = std::make_unique<Convolution>(op, problem);
    (*convolution)->run(first, second, output);
  };
}

}  // namespace orbitgrad::bench

#else

namespace orbitgrad::bench {

PlainConvolution tuned_cudnn(ConvolutionOp, const kernels::Conv2dProblem&) { return {}; }

}  // namespace orbitgrad::bench

#endif
