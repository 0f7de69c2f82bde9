// The catalogue of ops is complete and true: every example runs, and the derivatives that it promises are right.
#include "engine/catalogue/catalogue.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <regex>
#include <set>
#include <sstream>

#include "engine/catalogue/evaluate.hpp"
#include "engine/io/file.hpp"
#include "engine/ops/creation.hpp"
#include "engine/ops/transfer.hpp"
#include "engine/random.hpp"
#include "tests/engine/expect_error.hpp"
#include "tests/engine/op_checks.hpp"
#include "tests/places.hpp"

namespace orbitgrad::catalogue {
namespace {

std::string title(const Op& op, const Example& example) {
  std::string text = op.name;
  for (const auto& [name, value] : example.settings) text += " " + name + "=" + value;
  return text;
}

/// The first result as a function of the tracked tensors of the example, and these.
testing::GradientCase gradient_case(const Op& op, const Example& example) {
  const Tensors tensors = example_tensors(op, example);
  std::vector<std::string> names;
  std::vector<Tensor> tracked;
  for (const auto& [name, tensor] : tensors)
    if (tensor.requires_grad()) names.push_back(name), tracked.push_back(tensor);
  const auto function = [&op, example, tensors, names](const std::vector<Tensor>& inputs) {
    Tensors given = tensors;
    for (std::size_t i = 0; i < names.size(); ++i) given.at(names[i]) = inputs[i];
    return run(op, given, example.settings)[0];
  };
  return {title(op, example), function, tracked};
}

TEST(Catalogue, DescribesEveryOpInFull) {
  ASSERT_GT(ops().size(), 90u);
  for (const Op& op : ops()) {
    SCOPED_TRACE(op.name);
    EXPECT_TRUE(std::regex_match(op.name, std::regex("[a-z][a-z0-9_]*")));
    EXPECT_FALSE(op.family.empty() || op.header.empty() || op.summary.empty() || op.results.empty());
    EXPECT_FALSE(op.examples.empty());
    EXPECT_EQ(find_op(op.name), &op);
    for (const Setting& setting : op.settings) EXPECT_FALSE(setting.meaning.empty()) << setting.name;
    for (const Argument& argument : op.arguments) EXPECT_FALSE(argument.shape.empty()) << argument.name;
  }
  EXPECT_EQ(find_op("no_such_op"), nullptr);
}

/// The functions that public headers of the ops declare, as "header: name".
std::set<std::string> declared_ops() {
  const std::filesystem::path root = source_folder();
  std::vector<std::string> headers = {"engine/random.hpp"};
  for (const auto& entry : std::filesystem::directory_iterator(root / "engine/ops"))
    if (entry.path().extension() == ".hpp") headers.push_back("engine/ops/" + entry.path().filename().string());
  static const std::regex declaration(R"(^(?:[A-Z]\w*|bool|std::vector<Tensor>) (\w+)\()");
  std::set<std::string> declared;
  for (const std::string& header : headers) {
    const std::string text = read_file(root / header);
    if (std::regex_search(text, std::regex("Included by op\\s+(// )?sources only"))) continue;
    std::smatch match;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);)
      if (std::regex_search(line, match, declaration)) declared.insert(header + ": " + match[1].str());
  }
  return declared;
}

TEST(Catalogue, HasEveryPublicOp) {
  // How ops are written and read from the host, and symmetric_eigen, which is two ops there.
  const std::set<std::string> no_ops = {"engine/ops/arithmetic.hpp: with_number",
                                        "engine/ops/checked_index.hpp: checked_classes",
                                        "engine/ops/checked_index.hpp: checked_index",
                                        "engine/ops/creation.hpp: constant_on",
                                        "engine/ops/creation.hpp: from_span",
                                        "engine/ops/creation.hpp: from_vector",
                                        "engine/ops/linear_algebra.hpp: symmetric_eigen",
                                        "engine/ops/transfer.hpp: on_host",
                                        "engine/ops/widening.hpp: in_float32"};
  const std::set<std::string> declared = declared_ops();
  EXPECT_GT(declared.size(), 120u);
  std::set<std::string> described;
  for (const Op& op : ops()) described.insert(op.header + ": " + op.name);
  for (const std::string& op : declared)
    EXPECT_TRUE(described.contains(op) || no_ops.contains(op)) << op << " is not in the catalogue";
}

TEST(Catalogue, EveryExampleRuns) {
  for (const Op& op : ops())
    for (const Example& example : op.examples) {
      SCOPED_TRACE(title(op, example));
      try {
        const std::vector<Tensor> results = run(op, example_tensors(op, example), example.settings);
        EXPECT_EQ(results.size(), op.results.size());
        for (const Tensor& result : results) EXPECT_TRUE(result.defined());
        EXPECT_EQ(results[0].requires_grad(), op.derivatives != Derivatives::none);
      } catch (const Error& error) {
        ADD_FAILURE() << error.what();
      }
    }
}

TEST(Catalogue, DerivativesAreAsPromised) {
  if (default_device() != DeviceKind::cpu) GTEST_SKIP() << "differences take long there";
  for (const Op& op : ops()) {
    if (op.derivatives == Derivatives::none) continue;
    for (const Example& example : op.examples) {
      SCOPED_TRACE(title(op, example));
      const testing::GradientCase checked = gradient_case(op, example);
      EXPECT_FALSE(checked.inputs.empty());
      try {
        if (op.derivatives == Derivatives::every_order)
          testing::check_derivatives(checked);
        else
          gradcheck(checked.function, checked.inputs);
      } catch (const Error& error) {
        ADD_FAILURE() << error.what();
      }
    }
  }
}

