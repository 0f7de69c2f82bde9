// Which implementation a group convolution takes, and its entry points.
#include "kernels/group_conv2d/expanded.hpp"
#include "kernels/group_conv2d/tuning.hpp"

namespace orbitgrad::kernels::cpu {
namespace {

// From timings on two AVX-512 cores, p2, pm, p4 and p4m, 1x1 to 7x7, 1 to 64 fields, 2x2 to 32x32 maps, batch 1 to 128
// (docs/benchmarks.md). Irrep blocks win over the orbit gather as soon as their products pay for the transform of the
// input, which all output channels share; the rest is the gather's. The dense form is faster with strides, and is taken
// for gradients alone: the automatic forward is equivariant bit for bit. The choice looks at the problem, never at the
// number of threads. A table measured on this machine goes before them.
struct Choice {
  bool dense, blocks;
};

/// Channels, fields times group elements, of one channel group.
std::int64_t out_channels(const GroupConv2dProblem& problem) {
  return problem.out_fields / problem.groups * problem.order;
}
std::int64_t in_channels(const GroupConv2dProblem& problem) {
  return problem.in_fields / problem.groups * problem.order;
}
/// Products of one output that share a group element: taps times input fields.
std::int64_t filter_taps(const GroupConv2dProblem& problem) {
  return problem.in_fields / problem.groups * problem.kernel * problem.kernel;
}
/// Output positions of the batch.
std::int64_t columns(const GroupConv2dProblem& problem) {
  return problem.batch * problem.out_height() * problem.out_width();
}
bool lifts(const GroupConv2dProblem& problem) { return problem.in_order != problem.order; }

/// Lifting saves less: only the taps of an orbit share a transform.
Choice choose_forward(const GroupConv2dProblem& problem) {
  const std::int64_t channels = out_channels(problem);
  if (lifts(problem)) return {false, channels >= 128 || (channels >= 64 && filter_taps(problem) >= 49)};
  const bool single_field = problem.order >= 8 && columns(problem) >= 4096;  // long enough rows pay for it too
  return {false, problem.order > 1 && (channels >= 16 || single_field)};
}

/// With a stride ours multiplies with the zeros between the outputs.
Choice choose_input_gradient(const GroupConv2dProblem& problem) {
  return {problem.stride > 1, problem.order > 1 && in_channels(problem) >= 16};
}

/// Blocks have lanes for output fields and register tiles for taps of one field: few of either leave them empty, and a
/// handful of columns is over before the transforms are. The gather has lanes for output channels.
Choice choose_filter_gradient(const GroupConv2dProblem& problem) {
  const std::int64_t taps = filter_taps(problem), channels = out_channels(problem);
  if (lifts(problem)) return {false, problem.out_fields / problem.groups >= 8 && taps >= 75};
  return {false, problem.order > 1 && channels >= (problem.stride > 1 ? 48 : 24) && taps >= 8 &&
                     columns(problem) * problem.order > 64};
}

/// The forced implementation if it supports the problem; else that of the table; else the dense form where it pays and
/// oneDNN has the plain convolution; else irrep blocks where they pay; else the orbit gather.
template <class Kernel, class Plain>
const Implementation<Kernel>& pick(const GroupConv2dProblem& problem, GroupConv2dDirection direction, Choice choice) {
  if (!problem.implementation.empty())
    if (const auto* forced = Registry<Kernel>::find(problem.implementation, DeviceKind::cpu, problem)) return *forced;
  const char tuned = tuned_group_conv2d(direction, problem);
  if (tuned == GroupConv2dTuning::expanded) return *Registry<Kernel>::find("expanded", DeviceKind::cpu, problem);
  if (tuned != GroupConv2dTuning::thresholds) choice = {false, tuned == GroupConv2dTuning::irrep_blocks};
  const bool take_dense =
      choice.dense && Registry<Plain>::find("onednn", DeviceKind::cpu, expanded_problem(problem)) != nullptr;
  if (!take_dense) {
    if (choice.blocks)
      if (const auto* blocks = Registry<Kernel>::find("irrep_blocks", DeviceKind::cpu, problem)) return *blocks;
    if (const auto* gather = Registry<Kernel>::find("orbit_gather", DeviceKind::cpu, problem)) return *gather;
  }
  return *Registry<Kernel>::find("expanded", DeviceKind::cpu, problem);
}

template <class T>
const auto& pick_forward(const GroupConv2dProblem& problem) {
  return pick<GroupConv2dForward<T>, Conv2dForward<T>>(problem, GroupConv2dDirection::forward, choose_forward(problem));
}
template <class T>
const auto& pick_input_gradient(const GroupConv2dProblem& problem) {
  return pick<GroupConv2dInputGradient<T>, Conv2dInputGradient<T>>(problem, GroupConv2dDirection::input_gradient,
                                                                   choose_input_gradient(problem));
}
template <class T>
const auto& pick_filter_gradient(const GroupConv2dProblem& problem) {
  return pick<GroupConv2dFilterGradient<T>, Conv2dFilterGradient<T>>(problem, GroupConv2dDirection::filter_gradient,
                                                                     choose_filter_gradient(problem));
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
