#include "engine/autograd/functional.hpp"

#include <algorithm>

#include "engine/autograd/grad.hpp"
#include "engine/error.hpp"
#include "engine/ops/arithmetic.hpp"
#include "engine/ops/creation.hpp"
#include "engine/ops/reduction.hpp"
#include "engine/ops/shape_ops.hpp"

namespace orbitgrad {

namespace {

/// Sets an argument apart from what it was computed from, so that arguments are independent of one another.
struct ArgumentNode final : Node {
  std::string_view name() const override { return "argument"; }
  Saves saves() const override { return Saves::nothing(); }
  std::vector<Tensor> backward(const Tensor& dy) override { return {dy}; }
};

Tensor alias_of(const Tensor& x) { return Tensor::window(x, x.shape(), x.strides(), x.body().offset); }

std::vector<Tensor> arguments_of(std::string_view op, const TensorFunction& f, const std::vector<Tensor>& inputs,
                                 bool create_graph) {
  require(f != nullptr, op, "the function is empty. Give one that can be called.");
  require(!inputs.empty(), op, "there are no inputs to differentiate by. Give one or more.");
  std::vector<Tensor> arguments;
  for (const Tensor& input : inputs) {
    require(is_floating(input.dtype()), op, "an input is {} {}. Only floating tensors have derivatives: convert it.",
            name(input.dtype()), input.shape());
    if (create_graph && input.requires_grad())
      arguments.push_back(record<ArgumentNode>(alias_of(input), {&input}));
    else
      arguments.push_back(input.detach().set_requires_grad());
  }
  return arguments;
}

void require_like(std::string_view op, std::string_view what, const std::vector<Tensor>& given,
                  const std::vector<Tensor>& inputs) {
  require(given.size() == inputs.size(), op, "{} {} for {} inputs. Give one for each.", given.size(), what,
          inputs.size());
  for (std::size_t i = 0; i < given.size(); ++i)
    require(given[i].shape() == inputs[i].shape() && given[i].dtype() == inputs[i].dtype(), op,
            "number {} of the {} is {} {}, the input {} {}. They must agree.", i, what, name(given[i].dtype()),
            given[i].shape(), name(inputs[i].dtype()), inputs[i].shape());
}

/// J^T u, zeros where nothing flows.
std::vector<Tensor> pull(const Tensor& output, const std::vector<Tensor>& arguments, const Tensor& u,
                         const GradOptions& how) {
  std::vector<Tensor> gradients;
  if (output.requires_grad()) {
    GradOptions options = how;
    options.allow_unused = true;
    options.output_gradients = {u};
    gradients = grad({output}, arguments, options);
  }
  gradients.resize(arguments.size());
  for (std::size_t i = 0; i < arguments.size(); ++i)
    if (!gradients[i].defined()) gradients[i] = zeros_like(arguments[i]);
  return gradients;
}

Tensor inner_product(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  Tensor total = sum(a[0] * b[0]);
  for (std::size_t i = 1; i < a.size(); ++i) total = total + sum(a[i] * b[i]);
  return total;
}

void require_scalar(std::string_view op, const Tensor& value) {
  require(value.numel() == 1, op, "the function gives {}. Reduce it to one element, or use jacobian.", value.shape());
}

Tensor history_if(bool keep, const Tensor& x) { return keep ? x : x.detach(); }

/// All rows one after another: [rows, ...]. A recorded op takes at most 64 inputs.
Tensor stacked(std::vector<Tensor> rows) {
  for (Tensor& row : rows) row = unsqueeze(row, 0);
  while (rows.size() > 1) {
    std::vector<Tensor> joined;
    for (std::size_t begin = 0; begin < rows.size(); begin += 64)
      joined.push_back(concat(std::span(rows).subspan(begin, std::min<std::size_t>(64, rows.size() - begin)), 0));
    rows = std::move(joined);
  }
  return rows[0];
}

/// df_k / d(arguments) for every element k of the output, stacked: [output ..., argument ...] for each argument.
std::vector<Tensor> rows_of(const Tensor& output, const std::vector<Tensor>& arguments, bool create_graph) {
  std::vector<std::vector<Tensor>> rows(arguments.size());
  for (std::int64_t k = 0; k < output.numel(); ++k) {
    std::vector<double> unit(static_cast<std::size_t>(output.numel()));
    unit[static_cast<std::size_t>(k)] = 1;
    const Tensor u = from_vector(unit, output.shape(), output.device()).to(output.dtype());
    const auto gradients = pull(output, arguments, u, {.create_graph = create_graph, .retain_graph = true});
    for (std::size_t i = 0; i < arguments.size(); ++i) rows[i].push_back(gradients[i]);
  }
  std::vector<Tensor> result;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    Shape shape = output.shape();
    for (const std::int64_t size : arguments[i].shape()) shape.push_back(size);
    result.push_back(rows[i].empty() ? zeros(shape, arguments[i].dtype(), arguments[i].device())
                                     : reshape(stacked(rows[i]), shape));
  }
  return result;
}

}  // namespace

