// orbitgrad op: what it writes, against the engine called from here, and how it answers wrong calls.
#include "experiments/commands/command_line.hpp"

#include "engine/autograd/grad.hpp"
#include "engine/catalogue/catalogue.hpp"
#include "engine/io/npy.hpp"
#include "engine/ops/creation.hpp"
#include "engine/ops/group_convolution.hpp"
#include "engine/random.hpp"
#include "experiments/commands/usage.hpp"
#include "experiments/op_listing.hpp"
#include "tests/experiments/program_support.hpp"
#include "tests/places.hpp"

namespace orbitgrad::experiments {
namespace {

using Words = std::vector<std::string>;

/// The command in this process: the words after `orbitgrad op`.
void call(const Words& words) {
  std::vector<const char*> pointers{"orbitgrad", "op"};
  for (const std::string& word : words) pointers.push_back(word.c_str());
  run_command_line(static_cast<int>(pointers.size()), pointers.data(), "test");
}

class OpCommand : public ::testing::Test {
 protected:
  void SetUp() override {
    x_ = save("x", {2, 1, 4, 5, 5}), w_ = save("w", {2, 1, 4, 3, 3}), b_ = save("b", {2});
    dy_ = save("dy", {2, 2, 4, 5, 5}), vx_ = save("vx", {2, 1, 4, 5, 5}), vw_ = save("vw", {2, 1, 4, 3, 3});
  }
  Tensor save(const std::string& name, const Shape& shape, DType dtype = DType::float64) {
    const Tensor values = uniform(shape, RandomKey{name.size() + 7}.split(name), -1, 1, DType::float64).to(dtype);
    save_npy(file(name), values);
    return values;
  }
  std::string file(const std::string& name) const { return folder_.path() / (name + ".npy"); }
  std::string given(const std::string& name) const { return name + "=" + file(name); }
  Tensor written(const std::string& name) const { return load_npy(folder_.path() / "out" / (name + ".npy")); }
  Words words(const Words& more) const {
    Words all = {"group_conv2d",
                 "--group",
                 "p4",
                 "--in",
                 given("x"),
                 given("w"),
                 given("b"),
                 "--set",
                 "padding=1",
                 "--out",
                 folder_.path() / "out"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  void expect_close(const std::string& name, const Tensor& expected, double tolerance) const {
    const Tensor found = written(name);
    EXPECT_EQ(found.dtype(), expected.dtype()) << name;
    ASSERT_EQ(found.shape(), expected.shape()) << name;
    const auto a = found.to(DType::float64).to_vector<double>(), b = expected.to(DType::float64).to_vector<double>();
    for (std::size_t i = 0; i < a.size(); ++i) ASSERT_NEAR(a[i], b[i], tolerance) << name << " at " << i;
  }

  TemporaryFolder folder_;
  Tensor x_, w_, b_, dy_, vx_, vw_;
};

TEST_F(OpCommand, WritesTheResultAndBothOrdersOfDerivatives) {
  const auto group = groups::lattice_group("p4");
  std::vector<Tensor> inputs = {x_, w_, b_};
  for (Tensor& input : inputs) input.set_requires_grad();
  dy_.set_requires_grad();
  const Tensor y = group_conv2d(inputs[0], inputs[1], inputs[2], group, {.padding = 1});
  const auto first = grad({y}, inputs, {.create_graph = true, .output_gradients = {dy_}});
  const auto second = grad({first[0], first[1]}, {dy_, inputs[0], inputs[1]}, {.output_gradients = {vx_, vw_}});
  for (const auto& [device, version] : std::vector<std::pair<std::string, std::string>>{
           {"cpu", ""}, {"cpu", "orbit_gather"}, {"cpu", "expanded"}, {"sim", "orbit_gather"}}) {
    Words more = {"--cotangent", file("dy"), "--second", given("vx"), given("vw"), "--device", device};
    if (!version.empty()) more.insert(more.end(), {"--impl", version});
    call(words(more));
    expect_close("y", y, 1e-12);
    const char* const names[] = {"dx", "dw", "db"};
    for (std::size_t i = 0; i < 3; ++i) expect_close(names[i], first[i], 1e-12);
    const char* const second_names[] = {"g_dy", "g_x", "g_w"};
    for (std::size_t i = 0; i < 3; ++i) expect_close(second_names[i], second[i], 1e-11);
    expect_close("g_b", zeros({2}, DType::float64), 0);
    std::filesystem::remove_all(folder_.path() / "out");
  }
}

TEST_F(OpCommand, KeepsFloat32AndPrintsWhatRan) {
  save_npy(file("x"), x_.to(DType::float32));
  save_npy(file("w"), w_.to(DType::float32));
  save_npy(file("b"), b_.to(DType::float32));
  const ProgramResult result = [&] {
    Words all = words({"--impl", "expanded"});
    all.insert(all.begin(), "op");
    return run_program(all);
  }();
  EXPECT_EQ(result.code, 0) << result.error;
  expect_contains(result.out, "y.npy");
  expect_contains(result.out, "group_conv2d.forward by expanded");
  expect_close("y", group_conv2d(x_, w_, b_, groups::lattice_group("p4"), {.padding = 1}).to(DType::float32), 1e-5);
}

TEST_F(OpCommand, WrongCallsGetTheNearestName) {
  const auto usage = [](const Words& words, const std::string& part) {
    try {
      call(words);
      ADD_FAILURE() << "should be an error with " << part;
    } catch (const UsageError& error) {
      expect_contains(error.what(), part);
      expect_contains(error.what(), "[orbitgrad op");
    }
  };
  usage({}, "which op?");
  usage({"--json"}, "Add --list");
  usage({"group_con2d"}, "unknown op \"group_con2d\". Did you mean \"group_conv2d\"?");
  usage({"--list", "ex"}, "Did you mean \"exp\"?");
  usage({"exp", "--in", given("x")}, "Give --out DIR");
  usage(words({"--impl", "orbit_gathr"}), "unknown implementation \"orbit_gathr\". Did you mean \"orbit_gather\"?");
  usage(words({"--set", "pading=1"}), "unknown setting \"pading\". Did you mean \"padding\"?");
  usage(words({"--set", "padding=1"}), "names padding twice");
  usage(words({"--set", "group=p4"}), "by --group and by --set");
  usage(words({"--set", "padding_mode=circle"}), "unknown padding_mode \"circle\"");
  usage(words({"--set", "padding"}), "NAME=VALUE, got 'padding'");
  usage(words({"--in", "q=" + file("x")}), "unknown argument \"q\"");
  usage(words({"--cotangent", file("dy"), "--second", given("x")}), "takes v and the name of an argument");
  usage(words({"--cotangent", file("dy"), "--second", "vq=" + file("x")}), "unknown argument \"q\"");
  usage(words({"--device", "gpu"}), "gpu");
  usage({"exp", "--in", given("x"), "--out", file("out"), "--group", "p4"}, "exp takes no settings, got 'group'");
  usage({"zeros", "--in", given("x"), "--out", file("out")}, "zeros takes no arguments, got 'x'");
  usage(words({"--group", "p5"}), "unknown group \"p5\"");
  usage({"exp", "--in", given("x"), "--out", file("out"), "--impl", "fast"}, "has one version only");
  EXPECT_FALSE(std::filesystem::exists(folder_.path() / "out")) << "nothing is written";
}

TEST_F(OpCommand, WrongFilesAreErrors) {
  const auto failure = [](const Words& words, const std::string& part) {
    const std::string message = error_of([&] { call(words); });
    expect_contains(message, part);
    EXPECT_TRUE(message.starts_with("[")) << message;
  };
  const std::string out = folder_.path() / "out";
  failure({"exp", "--in", "x=/nowhere/x.npy", "--out", out}, "/nowhere/x.npy: cannot open it");
  failure({"conv2d", "--in", given("x"), "--out", out}, "the argument w ([K, C / groups, kh, kw]) is missing");
  failure(words({"--set", "stride=0"}), "[group_conv2d] the stride must be at least 1");
  failure(words({"--set", "stride=two"}), "takes whole numbers, got 'two'");
  failure(words({"--cotangent", file("x")}), "[group_conv2d] the cotangent is float64 [2, 1, 4, 5, 5], but must be");
  failure(words({"--second", given("vx")}), "need the cotangent");
  failure(words({"--cotangent", file("dy"), "--second", "vx=" + file("w")}), "the vector vx is float64");
  failure({"floor", "--in", given("x"), "--out", out, "--cotangent", file("x")}, "it has no derivative");
  failure({"conv2d", "--in", given("x"), given("w"), "--out", out}, "[conv2d]");
  EXPECT_FALSE(std::filesystem::exists(out)) << "nothing is written";
  failure({"exp", "--in", given("x"), "--out", file("x") + "/out"}, "cannot make this folder");
  save_npy(file("x"), arange(6));
  failure({"exp", "--in", given("x"), "--out", out}, "is int64, which does not fit floating. Convert it");
  write_file_atomically(file("x"), "no array");
  failure({"exp", "--in", given("x"), "--out", out}, "this is no npy file");
}

TEST(OpListing, NamesEveryOpInEveryForm) {
  OpList all;
  for (const catalogue::Op& op : catalogue::ops()) all.push_back(&op);
  const std::string lines = op_lines(all), page = op_page(all);
  for (const catalogue::Op* op : all) {
    expect_contains(lines, "  " + op->name + "(");
    expect_contains(page, "| `" + op->name + "(");
  }
  EXPECT_EQ(read_file(std::filesystem::path(source_folder()) / "docs/ops.md"), page)
      << "write it again: orbitgrad op --list --markdown > docs/ops.md";
}

TEST(OpListing, JsonHasGroupsAndImplementations) {
  const std::string json = op_json({catalogue::find_op("group_conv2d"), catalogue::find_op("concat")});
  for (const char* part : {"\"groups\": [", "\"p4m\"", "\"group_conv2d.filter_gradient\"", "\"orbit_gather\"",
                           "\"derivatives\": \"every order\"", "\"default\": null", "\"sim\""})
    expect_contains(json, part);
  expect_contains(op_lines({catalogue::find_op("matmul")}), "gemm");
}

}  // namespace
}  // namespace orbitgrad::experiments
