// Plain convolution on a GPU by cuDNN's convolution functions: strict float32 or float64, deterministic algorithms
// only. Compiled only with CUDA, and when cuDNN is there.
#include <cudnn.h>
#include <fmt/format.h>

#include <array>
#include <map>
#include <mutex>
#include <tuple>

#include "kernels/conv2d/conv2d.hpp"
#include "kernels/cuda/stream.hpp"
#include "kernels/device_memory.hpp"
#include "kernels/launch_error.hpp"

namespace orbitgrad::kernels {
namespace {

void check(cudnnStatus_t status, const char* action) {
  if (status != CUDNN_STATUS_SUCCESS)
    throw LaunchError(fmt::format("cuDNN, {}: {}", action, cudnnGetErrorString(status)));
}

template <class Handle, cudnnStatus_t (*create)(Handle*), cudnnStatus_t (*destroy)(Handle)>
struct Owned {
  Owned() { check(create(&handle), "description"); }
  ~Owned() { destroy(handle); }
  Owned(const Owned&) = delete;
  Owned& operator=(const Owned&) = delete;
  Handle handle = nullptr;
};
using TensorDescription = Owned<cudnnTensorDescriptor_t, cudnnCreateTensorDescriptor, cudnnDestroyTensorDescriptor>;
using FilterDescription = Owned<cudnnFilterDescriptor_t, cudnnCreateFilterDescriptor, cudnnDestroyFilterDescriptor>;
using ConvolutionDescription =
    Owned<cudnnConvolutionDescriptor_t, cudnnCreateConvolutionDescriptor, cudnnDestroyConvolutionDescriptor>;

/// cuDNN's handle, for one thread at a time: its stream is a property of the handle.
struct Library {
  std::unique_lock<std::mutex> alone;
  cudnnHandle_t handle;
};

Library library() {
  static std::mutex mutex;
  std::unique_lock alone(mutex);
  static const cudnnHandle_t handle = [] {
    cudnnHandle_t made = nullptr;
    check(cudnnCreate(&made), "start");
    return made;
  }();
  check(cudnnSetStream(handle, current_stream()), "stream");
  return {std::move(alone), handle};
}

/// The problem in cuDNN's words.
template <class T>
struct Described {
  explicit Described(const Conv2dProblem& p) {
    const cudnnDataType_t type = std::is_same_v<T, double> ? CUDNN_DATA_DOUBLE : CUDNN_DATA_FLOAT;
    const auto number = [](std::int64_t value) { return static_cast<int>(value); };
    check(cudnnSetTensor4dDescriptor(x.handle, CUDNN_TENSOR_NCHW, type, number(p.batch), number(p.in_channels),
                                     number(p.in_height), number(p.in_width)),
          "input");
    check(cudnnSetTensor4dDescriptor(y.handle, CUDNN_TENSOR_NCHW, type, number(p.batch), number(p.out_channels),
                                     number(p.out_height()), number(p.out_width())),
          "output");
    check(cudnnSetTensor4dDescriptor(bias.handle, CUDNN_TENSOR_NCHW, type, 1, number(p.out_channels), 1, 1), "bias");
    check(cudnnSetFilter4dDescriptor(w.handle, type, CUDNN_TENSOR_NCHW, number(p.out_channels),
                                     number(p.in_channels / p.groups), number(p.kernel_height), number(p.kernel_width)),
          "filter");
    check(cudnnSetConvolution2dDescriptor(convolution.handle, number(p.padding_height), number(p.padding_width),
                                          number(p.stride_height), number(p.stride_width), number(p.dilation_height),
                                          number(p.dilation_width), CUDNN_CROSS_CORRELATION, type),
          "convolution");
    check(cudnnSetConvolutionGroupCount(convolution.handle, number(p.groups)), "groups");
    check(cudnnSetConvolutionMathType(convolution.handle, CUDNN_FMA_MATH), "precision");  // no TF32
  }
  TensorDescription x, y, bias;
  FilterDescription w;
  ConvolutionDescription convolution;
};

using Key = std::array<std::int64_t, 15>;

Key key_of(const Conv2dProblem& p, std::int64_t operation) {
  return {operation,        p.batch,         p.in_channels,     p.in_height,      p.in_width,
          p.out_channels,   p.kernel_height, p.kernel_width,    p.stride_height,  p.stride_width,
          p.padding_height, p.padding_width, p.dilation_height, p.dilation_width, p.groups};
}

template <class Algorithm>
struct Choice {
  Algorithm algorithm;
  std::size_t workspace_bytes;
};

/// The first deterministic algorithm of cuDNN's ranking, asked once per problem.
template <class Algorithm, class Performance, class Ask>
Choice<Algorithm> choose(const Key& key, Ask&& ask) {
  static std::map<Key, Choice<Algorithm>> known;
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  if (const auto found = known.find(key); found != known.end()) return found->second;
  constexpr int most = 10;
  Performance candidates[most];
  int count = 0;
  check(ask(most, &count, candidates), "choice of an algorithm");
  for (int i = 0; i < count; ++i)
    if (candidates[i].status == CUDNN_STATUS_SUCCESS && candidates[i].determinism == CUDNN_DETERMINISTIC &&
        (candidates[i].mathType == CUDNN_FMA_MATH || candidates[i].mathType == CUDNN_DEFAULT_MATH))
      return known.emplace(key, Choice<Algorithm>{candidates[i].algo, candidates[i].memory}).first->second;
  throw LaunchError("cuDNN has no deterministic algorithm for this convolution");
}

constexpr std::int64_t key_type(bool is_double, std::int64_t operation) { return operation * 2 + (is_double ? 1 : 0); }
template <class T>
constexpr bool is_double = std::is_same_v<T, double>;

template <class T>
void forward(const Conv2dProblem& p, const T* x, const T* w, const T* bias_or_null, T* y) {
  if (p.y_size() == 0) return;
  const Library taken = library();
  const cudnnHandle_t handle = taken.handle;
  const Described<T> d(p);
  const auto choice = choose<cudnnConvolutionFwdAlgo_t, cudnnConvolutionFwdAlgoPerf_t>(
      key_of(p, key_type(is_double<T>, 0)), [&](int most, int* count, cudnnConvolutionFwdAlgoPerf_t* candidates) {
        return cudnnGetConvolutionForwardAlgorithm_v7(handle, d.x.handle, d.w.handle, d.convolution.handle, d.y.handle,
                                                      most, count, candidates);
      });
  const DeviceScratch workspace(DeviceKind::cuda, static_cast<std::int64_t>(choice.workspace_bytes));
  const T one = 1, zero = 0;
  check(cudnnConvolutionForward(handle, &one, d.x.handle, x, d.w.handle, w, d.convolution.handle, choice.algorithm,
                                workspace.as<void>(), choice.workspace_bytes, &zero, d.y.handle, y),
        "forward");
  if (bias_or_null != nullptr)
    check(cudnnAddTensor(handle, &one, d.bias.handle, bias_or_null, &one, d.y.handle, y), "bias");
}

template <class T>
void input_gradient(const Conv2dProblem& p, const T* dy, const T* w, T* dx) {
  const Library taken = library();
  const cudnnHandle_t handle = taken.handle;
  const Described<T> d(p);
  const auto choice = choose<cudnnConvolutionBwdDataAlgo_t, cudnnConvolutionBwdDataAlgoPerf_t>(
      key_of(p, key_type(is_double<T>, 1)), [&](int most, int* count, cudnnConvolutionBwdDataAlgoPerf_t* candidates) {
        return cudnnGetConvolutionBackwardDataAlgorithm_v7(handle, d.w.handle, d.y.handle, d.convolution.handle,
                                                           d.x.handle, most, count, candidates);
      });
  const DeviceScratch workspace(DeviceKind::cuda, static_cast<std::int64_t>(choice.workspace_bytes));
  const T one = 1, zero = 0;
  check(
      cudnnConvolutionBackwardData(handle, &one, d.w.handle, w, d.y.handle, dy, d.convolution.handle, choice.algorithm,
                                   workspace.as<void>(), choice.workspace_bytes, &zero, d.x.handle, dx),
      "input gradient");
}

template <class T>
void filter_gradient(const Conv2dProblem& p, const T* x, const T* dy, T* dw) {
  const Library taken = library();
  const cudnnHandle_t handle = taken.handle;
  const Described<T> d(p);
  const auto choice = choose<cudnnConvolutionBwdFilterAlgo_t, cudnnConvolutionBwdFilterAlgoPerf_t>(
      key_of(p, key_type(is_double<T>, 2)), [&](int most, int* count, cudnnConvolutionBwdFilterAlgoPerf_t* candidates) {
        return cudnnGetConvolutionBackwardFilterAlgorithm_v7(handle, d.x.handle, d.y.handle, d.convolution.handle,
                                                             d.w.handle, most, count, candidates);
      });
  const DeviceScratch workspace(DeviceKind::cuda, static_cast<std::int64_t>(choice.workspace_bytes));
  const T one = 1, zero = 0;
  check(cudnnConvolutionBackwardFilter(handle, &one, d.x.handle, x, d.y.handle, dy, d.convolution.handle,
                                       choice.algorithm, workspace.as<void>(), choice.workspace_bytes, &zero,
                                       d.w.handle, dw),
        "filter gradient");
}

/// What cuDNN takes: sizes of 32 bits, nothing empty.
bool supports(const Conv2dProblem& p) {
  constexpr std::int64_t largest = 0x7fffffff;
  const auto fits = [&](std::int64_t size) { return size > 0 && size <= largest; };
  return fits(p.x_size()) && fits(p.w_size()) && fits(p.y_size());
}

const Registration<Conv2dForward<float>> forward_float({"cudnn", DeviceKind::cuda, supports, forward<float>,
                                                        library_version});
const Registration<Conv2dForward<double>> forward_double({"cudnn", DeviceKind::cuda, supports, forward<double>,
                                                          library_version});
const Registration<Conv2dInputGradient<float>> input_float({"cudnn", DeviceKind::cuda, supports, input_gradient<float>,
                                                            library_version});
const Registration<Conv2dInputGradient<double>> input_double({"cudnn", DeviceKind::cuda, supports,
                                                              input_gradient<double>, library_version});
const Registration<Conv2dFilterGradient<float>> filter_float({"cudnn", DeviceKind::cuda, supports,
                                                              filter_gradient<float>, library_version});
const Registration<Conv2dFilterGradient<double>> filter_double({"cudnn", DeviceKind::cuda, supports,
                                                                filter_gradient<double>, library_version});

}  // namespace
}  // namespace orbitgrad::kernels
