#include "engine/autograd/checkpoint.hpp"

#include <algorithm>
#include <cstring>
#include <unordered_set>

#include "engine/autograd/grad.hpp"
#include "engine/error.hpp"
#include "engine/ops/cast.hpp"

namespace orbitgrad {

namespace {

thread_local bool recomputing = false;

struct Recomputing {
  Recomputing() { recomputing = true; }
  ~Recomputing() { recomputing = before; }
  bool before = recomputing;
};

/// A fingerprint of the bits of all elements (FNV-1a over words); 0 on a device whose memory is far.
std::uint64_t fingerprint(const Tensor& x) {
  if (x.device() == DeviceKind::cuda) return 0;
  const NoGrad no_grad;
  const Tensor dense = contiguous(x.detach().to(DeviceKind::cpu));
  std::uint64_t hash = 14695981039346656037u;
  visit_storage(dense.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const auto* bytes = reinterpret_cast<const unsigned char*>(dense.host_data<T>());
    const std::size_t count = static_cast<std::size_t>(dense.numel()) * sizeof(T);
    for (std::size_t i = 0; i < count; i += 8) {
      std::uint64_t word = 0;
      std::memcpy(&word, bytes + i, std::min<std::size_t>(8, count - i));
      hash = (hash ^ word) * 1099511628211u;
    }
  });
  return hash;
}

/// What the graph of `output` uses of what was there before `mark`, each node once.
std::vector<NodeOutput> used_from_before(const Tensor& output, std::uint64_t mark) {
  std::vector<NodeOutput> found;
  std::unordered_set<const Node*> seen;
  std::vector<NodeOutput> stack = {{output.body().node, output.shape(), output.dtype()}};
  while (!stack.empty()) {
    const NodeOutput each = std::move(stack.back());
    stack.pop_back();
    if (each.node == nullptr || !seen.insert(each.node.get()).second) continue;
    if (each.node->is_leaf() || each.node->sequence() <= mark) {
      found.push_back(each);
      continue;
    }
    for (int i = each.node->input_count() - 1; i >= 0; --i)
      stack.push_back({each.node->producer(i), each.node->input_shape(i), each.node->input_dtype(i)});
  }
  return found;
}

class CheckpointNode final : public Node {
 public:
  CheckpointNode(const TensorFunction& f, std::size_t inputs, std::uint64_t print)
      : f_(f), inputs_(inputs), print_(print) {}
  std::string_view name() const override { return "checkpoint"; }
  Saves saves() const override { return Saves::all_inputs(); }

  std::vector<Tensor> backward(const Tensor& dy) override {
    const bool create_graph = GradMode::is_recording();
    const std::uint64_t mark = latest_sequence();
    const Tensor output = compute_again();
    std::vector<Node*> wanted;
    for (int i = 0; i < input_count(); ++i)
      if (needs(i) && std::ranges::find(wanted, producer(i).get()) == wanted.end()) wanted.push_back(producer(i).get());
    std::vector<Node*> ends = wanted;  // and the others it uses, where the walk must not go on
    for (const NodeOutput& used : output.requires_grad() ? used_from_before(output, mark) : std::vector<NodeOutput>())
      if (std::ranges::find(wanted, used.node.get()) == wanted.end()) ends.push_back(used.node.get());
    const std::vector<Tensor> found = gradients_at(output, dy, ends, create_graph);
    std::vector<Tensor> gradients(static_cast<std::size_t>(input_count()));
    for (std::size_t w = 0; w < wanted.size(); ++w) {
      std::size_t i = 0;  // the first of the inputs that are one tensor takes the gradient of all of them
      while (producer(static_cast<int>(i)).get() != wanted[w]) ++i;
      gradients[i] = found[w];
    }
    return gradients;
  }

 private:
  Tensor compute_again() const {
    std::vector<Tensor> inputs;
    for (std::size_t i = 0; i < inputs_; ++i) inputs.push_back(input(static_cast<int>(i)));
    const EnableGrad recording;
    const Recomputing again;
    Tensor output = f_(inputs);
    require(output.defined() && fingerprint(output) == print_, "checkpoint",
            "the function gave other values the second time. Take the gradient before tensors it uses are updated, and "
            "give it explicit random keys.");
    return output;
  }

  TensorFunction f_;
  std::size_t inputs_;
  std::uint64_t print_;
};

}  // namespace

bool is_recomputing() { return recomputing; }

Tensor checkpoint(const TensorFunction& f, const std::vector<Tensor>& inputs) {
  require(f != nullptr, "checkpoint", "the function is empty. Give one that can be called.");
  for (const Tensor& input : inputs)
    require(input.defined(), "checkpoint", "an input is undefined. Leave it out of the list.");
  require(inputs.size() <= 32, "checkpoint",
          "there are {} inputs, at most 32 can be kept. Use some without passing them.", inputs.size());
  const std::uint64_t mark = latest_sequence();
  const Tensor output = f(inputs);
  require(output.defined(), "checkpoint", "the function gave an undefined tensor. Return its result.");
  Tensor result = output.detach();
  if (!output.requires_grad() || !GradMode::is_recording()) return result;
  const auto node = std::make_shared<CheckpointNode>(f, inputs.size(), fingerprint(output));
  std::vector<const Tensor*> pointers;
  for (const Tensor& input : inputs) pointers.push_back(&input);
  attach(*node, result, pointers);
  for (const NodeOutput& used : used_from_before(output, mark)) {
    const bool is_input =
        std::ranges::any_of(inputs, [&](const Tensor& input) { return input.body().node == used.node; });
    if (!is_input) attach_captured(*node, used);
  }
  return result;
}

}  // namespace orbitgrad
