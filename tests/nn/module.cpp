// Names, counting, strict loading, and the promise that state does not depend on how a module was called.
#include "nn/module.hpp"

#include "nn/layers.hpp"
#include "tests/nn/support.hpp"

namespace orbitgrad::nn {
namespace {

using namespace testing_support;

const RandomKey key{7};

struct Free final : Module {
  using Module::register_buffer;
  using Module::register_child;
  using Module::register_parameter;
  Tensor forward(const Tensor& x, const Pass&) override { return x; }
};

std::shared_ptr<Sequential> small_model(RandomKey from) {
  auto model = std::make_shared<Sequential>();
  model->add<Conv2d>("conv", 2, 3, 3, from.split(0)).add<BatchNorm>("norm", 3).add<Relu>("relu");
  model->add<Dropout>("dropout", 0.5).add<Flatten>("flatten").add<Linear>("dense", 48, 4, from.split(1));
  return model;
}

std::vector<std::string> names_of(const std::vector<NamedTensor>& list) {
  std::vector<std::string> names;
  for (const auto& entry : list) names.push_back(entry.name);
  return names;
}

TEST(Module, NamesAreDottedPathsInOrderOfRegistration) {
  auto inner = small_model(key);
  Sequential outer;
  outer.add("first", inner).add<Linear>("last", 4, 2, key);
  EXPECT_EQ(names_of(outer.named_parameters()),
            (std::vector<std::string>{"first.conv.weight", "first.conv.bias", "first.norm.gamma", "first.norm.beta",
                                      "first.dense.weight", "first.dense.bias", "last.weight", "last.bias"}));
  EXPECT_EQ(names_of(outer.named_buffers()),
            (std::vector<std::string>{"first.norm.running_mean", "first.norm.running_variance"}));
  EXPECT_EQ(outer.parameter_count(), 3 * 2 * 9 + 3 + 3 + 3 + 4 * 48 + 4 + 8 + 2);
  EXPECT_EQ(outer.state().size(), 10u);
  for (const auto& parameter : outer.parameters()) EXPECT_TRUE(parameter.requires_grad());
  for (const auto& [name, tensor] : outer.state()) EXPECT_FALSE(tensor.requires_grad()) << name;
}

TEST(Module, BadNamesAreErrors) {
  Free module;
  module.register_parameter("a", zeros({1}));
  expect_error([&] { module.register_parameter("a", zeros({1})); }, {"[module]", "\"a\""});
  expect_error([&] { module.register_buffer("a", zeros({1})); }, {"already"});
  expect_error([&] { module.register_child("a", std::make_shared<Free>()); }, {"already"});
  expect_error([&] { module.register_buffer("", zeros({1})); }, {"empty"});
  expect_error([&] { module.register_buffer("a.b", zeros({1})); }, {"a.b", "dot"});
  expect_error([&] { module.register_child("b", nullptr); }, {"null"});
}

TEST(Module, LoadingCopiesValuesAndKeepsIdentity) {
  auto from = small_model(key), to = small_model(RandomKey{8});
  const Tensor weight = to->named_parameters()[0].tensor;
  EXPECT_FALSE(same_bits(from->state(), to->state()));
  to->load_state(from->state());
  EXPECT_TRUE(same_bits(from->state(), to->state()));
  EXPECT_TRUE(same_bits(weight, from->named_parameters()[0].tensor));
  const Tensor x = normal({2, 2, 6, 6}, key);
  EXPECT_TRUE(same_bits((*from)(x), (*to)(x)));
}

TEST(Module, StrictLoadListsEveryDifferenceAndChangesNothing) {
  auto model = small_model(key);
  const State before = snapshot(model->state());
  State other = small_model(RandomKey{9})->state();
  other.erase("conv.bias");
  other.erase("norm.running_mean");
  other.emplace("head.weight", zeros({2}));
  other.emplace("head.bias", zeros({2}));
  other["dense.weight"] = zeros({4, 12});
  other["dense.bias"] = zeros({4}, DType::float64);
  expect_error([&] { model->load_state(other); },
               {"[load_state]", "Missing: conv.bias, norm.running_mean.", "Unexpected: head.bias, head.weight.",
                "dense.weight (is float32 [4, 12], must be float32 [4, 48])", "dense.bias (is float64", "Nothing"});
  EXPECT_TRUE(same_bits(model->state(), before));
}

TEST(Module, EachKindOfDifferenceAloneIsAnError) {
  auto model = small_model(key);
  const State good = snapshot(model->state());
  State missing = good, unexpected = good, different = good;
  missing.erase("conv.bias");
  unexpected.emplace("head.bias", zeros({2}));
  different["conv.bias"] = zeros({1, 3});
  expect_error([&] { model->load_state(missing); }, {"Missing: conv.bias."});
  expect_error([&] { model->load_state(unexpected); }, {"Unexpected: head.bias."});
  expect_error([&] { model->load_state(different); }, {"conv.bias (is float32 [1, 3], must be float32 [3])"});
  different["conv.bias"] = Tensor();
  expect_error([&] { model->load_state(different); }, {"undefined"});
}

TEST(Module, EvaluationWritesNothingAndTrainingOnlyStatistics) {
  auto model = small_model(key);
  const State before = snapshot(model->state());
  const Tensor x = normal({3, 2, 6, 6}, key);
  const Tensor y = (*model)(x);
  EXPECT_TRUE(same_bits(model->state(), before));
  (*model)(x, {.training = true, .key = key});
  for (const auto& [name, tensor] : model->state())
    EXPECT_EQ(same_bits(tensor, before.at(name)), name.find("running") == name.npos) << name;
  // The set of names is that of any other call.
  model->load_state(before);
  EXPECT_TRUE(same_bits((*model)(x), y));
}

TEST(Module, RandomnessIsAFunctionOfThePass) {
  auto model = small_model(key);
  const Tensor x = normal({3, 2, 6, 6}, key);
  const Tensor a = (*model)(x, {.training = true, .key = RandomKey{1}});
  const Tensor b = (*model)(x, {.training = true, .key = RandomKey{1}});
  const Tensor c = (*model)(x, {.training = true, .key = RandomKey{2}});
  EXPECT_TRUE(same_bits(a, b));
  EXPECT_FALSE(same_bits(a, c));
}

TEST(Sequential, ChildrenDrawIndependentNumbers) {
  Sequential model;
  model.add<Dropout>("one", 0.5).add<Dropout>("two", 0.5);
  const Tensor y = model(ones({10000}), {.training = true, .key = key});
  std::int64_t kept = 0;
  for (const float value : y.to_vector<float>()) kept += value != 0;
  EXPECT_NEAR(static_cast<double>(kept) / 10000, 0.25, 0.02);  // 0.5 if both masks were equal
}

}  // namespace
}  // namespace orbitgrad::nn
