// Plain convolution on the CPU: its versions, the choice between them, and the bias gradient.
#include <algorithm>

#include "kernels/conv2d/conv2d.hpp"
#include "kernels/conv2d/direct.hpp"
#include "kernels/conv2d/onednn.hpp"
#include "kernels/parallel.hpp"
#include "kernels/registration.hpp"

namespace orbitgrad::kernels::cpu {
namespace {

const CpuRegistration<Conv2dForward> forward_registration{"direct", direct_forward, direct_forward};
const CpuRegistration<Conv2dInputGradient> input_gradient_registration{"direct", direct_input_gradient,
                                                                       direct_input_gradient};
const CpuRegistration<Conv2dFilterGradient> filter_gradient_registration{"direct", direct_filter_gradient,
                                                                         direct_filter_gradient};

template <class T>
void bias_gradient(const BiasGradientProblem& problem, const T* dy, T* db) {
  conv2d_bias_gradient(problem.batch, problem.channels, problem.positions, dy, db);
}
const CpuRegistration<Conv2dBiasGradient> bias_gradient_registration{"cpu", bias_gradient, bias_gradient};

#ifdef ORBITGRAD_HAVE_ONEDNN
const Registration<Conv2dForward<float>> onednn_forward_registration({"onednn", DeviceKind::cpu,
                                                                      onednn_supports<ConvolutionOp::forward>,
                                                                      onednn_forward});
const Registration<Conv2dInputGradient<float>> onednn_input_registration(
    {"onednn", DeviceKind::cpu, onednn_supports<ConvolutionOp::input_gradient>, onednn_input_gradient});
const Registration<Conv2dFilterGradient<float>> onednn_filter_registration(
    {"onednn", DeviceKind::cpu, onednn_supports<ConvolutionOp::filter_gradient>, onednn_filter_gradient});
#endif

/// The forced implementation, else oneDNN where it is there and knows the type, else our own.
template <class Kernel>
const Implementation<Kernel>& choose(const Conv2dProblem& problem) {
  for (const std::string_view name : {problem.implementation, std::string_view("onednn")})
    if (const auto* found = Registry<Kernel>::find(name, DeviceKind::cpu, problem)) return *found;
  return *Registry<Kernel>::find("direct", DeviceKind::cpu, problem);
}

}  // namespace

template <class T>
void conv2d_forward(const Conv2dProblem& problem, const T* x, const T* w, const T* bias_or_null, T* y) {
  choose<Conv2dForward<T>>(problem).launch(problem, x, w, bias_or_null, y);
}
template <class T>
void conv2d_input_gradient(const Conv2dProblem& problem, const T* dy, const T* w, T* dx) {
  choose<Conv2dInputGradient<T>>(problem).launch(problem, dy, w, dx);
}
template <class T>
void conv2d_filter_gradient(const Conv2dProblem& problem, const T* x, const T* dy, T* dw) {
  choose<Conv2dFilterGradient<T>>(problem).launch(problem, x, dy, dw);
}

template <class T>
void conv2d_bias_gradient(std::int64_t batch, std::int64_t channels, std::int64_t positions, const T* dy, T* db) {
  parallel_for(channels, std::max<std::int64_t>(1, (1 << 15) / std::max<std::int64_t>(batch * positions, 1)),
               [&](std::int64_t begin, std::int64_t end) {
                 constexpr int strands = 16;  // independent sums that the compiler keeps in vectors
                 for (std::int64_t channel = begin; channel < end; ++channel) {
                   T total = T{0};
                   for (std::int64_t n = 0; n < batch; ++n) {
                     const T* values = dy + (n * channels + channel) * positions;
                     T sum[strands] = {};
                     std::int64_t i = 0;
                     for (; i + strands <= positions; i += strands)
                       for (int strand = 0; strand < strands; ++strand) sum[strand] += values[i + strand];
                     for (int strand = 0; i < positions; ++i, ++strand) sum[strand] += values[i];
                     for (int half = strands / 2; half > 0; half /= 2)
                       for (int strand = 0; strand < half; ++strand) sum[strand] += sum[strand + half];
                     total += sum[0];
                   }
                   db[channel] = total;
                 }
               });
}

template void conv2d_forward(const Conv2dProblem&, const float*, const float*, const float*, float*);
template void conv2d_forward(const Conv2dProblem&, const double*, const double*, const double*, double*);
template void conv2d_input_gradient(const Conv2dProblem&, const float*, const float*, float*);
template void conv2d_input_gradient(const Conv2dProblem&, const double*, const double*, double*);
template void conv2d_filter_gradient(const Conv2dProblem&, const float*, const float*, float*);
template void conv2d_filter_gradient(const Conv2dProblem&, const double*, const double*, double*);
template void conv2d_bias_gradient(std::int64_t, std::int64_t, std::int64_t, const float*, float*);
template void conv2d_bias_gradient(std::int64_t, std::int64_t, std::int64_t, const double*, double*);

}  // namespace orbitgrad::kernels::cpu
