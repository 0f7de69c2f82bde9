// The catalogue of ops: for each public op what it takes, what can be set, how often it can be differentiated, how to
// run it from named tensors, and examples. The command `orbitgrad op`, docs/ops.md and the generated tests read it.
// An op enters by a Registration in its family's source (engine/catalogue/*.cpp, helpers in describe.hpp); no list is
// kept by hand.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/tensor.hpp"
#include "groups/lattice_group.hpp"

namespace orbitgrad::catalogue {

/// The element types an argument may have: float32 and float64; these and integers; any; int64; bool.
enum class Elements { floating, number, any, index, boolean };
std::string_view name(Elements elements);
bool allows(Elements elements, DType dtype);

/// `several`: a list of tensors, given as NAME0, NAME1, ...
enum class Presence { required, optional, several };

struct Argument {
  std::string name;   // "x"
  std::string shape;  // "[N, C, H, W]", or in words
  Elements elements = Elements::floating;
  Presence presence = Presence::required;
  bool is_differentiable = true;  // a floating one, if the op is
};

/// What a setting's text must be: 3, 0.5, true, one of its choices, or 2,-1,3 (the empty text: none).
enum class SettingType { integer, number, flag, word, integers };
std::string_view name(SettingType type);

struct Setting {
  std::string name;
  SettingType type = SettingType::integer;
  std::optional<std::string> default_value;  // absent: must be given
  std::string meaning;
  std::vector<std::string> choices = {};  // of a word; empty: any
};

using Settings = std::map<std::string, std::string>;
using Tensors = std::map<std::string, Tensor>;

/// What an op is run on. Every error is the op's and names the argument or setting.
class Call {
 public:
  /// Error: an unknown name, a missing argument or setting, a text that is none of the choices.
  Call(const struct Op& op, const Tensors& tensors, const Settings& settings);

  /// The argument; undefined if it is optional and absent.
  const Tensor& operator[](std::string_view argument) const;
  /// An argument that is a list of tensors.
  std::vector<Tensor> list(std::string_view argument) const;

  /// Whether the setting has a text: an empty default stands for "not given".
  bool has(std::string_view setting) const { return !word(setting).empty(); }
  const std::string& word(std::string_view setting) const;
  std::int64_t integer(std::string_view setting) const;
  int small_integer(std::string_view setting) const;  // of 32 bits
  double number(std::string_view setting) const;
  bool flag(std::string_view setting) const;
  std::vector<std::int64_t> integers(std::string_view setting) const;

  /// An integer setting as an axis, and integers as axes or as a shape.
  int axis(std::string_view setting) const;
  Axes axes(std::string_view setting) const;
  Shape shape(std::string_view setting) const;
  DType dtype(std::string_view setting) const;
  /// The setting "group".
  groups::LatticeGroup group() const;

 private:
  std::string_view op_;
  Tensors tensors_;
  Settings settings_;
};

/// One tensor, or several.
struct Results {
  Results(Tensor tensor) : tensors({std::move(tensor)}) {}               // NOLINT: an op returns its tensor
  Results(std::vector<Tensor> several) : tensors(std::move(several)) {}  // NOLINT
  std::vector<Tensor> tensors;
};

/// Values of an example in that shape on the default device; floating ones are float64. The key varies them.
using ExampleValues = Tensor (*)(const Shape& shape, std::uint64_t key);
/// Distinct, of magnitude in [0.3, 1.7) and both signs: away from the kinks of most functions.
Tensor smooth_values(const Shape& shape, std::uint64_t key);

struct ExampleTensor {
  std::string name;
  Shape shape;
  ExampleValues values = smooth_values;
};

/// Small inputs on which every test of the op runs: first and second derivatives, devices, bad arguments.
struct Example {
  std::vector<ExampleTensor> tensors;
  Settings settings = {};
};

enum class Derivatives { none, once, every_order };
std::string_view name(Derivatives derivatives);

struct Op {
  std::string name;
  std::string family;   // the section of docs/ops.md
  std::string header;   // where it is declared
  std::string summary;  // one line with the formula
  std::vector<Argument> arguments;
  std::vector<Setting> settings = {};
  std::vector<std::string> results = {"y"};
  Derivatives derivatives = Derivatives::every_order;  // of the first result
  std::function<Results(const Call&)> run;
  std::vector<Example> examples;  // the first one without surprises: bad arguments are made from it
};

/// All of them, by name.
const std::vector<Op>& ops();
/// Null if there is none.
const Op* find_op(std::string_view name);
/// The argument of that name, or the list that "x7" belongs to; null if there is none.
const Argument* find_argument(const Op& op, std::string_view name);

/// Runs the op. Error: what Call and the op say.
std::vector<Tensor> run(const Op& op, const Tensors& tensors, const Settings& settings = {});
/// The tensors of an example; the floating ones that have a derivative are tracked.
Tensors example_tensors(const Op& op, const Example& example);

/// A static object of this type adds the ops that the function describes. It is called when the catalogue is first
/// read, not when the library is loaded.
struct Registration {
  explicit Registration(std::vector<Op> (*describe)());
};

}  // namespace orbitgrad::catalogue
