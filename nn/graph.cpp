#include "nn/graph.hpp"

#include "engine/dispatch.hpp"
#include "engine/ops/arithmetic.hpp"
#include "engine/ops/checked_index.hpp"
#include "engine/ops/creation.hpp"
#include "engine/ops/segments.hpp"
#include "engine/ops/shape_ops.hpp"

namespace orbitgrad::nn {

namespace {

Tensor aggregate(Aggregation how, const Tensor& x, const Tensor& index, std::int64_t segments) {
  switch (how) {
    case Aggregation::mean:
      return segment_mean(x, index, segments);
    case Aggregation::max:
      return segment_max(x, index, segments);
    case Aggregation::min:
      return segment_min(x, index, segments);
    case Aggregation::sum:
      break;
  }
  return segment_sum(x, index, segments);
}

void require_rows(const Tensor& x, std::int64_t rows, std::string_view of_what) {
  require(x.rank() >= 1 && x.size(0) == rows, "Graph", "takes one row for each of the {} {}, got {}. Check the graph.",
          rows, of_what, x.shape());
}

}  // namespace

Graph::Graph(const Tensor& source, const Tensor& target, std::int64_t nodes) : nodes_(nodes) {
  require(nodes >= 0, "Graph", "the number of nodes is {}. Count them.", nodes);
  require(source.defined() && target.defined() && source.rank() == 1 && source.shape() == target.shape(), "Graph",
          "source and target must be [edges], one node of each edge. Give int64 tensors of one length.");
  require_same_device("Graph", source, target);
  source_ = checked_index("Graph", source, nodes);
  target_ = checked_index("Graph", target, nodes);
  graph_of_node_ = zeros({nodes}, DType::int64, source.device());
}

Graph Graph::complete(std::int64_t nodes) {
  std::vector<std::int64_t> source, target;
  for (std::int64_t i = 0; i < nodes; ++i)
    for (std::int64_t j = 0; j < nodes; ++j) {
      if (i == j) continue;
      target.push_back(i);
      source.push_back(j);
    }
  return {from_vector(source), from_vector(target), nodes};
}

Graph Graph::batch(const std::vector<Graph>& graphs) {
  require(!graphs.empty(), "Graph", "a batch of no graphs has no device. Give one or more.");
  std::vector<Tensor> sources, targets, members;
  Graph result;
  result.graphs_ = 0;
  for (const Graph& graph : graphs) {
    const Tensor nodes_before = scalar_like(graph.source_, static_cast<double>(result.nodes_));
    sources.push_back(graph.source_ + nodes_before);
    targets.push_back(graph.target_ + nodes_before);
    members.push_back(graph.graph_of_node_ + scalar_like(graph.source_, static_cast<double>(result.graphs_)));
    result.nodes_ += graph.nodes_;
    result.graphs_ += graph.graphs_;
  }
  result.source_ = concat(sources, 0);
  result.target_ = concat(targets, 0);
  result.graph_of_node_ = concat(members, 0);
  return result;
}

Graph Graph::to(DeviceKind device) const {
  Graph moved = *this;
  for (Tensor* index : {&moved.source_, &moved.target_, &moved.graph_of_node_}) *index = index->to(device);
  return moved;
}

Tensor Graph::at_sources(const Tensor& x) const {
  require_rows(x, nodes_, "nodes");
  return take(x, source_);
}

Tensor Graph::at_targets(const Tensor& x) const {
  require_rows(x, nodes_, "nodes");
  return take(x, target_);
}

Tensor Graph::gather(const Tensor& messages, Aggregation how) const {
  require_rows(messages, edges(), "edges");
  return aggregate(how, messages, target_, nodes_);
}

Tensor Graph::neighbours(const Tensor& x, Aggregation how) const { return gather(at_sources(x), how); }

Tensor Graph::pool(const Tensor& x, Aggregation how) const {
  require_rows(x, nodes_, "nodes");
  return aggregate(how, x, graph_of_node_, graphs_);
}

}  // namespace orbitgrad::nn
