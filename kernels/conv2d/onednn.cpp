// Plain convolution by oneDNN (float): the units of a plan on our threads.
#ifdef ORBITGRAD_HAVE_ONEDNN
#include "kernels/conv2d/onednn.hpp"

#include "kernels/conv2d/onednn_plan.hpp"
#include "kernels/gemm/workspace.hpp"
#include "kernels/parallel.hpp"
#include "kernels/single_thread.hpp"

namespace orbitgrad::kernels::cpu {
namespace {

struct Packed {};
struct FilterPartials {};

/// The result, or the partial ones one after the other.
void run(const onednn::Plan& plan, const float* first, const float* second, const float* bias_or_null, float* result) {
  float* packed = workspace<Packed, float>(plan.packed_size);
  parallel_for(static_cast<std::int64_t>(plan.conversions.size()), 1, [&](std::int64_t begin, std::int64_t end) {
    const SingleThread one;
    for (std::int64_t i = begin; i < end; ++i) {
      const onednn::Conversion& conversion = plan.conversions[static_cast<std::size_t>(i)];
      onednn::run(conversion.reorder, (conversion.of_second ? second : first) + conversion.from,
                  packed + conversion.to);
    }
  });
  parallel_for(static_cast<std::int64_t>(plan.units.size()), 1, [&](std::int64_t begin, std::int64_t end) {
    const SingleThread one;
    for (std::int64_t i = begin; i < end; ++i) {
      const onednn::Unit& unit = plan.units[static_cast<std::size_t>(i)];
      onednn::run(*unit.primitive, (unit.first.converted ? packed : first) + unit.first.offset, unit.first.converted,
                  (unit.second.converted ? packed : second) + unit.second.offset, unit.second.converted,
                  bias_or_null == nullptr ? nullptr : bias_or_null + unit.bias, result + unit.result);
    }
  });
}

}  // namespace

template <ConvolutionOp op>
bool onednn_supports(const Conv2dProblem& problem) {
  if (problem.x_size() == 0 || problem.w_size() == 0 || problem.y_size() == 0) return false;
  return onednn::plan_of(op, problem, false) != nullptr &&
         (op != ConvolutionOp::forward || onednn::plan_of(op, problem, true) != nullptr);  // the caller may add a bias
}
template bool onednn_supports<ConvolutionOp::forward>(const Conv2dProblem&);
template bool onednn_supports<ConvolutionOp::input_gradient>(const Conv2dProblem&);
template bool onednn_supports<ConvolutionOp::filter_gradient>(const Conv2dProblem&);

void onednn_forward(const Conv2dProblem& problem, const float* x, const float* w, const float* bias_or_null, float* y) {
  run(*onednn::plan_of(ConvolutionOp::forward, problem, bias_or_null != nullptr), x, w, bias_or_null, y);
}

void onednn_input_gradient(const Conv2dProblem& problem, const float* dy, const float* w, float* dx) {
  run(*onednn::plan_of(ConvolutionOp::input_gradient, problem, false), dy, w, nullptr, dx);
}

void onednn_filter_gradient(const Conv2dProblem& problem, const float* x, const float* dy, float* dw) {
  const auto plan = onednn::plan_of(ConvolutionOp::filter_gradient, problem, false);
  const std::int64_t size = problem.w_size(), partial_results = plan->partial_results;
  if (partial_results == 1) return run(*plan, x, dy, nullptr, dw);
  float* partials = workspace<FilterPartials, float>(partial_results * size);
  run(*plan, x, dy, nullptr, partials);
  parallel_for(size, 1 << 14, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      float sum = partials[i];
      for (std::int64_t slice = 1; slice < partial_results; ++slice) sum += partials[slice * size + i];
      dw[i] = sum;
    }
  });
}

}  // namespace orbitgrad::kernels::cpu
#endif
