#include "engine/catalogue/evaluate.hpp"

#include "engine/autograd/grad.hpp"
#include "engine/ops/creation.hpp"

namespace orbitgrad::catalogue {

namespace {

void require_like(const Op& op, std::string_view what, const Tensor& given, const Tensor& model) {
  require(given.shape() == model.shape() && given.dtype() == model.dtype(), op.name,
          "{} is {} {}, but must be {} {}. Give it that shape and dtype.", what, orbitgrad::name(given.dtype()),
          given.shape(), orbitgrad::name(model.dtype()), model.shape());
}

}  // namespace

Evaluation evaluate(const Op& op, const Tensors& tensors, const Settings& settings, const Tensor& cotangent,
                    const Tensors& vectors) {
  require(cotangent.defined() || vectors.empty(), op.name,
          "second derivatives need the cotangent that the first ones belong to. Give it as well.");
  require(!cotangent.defined() || op.derivatives != Derivatives::none, op.name,
          "it has no derivative. Leave the cotangent out.");
  require(vectors.empty() || op.derivatives == Derivatives::every_order, op.name,
          "it can be differentiated once only. Leave the vectors of the second derivative out.");
  Tensors given = tensors;
  std::vector<std::string> names;
  std::vector<Tensor> tracked;
  for (auto& [name, tensor] : given) {
    const Argument* argument = find_argument(op, name);
    if (!cotangent.defined() || argument == nullptr || !argument->is_differentiable || !is_floating(tensor.dtype()))
      continue;
    tensor = tensor.detach();
    tensor.set_requires_grad();
    names.push_back(name);
    tracked.push_back(tensor);
  }
  Evaluation evaluation;
  const std::vector<Tensor> results = run(op, given, settings);
  for (std::size_t i = 0; i < results.size(); ++i) evaluation.results.emplace(op.results[i], results[i].detach());
  if (!cotangent.defined()) return evaluation;
  require(!tracked.empty() && results[0].requires_grad(), op.name,
          "no argument has a derivative here. Give float32 or float64 tensors, or leave the cotangent out.");
  require_like(op, "the cotangent", cotangent, results[0]);

  Tensor weight = cotangent.detach();
  if (!vectors.empty()) weight.set_requires_grad();
  const std::vector<Tensor> first = grad(
      {results[0]}, tracked, {.create_graph = !vectors.empty(), .allow_unused = true, .output_gradients = {weight}});
  std::vector<Tensor> outputs, directions;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const Tensor gradient = first[i].defined() ? first[i] : zeros_like(tracked[i]);
    evaluation.gradients.emplace("d" + names[i], gradient.detach());
    const auto vector = vectors.find(names[i]);
    if (vector == vectors.end()) continue;
    require_like(op, "the vector v" + names[i], vector->second, tracked[i]);
    if (!gradient.requires_grad()) continue;  // constant in everything
    outputs.push_back(gradient);
    directions.push_back(vector->second);
  }
  for (const auto& [name, vector] : vectors)
    require(evaluation.gradients.contains("d" + name), op.name,
            "the vector v{} belongs to no gradient. Name an argument that has a derivative.", name);
  if (vectors.empty()) return evaluation;
  tracked.insert(tracked.begin(), weight);
  names.insert(names.begin(), "dy");
  const std::vector<Tensor> second =
      outputs.empty() ? std::vector<Tensor>(tracked.size())
                      : grad(outputs, tracked, {.allow_unused = true, .output_gradients = directions});
  for (std::size_t i = 0; i < names.size(); ++i)
    evaluation.second.emplace("g_" + names[i], second[i].defined() ? second[i] : zeros_like(tracked[i]));
  return evaluation;
}

}  // namespace orbitgrad::catalogue
