// Divergences of Downstream against values by hand, what they ask of ln sigma^2, and what each mode trains.
#include "models/symmetry_cloning/downstream.hpp"

#include <cmath>
#include <limits>
#include <map>

#include "engine/autograd/grad.hpp"
#include "engine/autograd/node.hpp"
#include "engine/ops/elementary.hpp"
#include "engine/ops/reduction.hpp"
#include "engine/update.hpp"
#include "tests/nn/support.hpp"

namespace orbitgrad::models {
namespace {

using namespace testing_support;
using enum DownstreamMode;

const RandomKey key{41};
constexpr double lambda = 2, s = 0.1;

/// Three layers of 2320, 148 and 10 weights.
const SkeletonOptions pooling{.side = 4, .classes = 3, .channels = {2, 2, 2}};
/// Two layers, and a head that sees every pixel.
const SkeletonOptions wide{.side = 4, .classes = 3, .channels = {2, 2}, .strict = true, .head = CloningHead::flatten};

std::shared_ptr<CloningNetwork> tiny_network(const SkeletonOptions& skeleton = pooling, bool rectified = false) {
  return std::make_shared<CloningNetwork>(
      skeleton, fresh_students(skeleton, StudentKind::hyper_linear, {.rectified = rectified}, key.split("students")),
      key);
}

/// Adds noise to the tensors whose name contains the word, all if it is empty.
void shake(std::vector<nn::NamedTensor> tensors, double deviation, std::string_view word = "") {
  const NoGrad no_grad;
  for (std::size_t i = 0; i < tensors.size(); ++i)
    if (tensors[i].name.find(word) != std::string::npos)
      assign(tensors[i].tensor,
             tensors[i].tensor.detach() + normal(tensors[i].tensor.shape(), key.split("shake").split(i), 0, deviation));
}

std::vector<std::vector<double>> values(const std::vector<nn::NamedTensor>& tensors) {
  std::vector<std::vector<double>> all;
  for (const auto& [name, tensor] : tensors) all.push_back(tensor.detach().to(DType::float64).to_vector<double>());
  return all;
}

/// The number n of weights of the layer that each tensor of theta belongs to.
std::vector<double> layer_weights(const CloningNetwork& network) {
  std::map<char, double> count;
  for (const auto& [name, tensor] : network.theta()) count[name.at(5)] += static_cast<double>(tensor.numel());
  std::vector<double> n;
  for (const auto& [name, tensor] : network.theta()) n.push_back(count.at(name.at(5)));
  return n;
}

std::vector<nn::NamedTensor> log_variances(const Downstream& downstream) {
  std::vector<nn::NamedTensor> found;
  for (const nn::NamedTensor& parameter : downstream.trained_rest())
    if (parameter.name.starts_with("log_variance")) found.push_back(parameter);
  return found;
}

/// lambda sum 1/(2 n) ( sigma^2/s^2 + (theta - theta_0)^2/s^2 - 1 - ln(sigma^2/s^2) ), sigma = s without variances.
double by_hand(const std::vector<std::vector<double>>& before, const CloningNetwork& network,
               const std::vector<std::vector<double>>& variances = {}) {
  const auto theta = values(network.theta());
  const auto n = layer_weights(network);
  double total = 0;
  for (std::size_t i = 0; i < theta.size(); ++i)
    for (std::size_t k = 0; k < theta[i].size(); ++k) {
      const double ratio = variances.empty() ? 1 : std::exp(variances[i][k]) / (s * s);
      total += lambda / (2 * n[i]) * (std::pow((theta[i][k] - before[i][k]) / s, 2) + ratio - 1 - std::log(ratio));
    }
  return total;
}

TEST(DownstreamDivergence, OfWeightsIsTheirSquaredDistanceOverTwoVariancesPerLayer) {
  const auto network = tiny_network();
  EXPECT_EQ(layer_weights(*network), (std::vector<double>{2320, 2320, 148, 148, 10, 10}));
  const Downstream downstream(network, {.mode = kl_weight, .lambda = lambda, .prior_deviation = s});
  const auto before = values(network->theta());
  EXPECT_EQ(downstream.divergence({}, {}, key).item(), 0);
  shake(network->theta(), 0.2);
  const double expected = by_hand(before, *network);
  EXPECT_NEAR(expected, lambda / 2 * 3 * 4, 6);  // (0.2 / s)^2 of every weight
  EXPECT_NEAR(downstream.divergence({}, {}, key).item(), expected, 1e-4 * expected);
}

TEST(DownstreamDivergence, OfNormalLawsGoesFromTheirsToThePrior) {
  const auto network = tiny_network();
  Downstream downstream(network, {.mode = kl_weight_var, .lambda = lambda, .prior_deviation = s});
  const auto before = values(network->theta());
  EXPECT_NEAR(downstream.divergence({}, {}, key).item(), lambda * 3 * 0.5 * (0.01 - 1 + std::log(100)), 1e-4);
  shake(network->theta(), 0.15);
  shake(log_variances(downstream), 1);
  const double expected = by_hand(before, *network, values(log_variances(downstream)));
  EXPECT_NEAR(downstream.divergence({}, {}, key).item(), expected, 1e-4 * expected);
  downstream.draw_weights(key);  // of the mean, whatever was drawn
  EXPECT_NEAR(downstream.divergence({}, {}, key).item(), expected, 1e-4 * expected);
}

TEST(DownstreamDrawing, GivesLogVariancesTheirOwnGradientAndThatOfTheTaskOnly) {
  for (const double task : {0.0, 0.3})  // d task / d theta, everywhere
    for (const std::uint64_t draw : {1, 2}) {
      const auto network = tiny_network();
      Downstream downstream(network, {.mode = kl_weight_var, .lambda = lambda, .prior_deviation = s});
      const auto before = values(network->theta());
      const auto n = layer_weights(*network);
      shake(network->theta(), 0.1);
      shake(log_variances(downstream), 1);
      const nn::State theta = snapshot(network->state());
      const auto mean = values(network->theta()), variances = values(log_variances(downstream));
      downstream.draw_weights(key.split(draw));
      const auto drawn = values(network->theta());
      Tensor loss = downstream.divergence({}, {}, key);
      for (const auto& [name, tensor] : network->theta()) loss = loss + sum(tensor) * task;
      backward(loss);
      downstream.restore_weights();
      EXPECT_TRUE(same_bits(network->state(), theta));
      double moved = 0;
      for (std::size_t i = 0; i < mean.size(); ++i) {
        const auto of_variance = log_variances(downstream)[i].tensor.grad().to_vector<float>();
        const auto of_mean = network->theta()[i].tensor.grad().to_vector<float>();
        for (std::size_t k = 0; k < mean[i].size(); ++k) {
          const double noise = drawn[i][k] - mean[i][k], ratio = std::exp(variances[i][k]) / (s * s);
          const double scale = lambda / n[i];
          moved += noise * noise / (s * s * ratio);
          ASSERT_NEAR(of_variance[k], scale / 2 * (ratio - 1) + task * noise / 2, 1e-4 * scale + 1e-6 * task);
          ASSERT_NEAR(of_mean[k], scale * (mean[i][k] - before[i][k]) / (s * s) + task, 1e-4 * scale + 1e-6 * task);
        }
      }
      EXPECT_NEAR(moved / 2478, 1, 0.15);  // eps of deviation 1
    }
}

TEST(DownstreamDivergence, OfOutputsGoesFromTheCloneAndSeesThetaOnly) {
  const Tensor x = normal({5, 1, 4, 4}, key.split("x"));
  const auto network = tiny_network(wide), initial = copy_of(*network);
  const Downstream downstream(network, {.mode = kl_output, .lambda = lambda});
  const Downstream on_noise(network, {.mode = kl_output, .lambda = lambda, .output_on_noise = true});
  const auto divergence = [&](const Downstream& of) { return of.divergence(x, (*network)(x), key).item(); };
  EXPECT_NEAR(divergence(downstream), 0, 1e-6);
  for (const char* word : {"tau", "head"}) {
    const Tensor logits = (*network)(x);
    shake(network->others(), 1, word);
    EXPECT_GT(max(absolute((*network)(x)-logits)).item(), 0.1) << word;
    EXPECT_NEAR(divergence(downstream), 0, 1e-6) << word;
    EXPECT_NEAR(divergence(on_noise), 0, 1e-6) << word;
  }
  shake(network->theta(), 0.3);
  for (std::size_t i = 0; i < network->others().size(); ++i)
    assign(initial->others()[i].tensor, network->others()[i].tensor.detach());
  const auto f = values({{"", (*network)(x)}})[0], f_0 = values({{"", (*initial)(x)}})[0];
  double forth = 0, back = 0;
  for (std::size_t row = 0; row < 15; row += 3) {
    double z = 0, z_0 = 0;
    for (std::size_t k = row; k < row + 3; ++k) z += std::exp(f[k]), z_0 += std::exp(f_0[k]);
    for (std::size_t k = row; k < row + 3; ++k) {
      const double log_p = f[k] - std::log(z), log_p_0 = f_0[k] - std::log(z_0);
      forth += lambda / 5 * std::exp(log_p_0) * (log_p_0 - log_p);
      back += lambda / 5 * std::exp(log_p) * (log_p - log_p_0);
    }
  }
  ASSERT_GT(std::abs(forth - back), 1e-2 * forth);
  EXPECT_NEAR(divergence(downstream), forth, 1e-4 * forth);
  EXPECT_GT(std::abs(divergence(on_noise) - forth), 1e-2 * forth);
}

TEST(DownstreamDivergence, OfFeaturesIsHalfTheirMeanSquareBeforeTheActivation) {
  const auto network = tiny_network(pooling, /*rectified=*/true);
  const Downstream downstream(network, {.mode = kl_feature, .lambda = lambda, .noise_samples = 500});
  const auto before = values(network->theta());
  const auto by_hand = [&] {  // E |sum_k tau_k D_k x + d|^2 = |D|^2 + |d|^2, over outputs
    const auto theta = values(network->theta());
    double total = 0;
    for (std::size_t i = 0; i < theta.size(); ++i)
      for (std::size_t k = 0; k < theta[i].size(); ++k)
        total += lambda / 2 * std::pow(theta[i][k] - before[i][k], 2) / static_cast<double>(theta[i | 1].size());
    return total;
  };
  EXPECT_EQ(downstream.divergence({}, {}, key).item(), 0);
  shake(network->theta(), 0.5, "bias");  // whatever x and tau are
  EXPECT_NEAR(downstream.divergence({}, {}, key).item(), by_hand(), 1e-4 * by_hand());
  shake(network->theta(), 0.5, "matrices");
  EXPECT_NEAR(downstream.divergence({}, {}, key).item(), by_hand(), 0.1 * by_hand());
}

TEST(DownstreamModes, TrainWhatTheirNamesSay) {
  const Tensor x = normal({2, 1, 4, 4}, key.split("x"));
  for (const DownstreamMode mode : {frozen, init, kl_weight}) {
    const auto network = tiny_network();
    Downstream downstream(network, {.mode = mode, .prior_deviation = s});
    EXPECT_FALSE(downstream.divergence(x, {}, key).defined());  // lambda is 0
    downstream.draw_weights(key);
    const nn::State theta = snapshot(network->state());
    backward(sum(downstream(x)));
    downstream.restore_weights();
    EXPECT_TRUE(same_bits(network->state(), theta));
    EXPECT_EQ(downstream.trained_theta().size(), mode == frozen ? 0U : 6U);
    EXPECT_EQ(downstream.trained_rest().size(), 8U);  // tau and bias of three layers, weight and bias of the head
    for (const auto& [name, tensor] : network->theta()) EXPECT_EQ(tensor.grad().defined(), mode != frozen) << name;
    for (const auto& [name, tensor] : downstream.trained_rest()) EXPECT_TRUE(tensor.grad().defined()) << name;
  }
}

TEST(DownstreamErrors, SayWhichNumberIsWrong) {
  for (const double wrong : {-1.0, std::nan(""), std::numeric_limits<double>::infinity()}) {
    expect_error([&] { Downstream(tiny_network(), {.lambda = wrong}); }, {"[Downstream]", "lambda", "positive"});
    expect_error([&] { Downstream(tiny_network(), {.prior_deviation = wrong}); }, {"deviation of the prior"});
  }
  expect_error([&] { Downstream(tiny_network(), {.prior_deviation = 0}); }, {"prior is 0"});
}

}  // namespace
}  // namespace orbitgrad::models
