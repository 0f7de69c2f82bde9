// Which implementation a group convolution in three dimensions takes, and its entry points.
#include <algorithm>

#include "kernels/group_conv3d/implementations.hpp"

namespace orbitgrad::kernels::cpu {
namespace {

/// Blocks won from the first field on (O and Oh, 3x3x3 on 16^3, docs/benchmarks.md). Lifting saves the taps of an orbit
/// alone, and the gather lowers the input without a transform.
bool blocks_pay(const GroupConv3dProblem& problem) { return problem.order > 1 && problem.in_order == problem.order; }

template <class Kernel>
const Implementation<Kernel>& pick(const GroupConv3dProblem& problem, bool blocks) {
  if (!problem.implementation.empty())
    if (const auto* forced = Registry<Kernel>::find(problem.implementation, DeviceKind::cpu, problem)) return *forced;
  if (blocks)
    if (const auto* found = Registry<Kernel>::find("irrep_blocks", DeviceKind::cpu, problem)) return *found;
  return *Registry<Kernel>::find("orbit_gather", DeviceKind::cpu, problem);
}

template <class Kernel>
Registration<Kernel> as(std::string_view name, typename Kernel::Launch* launch,
                        bool (*supports)(const GroupConv3dProblem&)) {
  return Registration<Kernel>({name, DeviceKind::cpu, supports, launch});
}

template <class T>
struct Registrations {
  Registration<GroupConv3dForward<T>> gather_forward =
      as<GroupConv3dForward<T>>("orbit_gather", orbit_gather3d_forward<T>, orbit_gather3d_supports);
  Registration<GroupConv3dInputGradient<T>> gather_input =
      as<GroupConv3dInputGradient<T>>("orbit_gather", orbit_gather3d_input_gradient<T>, orbit_gather3d_supports);
  Registration<GroupConv3dFilterGradient<T>> gather_filter =
      as<GroupConv3dFilterGradient<T>>("orbit_gather", orbit_gather3d_filter_gradient<T>, orbit_gather3d_supports);
  Registration<GroupConv3dForward<T>> blocks_forward =
      as<GroupConv3dForward<T>>("irrep_blocks", irrep_blocks3d_forward<T>, irrep_blocks3d_supports);
  Registration<GroupConv3dInputGradient<T>> blocks_input = as<GroupConv3dInputGradient<T>>(
      "irrep_blocks", irrep_blocks3d_input_gradient<T>, irrep_blocks3d_supports_input_gradient);
  Registration<GroupConv3dFilterGradient<T>> blocks_filter =
      as<GroupConv3dFilterGradient<T>>("irrep_blocks", irrep_blocks3d_filter_gradient<T>, irrep_blocks3d_supports);
};
const Registrations<float> registrations_float;
const Registrations<double> registrations_double;

}  // namespace

template <class T>
void group_conv3d_forward(const GroupConv3dProblem& problem, const T* x, const T* w, const T* bias_or_null, T* y) {
  if (problem.y_size() == 0) return;
  pick<GroupConv3dForward<T>>(problem, blocks_pay(problem)).launch(problem, x, w, bias_or_null, y);
}
template <class T>
void group_conv3d_input_gradient(const GroupConv3dProblem& problem, const T* dy, const T* w, T* dx) {
  if (problem.x_size() == 0) return;
  if (problem.y_size() == 0) {
    std::fill(dx, dx + problem.x_size(), T{0});
    return;
  }
  pick<GroupConv3dInputGradient<T>>(problem, blocks_pay(problem)).launch(problem, dy, w, dx);
}
template <class T>
void group_conv3d_filter_gradient(const GroupConv3dProblem& problem, const T* x, const T* dy, T* dw) {
  if (problem.w_size() == 0) return;
  if (problem.y_size() == 0) {
    std::fill(dw, dw + problem.w_size(), T{0});
    return;
  }
  pick<GroupConv3dFilterGradient<T>>(problem, blocks_pay(problem)).launch(problem, x, dy, dw);
}

template void group_conv3d_forward(const GroupConv3dProblem&, const float*, const float*, const float*, float*);
template void group_conv3d_forward(const GroupConv3dProblem&, const double*, const double*, const double*, double*);
template void group_conv3d_input_gradient(const GroupConv3dProblem&, const float*, const float*, float*);
template void group_conv3d_input_gradient(const GroupConv3dProblem&, const double*, const double*, double*);
template void group_conv3d_filter_gradient(const GroupConv3dProblem&, const float*, const float*, float*);
template void group_conv3d_filter_gradient(const GroupConv3dProblem&, const double*, const double*, double*);

}  // namespace orbitgrad::kernels::cpu
