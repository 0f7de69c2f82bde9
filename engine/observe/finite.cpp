#include "engine/observe/finite.hpp"

#include "engine/autograd/node.hpp"
#include "engine/error.hpp"
#include "engine/observe/call_stack.hpp"
#include "engine/ops/comparison.hpp"
#include "engine/ops/reduction.hpp"

namespace orbitgrad::observe {

namespace {

thread_local bool is_checking = false;

struct Checking {
  Checking() { is_checking = true; }
  ~Checking() { is_checking = false; }
  NoGrad no_grad;
};

struct Census {
  std::int64_t nan = 0, infinite = 0;
  bool is_finite() const { return nan + infinite == 0; }
};

Census census_of(const Tensor& x) {
  if (!orbitgrad::is_floating(x.dtype()) || x.numel() == 0) return {};
  const auto finite = sum(is_finite(x)).item<std::int64_t>();
  if (finite == x.numel()) return {};
  const auto nan = sum(not_equal(x, x)).item<std::int64_t>();
  return {nan, x.numel() - finite - nan};
}

std::string census_text(const Census& census, const Tensor& x) {
  return fmt::format("{} NaN and {} infinities among the {} values of the {} {}", census.nan, census.infinite,
                     x.numel(), name(x.dtype()), x.shape());
}

/// Where in the program: the forward that runs, or the forward whose derivative runs.
std::string circumstances() {
  const Node* node = BackwardScope::current();
  if (node == nullptr) return "in the forward, called by " + callers_text(CallStack::here());
  return fmt::format("in the backward of '{}', whose forward was called by {}", node->name(),
                     node->made_by() != nullptr ? callers_text(*node->made_by()) : "code from before the check");
}

}  // namespace

void check_result(std::string_view op, const Tensor& output, std::span<const Tensor* const> inputs) {
  if (is_checking) return;
  for (const Tensor* input : inputs)
    if (input->defined() && input->body().storage == output.body().storage) return;  // a view makes no values
  const Checking checking;
  const Census made = census_of(output);
  if (made.is_finite()) return;
  std::string shapes, bad;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (!inputs[i]->defined()) continue;
    shapes += fmt::format("{}{}", shapes.empty() ? "" : " ", inputs[i]->shape());
    const Census census = census_of(*inputs[i]);
    if (census.is_finite()) continue;
    bad += fmt::format("{}input {} already has {}", bad.empty() ? "" : ", ", i, census_text(census, *inputs[i]));
  }
  if (made.nan == 0 && !bad.empty()) return;
  fail("check_finite", "'{}' gives {} result, {}: its inputs are {}, {}. Look at the values that enter it there.", op,
       census_text(made, output), circumstances(), shapes, bad.empty() ? "all finite" : bad);
}

void check_gradient(const Node& node, int index, const Tensor& gradient) {
  if (is_checking) return;
  const Checking checking;
  const Census made = census_of(gradient);
  if (!made.is_finite())
    fail("check_finite", "the derivative of '{}' gives {} gradient of its input {}, {}. Look at its inputs there.",
         node.name(), census_text(made, gradient), index, circumstances());
}

void check_update(std::string_view op, std::string_view name, const Tensor& parameter) {
  if (is_checking) return;
  const Checking checking;
  const Census made = census_of(parameter);
  if (!made.is_finite())
    fail("check_finite",
         "'{}' leaves {} parameter \"{}\", though its gradient was looked at, {}. Lower the learning rate.", op,
         census_text(made, parameter), name, circumstances());
}

}  // namespace orbitgrad::observe
