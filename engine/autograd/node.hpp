// The autograd graph. Every operation that sees a tracked input makes one Node: a small class with a name, the nodes of
// its inputs, a declared list of what it keeps, and its derivative. A derivative is written in differentiable ops, so
// derivatives of every order exist. To write an op, read engine/ops/arithmetic.cpp beside this file.
#pragma once

#include <initializer_list>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "engine/observe/observer.hpp"
#include "engine/tensor.hpp"

namespace orbitgrad {

namespace observe {
struct CallStack;
}

/// What a node keeps until its backward: some of its inputs, its output, or nothing.
struct Saves {
  std::uint32_t inputs = 0;  // bit i: input i
  bool output = false;

  static constexpr Saves nothing() { return {}; }
  static constexpr Saves input(int index) { return {1u << index, false}; }
  static constexpr Saves all_inputs() { return {~0u, false}; }
  static constexpr Saves the_output() { return {0, true}; }
  friend constexpr Saves operator|(Saves a, Saves b) { return {a.inputs | b.inputs, a.output || b.output}; }
};

struct NodeOutput;

class Node : public std::enable_shared_from_this<Node> {
 public:
  Node() = default;
  virtual ~Node();
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  virtual std::string_view name() const = 0;
  virtual Saves saves() const = 0;
  /// Gradients of the inputs, given the gradient of the output; one entry per input. An entry may stay undefined when
  /// it is zero or when needs(i) is false.
  virtual std::vector<Tensor> backward(const Tensor& dy) = 0;
  virtual bool is_leaf() const { return false; }

  // For inspection: the nodes that made the inputs, null for inputs without gradient.
  int input_count() const { return static_cast<int>(edges_.size()); }
  const std::shared_ptr<Node>& producer(int index) const { return edges_[static_cast<std::size_t>(index)].producer; }
  /// Grows with every node made, so descending order is a topological order.
  std::uint64_t sequence() const { return sequence_; }
  const Shape& input_shape(int index) const { return edges_[static_cast<std::size_t>(index)].shape; }
  DType input_dtype(int index) const { return edges_[static_cast<std::size_t>(index)].dtype; }
  /// Who called the op; null unless the node was made in check-finite mode (engine/observe/finite.hpp).
  const observe::CallStack* made_by() const { return made_by_.get(); }

 protected:
  /// Whether the gradient of input i is asked for in the running backward.
  bool needs(int index) const { return (needed_ >> index & 1) != 0; }
  /// A saved input or the saved output. Throws when it was changed since, or already freed.
  Tensor input(int index) const;
  Tensor output() const;

 private:
  friend class GraphWalk;
  friend void attach(Node& node, Tensor& output, std::span<const Tensor* const> inputs);
  friend void attach_captured(Node& node, const NodeOutput& captured);

  struct Edge {
    std::shared_ptr<Node> producer;
    Shape shape;
    DType dtype;
  };
  struct Saved {
    Tensor tensor;
    std::uint64_t version = 0;
  };
  Tensor checked(const Saved& saved) const;
  void release_saved();

  std::uint64_t sequence_ = 0;
  std::uint64_t needed_ = 0;
  bool released_ = false;
  std::vector<Edge> edges_;
  std::vector<Saved> saved_inputs_;
  Saved saved_output_;
  std::shared_ptr<const observe::CallStack> made_by_;
};

/// The end of the graph: a tensor whose gradient is wanted.
class Leaf final : public Node {
 public:
  std::string_view name() const override { return "leaf"; }
  Saves saves() const override { return Saves::nothing(); }
  std::vector<Tensor> backward(const Tensor&) override { return {}; }
  bool is_leaf() const override { return true; }
  /// In a step that is captured: each run sets it again, and a recording that is given up brings the old one back.
  void set_gradient(const Tensor& value);

  Tensor gradient;
};

/// While an object of this type lives, operations of this thread record no graph (or, EnableGrad, record again).
class GradMode {
 public:
  explicit GradMode(bool recording);
  ~GradMode();
  GradMode(const GradMode&) = delete;
  GradMode& operator=(const GradMode&) = delete;
  static bool is_recording();

 private:
  bool previous_;
};
struct NoGrad : GradMode {
  NoGrad() : GradMode(false) {}
};
struct EnableGrad : GradMode {
  EnableGrad() : GradMode(true) {}
};

/// Drops a reference to a node; chains of nodes of any length are destroyed without recursion.
void release_iteratively(std::shared_ptr<Node>&& node) noexcept;

/// Connects a new node to its inputs and output and saves what it declares. Used by record.
void attach(Node& node, Tensor& output, std::span<const Tensor* const> inputs);

/// What an op uses besides its inputs: the node that made it, and what it is.
struct NodeOutput {
  std::shared_ptr<Node> node;
  Shape shape;
  DType dtype;
};
/// Adds one more input to a node: its gradient is the next entry of what backward returns.
void attach_captured(Node& node, const NodeOutput& captured);

/// The sequence of the last node made, by any thread.
std::uint64_t latest_sequence();

/// Whether an operation on these inputs has to be recorded.
bool is_tracked(std::span<const Tensor* const> inputs);

/// Puts Node type N behind `output` if some input is tracked: the last line of every op. Undefined inputs are allowed.
template <class N, class... Args>
Tensor record(Tensor output, std::initializer_list<const Tensor*> inputs, Args&&... args) {
  const std::span<const Tensor* const> span(inputs.begin(), inputs.size());
  if (is_tracked(span)) {
    auto node = std::make_shared<N>(std::forward<Args>(args)...);
    attach(*node, output, span);
  }
  if (observe::is_watched()) [[unlikely]]
    observe::see_result(output, span);
  return output;
}

/// The same for a list of inputs of any length.
template <class N, class... Args>
Tensor record(Tensor output, std::span<const Tensor> inputs, Args&&... args) {
  std::vector<const Tensor*> pointers;
  for (const Tensor& input : inputs) pointers.push_back(&input);
  const std::span<const Tensor* const> span(pointers);
  if (is_tracked(span)) {
    auto node = std::make_shared<N>(std::forward<Args>(args)...);
    attach(*node, output, span);
  }
  if (observe::is_watched()) [[unlikely]]
    observe::see_result(output, span);
  return output;
}

}  // namespace orbitgrad
