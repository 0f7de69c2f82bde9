#include "engine/autograd/grad.hpp"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "engine/error.hpp"
#include "engine/observe/finite.hpp"
#include "engine/observe/trace.hpp"
#include "engine/ops/arithmetic.hpp"
#include "engine/ops/creation.hpp"
#include "engine/ops/transfer.hpp"
#include "kernels/device_graph.hpp"

namespace orbitgrad {

namespace {

/// Whether a step is captured now and the tensor was there before.
bool is_older_than_step(const Tensor& x) {
  const kernels::DeviceGraph* graph = kernels::DeviceGraph::recording();
  return graph != nullptr && x.defined() && x.numel() > 0 && !graph->owns(x.body().storage->data);
}

}  // namespace

/// One backward pass: the nodes reachable from the outputs, the gradient collected at each, and which are wanted.
class GraphWalk {
 public:
  /// The walk goes no further than the `ends`.
  GraphWalk(const std::vector<Tensor>& outputs, const GradOptions& options, std::span<Node* const> ends = {})
      : options_(options) {
    require(options.output_gradients.empty() || options.output_gradients.size() == outputs.size(), "grad",
            "{} outputs but {} output gradients. Give one per output or none.", outputs.size(),
            options.output_gradients.size());
    for (Node* end : ends) states_[end].is_end = true;
    for (const Tensor& output : outputs) discover(output);
    std::sort(order_.begin(), order_.end(), [](const Node* a, const Node* b) { return a->sequence() > b->sequence(); });
    for (std::size_t i = 0; i < outputs.size(); ++i) seed(outputs[i], i);
  }

  bool reaches(Node* node) const {
    const auto found = states_.find(node);
    return found != states_.end() && found->second.is_found;
  }
  void want(Node* node) { states_.at(node).wanted = true; }
  void want_all_leaves() {
    for (Node* node : order_)
      if (node->is_leaf()) want(node);
  }
  const Tensor& gradient(Node* node) const { return states_.at(node).gradient; }
  const std::vector<Node*>& nodes() const { return order_; }

  void run() {
    // A node has work to do when it is wanted itself or lies above one that is; inputs come after it in the order.
    for (auto node = order_.rbegin(); node != order_.rend(); ++node) {
      State& state = states_.at(*node);
      if (state.is_end) continue;
      for (int i = 0; i < (*node)->input_count(); ++i) {
        Node* producer = (*node)->producer(i).get();
        if (producer != nullptr && states_.at(producer).useful()) state.needed_inputs |= std::uint64_t{1} << i;
      }
    }
    const GradMode mode(options_.create_graph);
    for (Node* node : order_) {
      State& state = states_.at(node);
      const bool runs = state.needed_inputs != 0 && state.gradient.defined();
      if (runs) propagate(*node, state);
      if (!state.wanted) state.gradient = Tensor();
      if (runs && !options_.create_graph && !options_.retain_graph) node->release_saved();
    }
  }

 private:
  struct State {
    Tensor gradient;
    bool wanted = false;
    bool is_end = false, is_found = false;
    std::uint64_t needed_inputs = 0;
    bool useful() const { return wanted || needed_inputs != 0; }
  };

  void discover(const Tensor& output) {
    require(output.requires_grad(), "grad",
            "an output of shape {} does not depend on any tensor that requires gradients. Call set_requires_grad() on "
            "the inputs before the forward.",
            output.shape());
    std::vector<Node*> stack = {output.body().node.get()};
    while (!stack.empty()) {
      Node* node = stack.back();
      stack.pop_back();
      State& state = states_[node];
      if (std::exchange(state.is_found, true)) continue;
      order_.push_back(node);
      if (state.is_end) continue;
      for (int i = 0; i < node->input_count(); ++i)
        if (Node* producer = node->producer(i).get()) stack.push_back(producer);
    }
  }

  void seed(const Tensor& output, std::size_t index) {
    Tensor gradient = options_.output_gradients.empty() ? Tensor() : options_.output_gradients[index];
    if (!gradient.defined()) {
      require(output.numel() == 1, "grad",
              "an output of shape {} has more than one element. Reduce it to a scalar, or give output_gradients.",
              output.shape());
      gradient = full(output.shape(), 1.0, output.dtype(), output.device());
    }
    require(gradient.shape() == output.shape() && gradient.dtype() == output.dtype(), "grad",
            "the gradient given for an output is {} {}, the output is {} {}. They must agree.", name(gradient.dtype()),
            gradient.shape(), name(output.dtype()), output.shape());
    require(gradient.device() == output.device(), "grad",
            "the gradient given for an output is on {}, the output on {}. Move them to one device.",
            name(gradient.device()), name(output.device()));
    const GradMode mode(options_.create_graph);
    accumulate(states_.at(output.body().node.get()), gradient);
  }

