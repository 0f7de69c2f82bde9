// Which implementation a group convolution takes, and its entry points.
#include "kernels/group_conv2d/expanded.hpp"
#include "kernels/group_conv2d/group_conv2d.hpp"

namespace orbitgrad::kernels::cpu {
namespace {

// From timings on two AVX-512 cores, p4 and p4m, 3x3, 1 to 32 fields, 8x8 and 28x28 maps, batch 1 to 128
// (docs/benchmarks.md): the orbit gather is the faster one, or near it, everywhere but in the case below. It looks at
// the problem alone, never at the number of threads.

/// With a stride the gather multiplies with the zeros between the outputs.
bool dense_pays_for_input_gradient(const GroupConv2dProblem& problem) { return problem.stride > 1; }

/// The forced implementation if it supports the problem; else the dense form where it pays and oneDNN has the plain
/// convolution; else the orbit gather.
template <class Kernel, class Plain>
const Implementation<Kernel>& pick(const GroupConv2dProblem& problem, bool dense) {
  if (!problem.implementation.empty())
    if (const auto* forced = Registry<Kernel>::find(problem.implementation, DeviceKind::cpu, problem)) return *forced;
  const bool take_dense =
      dense && Registry<Plain>::find("onednn", DeviceKind::cpu, expanded_problem(problem)) != nullptr;
  if (!take_dense)
    if (const auto* gather = Registry<Kernel>::find("orbit_gather", DeviceKind::cpu, problem)) return *gather;
  return *Registry<Kernel>::find("expanded", DeviceKind::cpu, problem);
}

template <class T>
const auto& pick_forward(const GroupConv2dProblem& problem) {
  return pick<GroupConv2dForward<T>, Conv2dForward<T>>(problem, false);
}
template <class T>
const auto& pick_input_gradient(const GroupConv2dProblem& problem) {
  return pick<GroupConv2dInputGradient<T>, Conv2dInputGradient<T>>(problem, dense_pays_for_input_gradient(problem));
}
template <class T>
const auto& pick_filter_gradient(const GroupConv2dProblem& problem) {
  return pick<GroupConv2dFilterGradient<T>, Conv2dFilterGradient<T>>(problem, false);
}

}  // namespace

template <class T>
std::string_view choose_group_conv2d_forward(const GroupConv2dProblem& problem) {
  return pick_forward<T>(problem).name;
}
template <class T>
std::string_view choose_group_conv2d_input_gradient(const GroupConv2dProblem& problem) {
  return pick_input_gradient<T>(problem).name;
}
template <class T>
std::string_view choose_group_conv2d_filter_gradient(const GroupConv2dProblem& problem) {
  return pick_filter_gradient<T>(problem).name;
}

template <class T>
void group_conv2d_forward(const GroupConv2dProblem& problem, const T* x, const T* w, const T* bias_or_null, T* y) {
  pick_forward<T>(problem).launch(problem, x, w, bias_or_null, y);
}
template <class T>
void group_conv2d_input_gradient(const GroupConv2dProblem& problem, const T* dy, const T* w, T* dx) {
  pick_input_gradient<T>(problem).launch(problem, dy, w, dx);
}
template <class T>
void group_conv2d_filter_gradient(const GroupConv2dProblem& problem, const T* x, const T* dy, T* dw) {
  pick_filter_gradient<T>(problem).launch(problem, x, dy, dw);
}
template <class T>
void group_conv2d_bias_gradient(const GroupConv2dProblem& problem, const T* dy, T* db) {
  conv2d_bias_gradient(problem.batch, problem.out_fields, problem.order * problem.out_height() * problem.out_width(),
                       dy, db);
}

template std::string_view choose_group_conv2d_forward<float>(const GroupConv2dProblem&);
template std::string_view choose_group_conv2d_forward<double>(const GroupConv2dProblem&);
template std::string_view choose_group_conv2d_input_gradient<float>(const GroupConv2dProblem&);
template std::string_view choose_group_conv2d_input_gradient<double>(const GroupConv2dProblem&);
template std::string_view choose_group_conv2d_filter_gradient<float>(const GroupConv2dProblem&);
template std::string_view choose_group_conv2d_filter_gradient<double>(const GroupConv2dProblem&);
template void group_conv2d_forward(const GroupConv2dProblem&, const float*, const float*, const float*, float*);
template void group_conv2d_forward(const GroupConv2dProblem&, const double*, const double*, const double*, double*);
template void group_conv2d_input_gradient(const GroupConv2dProblem&, const float*, const float*, float*);
template void group_conv2d_input_gradient(const GroupConv2dProblem&, const double*, const double*, double*);
template void group_conv2d_filter_gradient(const GroupConv2dProblem&, const float*, const float*, float*);
template void group_conv2d_filter_gradient(const GroupConv2dProblem&, const double*, const double*, double*);
template void group_conv2d_bias_gradient(const GroupConv2dProblem&, const float*, float*);
template void group_conv2d_bias_gradient(const GroupConv2dProblem&, const double*, double*);

}  // namespace orbitgrad::kernels::cpu
