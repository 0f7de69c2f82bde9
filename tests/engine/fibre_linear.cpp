// Linear layers on the fibre: against the sum that defines them, both ways, equivariant under every element.
#include "engine/ops/fibre_linear.hpp"

#include "engine/ops/arithmetic.hpp"
#include "engine/ops/elementary.hpp"
#include "engine/ops/reduction.hpp"
#include "engine/ops/symmetry.hpp"
#include "engine/ops/transfer.hpp"
#include "groups/cyclic.hpp"
#include "groups/group_catalogue.hpp"
#include "groups/product.hpp"
#include "tests/engine/expect_error.hpp"
#include "tests/engine/op_checks.hpp"
#include "tests/thread_count.hpp"

namespace orbitgrad::testing {
namespace {

using groups::FiniteGroup;
using groups::parse_finite_group;

/// Irreps of every type, several copies of complex and quaternionic ones, and an identity that is not element 0.
std::vector<FiniteGroup> some_groups() {
  std::vector<FiniteGroup> result;
  for (const char* name : {"p1", "C(2)", "C(8)", "C(16)", "D(8)", "S(4)", "Dic(2)", "I", "p4m"})
    result.push_back(parse_finite_group(name));
  result.push_back(groups::direct_product(parse_finite_group("Dic(2)"), parse_finite_group("S(3)")));
  result.push_back(groups::direct_product(groups::cyclic(4), parse_finite_group("S(3)")));
  result.push_back({"C3 renumbered", 3, {1, 2, 0, 2, 0, 1, 0, 1, 2}});
  return result;
}

FibreLinearOptions by(const std::string& implementation) { return {.implementation = implementation}; }

/// x, w and bias for that group.
Inputs inputs_for(const FiniteGroup& group, std::int64_t in, std::int64_t out, const Shape& batch_and_places,
                  DType dtype = DType::float64) {
  Shape x{batch_and_places[0], in, group.order()};
  for (int axis = 1; axis < batch_and_places.rank(); ++axis) x.push_back(batch_and_places[axis]);
  return {normal(x, RandomKey{1}, 0, 1, dtype), normal({out, in, group.order()}, RandomKey{2}, 0, 1, dtype),
          normal({out}, RandomKey{3}, 0, 1, dtype)};
}

Tensor by_definition(const Inputs& inputs, const FiniteGroup& group) {
  const Tensor x = inputs[0].to(DType::float64), w = inputs[1].to(DType::float64), b = inputs[2].to(DType::float64);
  const auto from_x = x.to_vector<double>(), from_w = w.to_vector<double>(), from_b = b.to_vector<double>();
  const std::int64_t batch = x.size(0), in = x.size(1), order = x.size(2), out = w.size(0);
  const std::int64_t places = batch * in == 0 ? 0 : x.numel() / (batch * in * order);
  std::vector<double> y;
  for (std::int64_t n = 0; n < batch; ++n)
    for (std::int64_t o = 0; o < out; ++o)
      for (int g = 0; g < group.order(); ++g)
        for (std::int64_t p = 0; p < places; ++p) {
          double sum = from_b[static_cast<std::size_t>(o)];
          for (std::int64_t c = 0; c < in; ++c)
            for (int h = 0; h < group.order(); ++h)
              sum += from_w[static_cast<std::size_t>((o * in + c) * order + group.product(group.inverse(g), h))] *
                     from_x[static_cast<std::size_t>(((n * in + c) * order + h) * places + p)];
          y.push_back(sum);
        }
  Shape shape = x.shape();
  shape[1] = out;
  return from_vector(y, shape);
}

TEST(FibreLinear, IsItsDefinitionForEveryGroup) {
  for (const FiniteGroup& group : some_groups())
    for (const Shape& places : {Shape{3}, Shape{2, 3, 2}})
      for (const std::string& implementation : fibre_linear_implementations()) {
        SCOPED_TRACE(group.name() + " " + implementation);
        const Inputs in = inputs_for(group, 3, 2, places);
        const Tensor expected = by_definition(in, group);
        EXPECT_LE(relative_difference(fibre_linear(in[0], in[1], in[2], group, by(implementation)), expected), 1e-12);
        Inputs single = in;
        for (Tensor& tensor : single) tensor = tensor.to(DType::float32);
        EXPECT_LE(relative_difference(fibre_linear(single[0], single[1], single[2], group, by(implementation)),
                                      by_definition(single, group)),
                  3e-6);
      }
}

TEST(FibreLinear, IsEquivariantUnderEveryElement) {
  for (const FiniteGroup& group : some_groups()) {
    const auto moved = [&](const Tensor& x, int s) {
      return transpose(act(transpose(x), groups::left_regular_action(group), s));
    };
    const Inputs in = inputs_for(group, 2, 3, {2, 2});
    for (const std::string& implementation : fibre_linear_implementations()) {
      const Tensor y = fibre_linear(in[0], in[1], in[2], group, by(implementation));
      for (int s = 0; s < group.order(); ++s)
        EXPECT_LE(
            relative_difference(fibre_linear(moved(in[0], s), in[1], in[2], group, by(implementation)), moved(y, s)),
            1e-12)
            << group.name() << " " << implementation << " element " << s;
    }
  }
}

TEST(FibreLinear, WholeNumbersStayExactUnderGroupsOfSignedPermutations) {
  for (const char* name : {"p4", "p4m", "Dic(2)"}) {
    const FiniteGroup group = parse_finite_group(name);
    Inputs in = inputs_for(group, 5, 3, {4}, DType::float32);
    for (Tensor& tensor : in) tensor = (tensor * 4.0).to(DType::int64).to(DType::float32);
    EXPECT_TRUE(same_bits(fibre_linear(in[0], in[1], in[2], group, by("irrep_blocks")),
                          by_definition(in, group).to(DType::float32)))
        << name;
  }
}

TEST(FibreLinear, HasDerivativesOfEveryOrder) {
  if (default_device() != DeviceKind::cpu) GTEST_SKIP() << "differences take long there";
  for (const char* name : {"C(5)", "S(3)", "Dic(2)"}) {
    const FiniteGroup group = parse_finite_group(name);
    for (const std::string& implementation : fibre_linear_implementations()) {
      Inputs in = inputs_for(group, 2, 2, {2, 2});
      for (Tensor& tensor : in) tensor.set_requires_grad();
      expect_derivatives(GradientCase{std::string(name) + " " + implementation,
                                      [=](const Inputs& inputs) {
                                        return fibre_linear(inputs[0], inputs[1], inputs[2], group, by(implementation));
                                      },
                                      in});
    }
  }
}

TEST(FibreLinear, BothWaysHaveTheSameGradients) {
  for (const FiniteGroup& group : some_groups()) {
    Inputs in = inputs_for(group, 3, 2, {2, 5});
    for (Tensor& tensor : in) tensor.set_requires_grad();
    const auto gradients = [&](const std::string& implementation) {
      const auto function = [&](const Inputs& inputs) {
        return sin(fibre_linear(inputs[0], inputs[1], inputs[2], group, by(implementation)));
      };
      return weighted_gradients(function, in, true);
    };
    const auto expanded = gradients("expanded"), blocks = gradients("irrep_blocks");
    for (std::size_t i = 0; i < in.size(); ++i)
      EXPECT_LE(relative_difference(blocks[i], expanded[i]), 1e-12) << group.name() << " input " << i;
  }
}

TEST(FibreLinear, ThreadsChangeNoBit) {
  const FiniteGroup group = parse_finite_group("S(4)");
  Inputs in = inputs_for(group, 9, 7, {5, 11}, DType::float32);
  for (Tensor& tensor : in) tensor.set_requires_grad();
  const auto results = [&](int threads) {
    const ThreadCount scope(threads);
    const Tensor y = fibre_linear(in[0], in[1], in[2], group, by("irrep_blocks"));
    std::vector<Tensor> all = grad({sum(square(y))}, in);
    all.push_back(y);
    return all;
  };
  const auto one = results(1), three = results(3);
  for (std::size_t i = 0; i < one.size(); ++i) EXPECT_TRUE(same_bits(one[i], three[i])) << i;
}

TEST(FibreLinear, TakesHalvesAndEmptyTensors) {
  const FiniteGroup group = parse_finite_group("C(8)");
  Inputs in = inputs_for(group, 3, 2, {4}, DType::float32);
  const Tensor y = fibre_linear(in[0].to(DType::bfloat16), in[1], in[2], group, by("irrep_blocks"));
  EXPECT_LE(relative_difference(y, by_definition(in, group)), 3e-2);
  for (const std::string& implementation : fibre_linear_implementations()) {
    Inputs empty = inputs_for(group, 3, 2, {0, 4});
    for (Tensor& tensor : empty) tensor.set_requires_grad();
    const auto function = [&](const Inputs& inputs) {
      return fibre_linear(inputs[0], inputs[1], inputs[2], group, by(implementation));
    };
    EXPECT_EQ(function(empty).shape(), Shape({0, 2, 8, 4}));
    expect_empty_gradients(function, empty);
  }
}

TEST(FibreLinear, RefusesWhatDoesNotFit) {
  const FiniteGroup group = parse_finite_group("S(3)");
  const Tensor x = ones({2, 3, 6}), w = ones({4, 3, 6});
  EXPECT_ERROR(fibre_linear(ones({2, 3, 5}), w, {}, group), "|G| = 6, got [2, 3, 5]");
  EXPECT_ERROR(fibre_linear(ones({2, 6}), w, {}, group), "regular features [N, C, |G|, ...]");
  EXPECT_ERROR(fibre_linear(x, ones({4, 2, 6}), {}, group), "w must be [O, C, |G|] with C = 3");
  EXPECT_ERROR(fibre_linear(x, w, ones({3}), group), "the bias must be [4]");
  EXPECT_ERROR(fibre_linear(x, w.to(DType::float64), {}, group), "Convert one with to()");
  EXPECT_ERROR(fibre_linear(x, w, {}, group, by("fft")), "there is no implementation 'fft'");
  EXPECT_ERROR(fibre_filter_bank(ones({4, 3, 5}), group), "w must be [O, C, |G|]");
}

}  // namespace
}  // namespace orbitgrad::testing
