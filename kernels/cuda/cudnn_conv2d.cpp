// Plain convolution on a GPU by cuDNN's convolution functions: strict float32 or float64, and float32 with operands
// rounded to tf32 where that is asked for; deterministic algorithms only. Compiled only with CUDA, and when cuDNN is
// there.
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
#include "kernels/rounded.hpp"

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
  Described(const Conv2dProblem& p, Precision precision) {
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
    // For float data the default admits TF32, which FMA rules out.
    const auto math = precision == Precision::tf32 ? CUDNN_DEFAULT_MATH : CUDNN_FMA_MATH;
    check(cudnnSetConvolutionMathType(convolution.handle, math), "precision");
  }
  TensorDescription x, y, bias;
  FilterDescription w;
  ConvolutionDescription convolution;
};

using Key = std::array<std::int64_t, 16>;

Key key_of(const Conv2dProblem& p, std::int64_t operation, Precision precision) {
  return {operation,         p.batch,          p.in_channels,    p.in_height,
          p.in_width,        p.out_channels,   p.kernel_height,  p.kernel_width,
          p.stride_height,   p.stride_width,   p.padding_height, p.padding_width,
          p.dilation_height, p.dilation_width, p.groups,         static_cast<std::int64_t>(precision)};
}

template <class Algorithm>
struct Choice {
  Algorithm algorithm;
  std::size_t workspace_bytes;
  cudnnMathType_t math;
};

/// Algorithms by transforms may ask for many GB, and there is one that needs next to nothing.
constexpr std::size_t largest_workspace = std::size_t{1} << 30;

/// The first deterministic algorithm of cuDNN's ranking that is content with that, asked once per problem.
template <class Algorithm, class Performance, class Ask>
Choice<Algorithm> choose(const Key& key, Precision precision, Ask&& ask) {
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
        candidates[i].memory <= largest_workspace &&
        (candidates[i].mathType == CUDNN_FMA_MATH || candidates[i].mathType == CUDNN_DEFAULT_MATH ||
         (precision == Precision::tf32 && candidates[i].mathType == CUDNN_TENSOR_OP_MATH)))
      return known.emplace(key, Choice<Algorithm>{candidates[i].algo, candidates[i].memory, candidates[i].mathType})
          .first->second;
  throw LaunchError("cuDNN has no deterministic algorithm for this convolution in 1 GiB of workspace");
}

/// An algorithm chosen for tensor cores has to be told so again.
template <class T>
void use(const Described<T>& described, cudnnMathType_t math, Precision precision) {
  if (precision == Precision::tf32) check(cudnnSetConvolutionMathType(described.convolution.handle, math), "precision");
}

constexpr std::int64_t key_type(bool is_double, std::int64_t operation) { return operation * 2 + (is_double ? 1 : 0); }
template <class T>
constexpr bool is_double = std::is_same_v<T, double>;

template <class T>
void forward(const Conv2dProblem& p, Precision precision, const T* x, const T* w, const T* bias_or_null, T* y) {
  if (p.y_size() == 0) return;
  const Library taken = library();
  const cudnnHandle_t handle = taken.handle;
  const Described<T> d(p, precision);
  const auto choice = choose<cudnnConvolutionFwdAlgo_t, cudnnConvolutionFwdAlgoPerf_t>(
      key_of(p, key_type(is_double<T>, 0), precision), precision,
      [&](int most, int* count, cudnnConvolutionFwdAlgoPerf_t* candidates) {
        return cudnnGetConvolutionForwardAlgorithm_v7(handle, d.x.handle, d.w.handle, d.convolution.handle, d.y.handle,
                                                      most, count, candidates);
      });
  use(d, choice.math, precision);
  const DeviceScratch workspace(DeviceKind::cuda, static_cast<std::int64_t>(choice.workspace_bytes));
  const T one = 1, zero = 0;
  check(cudnnConvolutionForward(handle, &one, d.x.handle, x, d.w.handle, w, d.convolution.handle, choice.algorithm,
                                workspace.as<void>(), choice.workspace_bytes, &zero, d.y.handle, y),
        "forward");
  if (bias_or_null != nullptr)
    check(cudnnAddTensor(handle, &one, d.bias.handle, bias_or_null, &one, d.y.handle, y), "bias");
}

