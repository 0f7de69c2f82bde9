#include "kernels/group_conv2d/expanded.hpp"

#include <algorithm>
#include <vector>

#include "kernels/elementwise/formulas.hpp"
#include "kernels/gemm/workspace.hpp"
#include "kernels/group_conv2d/orbit_tables.hpp"
#include "kernels/parallel.hpp"
#include "kernels/registration.hpp"

namespace orbitgrad::kernels::cpu {
namespace {

struct Bank {};
struct BankBias {};

/// For one filter [in_order, kernel^2], the entry that place (s, t, u) of its bank reads: [order][in_order kernel^2].
std::vector<std::int32_t> bank_offsets(const GroupConv2dProblem& problem) {
  const auto order = static_cast<std::int32_t>(problem.order), in_order = static_cast<std::int32_t>(problem.in_order);
  const auto kernel = static_cast<std::int32_t>(problem.kernel);
  std::vector<std::int32_t> offsets;
  for (std::int32_t s = 0; s < order; ++s)
    for (std::int32_t t = 0; t < in_order; ++t)
      for (std::int32_t u = 0; u < kernel * kernel; ++u)
        offsets.push_back(filter_offset(problem.matrices, problem.filter_element, order, in_order, kernel, s, t, u));
  return offsets;
}

}  // namespace

Conv2dProblem expanded_problem(const GroupConv2dProblem& problem) {
  Conv2dProblem plain;
  plain.batch = problem.batch;
  plain.in_channels = problem.in_fields * problem.in_order;
  plain.in_height = problem.in_height, plain.in_width = problem.in_width;
  plain.out_channels = problem.out_fields * problem.order;
  plain.kernel_height = plain.kernel_width = problem.kernel;
  plain.stride_height = plain.stride_width = problem.stride;
  plain.padding_height = plain.padding_width = problem.padding;
  plain.dilation_height = plain.dilation_width = problem.dilation;
  plain.groups = problem.groups;
  return plain;
}

template <class T>
void expand_filter(const GroupConv2dProblem& problem, const T* w, T* bank) {
  const std::int64_t in_fields = problem.in_fields / problem.groups, order = problem.order;
  const std::int64_t depth = problem.in_order * problem.kernel * problem.kernel;
  const std::vector<std::int32_t> offsets = bank_offsets(problem);
  const std::int64_t row = std::max<std::int64_t>(1, in_fields * depth);
  parallel_for(problem.out_fields * order, (1 << 14) / row + 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t out = begin; out < end; ++out)
      for (std::int64_t c = 0; c < in_fields; ++c) {
        const T* from = w + (out / order * in_fields + c) * depth;
        const std::int32_t* offset = offsets.data() + out % order * depth;
        T* to = bank + (out * in_fields + c) * depth;
        for (std::int64_t d = 0; d < depth; ++d) to[d] = from[offset[d]];
      }
  });
}

template <class T>
void sum_filter_orbits(const GroupConv2dProblem& problem, const T* bank_gradient, T* dw) {
  const std::int64_t in_fields = problem.in_fields / problem.groups, order = problem.order;
  const OrbitRows rows = orbit_rows(problem, problem.in_order != 1);  // the inverse of the expansion's table
  const std::int64_t depth = rows.depth;
  parallel_for(problem.out_fields * in_fields, (1 << 14) / (depth * order) + 1,
               [&](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t item = begin; item < end; ++item) {
                   const std::int64_t k = item / in_fields, c = item % in_fields;
                   T* to = dw + item * depth;
                   for (std::int64_t s = 0; s < order; ++s) {
                     const T* from = bank_gradient + ((k * order + s) * in_fields + c) * depth;
                     for (std::int64_t d = 0; d < depth; ++d)
                       to[d] = s == 0 ? from[rows.of(s)[d]] : to[d] + from[rows.of(s)[d]];
                   }
                 }
               });
}

template <class T>
void expanded_forward(const GroupConv2dProblem& problem, const T* x, const T* w, const T* bias_or_null, T* y) {
  T* bank = workspace<Bank, T>(problem.w_size() * problem.order);
  expand_filter(problem, w, bank);
  T* bias = nullptr;
  if (bias_or_null != nullptr) {
    bias = workspace<BankBias, T>(problem.out_fields * problem.order);
    for (std::int64_t k = 0; k < problem.out_fields; ++k)
      std::fill(bias + k * problem.order, bias + (k + 1) * problem.order, bias_or_null[k]);
  }
  conv2d_forward<T>(expanded_problem(problem), x, bank, bias, y);
  if (problem.relu)
    parallel_for(problem.y_size(), 1 << 15, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) y[i] = Relu{}(y[i]);
    });
}

template <class T>
void expanded_input_gradient(const GroupConv2dProblem& problem, const T* dy, const T* w, T* dx) {
  T* bank = workspace<Bank, T>(problem.w_size() * problem.order);
  expand_filter(problem, w, bank);
  conv2d_input_gradient<T>(expanded_problem(problem), dy, bank, dx);
}

template <class T>
void expanded_filter_gradient(const GroupConv2dProblem& problem, const T* x, const T* dy, T* dw) {
  T* bank = workspace<Bank, T>(problem.w_size() * problem.order);
  conv2d_filter_gradient<T>(expanded_problem(problem), x, dy, bank);
  sum_filter_orbits(problem, bank, dw);
}

template void expand_filter(const GroupConv2dProblem&, const float*, float*);
template void expand_filter(const GroupConv2dProblem&, const double*, double*);
template void sum_filter_orbits(const GroupConv2dProblem&, const float*, float*);
template void sum_filter_orbits(const GroupConv2dProblem&, const double*, double*);

namespace {
const CpuRegistration<GroupConv2dForward> forward_registration{"expanded", expanded_forward, expanded_forward};
const CpuRegistration<GroupConv2dInputGradient> input_registration{"expanded", expanded_input_gradient,
                                                                   expanded_input_gradient};
const CpuRegistration<GroupConv2dFilterGradient> filter_registration{"expanded", expanded_filter_gradient,
                                                                     expanded_filter_gradient};
}  // namespace

}  // namespace orbitgrad::kernels::cpu
