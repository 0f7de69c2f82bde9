#include "engine/autograd/to_dot.hpp"

#include <algorithm>
#include <unordered_map>

#include "engine/autograd/node.hpp"
#include "engine/error.hpp"

namespace orbitgrad {

namespace {

std::string quoted(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    if (c == '\n')
      result += "\\n";
    else
      result += c;
  }
  result += '"';
  return result;
}

/// All nodes below the outputs, in order of creation; leaves, which have no order, as they are met.
std::vector<const Node*> nodes_of(const std::vector<Tensor>& outputs) {
  std::vector<const Node*> found, stack;
  std::unordered_map<const Node*, bool> seen;
  for (const Tensor& output : outputs) {
    require(
        output.requires_grad(), "to_dot",
        "an output of shape {} tracks no gradient, so it has no graph. Call set_requires_grad() on the inputs first.",
        output.shape());
    stack.push_back(output.body().node.get());
  }
  while (!stack.empty()) {
    const Node* node = stack.back();
    stack.pop_back();
    if (!seen.try_emplace(node, true).second) continue;
    found.push_back(node);
    for (int i = node->input_count() - 1; i >= 0; --i)
      if (const Node* producer = node->producer(i).get()) stack.push_back(producer);
  }
  std::ranges::stable_sort(found, {}, &Node::sequence);
  return found;
}

}  // namespace

std::string to_dot(const std::vector<Tensor>& outputs, const std::vector<std::pair<std::string, Tensor>>& names) {
  std::unordered_map<const Node*, std::string> label;
  for (const auto& [name, tensor] : names)
    if (tensor.defined() && tensor.requires_grad()) label[tensor.body().node.get()] = name;
  const std::vector<const Node*> nodes = nodes_of(outputs);
  std::unordered_map<const Node*, std::size_t> number;
  std::string text = "digraph orbitgrad {\n  node [shape=box];\n";
  for (const Node* node : nodes) {
    number.emplace(node, number.size());
    std::string shown(node->name());
    if (const auto known = label.find(node); known != label.end())
      shown = node->is_leaf() ? known->second : shown + "\n" + known->second;
    text += fmt::format("  n{} [label={}{}];\n", number.at(node), quoted(shown),
                        node->is_leaf() ? ", shape=ellipse, style=filled" : "");
  }
  for (const Node* node : nodes)
    for (int i = 0; i < node->input_count(); ++i)
      if (const Node* producer = node->producer(i).get())
        text += fmt::format("  n{} -> n{} [label={}];\n", number.at(producer), number.at(node),
                            quoted(fmt::format("{} {}", name(node->input_dtype(i)), node->input_shape(i))));
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const Tensor& output = outputs[i];
    text += fmt::format("  out{} [label={}, shape=plaintext];\n  n{} -> out{};\n", i,
                        quoted(fmt::format("{} {}", name(output.dtype()), output.shape())),
                        number.at(output.body().node.get()), i);
  }
  return text + "}\n";
}

}  // namespace orbitgrad
