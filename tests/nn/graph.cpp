// Graphs, message passing and the GIN layer: against loops over edges, under renumbering, in batches.
#include "nn/graph.hpp"

#include "engine/ops/indexing.hpp"
#include "engine/ops/shape_ops.hpp"
#include "nn/activation.hpp"
#include "nn/gin.hpp"
#include "nn/linear.hpp"
#include "tests/nn/derivatives.hpp"

namespace orbitgrad::nn {
namespace {

using namespace testing_support;

const RandomKey key{31};
constexpr DType real = DType::float64;

Tensor integers(const std::vector<std::int64_t>& values) { return from_vector(values); }

/// Nodes 0 and 2 see 1 (2 twice), 1 sees 2; nothing ends at 3.
Graph example() { return {integers({1, 2, 1, 1}), integers({0, 1, 2, 2}), 4}; }

TEST(Graph, GathersMessagesAtTheirTargets) {
  const Graph graph = example();
  const Tensor x = from_vector<double>({1, 10, 2, -20, 3, 30, 4, 40}, {4, 2});
  const auto sums = [&](Aggregation how) { return graph.neighbours(x, how).to_vector<double>(); };
  EXPECT_EQ(sums(Aggregation::sum), (std::vector<double>{2, -20, 3, 30, 4, -40, 0, 0}));
  EXPECT_EQ(sums(Aggregation::mean), (std::vector<double>{2, -20, 3, 30, 2, -20, 0, 0}));
  EXPECT_EQ(sums(Aggregation::max), (std::vector<double>{2, -20, 3, 30, 2, -20, 0, 0}));
  const Tensor messages = from_vector<double>({1, 2, 3, 4});
  EXPECT_EQ(graph.gather(messages, Aggregation::min).to_vector<double>(), (std::vector<double>{1, 2, 3, 0}));
  EXPECT_TRUE(same_bits(graph.at_targets(x), index_select(x, 0, graph.target())));
  EXPECT_EQ(graph.pool(x).to_vector<double>(), (std::vector<double>{10, 60}));
}

TEST(Graph, BatchesAreDisjointUnions) {
  const Graph batch = Graph::batch({example(), Graph::complete(3), Graph({integers({})}, integers({}), 1)});
  EXPECT_EQ(batch.nodes(), 8);
  EXPECT_EQ(batch.edges(), 4 + 6);
  EXPECT_EQ(batch.graphs(), 3);
  EXPECT_EQ(batch.graph_of_node().to_vector<std::int64_t>(), (std::vector<std::int64_t>{0, 0, 0, 0, 1, 1, 1, 2}));
  const Tensor x = normal({8, 2}, key, 0, 1, real);
  const Tensor together = batch.neighbours(x);
  expect_near(narrow(together, 0, 0, 4), example().neighbours(narrow(x, 0, 0, 4)), 1e-14);
  expect_near(narrow(together, 0, 4, 3), Graph::complete(3).neighbours(narrow(x, 0, 4, 3)), 1e-14);
  expect_near(select(batch.pool(x, Aggregation::mean), 0, 1), mean(narrow(x, 0, 4, 3), {0}), 1e-14);
  const Graph twice = Graph::batch({batch, batch});
  EXPECT_EQ(twice.graphs(), 6);
  EXPECT_EQ(max(twice.graph_of_node()).item(), 5);
}

TEST(Graph, RefusesWhatIsNoGraph) {
  expect_error([] { Graph(integers({0}), integers({0, 1}), 2); }, {"[Graph]", "[edges]"});
  expect_error([] { Graph(integers({0}), integers({5}), 2); }, {"5", "2"});
  expect_error([] { Graph(integers({0}), integers({0}), -1); }, {"[Graph]", "-1"});
  expect_error([] { Graph(zeros({1}), zeros({1}), 1); }, {"[Graph]"});
  expect_error([] { Graph({}, integers({0}), 1); }, {"[Graph]"});
  expect_error([] { Graph::batch({}); }, {"[Graph]"});
  expect_error([] { example().at_sources(zeros({3, 2})); }, {"[Graph]", "4 nodes", "[3, 2]"});
  expect_error([] { example().gather(zeros({3, 2})); }, {"[Graph]", "4 edges", "[3, 2]"});
  expect_error([] { example().pool(zeros({})); }, {"[Graph]"});
}

std::shared_ptr<GinLayer> gin_layer() {
  auto perceptron = std::make_shared<Sequential>();
  perceptron->add<Linear>("0", 3, 4, key.split(1), LayerOptions{.dtype = real}).add<Tanh>("1");
  perceptron->add<Linear>("2", 4, 2, key.split(2), LayerOptions{.dtype = real});
  return std::make_shared<GinLayer>(perceptron, true, real);
}

TEST(GinLayer, IsItsFormulaAndHasItsDerivatives) {
  const auto layer = gin_layer();
  Tensor epsilon = layer->named_parameters().front().tensor;
  EXPECT_EQ(layer->named_parameters().front().name, "eps");
  EXPECT_EQ(epsilon.item(), 0);
  assign(epsilon, full({1}, 0.3, real));
  const Tensor x = normal_leaf({4, 3}, key.split(3));
  const auto value = x.to_vector<double>();
  std::vector<double> summed(12);
  for (std::size_t i = 0; i < 12; ++i) summed[i] = 1.3 * value[i];
  for (const auto& [from, to] : {std::pair{1, 0}, {2, 1}, {1, 2}, {1, 2}})
    for (int f = 0; f < 3; ++f)
      summed[static_cast<std::size_t>(3 * to + f)] += value[static_cast<std::size_t>(3 * from + f)];
  Module& perceptron = *layer->children().front().second;
  expect_near(layer->pass_messages(x, example()), perceptron(from_vector(summed, {4, 3})), 1e-12);
  const Tensor weight = normal({4, 2}, key.split(4), 0, 1, real);
  expect_derivatives([&] { return sum(layer->pass_messages(x, example()) * weight); }, leaves_of(*layer, {x}), key);
  EXPECT_EQ(GinLayer(std::make_shared<Relu>(), false).parameter_count(), 0);
  expect_error([&] { layer->pass_messages(zeros({4}, real), example()); }, {"[GinLayer]", "[4]"});
  expect_error([] { GinLayer(nullptr); }, {"null"});
  expect_error([&] { (*layer)(x); }, {"[module]", "more than one tensor"});
}

TEST(GinLayer, FollowsTheNumberingOfTheNodes) {
  const auto layer = gin_layer();
  const Tensor x = normal({4, 3}, key.split(5), 0, 1, real), order = integers({2, 0, 3, 1});
  const Tensor rank = integers({1, 3, 0, 2});  // node i is called rank[i]
  const Graph graph = example();
  const Graph renamed(index_select(rank, 0, graph.source()), index_select(rank, 0, graph.target()), 4);
  expect_near(layer->pass_messages(index_select(x, 0, order), renamed),
              index_select(layer->pass_messages(x, graph), 0, order), 1e-13);
}

TEST(GinLayer, ComputesOnASimulatedDevice) {
  const ScopedDefaultDevice on_cpu(DeviceKind::cpu);
  const auto layer = gin_layer();
  const Tensor x = normal({4, 3}, key.split(6), 0, 1, real);
  const Tensor here = layer->pass_messages(x, example());
  layer->to(DeviceKind::sim);
  expect_near(layer->pass_messages(x.to(DeviceKind::sim), example().to(DeviceKind::sim)), here, 1e-12);
}

}  // namespace
}  // namespace orbitgrad::nn
