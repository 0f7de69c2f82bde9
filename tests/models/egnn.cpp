// E(n) equivariant networks: against loops over pairs, under rotations, reflections, translations and permutations,
// their derivatives, errors.
#include "models/egnn.hpp"

#include "engine/ops/elementary.hpp"
#include "engine/ops/indexing.hpp"
#include "engine/ops/linear_algebra.hpp"
#include "engine/ops/matmul.hpp"
#include "engine/ops/shape_ops.hpp"
#include "nn/loss.hpp"
#include "nn/optimizer.hpp"
#include "tests/nn/derivatives.hpp"

namespace orbitgrad::models {
namespace {

using namespace testing_support;

const RandomKey key{61};
constexpr DType real = DType::float64;

EgnnOptions small(bool velocity) {
  return {.in = 2, .hidden = 4, .edge_attributes = 1, .layers = 2, .velocity = velocity, .dtype = real};
}

struct Particles {
  Tensor features, coordinates, velocity, attributes;
  nn::Graph graph;
};

/// Two systems of three and four particles in n dimensions.
Particles particles(std::int64_t n) {
  nn::Graph graph = nn::Graph::batch({nn::Graph::complete(3), nn::Graph::complete(4)});
  const auto random = [&](std::uint64_t i, const Shape& shape) { return normal(shape, key.split(i), 0, 1, real); };
  return {random(1, {7, 2}), random(2, {7, n}), random(3, {7, n}), random(4, {graph.edges(), 1}), graph};
}

EgnnState move(const Egnn& network, const Particles& p) {
  return network.move(p.features, p.coordinates, p.velocity, p.attributes, p.graph);
}

TEST(Egnn, HasTheSizeOfTheNBodyExperiment) {
  constexpr std::int64_t edge = 131 * 64 + 64 + 64 * 64 + 64, node = 128 * 64 + 64 + 64 * 64 + 64;
  constexpr std::int64_t coordinate = 64 * 64 + 64 + 64, velocity = 64 * 64 + 64 + 64 + 1;
  const Egnn network(key);
  EXPECT_EQ(network.parameter_count(), 4 * (edge + node + coordinate + velocity) + 2 * 64);
  EXPECT_TRUE(network.state().contains("gcl_3.coord_mlp_vel.2.bias"));
  EXPECT_FALSE(network.state().contains("gcl_0.coord_mlp.2.bias"));
  EXPECT_LE(max(absolute(network.state().at("gcl_0.coord_mlp.2.weight"))).item(), 1e-3);
}

TEST(Egnn, LayerIsItsEquationsPairByPair) {
  EgnnOptions options = small(true);
  options.layers = 1;
  Egnn network(key, options);
  randomise(network, key);
  const nn::State state = network.state();
  const auto dense = [&](const std::string& name, const Tensor& x) {
    const Tensor y = matmul(state.at(name + ".weight"), x);
    return state.contains(name + ".bias") ? y + state.at(name + ".bias") : y;
  };
  const auto swish = [](const Tensor& x) { return x / (1.0 + exp(-x)); };
  const auto perceptron = [&](const std::string& name, const Tensor& x) {
    return dense("gcl_0." + name + ".2", swish(dense("gcl_0." + name + ".0", x)));
  };
  const Particles p = particles(3);
  const EgnnState moved = move(network, p);
  const auto row = [](const Tensor& x, std::int64_t i) { return select(x, 0, i); };
  std::int64_t edge = 0;
  for (const auto& [first, count] : {std::pair<std::int64_t, std::int64_t>{0, 3}, {3, 4}})
    for (std::int64_t i = first; i < first + count; ++i) {
      const Tensor h = dense("embedding", row(p.features, i));
      Tensor message = zeros({4}, real), shift = zeros({3}, real);
      for (std::int64_t j = first; j < first + count; ++j) {
        if (i == j) continue;
        const Tensor apart = row(p.coordinates, i) - row(p.coordinates, j);
        const Tensor parts[] = {h, dense("embedding", row(p.features, j)), sum(square(apart), {0}, true),
                                row(p.attributes, edge++)};
        const Tensor m = swish(perceptron("edge_mlp", concat(parts, 0)));
        message = message + m;
        shift = shift + apart * perceptron("coord_mlp", m) / static_cast<double>(count - 1);
      }
      const Tensor of_velocity = perceptron("coord_mlp_vel", h) * row(p.velocity, i);
      const Tensor parts[] = {h, message};
      expect_near(row(moved.coordinates, i), row(p.coordinates, i) + shift + of_velocity, 1e-12);
      expect_near(row(moved.features, i), h + perceptron("node_mlp", concat(parts, 0)), 1e-12);
    }
}

class EgnnIn : public testing::TestWithParam<int> {};

TEST_P(EgnnIn, CoordinatesTurnAndShiftAndFeaturesStay) {
  const std::int64_t n = GetParam();
  Egnn network(key, small(true));
  randomise(network, key);
  const Particles p = particles(n);
  const EgnnState before = move(network, p);
  bool reflected = false, rotated = false;
  for (std::uint64_t i = 0; i < 6; ++i) {
    const Tensor turn = qr(normal({n, n}, key.split("turn").split(i), 0, 1, real)).q;
    const Tensor shift = normal({n}, key.split("shift").split(i), 0, 2, real);
    (determinant(turn).item() < 0 ? reflected : rotated) = true;
    Particles turned = p;
    turned.coordinates = matmul(p.coordinates, transpose(turn)) + shift;
    turned.velocity = matmul(p.velocity, transpose(turn));
    const EgnnState after = move(network, turned);
    const double scale = max(absolute(before.coordinates)).item();
    expect_near(after.coordinates, matmul(before.coordinates, transpose(turn)) + shift, 1e-11 * scale);
    expect_near(after.features, before.features, 1e-11 * max(absolute(before.features)).item());
  }
  EXPECT_TRUE(reflected && rotated);
  Particles stretched = p;  // no symmetry
  stretched.coordinates = p.coordinates * 1.1;
  EXPECT_GT(max(absolute(move(network, stretched).features - before.features)).item(), 1e-3);
}

INSTANTIATE_TEST_SUITE_P(Dimensions, EgnnIn, testing::Values(2, 3, 5));

TEST(Egnn, FollowsTheNumberingOfTheParticles) {
  Egnn network(key, small(true));
  randomise(network, key);
  const Particles p = particles(3);
  const EgnnState before = move(network, p);
  const Tensor order = from_vector<std::int64_t>({4, 2, 6, 0, 1, 5, 3}),
               rank = from_vector<std::int64_t>({3, 4, 1, 6, 0, 5, 2}), edges = random_permutation(18, key.split(9));
  const auto rows = [](const Tensor& x, const Tensor& which) { return index_select(x, 0, which); };
  const nn::Graph renamed(rows(rows(rank, p.graph.source()), edges), rows(rows(rank, p.graph.target()), edges), 7);
  const EgnnState after = move(network, {rows(p.features, order), rows(p.coordinates, order), rows(p.velocity, order),
                                         rows(p.attributes, edges), renamed});
  expect_near(after.coordinates, rows(before.coordinates, order), 1e-11);
  expect_near(after.features, rows(before.features, order), 1e-11);
}

TEST(Egnn, HasTheDerivativesOfDifferences) {
  EgnnOptions options = small(true);
  options.layers = 1;
  Egnn network(key, options);
  randomise(network, key);
  const Particles p = particles(3);
  const Tensor features = normal_leaf({7, 2}, key.split(5)), coordinates = normal_leaf({7, 3}, key.split(6));
  const Tensor a = normal({7, 4}, key.split(7), 0, 1, real), b = normal({7, 3}, key.split(8), 0, 1, real);
  expect_derivatives(
      [&] {
        const EgnnState state = network.move(features, coordinates, p.velocity, p.attributes, p.graph);
        return sum(state.features * a) + sum(state.coordinates * b);
      },
      leaves_of(network, {features, coordinates}), key);
}

std::vector<double> losses_of_training(DeviceKind device, int steps) {
  const ScopedDefaultDevice on_cpu(DeviceKind::cpu);
  Egnn network(key, {.in = 2, .hidden = 8, .edge_attributes = 1, .layers = 1});
  network.to(device);
  Particles p = particles(3);
  for (Tensor* part : {&p.features, &p.coordinates, &p.velocity, &p.attributes})
    *part = part->to(DType::float32).to(device);
  p.graph = p.graph.to(device);
  const Tensor goal = p.coordinates + p.velocity * 0.7;
  std::vector<nn::NamedTensor> used;  // the features of the last layer move nothing
  for (const nn::NamedTensor& part : network.named_parameters())
    if (!part.name.starts_with("gcl_0.node_mlp")) used.push_back(part);
  nn::Adam adam(used);
  std::vector<double> losses;
  for (int step = 0; step < steps; ++step) {
    const Tensor loss = nn::mse(move(network, p).coordinates, goal);
    losses.push_back(loss.item());
    adam.clear_gradients();
    loss.backward();
    adam.step(1e-2);
  }
  return losses;
}

TEST(Egnn, LearnsMotionOnSimAsOnTheCpu) {
  const auto on_cpu = losses_of_training(DeviceKind::cpu, 60), on_sim = losses_of_training(DeviceKind::sim, 3);
  EXPECT_LT(on_cpu.back(), 0.1 * on_cpu.front());
  for (std::size_t i = 0; i < on_sim.size(); ++i) EXPECT_NEAR(on_sim[i], on_cpu[i], 1e-4);
}

TEST(Egnn, RefusesWhatDoesNotFit) {
  expect_error([] { Egnn(key, {.layers = 0}); }, {"[Egnn]", "0"});
  expect_error([] { Egnn(key, {.edge_attributes = -1}); }, {"[Egnn]", "-1"});
  expect_error([] { Egnn(key, {.hidden = 0}); }, {"[Linear]"});
  const Egnn network(key, small(true)), still(key, small(false));
  const Particles p = particles(3);
  const auto with = [&](auto&& change) {
    Particles changed = p;
    change(changed);
    return [&network, changed] { move(network, changed); };
  };
  expect_error(with([](Particles& q) { q.velocity = {}; }), {"[Egnn]", "velocity", "undefined"});
  expect_error(with([](Particles& q) { q.attributes = {}; }), {"[Egnn]", "edge attributes", "[18, 1]"});
  expect_error(with([](Particles& q) { q.features = zeros({7, 3}, real); }), {"[Egnn]", "[7, 2]", "[7, 3]"});
  expect_error(with([](Particles& q) { q.coordinates = zeros({7}, real); }), {"[Egnn]", "[nodes, n]"});
  expect_error(with([](Particles& q) { q.coordinates = zeros({6, 3}, real); }), {"[Egnn]", "[7, 3]", "[6, 3]"});
  Particles q = p;
  q.velocity = {};
  EXPECT_EQ(move(still, q).coordinates.shape(), (Shape{7, 3}));
}

}  // namespace
}  // namespace orbitgrad::models
