// A trace in the JSON of Chrome and Perfetto (chrome://tracing, ui.perfetto.dev): ops with their shapes, the kernels in
// them, scopes around them, one track a thread, and live memory as a counter. The file is valid JSON at every
// moment, so a process that throws or is killed leaves a trace that opens.
//
// ORBITGRAD_TRACE=file.json traces a program from its start to its end.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "engine/observe/launch.hpp"
#include "engine/tensor.hpp"

namespace orbitgrad {

/// Begins a trace; one that is written already is ended. Error: the file cannot be written.
void start_trace(const std::filesystem::path& file);
/// Writes what is left and closes the file. Nothing happens without a trace.
void stop_trace();

/// A named span on the track of this thread, from construction to destruction: `const TraceScope scope("forward");`
class TraceScope {
 public:
  explicit TraceScope(std::string_view name) {
    if (observe::is_watched(observe::tracing)) begin(name);
  }
  ~TraceScope() {
    if (open_) end();
  }
  TraceScope(const TraceScope&) = delete;
  TraceScope& operator=(const TraceScope&) = delete;

 private:
  struct Open {
    std::string name;
    observe::Clock::time_point begin;
  };
  void begin(std::string_view name);
  void end() noexcept;
  std::optional<Open> open_;
};

namespace observe {

// For the engine: a launch has ended, the result of an op is known, memory has changed.
void trace_launch(const Launch& launch);
void trace_result(const Tensor& output, std::span<const Tensor* const> inputs);
void trace_memory(DeviceKind device, std::int64_t live_bytes);

}  // namespace observe
}  // namespace orbitgrad
