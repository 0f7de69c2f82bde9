// Graphs as lists of edges, and message passing along them (Gilmer et al., 2017): messages are made for each edge from
// the features at its two ends and summed up at its target. Several graphs count as one without edges between them.
#pragma once

#include <vector>

#include "engine/tensor.hpp"

namespace orbitgrad::nn {

enum class Aggregation { sum, mean, max, min };

/// Immutable; copies share its memory.
class Graph {
 public:
  /// Edge e goes from node source[e] to node target[e]: int64 [edges], each in [-nodes, nodes). An edge given twice
  /// counts twice; for an undirected graph give both directions.
  Graph(const Tensor& source, const Tensor& target, std::int64_t nodes);
  /// All ordered pairs of different nodes.
  static Graph complete(std::int64_t nodes);
  /// The disjoint union: nodes and edges of the first graph, then of the second, and so on. Not for none.
  static Graph batch(const std::vector<Graph>& graphs);

  std::int64_t nodes() const { return nodes_; }
  std::int64_t edges() const { return source_.numel(); }
  std::int64_t graphs() const { return graphs_; }
  const Tensor& source() const { return source_; }
  const Tensor& target() const { return target_; }
  /// Which of the graphs a node belongs to: int64 [nodes].
  const Tensor& graph_of_node() const { return graph_of_node_; }
  Graph to(DeviceKind device) const;

  /// Features at the two ends of each edge: x [nodes, ...] -> [edges, ...].
  Tensor at_sources(const Tensor& x) const;
  Tensor at_targets(const Tensor& x) const;
  /// Messages gathered at the targets of their edges: [edges, ...] -> [nodes, ...]; 0 where no edge ends.
  Tensor gather(const Tensor& messages, Aggregation how = Aggregation::sum) const;
  /// gather(at_sources(x)), the sum over the neighbours.
  Tensor neighbours(const Tensor& x, Aggregation how = Aggregation::sum) const;
  /// Over the nodes of each graph: x [nodes, ...] -> [graphs, ...].
  Tensor pool(const Tensor& x, Aggregation how = Aggregation::sum) const;

 private:
  Graph() = default;

  Tensor source_, target_, graph_of_node_;
  std::int64_t nodes_ = 0, graphs_ = 1;
};

}  // namespace orbitgrad::nn
