#include "models/emlp.hpp"

#include <gtest/gtest.h>

#include "engine/autograd/gradcheck.hpp"
#include "engine/ops/arithmetic.hpp"
#include "engine/ops/creation.hpp"
#include "engine/ops/reduction.hpp"
#include "engine/philox_source.hpp"
#include "groups/group_catalogue.hpp"

namespace orbitgrad::models {
namespace {

using groups::Representation;

Representation parse(const std::string& text, const std::string& group) {
  return Representation::parse(text, groups::parse_group(group));
}

std::string hidden(const std::string& group, std::int64_t channels, Allocation allocation) {
  return hidden_representation(groups::parse_group(group), channels, allocation, RandomKey{1}).to_string();
}

TEST(Emlp, AllocatorsGiveThePublishedChannels) {
  EXPECT_EQ(hidden("O(3)", 128, Allocation::uniform), "38T(0)+12T(1)+3T(2)+T(3)");
  EXPECT_EQ(hidden("O(3)", 384, Allocation::uniform), "102T(0)+34T(1)+11T(2)+3T(3)");
  EXPECT_EQ(hidden("O(3)", 45, Allocation::uniform_fixed_rank), "18T(0)+6T(1)+2T(2)");
  EXPECT_EQ(hidden("O(3)", 89, Allocation::uniform_fixed_rank), "36T(0)+12T(1)+4T(2)");
  EXPECT_EQ(hidden("O(3)", 128, Allocation::uniform_fixed_rank), "54T(0)+18T(1)+6T(2)+2T(3)");
  EXPECT_EQ(hidden("O(3)", 269, Allocation::uniform_fixed_rank), "81T(0)+27T(1)+9T(2)+3T(3)");
  EXPECT_EQ(hidden("O(3)", 384, Allocation::uniform_fixed_rank), "108T(0)+36T(1)+12T(2)+4T(3)");
  for (const char* group : {"O(3)", "O13", "SL(2)", "O(5)"})
    for (const std::int64_t channels : {1, 7, 100, 384})
      EXPECT_EQ(
          hidden_representation(groups::parse_group(group), channels, Allocation::uniform, RandomKey{2}).dimension(),
          channels);
  EXPECT_THROW(hidden("O(3)", 0, Allocation::uniform), Error);
}

TEST(Emlp, ParameterCountsOfThePublishedModels) {
  const auto in = parse("5S+5V", "O(3)"), out = parse("T2", "O(3)");
  EXPECT_EQ(emlp(in, out, RandomKey{1}, {.channels = 128})->parameter_count(), 57753);
  EXPECT_EQ(swish_mlp(20, 9, RandomKey{1}, {.channels = 128})->parameter_count(), 36873);
  // PER's models: the overshooting allocator; its soft gates add 3 x 216 that the strict ones lack.
  const auto per = emlp(in, out, RandomKey{1}, {.channels = 128, .allocation = Allocation::uniform_fixed_rank});
  EXPECT_EQ(per->parameter_count(), 164959 - 3 * 216);
  std::int64_t weights = 0, biases = 0, bilinear = 0;
  for (const auto& [name, tensor] : per->named_parameters()) {
    if (name.find("bilinear") != std::string::npos)
      bilinear += tensor.numel();
    else
      (name.ends_with("bias") ? biases : weights) += tensor.numel();
  }
  EXPECT_EQ(weights, 111328);
  EXPECT_EQ(biases, 735);
  EXPECT_EQ(bilinear, 3 * 17416);
}

/// |f(rho_in(g) x) - rho_out(g) f(x)| relative to the sum of both, largest over a few g and x.
double equivariance_error(nn::Module& model, const Representation& in, const Representation& out) {
  groups::RandomSource random = philox_source(RandomKey{3});
  double worst = 0;
  for (int i = 0; i < 4; ++i) {
    const groups::ComplexMatrix g = in.group().random_element(random);
    const auto values = [](const Tensor& t) { return t.to(DType::float64).to_vector<double>(); };
    std::vector<double> x(static_cast<std::size_t>(in.dimension()));
    for (double& value : x) value = random.normal();
    const DType dtype = model.parameters()[0].dtype();
    const auto run = [&](const std::vector<double>& v) {
      return values(model(from_vector(v, {1, static_cast<std::int64_t>(v.size())}).to(dtype)));
    };
    std::vector<double> moved = x, y = run(x);
    in.apply<double>(g, moved);
    out.apply<double>(g, y);
    const std::vector<double> z = run(moved);
    double difference = 0, size = 0;
    for (std::size_t k = 0; k < y.size(); ++k) {
      difference += std::pow(y[k] - z[k], 2);
      size += std::pow(y[k], 2) + std::pow(z[k], 2);
    }
    worst = std::max(worst, std::sqrt(difference / size));
  }
  return worst;
}

TEST(Emlp, NetworksAreEquivariant) {
  struct Case {
    const char *group, *in, *out;
    double tolerance;
  };
  for (const auto& [group, in, out, tolerance] : {Case{"O(3)", "5S+5V", "T2", 1e-12},
                                                  {"SO(3)", "S+2V", "V", 1e-12},
                                                  {"O(5)", "2V", "S", 1e-12},
                                                  {"O13", "4V", "S", 1e-9},
                                                  {"SL(2)", "2V+T(0,1)", "T(1,1)+S", 1e-9},
                                                  {"S(4)", "2V", "V+S", 1e-12},
                                                  {"Oh", "V+T2", "V", 1e-12}}) {
    const auto from = parse(in, group), to = parse(out, group);
    const auto model = emlp(from, to, RandomKey{4}, {.channels = 60, .layers = 2, .dtype = DType::float64});
    EXPECT_LT(equivariance_error(*model, from, to), tolerance) << group;
  }
  const auto from = parse("5S+5V", "O(3)"), to = parse("T2", "O(3)");
  EXPECT_LT(equivariance_error(*emlp(from, to, RandomKey{4}, {.channels = 128}), from, to), 1e-6);
}

TEST(Emlp, TheBilinearLayerAloneIsEquivariantAndMattersAndReloads) {
  const auto rho = parse("4S+3V+2T2+T3", "O(3)");
  nn::EquivariantBilinear layer(rho, RandomKey{5}, DType::float64);
  EXPECT_LT(equivariance_error(layer, rho, rho), 1e-12);
  const Tensor x = normal({2, rho.dimension()}, RandomKey{6}, 0, 1, DType::float64);
  const Tensor y = layer(x);
  EXPECT_GT(sum(absolute(y)).item(), 1);
  EXPECT_LT(max(absolute(layer(x * 2.0) - y * 4.0)).item(), 1e-11);  // quadratic
  nn::EquivariantBilinear other(rho, RandomKey{7}, DType::float64);
  EXPECT_GT(max(absolute(other(x) - y)).item(), 0.01);
  other.load_state(layer.state());
  EXPECT_EQ(other(x).to_vector<double>(), y.to_vector<double>());
}

TEST(Emlp, ProjectionIsIdempotentSelfAdjointAndDifferentiable) {
  groups::BasisLibrary<double> library;
  const auto in = parse("2S+2V+T2", "O(3)"), out = parse("S+V+2T2", "O(3)");
  const nn::EquivariantProjection project(out, in, library, DType::float64);
  const groups::EquivariantMaps<double> maps(out, in, library);
  EXPECT_EQ(project.dimension(), maps.dimension());
  const Tensor w = normal({out.dimension(), in.dimension()}, RandomKey{8}, 0, 1, DType::float64);
  const Tensor p = project(w);
  std::vector<double> expected = w.to_vector<double>();
  maps.project(expected);
  EXPECT_LT(max(absolute(p - from_vector(expected, p.shape()))).item(), 1e-13);
  EXPECT_LT(max(absolute(project(p) - p)).item(), 1e-13);
  const auto energy = [&](const std::vector<Tensor>& v) { return project(v[0]) * project(v[0]); };
  // Bases with many entries go through matrix products.
  const auto tensors = parse("T3+S", "C(4)");
  const nn::EquivariantProjection by_products(tensors, tensors, library, DType::float64);
  const groups::EquivariantMaps<double> many(tensors, tensors, library);
  const Tensor large = normal({9, 9}, RandomKey{9}, 0, 1, DType::float64);
  std::vector<double> by_entries = large.to_vector<double>();
  many.project(by_entries);
  EXPECT_LT(max(absolute(by_products(large) - from_vector(by_entries, {9, 9}))).item(), 1e-13);
  const Tensor leaf = w.detach().set_requires_grad();
  EXPECT_TRUE(gradcheck(energy, {leaf}));
  EXPECT_TRUE(gradgradcheck(energy, {leaf}));
}

}  // namespace
}  // namespace orbitgrad::models
