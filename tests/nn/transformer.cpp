// Layer norm, embedding and the transformer encoder: against their formulas written out, under permutations and masks,
// their derivatives.
#include "nn/transformer.hpp"

#include <numbers>

#include "engine/ops/comparison.hpp"
#include "engine/ops/elementary.hpp"
#include "engine/ops/indexing.hpp"
#include "engine/ops/matmul.hpp"
#include "engine/ops/shape_ops.hpp"
#include "nn/embedding.hpp"
#include "tests/nn/derivatives.hpp"

namespace orbitgrad::nn {
namespace {

using namespace testing_support;

const RandomKey key{21};
constexpr DType real = DType::float64;

std::vector<double> values(const Tensor& x) { return x.detach().to_vector<double>(); }

TEST(LayerNorm, IsItsFormula) {
  LayerNorm layer(5, {.epsilon = 1e-3, .dtype = real});
  const Tensor x = normal({2, 3, 5}, key, 3, 2, real);
  expect_near(mean(layer(x), {-1}), zeros({2, 3}, real), 1e-12);
  randomise(layer, key);
  const Tensor centred = x - mean(x, {-1}, true);
  const Tensor expected =
      centred / sqrt(mean(square(centred), {-1}, true) + 1e-3) * layer.state().at("weight") + layer.state().at("bias");
  expect_near(layer(x), expected, 1e-12);
  const Tensor leaf = normal_leaf({3, 5}, key.split(1)), weight = normal({3, 5}, key.split(2), 0, 1, real);
  expect_derivatives([&] { return sum(layer(leaf) * weight); }, leaves_of(layer, {leaf}), key);
  expect_error([] { LayerNorm(0); }, {"[LayerNorm]", "0"});
  expect_error([&] { layer(zeros({5, 3}, real)); }, {"[LayerNorm]", "[..., 5]", "[5, 3]"});
}

TEST(Embedding, TakesRowsAndSendsTheirGradientsBack) {
  Embedding layer(4, 3, key, real);
  const Tensor index = from_vector<std::int64_t>({2, 0, 2, -1}, {2, 2});
  const Tensor y = layer(index);
  EXPECT_EQ(y.shape(), (Shape{2, 2, 3}));
  EXPECT_TRUE(same_bits(select(select(y, 0, 1), 0, 1), select(layer.state().at("weight"), 0, 3)));
  const auto gradient = grad({sum(y)}, layer.parameters())[0];
  EXPECT_EQ(values(select(gradient, 1, 0)), (std::vector<double>{1, 0, 2, 1}));
  expect_error([] { Embedding(0, 3, key); }, {"[Embedding]", "0 symbols"});
  expect_error([&] { layer(from_vector<std::int64_t>({4})); }, {"position 4"});
}

struct Weights {
  std::vector<double> in, in_bias, out, out_bias;
};

/// Loop by loop; allowed(i, j) tells whether query i looks at key j. x [L, E].
std::vector<double> attention_by_loops(const std::vector<double>& x, std::int64_t length, std::int64_t features,
                                       std::int64_t heads, const Weights& w, auto&& allowed) {
  const auto at = [](std::int64_t i) { return static_cast<std::size_t>(i); };
  const auto projected = [&](std::int64_t row, std::int64_t i) {  // row of in_proj_weight, position i
    double sum = w.in_bias[at(row)];
    for (std::int64_t f = 0; f < features; ++f) sum += w.in[at(row * features + f)] * x[at(i * features + f)];
    return sum;
  };
  const std::int64_t width = features / heads;
  std::vector<double> joined(at(length * features)), y(at(length * features));
  for (std::int64_t i = 0; i < length; ++i)
    for (std::int64_t h = 0; h < heads; ++h) {
      std::vector<double> weight(at(length));
      double total = 0;
      for (std::int64_t j = 0; j < length; ++j) {
        double score = 0;
        for (std::int64_t d = h * width; d < (h + 1) * width; ++d)
          score += projected(d, i) * projected(features + d, j);
        weight[at(j)] = allowed(i, j) ? std::exp(score / std::sqrt(static_cast<double>(width))) : 0;
        total += weight[at(j)];
      }
      for (std::int64_t d = h * width; d < (h + 1) * width; ++d)
        for (std::int64_t j = 0; j < length; ++j)
          joined[at(i * features + d)] += weight[at(j)] / total * projected(2 * features + d, j);
    }
  for (std::int64_t i = 0; i < length; ++i)
    for (std::int64_t f = 0; f < features; ++f) {
      y[at(i * features + f)] = w.out_bias[at(f)];
      for (std::int64_t d = 0; d < features; ++d)
        y[at(i * features + f)] += w.out[at(f * features + d)] * joined[at(i * features + d)];
    }
  return y;
}

TEST(MultiHeadAttention, IsItsFormulaLoopByLoop) {
  MultiHeadAttention layer(6, 3, key, {.dtype = real});
  EXPECT_EQ(layer.parameter_count(), 4 * 6 * 6 + 4 * 6);
  EXPECT_EQ(max(absolute(layer.state().at("out_proj.bias"))).item(), 0);
  randomise(layer, key);
  const State state = layer.state();
  const Weights weights{values(state.at("in_proj_weight")), values(state.at("in_proj_bias")),
                        values(state.at("out_proj.weight")), values(state.at("out_proj.bias"))};
  const Tensor x = normal({4, 6}, key.split(1), 0, 1, real);
  const auto expect = [&](const Tensor& y, auto&& allowed) {
    expect_near(y, from_vector(attention_by_loops(values(x), 4, 6, 3, weights, allowed), {4, 6}), 1e-12);
  };
  expect(layer(x), [](auto, auto) { return true; });
  expect(layer.attend(x, x, x, {.causal = true}), [](auto i, auto j) { return j <= i; });
  const Tensor padding = from_vector<bool>({true, true, false, true}, {1, 1, 1, 4});
  expect(layer.attend(x, x, x, {.mask = padding}), [](auto, auto j) { return j != 2; });
  const Tensor batch = stack(std::vector<Tensor>{x * 2.0, x}, 0);
  expect_near(select(layer(batch), 0, 1), layer(x), 1e-12);
}

TEST(MultiHeadAttention, OfPermutedTokensIsPermuted) {
  MultiHeadAttention layer(8, 2, key, {.dtype = real});
  const Tensor x = normal({2, 7, 8}, key.split(2), 0, 1, real), order = random_permutation(7, key.split(3));
  expect_near(layer(index_select(x, 1, order)), index_select(layer(x), 1, order), 1e-12);
  // Queries of another sequence: only theirs move, not the keys.
  const Tensor query = normal({2, 3, 8}, key.split(4), 0, 1, real), shuffled = index_select(x, 1, order);
  expect_near(layer.attend(query, shuffled, shuffled, {}), layer.attend(query, x, x, {}), 1e-12);
}

TEST(MultiHeadAttention, DropsWeightsInTrainingByItsKey) {
  MultiHeadAttention layer(4, 1, key, {.dropout = 0.5, .dtype = real});
  const Tensor x = normal({5, 4}, key.split(5), 0, 1, real);
  const Pass one{.training = true, .key = key}, other{.training = true, .key = key.split(1)};
  EXPECT_TRUE(same_bits(layer(x, one), layer(x, one)));
  EXPECT_FALSE(same_bits(layer(x, one), layer(x, other)));
  EXPECT_FALSE(same_bits(layer(x, one), layer(x)));
  EXPECT_TRUE(same_bits(layer(x), layer(x, {.key = key})));
}

TEST(MultiHeadAttention, RefusesWhatDoesNotFit) {
  expect_error([] { MultiHeadAttention(6, 4, key); }, {"[MultiHeadAttention]", "6", "4"});
  expect_error([] { MultiHeadAttention(6, 0, key); }, {"[MultiHeadAttention]"});
  expect_error([] { MultiHeadAttention(6, 2, key, {.dropout = 1}); }, {"[0, 1)"});
  MultiHeadAttention layer(6, 2, key);
  expect_error([&] { layer(zeros({2, 3, 5})); }, {"[MultiHeadAttention]", "[2, 3, 5]"});
  expect_error([&] { layer(zeros({6})); }, {"[MultiHeadAttention]", "[6]"});
  expect_error([&] { layer.attend(zeros({2, 3, 6}), zeros({1, 3, 6}), zeros({1, 3, 6}), {}); }, {"[1, 3, 6]"});
  expect_error([&] { layer.attend(zeros({2, 3, 6}), zeros({2, 4, 6}), zeros({2, 3, 6}), {}); }, {"[attention]"});
  expect_error(
      [&] {
        layer.attend(zeros({3, 6}), zeros({3, 6}), zeros({3, 6}), {.mask = zeros({2, 2})});
      },
      {"[attention]", "[2, 2]"});
}

TransformerOptions small(bool norm_first, orbitgrad::Activation activation) {
  return {.features = 4,
          .heads = 2,
          .hidden = 6,
          .dropout = 0.2,
          .activation = activation,
          .norm_first = norm_first,
          .dtype = real};
}

class Encoder : public testing::TestWithParam<std::tuple<bool, orbitgrad::Activation>> {
 protected:
  TransformerOptions options() const { return small(std::get<0>(GetParam()), std::get<1>(GetParam())); }
};

TEST_P(Encoder, LayerIsItsBranchesOneByOne) {
  TransformerLayer layer(options(), key);
  randomise(layer, key);
  const State state = layer.state();
  const auto child = [&](std::string_view wanted) -> Module& {
    for (const auto& [name, module] : layer.children())
      if (name == wanted) return *module;
    throw Error("no such child");
  };
  const Tensor x = normal({2, 3, 4}, key.split(6), 0, 1, real);
  const auto dense = [&](const Tensor& y) {
    const Tensor z = matmul(y, transpose(state.at("linear1.weight"))) + state.at("linear1.bias");
    const Tensor active = options().activation == orbitgrad::Activation::relu
                              ? maximum(z, zeros({}, real))
                              : z * 0.5 * (1.0 + erf(z / std::numbers::sqrt2));
    return matmul(active, transpose(state.at("linear2.weight"))) + state.at("linear2.bias");
  };
  Module &attend = child("self_attn"), &norm1 = child("norm1"), &norm2 = child("norm2");
  Tensor y;
  if (options().norm_first) {
    y = x + attend(norm1(x));
    y = y + dense(norm2(y));
  } else {
    y = norm1(x + attend(x));
    y = norm2(y + dense(y));
  }
  expect_near(layer(x), y, 1e-12);
}

TEST_P(Encoder, HasTheDerivativesOfDifferences) {
  TransformerEncoder encoder(1, options(), key);
  randomise(encoder, key);
  const Tensor x = normal_leaf({3, 4}, key.split(7)), weight = normal({3, 4}, key.split(8), 0, 1, real);
  const Pass training{.training = true, .key = key};
  std::vector<Tensor> leaves{x};  // a bias of the keys shifts all scores of a query: its derivative is 0
  for (const NamedTensor& part : encoder.named_parameters()) leaves.push_back(part.tensor);
  expect_derivatives([&] { return sum(encoder(x, training) * weight); }, leaves, key);
}

INSTANTIATE_TEST_SUITE_P(All, Encoder,
                         testing::Combine(testing::Bool(),
                                          testing::Values(orbitgrad::Activation::relu, orbitgrad::Activation::gelu)));

TEST(TransformerEncoder, RepeatsItsLayerUnderNumbers) {
  const TransformerOptions options{.features = 8, .heads = 2, .hidden = 16};
  TransformerEncoder encoder(2, options, key);
  const std::int64_t layer = 4 * 8 * 8 + 4 * 8 + 2 * 8 * 16 + 16 + 8 + 4 * 8;
  EXPECT_EQ(encoder.parameter_count(), 2 * layer + 2 * 8);
  const State state = encoder.state();
  EXPECT_TRUE(state.contains("layers.1.self_attn.in_proj_weight"));
  EXPECT_TRUE(state.contains("layers.0.linear2.bias"));
  EXPECT_TRUE(state.contains("norm.weight"));
  auto after = options;
  after.norm_first = false;
  EXPECT_FALSE(TransformerEncoder(1, after, key).state().contains("norm.weight"));
  expect_error([&] { TransformerEncoder(0, options, key); }, {"[TransformerEncoder]", "0"});
  expect_error([&] { TransformerLayer({.hidden = 0}, key); }, {"[TransformerLayer]", "0"});
}

TEST(TransformerEncoder, CausalOutputsDoNotSeeTheFuture) {
  TransformerEncoder encoder(2, {.features = 8, .heads = 2, .hidden = 16, .dtype = real}, key);
  const Tensor x = normal({1, 5, 8}, key.split(9), 0, 1, real);
  const Tensor whole = encoder.encode(x, {.causal = true}),
               begun = encoder.encode(narrow(x, 1, 0, 3), {.causal = true});
  expect_near(narrow(whole, 1, 0, 3), begun, 1e-12);
  expect_error([] { (void)Embedding(2, 2, key)(zeros({2})); }, {"int64"});
}

}  // namespace
}  // namespace orbitgrad::nn
