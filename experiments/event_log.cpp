#include "experiments/event_log.hpp"

#include <bit>
#include <chrono>
#include <cstring>
#include <optional>

#include "engine/io/crc32.hpp"

namespace orbitgrad::experiments {

namespace {

static_assert(std::endian::native == std::endian::little, "the format is little-endian");

template <class T>
std::string raw(T value) {
  std::string bytes(sizeof value, '\0');
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}

// Protocol buffers: a field is its number and wire type, then the value.
enum WireType : std::uint64_t { varint = 0, eight_bytes = 1, with_length = 2, four_bytes = 5 };

std::string as_varint(std::uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7) bytes += static_cast<char>(value | 0x80);
  bytes += static_cast<char>(value);
  return bytes;
}

std::string field(std::uint64_t number, WireType type, std::string_view value) {
  std::string bytes = as_varint(number << 3 | type);
  if (type == with_length) bytes += as_varint(value.size());
  return bytes += value;
}

std::string framed(std::string_view message) {
  const std::string length = raw(std::uint64_t{message.size()});
  std::string bytes = length + raw(masked_crc32c(length));
  bytes += message;
  return bytes += raw(masked_crc32c(message));
}

// Event: wall_time = 1, step = 2, file_version = 3, summary = 5. Summary: value = 1. Value: tag = 1, simple_value = 2.
std::string first_event(double wall_time) {
  return framed(field(1, eight_bytes, raw(wall_time)) + field(3, with_length, "brain.Event:2"));
}

double now() { return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count(); }

}  // namespace

std::uint32_t masked_crc32c(std::string_view bytes) { return std::rotr(io::crc32c(bytes), 15) + 0xa282ead8U; }

std::string event_of(const Record& line, double wall_time) {
  const Value* step = line.find("step");
  const Value* kind = line.find("kind");
  if (step == nullptr || !std::holds_alternative<std::int64_t>(*step)) return "";
  const std::string prefix = kind == nullptr ? "" : to_string(*kind) + "/";
  std::string summary;
  for (const auto& [name, value] : line.entries()) {
    const std::optional<double> number = number_of(value);
    if (!number || name == "step") continue;
    summary += field(1, with_length,
                     field(1, with_length, prefix + name) + field(2, four_bytes, raw(static_cast<float>(*number))));
  }
  if (summary.empty()) return "";
  return framed(field(1, eight_bytes, raw(wall_time)) +
                field(2, varint, as_varint(static_cast<std::uint64_t>(std::get<std::int64_t>(*step)))) +
                field(5, with_length, summary));
}

EventLog::EventLog(std::filesystem::path file, const std::vector<Record>& lines) {
  std::string bytes = first_event(now());
  for (const Record& line : lines) bytes += event_of(line, now());
  write_file_atomically(file, bytes);
  file_ = std::make_unique<LineLog>(std::move(file));
}

void EventLog::add(const Record& line) { file_->append_bytes(event_of(line, now())); }

}  // namespace orbitgrad::experiments
