// Record: named values in a fixed order, one line of JSON. Settings of a run and lines of its metrics are records.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace orbitgrad::experiments {

using Value = std::variant<bool, std::int64_t, double, std::string>;

class Record {
 public:
  Record() = default;
  Record(std::initializer_list<std::pair<std::string, Value>> entries) : entries_(entries) {}

  /// Adds the value, or replaces the one of that name.
  Record& set(std::string_view name, Value value);
  const Value* find(std::string_view name) const;
  /// The value of that name and type. A whole number may be read as a double. Error: it is absent or of another type.
  bool flag(std::string_view name) const;
  std::int64_t integer(std::string_view name) const;
  double number(std::string_view name) const;
  const std::string& text(std::string_view name) const;

  const std::vector<std::pair<std::string, Value>>& entries() const { return entries_; }

  /// One line, or one name a line with `indented`. Equal records give equal bytes, and numbers come back exactly; a
  /// number that is not finite becomes null.
  std::string to_json(bool indented = false) const;
  /// Reads what to_json writes; null becomes NaN. Error, which names `origin`: anything else.
  static Record from_json(std::string_view text, std::string_view origin);

  friend bool operator==(const Record&, const Record&) = default;

 private:
  const Value& get(std::string_view name) const;
  std::vector<std::pair<std::string, Value>> entries_;
};

/// A whole or real number; nothing for a text or a flag.
std::optional<double> number_of(const Value& value);
/// A value as a person reads it.
std::string to_string(const Value& value);

}  // namespace orbitgrad::experiments
