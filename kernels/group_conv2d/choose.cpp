// Which implementation a group convolution takes, and its entry points.
#include "kernels/group_conv2d/expanded.hpp"
#include "kernels/group_conv2d/group_conv2d.hpp"
#include "kernels/group_conv2d/orbit_gather.hpp"

namespace orbitgrad::kernels::cpu {
namespace {

/// The forced implementation where it supports the problem, else the preferred one, else the dense form.
template <class Kernel>
const Implementation<Kernel>& pick(const GroupConv2dProblem& problem, std::string_view preferred) {
  for (const std::string_view name : {problem.implementation, preferred})
    if (const auto* found = Registry<Kernel>::find(name, DeviceKind::cpu, problem)) return *found;
  return *Registry<Kernel>::find("expanded", DeviceKind::cpu, problem);
}

template <class T>
const auto& pick_forward(const GroupConv2dProblem& problem) {
  return pick<GroupConv2dForward<T>>(problem, "orbit_gather");
}
template <class T>
const auto& pick_input_gradient(const GroupConv2dProblem& problem) {
  return pick<GroupConv2dInputGradient<T>>(problem, "orbit_gather");
}
template <class T>
const auto& pick_filter_gradient(const GroupConv2dProblem& problem) {
  return pick<GroupConv2dFilterGradient<T>>(problem, "orbit_gather");
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
