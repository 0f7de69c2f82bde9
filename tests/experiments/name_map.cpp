// The names of a state changed by rules, and the command that does it.
#include "experiments/name_map.hpp"

#include "engine/io/safetensors.hpp"
#include "engine/ops/creation.hpp"
#include "tests/experiments/program_support.hpp"

namespace orbitgrad::experiments {
namespace {

std::vector<std::string> names_of(const std::map<std::string, Tensor>& tensors) {
  std::vector<std::string> names;
  for (const auto& [name, tensor] : tensors) names.push_back(name);
  return names;
}

std::map<std::string, Tensor> state(const std::vector<std::string>& names) {
  std::map<std::string, Tensor> tensors;
  for (const std::string& name : names) tensors[name] = ones({2});
  return tensors;
}

TEST(NameMap, StarsRepeat) {
  const NameMap map(
      "features.*.conv*.weight -> block*.c*.weight  # convolutions\n\n*.num_batches_tracked -> -\r\n"
      "fc.* -> head.*\n");
  EXPECT_EQ(names_of(map.rename(
                state({"features.0.conv1.weight", "features.12.conv.weight", "bn.num_batches_tracked", "fc.bias"}))),
            (std::vector<std::string>{"block0.c1.weight", "block12.c.weight", "head.bias"}));
}

TEST(NameMap, Patterns) {
  std::vector<std::string> stars;
  EXPECT_TRUE(fits("a", "a", stars));
  EXPECT_FALSE(fits("a", "ab", stars));
  EXPECT_TRUE(fits("*", "", stars));
  EXPECT_TRUE(fits("a*b*", "axbyb", stars));
  EXPECT_EQ(stars, (std::vector<std::string>{"x", "yb"}));
  EXPECT_TRUE(fits("*aa", "aaa", stars));
  EXPECT_FALSE(fits("a*a", "a", stars));
  EXPECT_FALSE(fits("*x*", "yyy", stars));
}

TEST(NameMap, WrongMapsAreErrors) {
  EXPECT_ERROR(NameMap("a b"), "line 1 of the map, 'a b', has no arrow");
  EXPECT_ERROR(NameMap("a -> b\n -> c"), "line 2 of the map, '-> c', lacks a name");
  EXPECT_ERROR(NameMap("a* -> b**"), "more stars");
  EXPECT_ERROR(NameMap("a -> b").rename(state({"a", "c"})), "no rule fits 'c' [2]");
  EXPECT_ERROR(NameMap("* -> b").rename(state({"a", "c"})), "'b' would be the name of 'c' and of another");
  EXPECT_ERROR(NameMap("a -> b\nd -> e").rename(state({"a"})), "line 2, 'd', fits nothing");
}

TEST(Convert, WritesTheStateUnderItsNewNames) {
  const TemporaryFolder folder;
  const std::string in = folder.path() / "in.safetensors", out = folder.path() / "out.safetensors",
                    map = folder.path() / "map.txt";
  save_safetensors(in, {.tensors = {{"fc.weight", from_vector<float>({1, 2})}}, .metadata = {{"format", "pt"}}});
  std::ofstream(map) << "fc.* -> head.*\n";
  const auto result = run_program({"convert", in, out, "--map", map});
  ASSERT_EQ(result.code, 0) << result.error;
  expect_contains(result.out, "head.weight");
  EXPECT_EQ(load_safetensors(out).tensors.at("head.weight").to_vector<float>(), (std::vector<float>{1, 2}));
  save_safetensors(in, {.tensors = {{"fc.weight", from_vector<float>({1, 2}).to(DType::bfloat16)},
                                    {"fc.count", from_vector<std::int64_t>({3})}},
                        .metadata = {}});
  ASSERT_EQ(run_program({"convert", in, out, "--map", map, "--dtype", "float32"}).code, 0);
  EXPECT_EQ(load_safetensors(out).tensors.at("head.weight").to_vector<float>(), (std::vector<float>{1, 2}));
  EXPECT_EQ(load_safetensors(out).tensors.at("head.count").dtype(), DType::int64);
  const auto no_dtype = run_program({"convert", in, out, "--map", map, "--dtype", "float31"});
  EXPECT_EQ(no_dtype.code, 2);
  expect_contains(no_dtype.error, "Did you mean \"float32\"?");
  std::ofstream(map) << "other -> head\n";
  const auto failed = run_program({"convert", in, out, "--map", map});
  EXPECT_EQ(failed.code, 1);
  expect_contains(failed.error, "no rule fits 'fc");
}

}  // namespace
}  // namespace orbitgrad::experiments