Pullback vjp(const TensorFunction& f, const std::vector<Tensor>& inputs, const Tensor& u,
             const DerivativeOptions& options) {
  const EnableGrad recording;
  const std::vector<Tensor> arguments = arguments_of("vjp", f, inputs, options.create_graph);
  const Tensor output = f(arguments);
  Pullback result{history_if(options.create_graph, output),
                  pull(output, arguments, u, {.create_graph = options.create_graph})};
  return result;
}

Pushforward jvp(const TensorFunction& f, const std::vector<Tensor>& inputs, const std::vector<Tensor>& tangents,
                const DerivativeOptions& options) {
  require_like("jvp", "tangents", tangents, inputs);
  const EnableGrad recording;
  const std::vector<Tensor> arguments = arguments_of("jvp", f, inputs, options.create_graph);
  const Tensor output = f(arguments);
  const Tensor u = zeros_like(output).set_requires_grad();
  Pushforward result{history_if(options.create_graph, output), zeros_like(output)};
  if (!output.requires_grad()) return result;
  const std::vector<Tensor> pulled = pull(output, arguments, u, {.create_graph = true});
  const Tensor product = inner_product(pulled, tangents);  // <J^T u, v> = <u, J v>
  if (product.requires_grad()) result.tangent = pull(product, {u}, {}, {.create_graph = options.create_graph})[0];
  return result;
}

std::vector<Tensor> hvp(const TensorFunction& f, const std::vector<Tensor>& inputs, const std::vector<Tensor>& vectors,
                        const DerivativeOptions& options) {
  require_like("hvp", "vectors", vectors, inputs);
  const EnableGrad recording;
  const std::vector<Tensor> arguments = arguments_of("hvp", f, inputs, options.create_graph);
  const Tensor value = f(arguments);
  require_scalar("hvp", value);
  const Tensor slope = inner_product(pull(value, arguments, {}, {.create_graph = true}), vectors);
  return pull(slope, arguments, {}, {.create_graph = options.create_graph});
}

std::vector<Tensor> jacobian(const TensorFunction& f, const std::vector<Tensor>& inputs,
                             const DerivativeOptions& options) {
  const EnableGrad recording;
  const std::vector<Tensor> arguments = arguments_of("jacobian", f, inputs, options.create_graph);
  return rows_of(f(arguments), arguments, options.create_graph);
}

std::vector<std::vector<Tensor>> hessian(const TensorFunction& f, const std::vector<Tensor>& inputs,
                                         const DerivativeOptions& options) {
  const EnableGrad recording;
  const std::vector<Tensor> arguments = arguments_of("hessian", f, inputs, options.create_graph);
  const Tensor value = f(arguments);
  require_scalar("hessian", value);
  std::vector<std::vector<Tensor>> blocks;
  for (const Tensor& gradient : pull(value, arguments, {}, {.create_graph = true}))
    blocks.push_back(rows_of(gradient, arguments, options.create_graph));
  return blocks;
}

}  // namespace orbitgrad