template <class T>
void input_gradient(const Conv2dProblem& p, Precision precision, const T* dy, const T* w, T* dx) {
  const Library taken = library();
  const cudnnHandle_t handle = taken.handle;
  const Described<T> d(p, precision);
  const auto choice = choose<cudnnConvolutionBwdDataAlgo_t, cudnnConvolutionBwdDataAlgoPerf_t>(
      key_of(p, key_type(is_double<T>, 1), precision), precision,
      [&](int most, int* count, cudnnConvolutionBwdDataAlgoPerf_t* candidates) {
        return cudnnGetConvolutionBackwardDataAlgorithm_v7(handle, d.w.handle, d.y.handle, d.convolution.handle,
                                                           d.x.handle, most, count, candidates);
      });
  use(d, choice.math, precision);
  const DeviceScratch workspace(DeviceKind::cuda, static_cast<std::int64_t>(choice.workspace_bytes));
  const T one = 1, zero = 0;
  check(
      cudnnConvolutionBackwardData(handle, &one, d.w.handle, w, d.y.handle, dy, d.convolution.handle, choice.algorithm,
                                   workspace.as<void>(), choice.workspace_bytes, &zero, d.x.handle, dx),
      "input gradient");
}

template <class T>
void filter_gradient(const Conv2dProblem& p, Precision precision, const T* x, const T* dy, T* dw) {
  const Library taken = library();
  const cudnnHandle_t handle = taken.handle;
  const Described<T> d(p, precision);
  const auto choice = choose<cudnnConvolutionBwdFilterAlgo_t, cudnnConvolutionBwdFilterAlgoPerf_t>(
      key_of(p, key_type(is_double<T>, 2), precision), precision,
      [&](int most, int* count, cudnnConvolutionBwdFilterAlgoPerf_t* candidates) {
        return cudnnGetConvolutionBackwardFilterAlgorithm_v7(handle, d.x.handle, d.y.handle, d.convolution.handle,
                                                             d.w.handle, most, count, candidates);
      });
  use(d, choice.math, precision);
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

bool supports_tf32(const RoundedProblem<Conv2dProblem>& p) {
  return p.precision == Precision::tf32 && supports(p.problem);
}

/// Hands a launcher the precision that the problem has, or the strict one.
template <class T>
struct Launchers {
  template <class Problem>
  static auto split(const Problem& p) {
    if constexpr (std::is_same_v<Problem, Conv2dProblem>)
      return std::pair<const Conv2dProblem&, Precision>(p, Precision::float32);
    else
      return std::pair<const Conv2dProblem&, Precision>(p.problem, p.precision);
  }
  template <class Problem>
  static void run_forward(const Problem& p, const T* x, const T* w, const T* bias_or_null, T* y) {
    forward(split(p).first, split(p).second, x, w, bias_or_null, y);
  }
  template <class Problem>
  static void run_input_gradient(const Problem& p, const T* dy, const T* w, T* dx) {
    input_gradient(split(p).first, split(p).second, dy, w, dx);
  }
  template <class Problem>
  static void run_filter_gradient(const Problem& p, const T* x, const T* dy, T* dw) {
    filter_gradient(split(p).first, split(p).second, x, dy, dw);
  }
};

struct RegisterAll {
  RegisterAll() {
    strict<float>();
    strict<double>();
    using Tf32 = RoundedProblem<Conv2dProblem>;
    using Float = Launchers<float>;
    add<Rounded<Conv2dForward<float>>>(supports_tf32, Float::run_forward<Tf32>);
    add<Rounded<Conv2dInputGradient<float>>>(supports_tf32, Float::run_input_gradient<Tf32>);
    add<Rounded<Conv2dFilterGradient<float>>>(supports_tf32, Float::run_filter_gradient<Tf32>);
  }

 private:
  template <class T>
  static void strict() {
    add<Conv2dForward<T>>(supports, Launchers<T>::template run_forward<Conv2dProblem>);
    add<Conv2dInputGradient<T>>(supports, Launchers<T>::template run_input_gradient<Conv2dProblem>);
    add<Conv2dFilterGradient<T>>(supports, Launchers<T>::template run_filter_gradient<Conv2dProblem>);
  }
  template <class Kernel>
  static void add(bool (*supported)(const typename Kernel::Problem&), typename Kernel::Launch* launcher) {
    Registration<Kernel>({"cudnn", DeviceKind::cuda, supported, launcher, library_version});
  }
};
const RegisterAll register_all;

}  // namespace
}  // namespace orbitgrad::kernels