Tensors on_device(const Tensors& tensors, DeviceKind device) {
  Tensors moved;
  for (const auto& [name, tensor] : tensors) moved.emplace(name, to_device(tensor.detach(), device));
  return moved;
}

void expect_close(const Tensors& found, const Tensors& expected) {
  ASSERT_EQ(found.size(), expected.size());
  for (const auto& [name, tensor] : expected) {
    const double tolerance = tensor.dtype() == DType::float64 ? 1e-11 : 1e-5;
    EXPECT_LE(testing::relative_difference(found.at(name), tensor), tolerance) << name;
  }
}

TEST(Catalogue, DevicesAgreeToTheSecondDerivative) {
  if (default_device() != DeviceKind::cpu) GTEST_SKIP() << "it runs on both by itself";
  for (const Op& op : ops()) {
    if (op.name == "to_device") continue;  // its device is a setting
    for (const Example& example : op.examples) {
      SCOPED_TRACE(title(op, example));
      try {
        const Tensors tensors = on_device(example_tensors(op, example), DeviceKind::cpu);
        const Tensor y = run(op, tensors, example.settings)[0];
        const bool has_derivative = op.derivatives != Derivatives::none;
        const Tensor cotangent = has_derivative ? uniform(y.shape(), RandomKey{1}, -1, 1, y.dtype()) : Tensor();
        Tensors vectors;
        for (const auto& [name, tensor] : example_tensors(op, example))
          if (tensor.requires_grad() && op.derivatives == Derivatives::every_order)
            vectors.emplace(name, uniform(tensor.shape(), RandomKey{vectors.size() + 2}, -1, 1, tensor.dtype()));
        const Evaluation here = evaluate(op, tensors, example.settings, cotangent, vectors);
        const ScopedDefaultDevice scope(DeviceKind::sim);
        const Evaluation there = evaluate(op, on_device(tensors, DeviceKind::sim), example.settings,
                                          has_derivative ? to_device(cotangent, DeviceKind::sim) : Tensor(),
                                          on_device(vectors, DeviceKind::sim));
        expect_close(there.results, here.results);
        expect_close(there.gradients, here.gradients);
        expect_close(there.second, here.second);
      } catch (const Error& error) {
        ADD_FAILURE() << error.what();
      }
    }
  }
}

TEST(Catalogue, CallsNameWhatIsWrong) {
  const Tensor x = zeros({2, 3});
  const auto of = [&](const char* op, const Settings& settings, const Tensors& tensors) {
    return run(*find_op(op), tensors, settings);
  };
  EXPECT_ERROR(of("exp", {}, {{"z", x}}), "[exp] there is no argument 'z'. The arguments are: x.");
  EXPECT_ERROR(of("exp", {}, {}), "the argument x (any shape) is missing");
  EXPECT_ERROR(of("exp", {}, {{"x", Tensor()}}), "is missing");
  EXPECT_ERROR(of("exp", {{"axis", "1"}}, {{"x", x}}), "there is no setting 'axis'. The settings are: none.");
  EXPECT_ERROR(of("reshape", {}, {{"x", x}}), "the setting shape (the new shape; one length may be -1) is missing");
  EXPECT_ERROR(of("reshape", {{"shape", "2,b"}}, {{"x", x}}), "takes whole numbers, got 'b'");
  EXPECT_ERROR(of("reshape", {{"shape", "2,"}}, {{"x", x}}), "ends with a comma");
  EXPECT_ERROR(of("reshape", {{"shape", "99999999999999999999"}}, {{"x", x}}), "takes whole numbers");
  EXPECT_ERROR(of("sum", {{"axes", "4294967296"}}, {{"x", x}}), "names axes");
  EXPECT_ERROR(of("sum", {{"keep_dims", "yes"}}, {{"x", x}}), "cannot be 'yes'. Choose one of false, true.");
  EXPECT_ERROR(of("cast", {{"dtype", "float"}}, {{"x", x}}), "is a dtype, got 'float'");
  EXPECT_ERROR(of("softmax", {{"axis", "4294967296"}}, {{"x", x}}), "is an axis, got 4294967296");
  EXPECT_ERROR(of("power_of_number", {{"exponent", "two"}}, {{"x", x}}), "takes a number, got 'two'");
  EXPECT_ERROR(of("concat", {{"axis", "0"}}, {{"x0", x}, {"x2", x}}), "x1 is missing");
  EXPECT_ERROR(of("concat", {{"axis", "0"}}, {{"x", x}}), "there is no argument 'x'. The arguments are: x0, x1, ...");
  const Tensor i = zeros({1}, DType::int64);
  EXPECT_ERROR(of("index", {{"at", "0"}}, {{"x", x}, {"i", i}}), "[index] i is given, but '0' does not name it");
  EXPECT_ERROR(of("index", {{"at", "i"}}, {{"x", x}, {"i", i}, {"j", i}}), "[index] j is given");
  EXPECT_ERROR(of("index_put", {{"at", ":"}}, {{"x", x}, {"values", x}, {"j", i}}), "[index_put] j is given");
  EXPECT_EQ(of("concat", {{"axis", "0"}}, {{"x0", x}, {"x1", x}})[0].shape(), (Shape{4, 3}));
}

}  // namespace
}  // namespace orbitgrad::catalogue
