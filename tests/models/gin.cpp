// Graph isomorphism networks: what they must not and what they must tell apart, their derivatives, errors.
#include "models/gin.hpp"

#include "engine/ops/indexing.hpp"
#include "engine/ops/shape_ops.hpp"
#include "nn/loss.hpp"
#include "nn/optimizer.hpp"
#include "tests/nn/derivatives.hpp"

namespace orbitgrad::models {
namespace {

using namespace testing_support;

const RandomKey key{51};
constexpr DType real = DType::float64;

/// Both directions of each pair.
nn::Graph undirected(const std::vector<std::pair<int, int>>& pairs, std::int64_t nodes) {
  std::vector<std::int64_t> source, target;
  for (const auto& [a, b] : pairs) {
    source.insert(source.end(), {a, b});
    target.insert(target.end(), {b, a});
  }
  return {from_vector(source), from_vector(target), nodes};
}

const GinOptions options{.in = 2, .hidden = 5, .classes = 3, .layers = 2, .dropout = 0, .dtype = real};

TEST(Gin, CountsItsParameters) {
  // Two perceptrons with batch norm inside and after, two epsilons, three linear maps to the classes.
  const std::int64_t perceptrons = (2 * 5 + 5) + (5 * 5 + 5) + 2 * (5 * 5 + 5), norms = 4 * 2 * 5;
  const std::int64_t predictions = (2 * 3 + 3) + 2 * (5 * 3 + 3);
  Gin network(key, options);
  EXPECT_EQ(network.parameter_count(), perceptrons + norms + predictions + 2);
  EXPECT_TRUE(network.state().contains("convs.1.nn.3.weight"));
  GinOptions fixed = options;
  fixed.learn_epsilon = false;
  EXPECT_EQ(Gin(key, fixed).parameter_count(), network.parameter_count() - 2);
}

TEST(Gin, DoesNotSeeTheNumberingOfNodes) {
  Gin network(key, options);
  const nn::Graph graph = undirected({{0, 1}, {1, 2}, {2, 3}, {3, 1}, {3, 4}}, 5);
  const Tensor x = normal({5, 2}, key.split(1), 0, 1, real);
  const Tensor order = from_vector<std::int64_t>({3, 0, 4, 2, 1}), rank = from_vector<std::int64_t>({1, 4, 3, 0, 2});
  const nn::Graph renamed(index_select(rank, 0, graph.source()), index_select(rank, 0, graph.target()), 5);
  expect_near(network.classify(index_select(x, 0, order), renamed), network.classify(x, graph), 1e-12);
}

// The test of Weisfeiler and Leman cannot tell a ring of six from two triangles, but a star from a path it can.
TEST(Gin, TellsApartWhatTheTestOfWeisfeilerAndLemanDoes) {
  Gin network(key, options);
  const auto logits = [&](const nn::Graph& graph) { return network.classify(ones({graph.nodes(), 2}, real), graph); };
  const nn::Graph ring = undirected({{0, 1}, {1, 2}, {2, 3}, {3, 4}, {4, 5}, {5, 0}}, 6);
  const nn::Graph triangles = undirected({{0, 1}, {1, 2}, {2, 0}, {3, 4}, {4, 5}, {5, 3}}, 6);
  expect_near(logits(ring), logits(triangles), 1e-12);
  const nn::Graph star = undirected({{0, 1}, {0, 2}, {0, 3}}, 4), path = undirected({{0, 1}, {1, 2}, {2, 3}}, 4);
  EXPECT_GT(max(absolute(logits(star) - logits(path))).item(), 1e-3);
  const Tensor both = logits(nn::Graph::batch({star, path}));
  expect_near(narrow(both, 0, 1, 1), logits(path), 1e-12);
}

TEST(Gin, HasTheDerivativesOfDifferences) {
  Gin network(key, options);
  const nn::Graph graph =
      nn::Graph::batch({undirected({{0, 1}, {0, 2}, {0, 3}}, 4), undirected({{0, 1}, {1, 2}, {2, 3}}, 4)});
  const Tensor x = normal_leaf({8, 2}, key.split(2)), labels = from_vector<std::int64_t>({2, 0});
  expect_derivatives([&] { return nn::cross_entropy(network.classify(x, graph, {.training = true}), labels); },
                     leaves_of(network, {x}), key);
}

TEST(Gin, LearnsToTellStarsFromPaths) {
  GinOptions two = options;
  two.classes = 2;
  two.dropout = 0.1;
  Gin network(key, two);
  std::vector<nn::Graph> graphs;
  for (int i = 0; i < 4; ++i) {
    graphs.push_back(undirected({{0, 1}, {0, 2}, {0, 3}}, 4));
    graphs.push_back(undirected({{0, 1}, {1, 2}, {2, 3}}, 4));
  }
  const nn::Graph batch = nn::Graph::batch(graphs);
  const Tensor labels = from_vector<std::int64_t>({0, 1, 0, 1, 0, 1, 0, 1});
  nn::Adam adam(network.named_parameters());
  for (std::uint64_t step = 0; step < 60; ++step) {
    const Tensor x = 1.0 + normal({32, 2}, key.split(step), 0, 0.1, real);
    const nn::Pass pass{.training = true, .key = key.split(step)};
    nn::cross_entropy(network.classify(x, batch, pass), labels).backward();
    adam.step(1e-2);
    adam.clear_gradients();
  }
  EXPECT_EQ(nn::accuracy(network.classify(ones({32, 2}, real), batch), labels), 1);
}

TEST(Gin, RefusesWhatDoesNotFit) {
  expect_error([] { Gin(key, {.layers = 0}); }, {"[Gin]", "0"});
  expect_error([] { Gin(key, {.dropout = 1}); }, {"[Gin]", "[0, 1)"});
  expect_error([] { Gin(key, {.hidden = 0}); }, {"[Linear]"});
  Gin network(key, options);
  const nn::Graph graph = undirected({{0, 1}}, 2);
  expect_error([&] { network.classify(zeros({2, 3}, real), graph); }, {"[Gin]", "[nodes, 2]", "[2, 3]"});
  expect_error([&] { network.classify(zeros({3, 2}, real), graph); }, {"[Graph]", "2 nodes"});
}

}  // namespace
}  // namespace orbitgrad::models
