// The folder of one run: config.json (its settings), metrics.jsonl (one JSON object a line), timing.jsonl (the clock,
// kept apart so that metrics.jsonl is a function of the settings alone), events.out.tfevents.* (the metrics for
// TensorBoard) and checkpoint.safetensors (all it takes to go on). A process killed at any moment leaves a folder from
// which the run continues to the same bits.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/io/file.hpp"
#include "engine/io/safetensors.hpp"
#include "experiments/event_log.hpp"
#include "experiments/record.hpp"

namespace orbitgrad::experiments {

struct RunOptions {
  bool resume = false;
  /// Settings that may differ on resume, because they cannot change the result.
  std::vector<std::string> free_settings = {};
};

class RunDirectory {
 public:
  /// Makes the folder, or with options.resume goes on in one that has a run of the same settings. A run that has no
  /// checkpoint yet has nothing to lose and is begun anew. Holds the folder until the end. Error: it has a run and
  /// resume is not set; the settings differ (all are listed); another process works in it; it holds something else; it
  /// cannot be written.
  RunDirectory(std::filesystem::path path, const Record& settings, const RunOptions& options = {});

  const std::filesystem::path& path() const { return path_; }

  /// Appends a line to metrics.jsonl, and to the event file with the clock. It must not depend on the clock.
  void log(const Record& line);
  /// Appends {step, seconds} to timing.jsonl: the time the run has taken up to that step, over all its processes.
  void log_time(std::int64_t step, double seconds);
  /// The time noted for the last step not after this one; 0 if there is none.
  double seconds_at(std::int64_t step) const;

  /// Replaces the checkpoint. What is in metrics.jsonl now belongs to it.
  void save_checkpoint(SafeTensors content);
  /// The checkpoint, if there is one, and metrics.jsonl cut to what it held then (to nothing if there is none). Error:
  /// what metrics.jsonl held then was changed since.
  std::optional<SafeTensors> load_checkpoint();

 private:
  void check_settings(const Record& settings, const RunOptions& options) const;

  void cut_metrics(std::int64_t bytes, const std::string* expected_checksum = nullptr);

  std::filesystem::path path_;
  std::unique_ptr<FolderLock> lock_;
  std::unique_ptr<LineLog> metrics_;
  std::unique_ptr<EventLog> events_;    // begun anew by the first line that this process adds
  std::uint32_t metrics_checksum_ = 0;  // CRC-32 of metrics.jsonl
};

std::filesystem::path config_file(const std::filesystem::path& run);
std::filesystem::path checkpoint_file(const std::filesystem::path& run);

/// The settings in config.json. Error: this is not the folder of a run.
Record read_settings(const std::filesystem::path& run);
/// The lines of metrics.jsonl, without one that is being written. Error: this is not the folder of a run, or a line is
/// damaged.
std::vector<Record> read_metrics(const std::filesystem::path& run);

}  // namespace orbitgrad::experiments
