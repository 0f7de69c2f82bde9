// What the registrations of ops share: settings, example values and the forms that many ops have. Included by the
// sources of engine/catalogue only.
#pragma once

#include "engine/catalogue/catalogue.hpp"

namespace orbitgrad::catalogue {

inline Setting integer(std::string name, std::optional<std::string> default_value, std::string meaning) {
  return {std::move(name), SettingType::integer, std::move(default_value), std::move(meaning)};
}
inline Setting number(std::string name, std::optional<std::string> default_value, std::string meaning) {
  return {std::move(name), SettingType::number, std::move(default_value), std::move(meaning)};
}
inline Setting flag(std::string name, std::string default_value, std::string meaning) {
  return {std::move(name), SettingType::flag, std::move(default_value), std::move(meaning), {"false", "true"}};
}
inline Setting integers(std::string name, std::optional<std::string> default_value, std::string meaning) {
  return {std::move(name), SettingType::integers, std::move(default_value), std::move(meaning)};
}
inline Setting choice(std::string name, std::optional<std::string> default_value, std::string meaning,
                      std::vector<std::string> choices) {
  return {std::move(name), SettingType::word, std::move(default_value), std::move(meaning), std::move(choices)};
}
Setting dtype_setting(std::string default_value);
/// "group", one of groups::lattice_group_names() or groups::hexagonal_group_names().
Setting group_setting();
/// "padding_mode": zero or circular.
Setting padding_mode_setting();

/// In [0.3, 1.7); in (-0.8, 0.8); false and true.
Tensor positive_values(const Shape& shape, std::uint64_t key);
Tensor unit_values(const Shape& shape, std::uint64_t key);
Tensor boolean_values(const Shape& shape, std::uint64_t key);
/// int64 in [0, bound).
Tensor index_values_below(std::int64_t bound, const Shape& shape, std::uint64_t key);
template <std::int64_t bound>
Tensor index_values(const Shape& shape, std::uint64_t key) {
  return index_values_below(bound, shape, key);
}

/// y = f(x), element by element.
Op unary(std::string name, std::string family, std::string header, std::string summary,
         Tensor (*function)(const Tensor&), ExampleValues values = smooth_values,
         Elements elements = Elements::floating, Derivatives derivatives = Derivatives::every_order);
/// y = f(a, b), element by element with broadcasting.
Op binary(std::string name, std::string family, std::string header, std::string summary,
          Tensor (*function)(const Tensor&, const Tensor&), ExampleValues values = smooth_values,
          Elements elements = Elements::floating, Derivatives derivatives = Derivatives::every_order);

}  // namespace orbitgrad::catalogue
