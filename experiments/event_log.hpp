// The lines of metrics.jsonl as a TensorBoard event file: a TFRecord file of Event messages, each framed by its length
// and masked CRC-32C checksums. Every number of a line is a scalar KIND/NAME at the line's step.
// Sources: tensorflow/core/lib/io/record_writer.h (frames), tensorflow/core/util/event.proto (messages),
// RFC 3720, appendix B.4 (the checksum).
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/io/file.hpp"
#include "experiments/record.hpp"

namespace orbitgrad::experiments {

/// CRC-32C, rotated and offset as the frames store it.
std::uint32_t masked_crc32c(std::string_view bytes);

/// One framed event of the scalars of the line, at seconds since 1970; empty if it has no step or no number beside it.
std::string event_of(const Record& line, double wall_time);

class EventLog {
 public:
  /// Begins the file anew with these lines. Error: it cannot be written.
  EventLog(std::filesystem::path file, const std::vector<Record>& lines);
  /// Appends a line.
  void add(const Record& line);

 private:
  std::unique_ptr<LineLog> file_;
};

}  // namespace orbitgrad::experiments
