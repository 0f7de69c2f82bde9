#include "experiments/record.hpp"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

#include "engine/error.hpp"
#include "groups/printable.hpp"

namespace orbitgrad::experiments {

namespace {

using nlohmann::ordered_json;

Value value_of(const ordered_json& json, std::string_view origin) {
  switch (json.type()) {
    case ordered_json::value_t::boolean:
      return json.get<bool>();
    case ordered_json::value_t::number_integer:
    case ordered_json::value_t::number_unsigned:
      return json.get<std::int64_t>();
    case ordered_json::value_t::number_float:
      return json.get<double>();
    case ordered_json::value_t::null:
      return std::numeric_limits<double>::quiet_NaN();
    case ordered_json::value_t::string:
      return json.get<std::string>();
    default:
      fail("record",
           "{}: a list or an object stands where a single value belongs. The file was changed by hand: start "
           "a new run.",
           origin);
  }
}

}  // namespace

Record& Record::set(std::string_view name, Value value) {
  const auto found = std::ranges::find(entries_, name, &std::pair<std::string, Value>::first);
  if (found == entries_.end())
    entries_.emplace_back(name, std::move(value));
  else
    found->second = std::move(value);
  return *this;
}

const Value* Record::find(std::string_view name) const {
  const auto found = std::ranges::find(entries_, name, &std::pair<std::string, Value>::first);
  return found == entries_.end() ? nullptr : &found->second;
}

const Value& Record::get(std::string_view name) const {
  const Value* value = find(name);
  require(value != nullptr, "record", "there is no '{}' in {}. The run comes from another version: start a new one.",
          name, to_json());
  return *value;
}

namespace {

template <class T>
const T& as(const Value& value, std::string_view name) {
  const T* typed = std::get_if<T>(&value);
  require(typed != nullptr, "record", "'{}' is {}, which is of another type. Correct the file or start a new run.",
          name, printable(to_string(value)));
  return *typed;
}

}  // namespace

bool Record::flag(std::string_view name) const { return as<bool>(get(name), name); }
std::int64_t Record::integer(std::string_view name) const { return as<std::int64_t>(get(name), name); }
const std::string& Record::text(std::string_view name) const { return as<std::string>(get(name), name); }
double Record::number(std::string_view name) const {
  const Value& value = get(name);
  if (const auto* whole = std::get_if<std::int64_t>(&value)) return static_cast<double>(*whole);
  return as<double>(value, name);
}

std::string Record::to_json(bool indented) const {
  ordered_json json = ordered_json::object();
  for (const auto& [name, value] : entries_)
    std::visit([&, &key = name](const auto& plain) { json[key] = plain; }, value);
  return json.dump(indented ? 2 : -1, ' ', false, ordered_json::error_handler_t::replace);
}

Record Record::from_json(std::string_view text, std::string_view origin) {
  const ordered_json json = ordered_json::parse(text, nullptr, false);
  require(json.is_object(), "record", "{}: this is no JSON object. The file is damaged: start a new run.", origin);
  Record record;
  for (const auto& [name, value] : json.items()) record.set(name, value_of(value, origin));
  return record;
}

std::optional<double> number_of(const Value& value) {
  if (const auto* whole = std::get_if<std::int64_t>(&value)) return static_cast<double>(*whole);
  if (const auto* real = std::get_if<double>(&value)) return *real;
  return std::nullopt;
}

std::string to_string(const Value& value) {
  return std::visit([](const auto& plain) { return fmt::format("{}", plain); }, value);
}

}  // namespace orbitgrad::experiments
