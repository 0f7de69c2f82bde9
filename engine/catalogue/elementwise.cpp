// The elementwise ops: arithmetic, elementary functions, comparisons and logic.
#include "engine/catalogue/describe.hpp"
#include "engine/ops/arithmetic.hpp"
#include "engine/ops/comparison.hpp"
#include "engine/ops/elementary.hpp"

namespace orbitgrad::catalogue {

namespace {

constexpr auto none = Derivatives::none;
constexpr auto any = Elements::any;
constexpr auto boolean = Elements::boolean;

std::vector<Op> arithmetic() {
  const auto two = [](std::string name, std::string summary, Tensor (*function)(const Tensor&, const Tensor&),
                      ExampleValues values = smooth_values, Elements elements = Elements::number) {
    return binary(std::move(name), "arithmetic", "engine/ops/arithmetic.hpp", std::move(summary), function, values,
                  elements);
  };
  const auto one = [](std::string name, std::string summary, Tensor (*function)(const Tensor&),
                      Derivatives derivatives = Derivatives::every_order) {
    return unary(std::move(name), "arithmetic", "engine/ops/arithmetic.hpp", std::move(summary), function,
                 smooth_values, Elements::number, derivatives);
  };
  return {two("add", "a + b", add),
          two("subtract", "a - b", subtract),
          two("multiply", "a b", multiply),
          two("divide", "a / b", divide, smooth_values, Elements::floating),
          two("power", "a^b", power, positive_values, Elements::floating),
          two("maximum", "the larger of a and b; NaN wins", maximum),
          two("minimum", "the smaller of a and b; NaN wins", minimum),
          one("negate", "-x", negate),
          one("absolute", "|x|; the derivative at 0 is 0", absolute),
          one("sign", "-1, 0 or 1", sign, none),
          {.name = "power_of_number",
           .family = "arithmetic",
           .header = "engine/ops/arithmetic.hpp",
           .summary = "x^exponent for a plain number",
           .arguments = {{"x", "any shape"}},
           .settings = {number("exponent", std::nullopt, "the power")},
           .run = [](const Call& call) { return power(call["x"], call.number("exponent")); },
           .examples = {{.tensors = {{"x", {2, 3}}}, .settings = {{"exponent", "3"}}},
                        {.tensors = {{"x", {4}, positive_values}}, .settings = {{"exponent", "-0.5"}}},
                        {.tensors = {{"x", {4}}}, .settings = {{"exponent", "2"}}}}}};
}

std::vector<Op> elementary() {
  const auto of = [](std::string name, std::string summary, Tensor (*function)(const Tensor&),
                     ExampleValues values = smooth_values, Derivatives derivatives = Derivatives::every_order) {
    return unary(std::move(name), "elementary functions", "engine/ops/elementary.hpp", std::move(summary), function,
                 values, Elements::floating, derivatives);
  };
  return {of("exp", "e^x", exp),
          of("log", "natural logarithm", log, positive_values),
          of("log1p", "log(1 + x), exact near 0", log1p, positive_values),
          of("sqrt", "square root", sqrt, positive_values),
          of("rsqrt", "1 / sqrt(x)", rsqrt, positive_values),
          of("square", "x^2", square),
          of("sin", "sine", sin),
          of("cos", "cosine", cos),
          of("tanh", "hyperbolic tangent", tanh),
          of("sigmoid", "1 / (1 + e^-x), without overflow", sigmoid),
          of("erf", "error function", erf),
          of("relu", "max(x, 0); the derivative at 0 is 0", relu),
          of("softplus", "log(1 + e^x), without overflow", softplus),
          of("gelu", "x Phi(x), with Phi the normal distribution function", gelu),
          of("silu", "x sigmoid(x)", silu),
          of("floor", "largest whole number up to x", floor, smooth_values, none)};
}

std::vector<Op> comparisons() {
  const auto two = [](std::string name, std::string summary, Tensor (*function)(const Tensor&, const Tensor&)) {
    return binary(std::move(name), "comparison", "engine/ops/comparison.hpp", std::move(summary), function,
                  smooth_values, any, none);
  };
  const auto logic = [](std::string name, std::string summary, Tensor (*function)(const Tensor&, const Tensor&)) {
    return binary(std::move(name), "comparison", "engine/ops/comparison.hpp", std::move(summary), function,
                  boolean_values, boolean, none);
  };
  return {two("equal", "a = b", equal),
          two("not_equal", "a != b", not_equal),
          two("less", "a < b", less),
          two("less_equal", "a <= b", less_equal),
          two("greater", "a > b", greater),
          two("greater_equal", "a >= b", greater_equal),
          logic("logical_and", "both", logical_and),
          logic("logical_or", "at least one", logical_or),
          unary("logical_not", "comparison", "engine/ops/comparison.hpp", "not x", logical_not, boolean_values, boolean,
                none),
          unary("is_finite", "comparison", "engine/ops/comparison.hpp", "false for infinities and NaN", is_finite,
                smooth_values, Elements::floating, none),
          {.name = "where",
           .family = "comparison",
           .header = "engine/ops/comparison.hpp",
           .summary = "condition ? a : b, all three broadcast",
           .arguments = {{"condition", "any shape", boolean}, {"a", "any shape", any}, {"b", "any shape", any}},
           .run = [](const Call& call) { return where(call["condition"], call["a"], call["b"]); },
           .examples = {{.tensors = {{"condition", {2, 3}, boolean_values}, {"a", {2, 3}}, {"b", {2, 3}}}},
                        {.tensors = {{"condition", {3}, boolean_values}, {"a", {2, 3}}, {"b", {}}}}}}};
}

const Registration arithmetic_ops(arithmetic), elementary_ops(elementary), comparison_ops(comparisons);

}  // namespace

}  // namespace orbitgrad::catalogue
