// Which implementation a group convolution takes, and its entry points.
#include "kernels/group_conv2d/cost.hpp"
#include "kernels/group_conv2d/expanded.hpp"
#include "kernels/group_conv2d/tuning.hpp"

namespace orbitgrad::kernels::cpu {
namespace {

// The cheaper of irrep blocks and orbit gather by cost.hpp, and the dense form where it is cheaper still: with strides,
// for the rest see below. It is taken for gradients alone: the automatic forward is equivariant bit for bit. The choice
// looks at the problem, never at the number of threads or the type. A table measured on this machine goes before it.
struct Choice {
  bool dense, blocks;
};

bool lifts(const GroupConv2dProblem& problem) { return problem.in_order != problem.order; }

Choice choose_forward(const GroupConv2dProblem& problem) {
  const GroupConv2dCounts counts = group_conv2d_cost::forward_counts(problem);
  return {false,
          problem.order > 1 && group_conv2d_cost::irrep_blocks(counts) < group_conv2d_cost::orbit_gather(counts)};
}

/// With a stride ours multiplies with the zeros between the outputs; an image's gradient has no blocks.
Choice choose_input_gradient(const GroupConv2dProblem& problem) {
  const GroupConv2dCounts counts = group_conv2d_cost::input_gradient_counts(problem);
  const double gather = group_conv2d_cost::orbit_gather(counts);
  if (lifts(problem)) return {problem.stride > 1 || group_conv2d_cost::expanded(counts) < gather, false};
  return {problem.stride > 1, problem.order > 1 && group_conv2d_cost::irrep_blocks(counts) < gather};
}

/// One vector of output channels leaves half of the gather's register tiles empty; a stride keeps two columns from
/// sharing a vector.
Choice choose_filter_gradient(const GroupConv2dProblem& problem) {
  const GroupConv2dCounts counts = group_conv2d_cost::forward_counts(problem);
  if (problem.order > 1 &&
      group_conv2d_cost::irrep_blocks_filter(counts) < group_conv2d_cost::orbit_gather_filter(counts))
    return {false, true};
  const std::int64_t channels = counts.out_fields * counts.order, lanes = group_conv2d_cost::lanes;
  const bool is_one_vector = problem.stride > 1 ? channels >= lanes / 2 && channels <= lanes && counts.columns >= 512
                                                : channels == lanes && counts.columns >= 4096;
  return {is_one_vector && problem.order > 1 && !lifts(problem), false};
}

/// The forced implementation if it supports the problem; else that of the table; else the dense form where it pays and
/// oneDNN has the plain convolution; else irrep blocks where they pay; else the orbit gather.
template <class Kernel, class Plain>
const Implementation<Kernel>& pick(const GroupConv2dProblem& problem, GroupConv2dDirection direction, Choice choice) {
  if (!problem.implementation.empty())
    if (const auto* forced = Registry<Kernel>::find(problem.implementation, DeviceKind::cpu, problem)) return *forced;
  const char tuned = tuned_group_conv2d(direction, problem);
  if (tuned == GroupConv2dTuning::expanded) return *Registry<Kernel>::find("expanded", DeviceKind::cpu, problem);
  if (tuned != GroupConv2dTuning::by_cost) choice = {false, tuned == GroupConv2dTuning::irrep_blocks};
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
