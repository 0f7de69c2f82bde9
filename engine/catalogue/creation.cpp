// Tensors from nothing, and random ones.
#include "engine/ops/creation.hpp"
#include "engine/catalogue/describe.hpp"
#include "engine/ops/arithmetic.hpp"
#include "engine/random.hpp"

namespace orbitgrad::catalogue {

namespace {

Op made(std::string name, std::string header, std::string summary, std::vector<Setting> settings,
        std::function<Results(const Call&)> run, Settings example) {
  return {.name = std::move(name),
          .family = "creation",
          .header = std::move(header),
          .summary = std::move(summary),
          .arguments = {},
          .settings = std::move(settings),
          .derivatives = Derivatives::none,
          .run = std::move(run),
          .examples = {{.tensors = {}, .settings = std::move(example)}}};
}

RandomKey key_of(const Call& call) { return {static_cast<std::uint64_t>(call.integer("key"))}; }

std::vector<Op> creation() {
  const std::string header = "engine/ops/creation.hpp", like = "of x's shape, dtype and device";
  const Setting shape = integers("shape", "", "empty: one number"), dtype = dtype_setting("float32");
  Op scalar = unary("scalar_like", "creation", "engine/ops/arithmetic.hpp", "one number with x's dtype and device",
                    nullptr, smooth_values, Elements::any, Derivatives::none);
  scalar.settings = {number("value", std::nullopt, "the number")};
  scalar.run = [](const Call& call) { return scalar_like(call["x"], call.number("value")); };
  scalar.examples[0].settings = {{"value", "2"}};
  return {made("full", header, "one number everywhere", {shape, number("value", std::nullopt, "the number"), dtype},
               [](const Call& call) { return full(call.shape("shape"), call.number("value"), call.dtype("dtype")); },
               {{"shape", "2,3"}, {"value", "0.5"}}),
          made("zeros", header, "0 everywhere", {shape, dtype},
               [](const Call& call) { return zeros(call.shape("shape"), call.dtype("dtype")); }, {{"shape", "2,3"}}),
          made("ones", header, "1 everywhere", {shape, dtype},
               [](const Call& call) { return ones(call.shape("shape"), call.dtype("dtype")); }, {{"shape", "2,3"}}),
          made("arange", header, "0, 1, .., count - 1",
               {integer("count", std::nullopt, "how many"), dtype_setting("int64")},
               [](const Call& call) { return arange(call.integer("count"), call.dtype("dtype")); }, {{"count", "5"}}),
          made("identity", header, "the identity matrix", {integer("size", std::nullopt, "rows and columns"), dtype},
               [](const Call& call) { return identity(call.integer("size"), call.dtype("dtype")); }, {{"size", "3"}}),
          unary("zeros_like", "creation", header, "0 everywhere, " + like, zeros_like, smooth_values, Elements::any,
                Derivatives::none),
          unary("ones_like", "creation", header, "1 everywhere, " + like, ones_like, smooth_values, Elements::any,
                Derivatives::none),
          std::move(scalar)};
}

std::vector<Op> random() {
  const std::string header = "engine/random.hpp";
  const Setting shape = integers("shape", "", "empty: one number"), dtype = dtype_setting("float32");
  const Setting key = integer("key", "0", "equal keys give equal numbers"),
                probability = number("probability", "0.5", "from 0 to 1");
  Op dropout_op = unary("dropout", "random", header,
                        "zeroes elements at random, scales the others by 1 / (1 - probability)", nullptr);
  dropout_op.settings = {probability, key};
  dropout_op.run = [](const Call& call) { return dropout(call["x"], call.number("probability"), key_of(call)); };
  std::vector<Op> ops = {
      made("uniform", header, "uniform in [low, high)",
           {shape, key, number("low", "0", "lower end"), number("high", "1", "upper end"), dtype},
           [](const Call& call) {
             return uniform(call.shape("shape"), key_of(call), call.number("low"), call.number("high"),
                            call.dtype("dtype"));
           },
           {{"shape", "2,3"}}),
      made("normal", header, "normally distributed",
           {shape, key, number("mean", "0", "mean"), number("deviation", "1", "standard deviation"), dtype},
           [](const Call& call) {
             return normal(call.shape("shape"), key_of(call), call.number("mean"), call.number("deviation"),
                           call.dtype("dtype"));
           },
           {{"shape", "2,3"}}),
      made("bernoulli", header, "true with the given probability", {shape, key, probability},
           [](const Call& call) { return bernoulli(call.shape("shape"), key_of(call), call.number("probability")); },
           {{"shape", "2,3"}}),
      made("random_integers", header, "integers in [0, bound), int64",
           {shape, key, integer("bound", std::nullopt, "above the largest")},
           [](const Call& call) { return random_integers(call.shape("shape"), key_of(call), call.integer("bound")); },
           {{"shape", "2,3"}, {"bound", "10"}}),
      made("random_permutation", header, "0 .. count - 1 in random order, int64",
           {integer("count", std::nullopt, "how many"), key},
           [](const Call& call) { return random_permutation(call.integer("count"), key_of(call)); }, {{"count", "6"}}),
      std::move(dropout_op)};
  for (Op& op : ops) op.family = "random";
  return ops;
}

const Registration creation_ops(creation), random_ops(random);

}  // namespace

}  // namespace orbitgrad::catalogue
