// How a run shows that it is alive: on a terminal one line, rewritten in place, with epoch, step, loss, accuracy,
// images/s and the time left; elsewhere one plain line per epoch.
#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>

namespace orbitgrad::experiments {

/// Where training stands. Loss and accuracy are means over the epoch so far.
struct ProgressState {
  std::int64_t epoch = 0;  // from 1
  std::int64_t epochs = 0;
  std::int64_t step = 0;  // steps made, over all epochs
  std::int64_t steps = 0;
  double loss = 0;
  double accuracy = 0;
};

class Progress {
 public:
  /// Writes to `out`, or nothing if it is null; `label` opens every line.
  explicit Progress(std::string label, std::FILE* out = stdout);
  /// Tells, rather than asks, whether `out` is a terminal.
  Progress(std::string label, std::FILE* out, bool is_terminal);
  /// Whether a line can be rewritten there.
  static bool is_terminal(std::FILE* out);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress();

  /// After every step, with the images in it. Shown at most ten times a second, on a terminal only.
  void step(const ProgressState& state, std::int64_t images);
  /// A line that the next one replaces. Shown at most ten times a second, on a terminal only.
  void passing(const std::string& text);
  /// After every epoch.
  void epoch(const ProgressState& state);
  /// A line of its own, which stays.
  void note(const std::string& text);

 private:
  using Clock = std::chrono::steady_clock;

  std::string line(const ProgressState& state) const;
  void show(const std::string& text);
  void clear();
  bool is_due() const;

  std::string label_;
  std::FILE* out_;
  bool is_terminal_;
  bool line_is_open_ = false;
  std::int64_t images_ = 0, steps_ = 0;  // in this process
  Clock::time_point begin_ = Clock::now(), shown_ = {};
};

/// "12 s", "3 min 05 s", "2 h 07 min"
std::string duration_text(double seconds);

}  // namespace orbitgrad::experiments
