// Cases that are matrix products: gemm, plain and group convolution, with the libraries at their best beside them. A
// library's version that is registered (cublaslt, cudnn) is one of a case's candidates; what is added here is cuDNN
// tuned by measurement, and for the group convolution cuDNN on expanded filters: with the expansion (for the filter
// gradient the orbit sum) in the time, and without.
#include <fmt/format.h>

#include <algorithm>

#include "bench/device/case.hpp"
#include "bench/device/cudnn_opponent.hpp"
#include "groups/lattice_group.hpp"
#include "kernels/gemm/gemm.hpp"
#include "kernels/group_conv2d/expanded.hpp"
#include "kernels/group_conv2d/group_conv2d.hpp"
#include "kernels/rounded.hpp"

namespace orbitgrad::bench {
namespace {

using kernels::Conv2dProblem;
using kernels::GroupConv2dProblem;

/// Adds what `more` makes to the candidates on a GPU.
void add_opponents(Case& problem, std::function<std::vector<Candidate>()> more) {
  problem.candidates = [first = problem.candidates, more = std::move(more)](DeviceKind device) {
    auto candidates = first(device);
    if (device == DeviceKind::cuda)
      for (Candidate& candidate : more()) candidates.push_back(std::move(candidate));
    return candidates;
  };
}

Case gemm_case(std::int64_t size) {
  const auto p = kernels::dense_gemm(size, size, size);
  return arrays_case<kernels::Gemm<float>>(fmt::format("{0}x{0}x{0}", size), p, cost_of(p),
                                           {size * size, size * size, size * size}, kernels::cpu::gemm<float>);
}

/// On tensor cores, with operands rounded to ten bits after the point.
Case gemm_tf32_case(std::int64_t size) {
  auto p = kernels::dense_gemm(size, size, size);
  p.implementation = "mma_tf32";
  Case result = arrays_case<kernels::Gemm<float>>(fmt::format("{0}x{0}x{0},tf32", size), p, cost_of(p),
                                                  {size * size, size * size, size * size}, kernels::cpu::gemm<float>);
  result.tolerance = 5e-3;
  result.candidates = [all = result.candidates](DeviceKind device) {
    auto candidates = all(device);
    std::erase_if(candidates, [](const Candidate& candidate) { return candidate.name != "mma_tf32"; });
    return candidates;
  };
  return result;
}

/// The three ops of a convolution: arrays in the order of their arguments, no bias.
template <class Forward, class Input, class Filter, class Problem>
void add_convolution(std::vector<Case>& cases, const std::string& shape, const Problem& p,
                     typename Forward::Launch* forward, typename Input::Launch* input, typename Filter::Launch* filter,
                     const std::function<std::vector<Candidate>(ConvolutionOp)>& opponents) {
  const std::int64_t x = p.x_size(), w = p.w_size(), y = p.y_size();
  const auto add = [&]<class Kernel>(std::type_identity<Kernel>, ConvolutionOp op,
                                     const std::vector<std::int64_t>& counts, auto* on_cpu) {
    Case made = arrays_case<Kernel>(shape, p, cost_of(p), counts, on_cpu);
    made.candidates = [all = made.candidates, p](DeviceKind device) {
      auto candidates = all(device);
      for (const std::string_view name : {"expanded", "irrep_blocks"}) {  // where they are supported by name alone
        Problem by_name = p;
        by_name.implementation = name;
        const Case asked =
            arrays_case<Kernel>({}, by_name, {}, {0, 0, 0, 0}, static_cast<typename Kernel::Launch*>(nullptr));
        for (Candidate& candidate : asked.candidates(device))
          if (candidate.name == name &&
              std::ranges::none_of(candidates, [&](const Candidate& known) { return known.name == name; }))
            candidates.push_back(std::move(candidate));
      }
      return candidates;
    };
    add_opponents(made, [=] { return opponents(op); });
    cases.push_back(std::move(made));
  };
  add(std::type_identity<Forward>(), ConvolutionOp::forward, {x, w, 0, y}, forward);
  add(std::type_identity<Input>(), ConvolutionOp::input_gradient, {y, w, x}, input);
  add(std::type_identity<Filter>(), ConvolutionOp::filter_gradient, {x, y, w}, filter);
}

const float* input(Pointers p, int i) { return static_cast<const float*>(p[static_cast<std::size_t>(i)]); }
float* output(Pointers p) { return static_cast<float*>(p.back()); }

void add_plain_convolution(std::vector<Case>& cases, std::int64_t batch, std::int64_t channels, std::int64_t size) {
  Conv2dProblem p;
  p.batch = batch, p.in_channels = p.out_channels = channels, p.in_height = p.in_width = size;
  p.kernel_height = p.kernel_width = 3, p.padding_height = p.padding_width = 1;
  const auto opponents = [p](ConvolutionOp op) -> std::vector<Candidate> {
    const PlainConvolution tuned = tuned_cudnn(op, p);
    if (!tuned) return {};
    return {{"cudnn_tuned", true, [=](Pointers a) { tuned(input(a, 0), input(a, 1), output(a)); }}};
  };
  add_convolution<kernels::Conv2dForward<float>, kernels::Conv2dInputGradient<float>,
                  kernels::Conv2dFilterGradient<float>>(
      cases, fmt::format("batch{},channels{},{}x{},3x3", batch, channels, size, size), p,
      kernels::cpu::conv2d_forward<float>, kernels::cpu::conv2d_input_gradient<float>,
      kernels::cpu::conv2d_filter_gradient<float>, opponents);
}

/// Tuned cuDNN between the expansion of the filters and the sum over orbits, or with the bank at hand.
std::vector<Candidate> expanded_opponents(ConvolutionOp op, const GroupConv2dProblem& p) {
  const PlainConvolution tuned = tuned_cudnn(op, kernels::cpu::expanded_problem(p));
  if (!tuned) return {};
  auto* const expand = kernels::Registry<kernels::ExpandFilter<float>>::best(DeviceKind::cuda, p)->launch;
  auto* const sum_orbits = kernels::Registry<kernels::SumFilterOrbits<float>>::best(DeviceKind::cuda, p)->launch;
  std::vector<Candidate> candidates;
  for (const bool counted : {true, false}) {
    const auto bank = std::make_shared<kernels::DeviceScratch>(DeviceKind::cuda, 4 * p.w_size() * p.order);
    const auto ready = std::make_shared<bool>(false);
    const auto run = [=](Pointers a) {
      auto* filters = bank->as<float>();
      const bool gradient = op == ConvolutionOp::filter_gradient;
      if (!gradient && (counted || !*ready)) expand(p, input(a, 1), filters);
      tuned(input(a, 0), gradient ? input(a, 1) : filters, gradient ? filters : output(a));
      if (gradient && (counted || !*ready)) sum_orbits(p, filters, output(a));
      *ready = true;  // the first call is the one that is verified
    };
    candidates.push_back({counted ? "expanded+cudnn_tuned" : "expanded+cudnn_tuned,bank_ready", true, run});
  }
  return candidates;
}

using AtPrecision = kernels::RoundedProblem<GroupConv2dProblem>;
void rounded_forward(const AtPrecision& p, const float* x, const float* w, const float* bias_or_null, float* y) {
  kernels::cpu::group_conv2d_forward(p.problem, x, w, bias_or_null, y);
}
void rounded_input_gradient(const AtPrecision& p, const float* dy, const float* w, float* dx) {
  kernels::cpu::group_conv2d_input_gradient(p.problem, dy, w, dx);
}
void rounded_filter_gradient(const AtPrecision& p, const float* x, const float* dy, float* dw) {
  kernels::cpu::group_conv2d_filter_gradient(p.problem, x, dy, dw);
}

/// On tensor cores, held against the product of operands that are not rounded.
void add_rounded_group_convolution(std::vector<Case>& cases, const std::string& shape, const GroupConv2dProblem& p) {
  const std::int64_t x = p.x_size(), w = p.w_size(), y = p.y_size();
  for (const kernels::Precision precision : {kernels::Precision::tf32, kernels::Precision::bfloat16}) {
    const bool is_tf32 = precision == kernels::Precision::tf32;
    const AtPrecision asked{p, precision};
    const std::string name = shape + (is_tf32 ? ",tf32" : ",bf16");
    const auto add = [&]<class Kernel>(std::type_identity<Kernel>, const std::vector<std::int64_t>& counts,
                                       auto* on_cpu) {
      cases.push_back(arrays_case<kernels::Rounded<Kernel>>(name, asked, cost_of(p), counts, on_cpu));
      cases.back().tolerance = is_tf32 ? 5e-3 : 4e-2;
    };
    add(std::type_identity<kernels::GroupConv2dForward<float>>(), {x, w, 0, y}, rounded_forward);
    add(std::type_identity<kernels::GroupConv2dInputGradient<float>>(), {y, w, x}, rounded_input_gradient);
    add(std::type_identity<kernels::GroupConv2dFilterGradient<float>>(), {x, y, w}, rounded_filter_gradient);
  }
}

/// p.groups 1, 3x3, padding 1, as many output as input fields. rounded: at tf32 and bfloat16 too.
void add_group_convolution(std::vector<Case>& cases, const char* name, std::int64_t batch, std::int64_t fields,
                           std::int64_t size, bool rounded) {
  struct Tables {
    std::vector<std::int32_t> matrices, filter_element;
  };
  static std::vector<std::unique_ptr<Tables>> kept;  // problems point to them
  const groups::LatticeGroup group = groups::lattice_group(name);
  Tables& tables = *kept.emplace_back(std::make_unique<Tables>());
  for (const auto& matrix : group.matrices) tables.matrices.insert(tables.matrices.end(), matrix.begin(), matrix.end());
  tables.filter_element = group.filter_element_table();
  GroupConv2dProblem p;
  p.batch = batch, p.in_fields = p.out_fields = fields, p.in_height = p.in_width = size, p.kernel = 3, p.padding = 1;
  p.order = p.in_order = group.order();
  p.matrices = tables.matrices.data(), p.filter_element = tables.filter_element.data();
  const auto opponents = [p](ConvolutionOp op) { return expanded_opponents(op, p); };
  const std::string shape = fmt::format("{},batch{},fields{},{}x{},3x3", name, batch, fields, size, size);
  if (rounded) add_rounded_group_convolution(cases, shape, p);
  add_convolution<kernels::GroupConv2dForward<float>, kernels::GroupConv2dInputGradient<float>,
                  kernels::GroupConv2dFilterGradient<float>>(
      cases, shape, p, kernels::cpu::group_conv2d_forward<float>, kernels::cpu::group_conv2d_input_gradient<float>,
      kernels::cpu::group_conv2d_filter_gradient<float>, opponents);
}

}  // namespace

std::vector<Case> product_cases(bool full) {
  std::vector<Case> cases;
  if (!full) {
    for (const char* group : {"p4", "p4m"}) add_group_convolution(cases, group, 2, 4, 8, true);
    cases.push_back(gemm_case(128));
    cases.push_back(gemm_tf32_case(64));
    add_plain_convolution(cases, 2, 8, 8);
    return cases;
  }
  for (const char* group : {"p4", "p4m"})
    for (const std::int64_t batch : {128, 1})
      for (const std::int64_t size : {28, 8})
        for (const std::int64_t fields : {32, 10})
          add_group_convolution(cases, group, batch, fields, size, batch == 128 && fields == 32);
  for (const std::int64_t size : {512, 2048, 4096}) {
    cases.push_back(gemm_case(size));
    cases.push_back(gemm_tf32_case(size));
  }
  for (const std::int64_t size : {28, 8}) add_plain_convolution(cases, 128, 64, size);
  return cases;
}

}  // namespace orbitgrad::bench