  static void accumulate(State& state, const Tensor& gradient) {
    state.gradient = state.gradient.defined() ? add(state.gradient, gradient) : gradient;
  }

  void propagate(Node& node, State& state) {
    if (!observe::is_watched()) return propagate_unseen(node, state);
    const observe::BackwardScope scope(node);
    std::string span = "backward of ";
    span += node.name();
    const TraceScope trace(span);
    propagate_unseen(node, state);
  }

  void propagate_unseen(Node& node, State& state) {
    node.needed_ = state.needed_inputs;
    const std::vector<Tensor> gradients = node.backward(state.gradient);
    require(static_cast<int>(gradients.size()) == node.input_count(), "backward",
            "'{}' returned {} gradients for {} inputs. Return one per input, undefined where there is none.",
            node.name(), gradients.size(), node.input_count());
    for (int i = 0; i < node.input_count(); ++i) {
      const Tensor& gradient = gradients[static_cast<std::size_t>(i)];
      if ((state.needed_inputs >> i & 1) == 0 || !gradient.defined()) continue;
      require(
          gradient.shape() == node.input_shape(i) && gradient.dtype() == node.input_dtype(i), "backward",
          "'{}' returned {} {} as the gradient of its input {}, which is {} {}. They must agree: correct its backward.",
          node.name(), name(gradient.dtype()), gradient.shape(), i, name(node.input_dtype(i)), node.input_shape(i));
      if (observe::is_watched(observe::checking_finite)) [[unlikely]]
        observe::check_gradient(node, i, gradient);
      accumulate(states_.at(node.producer(i).get()), gradient);
    }
  }

  const GradOptions& options_;
  std::unordered_map<Node*, State> states_;
  std::vector<Node*> order_;  // descending sequence
};

std::vector<Tensor> grad(const std::vector<Tensor>& outputs, const std::vector<Tensor>& inputs,
                         const GradOptions& options) {
  require(!outputs.empty(), "grad", "there are no outputs to differentiate. Give one or more.");
  const TraceScope trace("grad");
  GraphWalk walk(outputs, options);
  for (const Tensor& input : inputs) {
    require(input.requires_grad(), "grad",
            "an input of shape {} does not require gradients. Call set_requires_grad() before the forward.",
            input.shape());
    Node* node = input.body().node.get();
    require(walk.reaches(node) || options.allow_unused, "grad",
            "the outputs do not depend on an input of shape {}. Pass allow_unused = true to get an undefined gradient.",
            input.shape());
    if (walk.reaches(node)) walk.want(node);
  }
  walk.run();
  std::vector<Tensor> gradients;
  for (const Tensor& input : inputs) {
    Node* node = input.body().node.get();
    Tensor gradient = walk.reaches(node) ? walk.gradient(node) : Tensor();
    if (!gradient.defined() && !options.allow_unused) gradient = zeros_like(input);
    gradients.push_back(std::move(gradient));
  }
  return gradients;
}

std::vector<Tensor> gradients_at(const Tensor& output, const Tensor& output_gradient, std::span<Node* const> ends,
                                 bool create_graph) {
  const GradOptions options{.create_graph = create_graph, .output_gradients = {output_gradient}};
  GraphWalk walk({output}, options, ends);
  for (Node* end : ends)
    if (walk.reaches(end)) walk.want(end);
  walk.run();
  std::vector<Tensor> gradients;
  for (Node* end : ends) gradients.push_back(walk.reaches(end) ? walk.gradient(end) : Tensor());
  return gradients;
}

void backward(const Tensor& output, const GradOptions& options) {
  const TraceScope trace("backward");
  GraphWalk walk({output}, options);
  walk.want_all_leaves();
  walk.run();
  const GradMode mode(options.create_graph);
  for (Node* node : walk.nodes()) {
    if (!node->is_leaf() || !walk.gradient(node).defined()) continue;
    auto& leaf = static_cast<Leaf&>(*node);
    const Tensor& before = leaf.gradient;
    require(
        !is_older_than_step(before), "backward",
        "a leaf has a gradient from before the step that is captured, of shape {}: later runs would add to that one. "
        "Clear the gradients in the step.",
        before.defined() ? before.shape() : Shape{});
    const Tensor& gradient = walk.gradient(node);  // where the leaf was at the forward; it may have been moved since
    leaf.set_gradient(before.defined() ? add(before, to_device(gradient, before.device())) : gradient);
  }
}

void clear_gradients(std::vector<Tensor>& leaves) {
  for (Tensor& leaf : leaves) leaf.set_grad(Tensor());
}

}  // namespace orbitgrad
