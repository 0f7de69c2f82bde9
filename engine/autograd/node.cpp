#include "engine/autograd/node.hpp"

#include <atomic>

#include "engine/error.hpp"
#include "engine/observe/call_stack.hpp"
#include "kernels/device_graph.hpp"

namespace orbitgrad {

namespace {

thread_local bool recording = true;

// Nodes whose last reference is about to go; set while a call further up the stack works them off.
thread_local std::vector<std::shared_ptr<Node>>* waiting = nullptr;

std::atomic<std::uint64_t> sequence_counter{0};

}  // namespace

void Leaf::set_gradient(const Tensor& value) {
  if (kernels::DeviceGraph* graph = kernels::DeviceGraph::recording()) {
    graph->at_replay([self = shared_from_this(), this, value] { gradient = value; });
    graph->on_abandon([self = shared_from_this(), this, before = gradient] { gradient = before; });
  }
  gradient = value;
}

GradMode::GradMode(bool is_on) : previous_(recording) { recording = is_on; }
GradMode::~GradMode() { recording = previous_; }
bool GradMode::is_recording() { return recording; }

void release_iteratively(std::shared_ptr<Node>&& node) noexcept {
  if (node == nullptr) return;
  if (node.use_count() > 1) {
    node.reset();
    return;
  }
  std::vector<std::shared_ptr<Node>> list;
  const bool outermost = waiting == nullptr;
  if (outermost) waiting = &list;
  try {
    waiting->push_back(std::move(node));
  } catch (...) {
    node.reset();  // no memory for the list: destroy recursively
  }
  if (!outermost) return;
  while (!list.empty()) {
    const std::shared_ptr<Node> last = std::move(list.back());
    list.pop_back();
  }
  waiting = nullptr;
}

Node::~Node() {
  for (Edge& edge : edges_) release_iteratively(std::move(edge.producer));
}

void Node::release_saved() {
  if (is_leaf()) return;
  saved_inputs_.clear();
  saved_output_ = {};
  released_ = true;
}

Tensor Node::checked(const Saved& saved) const {
  require(!released_, "backward",
          "the graph through '{}' was already used and freed. Call the forward again, or pass retain_graph = true the "
          "first time.",
          name());
  require(saved.tensor.body().storage->version == saved.version, "backward",
          "a tensor of shape {} that '{}' keeps for its gradient was changed in place since (version {}, kept at {}). "
          "Take the gradient before the update.",
          saved.tensor.shape(), name(), saved.tensor.body().storage->version, saved.version);
  return saved.tensor;
}

Tensor Node::input(int index) const {
  require(released_ || static_cast<std::size_t>(index) < saved_inputs_.size(), "backward",
          "'{}' reads its input {} but does not declare to save it. Add it to saves().", name(), index);
  static const Saved none;
  return checked(released_ ? none : saved_inputs_[static_cast<std::size_t>(index)]);
}

Tensor Node::output() const {
  // Saved without its node, since the node would own itself; the way back is added here.
  Tensor result = checked(saved_output_).detach();
  result.body().node = std::const_pointer_cast<Node>(shared_from_this());
  return result;
}

void attach_captured(Node& node, const NodeOutput& captured) {
  require(node.edges_.size() < 64, "record",
          "'{}' has more than 64 inputs that track gradients, with those its function uses. Divide it.", node.name());
  node.edges_.push_back({captured.node, captured.shape, captured.dtype});
}

std::uint64_t latest_sequence() { return sequence_counter; }

bool is_tracked(std::span<const Tensor* const> inputs) {
  if (!recording) return false;
  for (const Tensor* input : inputs)
    if (input->defined() && input->requires_grad()) return true;
  return false;
}

void attach(Node& node, Tensor& output, std::span<const Tensor* const> inputs) {
  require(inputs.size() <= 64, "record", "'{}' has {} inputs, at most 64 can track gradients. Combine them in steps.",
          node.name(), inputs.size());
  node.sequence_ = ++sequence_counter;
  if (observe::is_watched(observe::checking_finite)) [[unlikely]]
    node.made_by_ = std::make_shared<observe::CallStack>(observe::CallStack::here());
  const Saves saves = node.saves();
  node.edges_.reserve(inputs.size());
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const Tensor& input = *inputs[i];
    if (input.defined())
      node.edges_.push_back({input.body().node, input.shape(), input.dtype()});
    else
      node.edges_.push_back({nullptr, Shape(), DType::float32});
    const bool save = i < 32 ? (saves.inputs >> i & 1) != 0 : saves.inputs == ~0u;
    if (saves.inputs == 0) continue;
    if (save && input.defined())
      node.saved_inputs_.push_back({input, input.body().storage->version});
    else
      node.saved_inputs_.push_back({});
  }
  if (saves.output) node.saved_output_ = {output.detach(), output.body().storage->version};
  output.body().node = node.shared_from_this();
}

}  // namespace orbitgrad
