// Every op of the catalogue against every kind of bad argument, made from its first example. An op answers with an
// Error of the house form, or the case stands in accepted_arguments.txt: what is legal is listed, nothing is silent.
// Not listed, because the catalogue allows it: other shapes of an only argument of any shape, and dtypes that fit.
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <set>

#include "engine/catalogue/evaluate.hpp"
#include "engine/ops/cast.hpp"
#include "engine/ops/creation.hpp"
#include "engine/ops/shape_ops.hpp"
#include "engine/ops/transfer.hpp"
#include "tests/engine/expect_error.hpp"
#include "tests/places.hpp"

// Read by the address sanitizer, where it is linked: memory that is not there is an error of ours, not the end.
extern "C" const char* __asan_default_options();
extern "C" const char* __asan_default_options() { return "allocator_may_return_null=1"; }

namespace orbitgrad::catalogue {
namespace {

struct BadCase {
  std::string title;  // "x:scalar", "stride=-1"
  Tensors tensors;
  Settings settings;
  bool may_be_legal = false;  // the catalogue leaves it open: an Error or a result
};

Tensor longer(const Tensor& x, int axis) { return concat(std::vector{x, narrow(x, axis, 0, 1)}, axis); }

/// The argument under other shapes, element types, devices and values. Alone: no other one has to be like it.
std::map<std::string, Tensor> spoiled(const Tensor& x, const Argument& argument, bool is_alone, bool has_others) {
  std::map<std::string, Tensor> result;
  result["one more axis"] = unsqueeze(x, 0);
  if (x.rank() > 0) {
    Tensor fewer = x;
    while (fewer.rank() > 1) fewer = select(fewer, 0, 0);
    result["scalar"] = select(fewer, 0, 0);
    if (x.rank() > 1) result["one axis less"] = select(x, 0, 0);
    for (int axis = 0; axis < x.rank(); ++axis) {
      result[fmt::format("axis {} longer", axis)] = longer(x, axis);
      result[fmt::format("axis {} empty", axis)] = narrow(x, axis, 0, 0);
    }
  }
  for (const DType dtype : {DType::float32, DType::float64, DType::int64, DType::int32, DType::boolean})
    if (dtype != x.dtype() && !(is_alone && allows(argument.elements, dtype)))
      result[fmt::format("{}", orbitgrad::name(dtype))] = cast(x, dtype);
  if (has_others)
    result["other device"] = to_device(x, x.device() == DeviceKind::cpu ? DeviceKind::sim : DeviceKind::cpu);
  if (is_floating(x.dtype())) result["nan"] = full(x.shape(), NAN, x.dtype(), x.device());
  if (x.dtype() == DType::int64) {
    result["negative"] = full(x.shape(), -1, x.dtype(), x.device());
    result["far"] = full(x.shape(), 4611686018427387904.0, x.dtype(), x.device());
    result["far below"] = full(x.shape(), -4611686018427387904.0, x.dtype(), x.device());
  }
  return result;
}

std::vector<std::string> bad_texts(const Setting& setting) {
  static const std::set<std::string> axes = {"axis", "axes", "first", "second", "last", "order"};
  if (setting.name == "key") return {};
  if (axes.contains(setting.name)) return {"-9223372036854775808", "-9", "9", "9223372036854775807", "4294967296"};
  switch (setting.type) {
    case SettingType::integer:
      return {"-9223372036854775808", "-9", "-1", "0", "9", "4611686018427387904", "9223372036854775807"};
    case SettingType::number:
      return {"-1", "0", "2", "nan", "inf", "-inf"};
    case SettingType::integers:
      return {"",
              "-1",
              "0",
              "0,0",
              "-9223372036854775808,1,1",
              "9223372036854775807",
              "4294967296,4294967296",
              "1,1,1,1,1,1,1,1,1"};
    case SettingType::flag:
      return {};
    case SettingType::word:
      break;
  }
  return setting.choices.empty() ? std::vector<std::string>{"bool", "int32", "nothing"} : std::vector<std::string>{};
}

std::vector<BadCase> bad_cases(const Op& op) {
  const Example& example = op.examples.front();
  const Tensors good = example_tensors(op, example);
  std::vector<BadCase> cases;
  const auto is_data = [&](const auto& entry) {
    const Elements elements = find_argument(op, entry.first)->elements;
    return elements != Elements::index && elements != Elements::boolean;
  };
  const bool is_alone = std::ranges::count_if(good, is_data) <= 1;
  for (const auto& [name, tensor] : good)
    for (const auto& [what, bad] : spoiled(tensor.detach(), *find_argument(op, name), is_alone, good.size() > 1)) {
      cases.push_back({name + ":" + what, good, example.settings});
      cases.back().may_be_legal =
          is_alone && bad.shape() != tensor.shape() && find_argument(op, name)->shape.starts_with("any shape");
      cases.back().tensors.at(name) = bad;
    }
  for (const Setting& setting : op.settings)
    for (const std::string& text : bad_texts(setting)) {
      cases.push_back({setting.name + "=" + text, good, example.settings});
      cases.back().settings[setting.name] = text;
    }
  return cases;
}

bool has_nan(const Tensors& tensors) {
  for (const auto& [name, tensor] : tensors) {
    if (!is_floating(tensor.dtype())) continue;
    for (const double value : cast(tensor, DType::float64).to_vector<double>())
      if (std::isnan(value)) return true;
  }
  return false;
}

std::string error_of_house_form(const std::string& text) {
  return text.starts_with("[") && text.find("] ") != text.npos && text.ends_with('.') &&
                 testing::has_two_sentences(text)
             ? ""
             : "an error not of the house form: " + text;
}

/// What else the device has to say of a call that has failed.
void forget_late_errors() {
  try {
    testing::read_from_default_device();
  } catch (const Error&) {
  }
}

/// Empty: an error of the house form, or the NaN is passed on. Else "accepted", or what is wrong.
std::string outcome(const Op& op, const BadCase& bad) {
  const bool is_nan = bad.title.ends_with(":nan");
  Evaluation evaluation;
  try {
    evaluation = evaluate(op, bad.tensors, bad.settings);
    testing::read_from_default_device();
  } catch (const Error& error) {
    forget_late_errors();
    return error_of_house_form(error.what());
  } catch (const std::exception& error) {
    return std::string("not an Error: ") + error.what();
  }
  try {
    Tensors tracked = bad.tensors;
    for (auto& [name, tensor] : tracked)
      if (find_argument(op, name)->is_differentiable && is_floating(tensor.dtype())) tensor.set_requires_grad();
    const Tensor y = run(op, tracked, bad.settings)[0];
    if (y.requires_grad()) evaluate(op, bad.tensors, bad.settings, ones_like(y));
  } catch (const std::exception& error) {
    return std::string("accepted, but its derivative is refused: ") + error.what();
  }
  return is_nan && has_nan(evaluation.results) ? "" : "accepted";
}

std::map<std::string, std::set<std::string>> read_accepted() {
  std::map<std::string, std::set<std::string>> result;
  std::ifstream file(source_folder() + "/tests/engine/accepted_arguments.txt");
  EXPECT_TRUE(file.is_open());
  for (std::string line; std::getline(file, line);) {
    const auto bar = line.find(" | ");
    if (line.starts_with('#') || bar == line.npos) continue;
    const std::string op = line.substr(0, bar);
    EXPECT_NE(find_op(op), nullptr) << "accepted_arguments.txt names an op that is gone: " << op;
    for (std::size_t start = bar + 3; start < line.size();) {
      const std::size_t end = std::min(line.find(" | ", start), line.size());
      result[op].insert(line.substr(start, end - start));
      start = end + 3;
    }
  }
  return result;
}

TEST(BadArguments, AreErrorsUnlessListed) {
  const auto accepted = read_accepted();
  for (const Op& op : ops()) {
    std::set<std::string> found;
    for (const BadCase& bad : bad_cases(op)) {
      const std::string what = outcome(op, bad);
      const bool is_accepted = what == "accepted";
      if (is_accepted && !bad.may_be_legal) found.insert(bad.title);
      EXPECT_EQ(is_accepted ? "" : what, "") << op.name << " with " << bad.title;
    }
    const auto listed = accepted.find(op.name);
    EXPECT_EQ(found, listed == accepted.end() ? std::set<std::string>() : listed->second)
        << "If this is right, the line of accepted_arguments.txt is\n"
        << op.name << " | " << fmt::format("{}", fmt::join(found, " | "));
  }
}

}  // namespace
}  // namespace orbitgrad::catalogue
