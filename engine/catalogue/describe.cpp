#include "engine/catalogue/describe.hpp"

#include "engine/ops/creation.hpp"
#include "kernels/philox.hpp"

namespace orbitgrad::catalogue {

namespace {

/// value(block) of as many random blocks as the shape has elements.
template <class T, class Value>
Tensor random_values(const Shape& shape, std::uint64_t key, Value value) {
  Tensor result = Tensor::empty(shape, dtype_of<T>(), DeviceKind::cpu);
  T* values = fresh_host_data<T>(result);
  for (std::int64_t i = 0; i < shape.numel(); ++i)
    values[i] = value(kernels::philox(key, static_cast<std::uint64_t>(i)));
  return result.to(default_device());
}

double uniform(const kernels::PhiloxBlock& block) { return kernels::uniform_double(block.word[0], block.word[1]); }

}  // namespace

Setting dtype_setting(std::string default_value) {
  return {"dtype", SettingType::word, std::move(default_value), "element type of the result"};
}

Setting group_setting() {
  std::vector<std::string> names = groups::lattice_group_names();
  names.insert(names.end(), groups::hexagonal_group_names().begin(), groups::hexagonal_group_names().end());
  return choice("group", std::nullopt, "point group of the square or, p6 and p6m, the hexagonal lattice", names);
}

Setting padding_mode_setting() {
  return choice("padding_mode", "zero", "what stands outside of the image", {"zero", "circular"});
}

Tensor positive_values(const Shape& shape, std::uint64_t key) {
  return random_values<double>(shape, key, [](const auto& block) { return 0.3 + 1.4 * uniform(block); });
}

Tensor unit_values(const Shape& shape, std::uint64_t key) {
  return random_values<double>(shape, key, [](const auto& block) { return 1.6 * uniform(block) - 0.8; });
}

Tensor boolean_values(const Shape& shape, std::uint64_t key) {
  return random_values<bool>(shape, key, [](const auto& block) { return (block.word[0] & 1) != 0; });
}

Tensor index_values_below(std::int64_t bound, const Shape& shape, std::uint64_t key) {
  return random_values<std::int64_t>(
      shape, key, [&](const auto& block) { return static_cast<std::int64_t>(block.word[0]) % bound; });
}

Op unary(std::string name, std::string family, std::string header, std::string summary,
         Tensor (*function)(const Tensor&), ExampleValues values, Elements elements, Derivatives derivatives) {
  return {.name = std::move(name),
          .family = std::move(family),
          .header = std::move(header),
          .summary = std::move(summary),
          .arguments = {{"x", "any shape", elements}},
          .derivatives = derivatives,
          .run = [function](const Call& call) { return function(call["x"]); },
          .examples = {{.tensors = {{"x", {2, 3}, values}}}}};
}

Op binary(std::string name, std::string family, std::string header, std::string summary,
          Tensor (*function)(const Tensor&, const Tensor&), ExampleValues values, Elements elements,
          Derivatives derivatives) {
  return {.name = std::move(name),
          .family = std::move(family),
          .header = std::move(header),
          .summary = std::move(summary),
          .arguments = {{"a", "any shape", elements}, {"b", "broadcasts with a", elements}},
          .derivatives = derivatives,
          .run = [function](const Call& call) { return function(call["a"], call["b"]); },
          .examples = {{.tensors = {{"a", {2, 3}, values}, {"b", {2, 3}, values}}},
                       {.tensors = {{"a", {2, 1, 3}, values}, {"b", {4, 1}, values}}},
                       {.tensors = {{"a", {}, values}, {"b", {2}, values}}}}};
}

}  // namespace orbitgrad::catalogue
