#include "experiments/progress.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <string_view>

namespace orbitgrad::experiments {

bool Progress::is_terminal(std::FILE* out) {
  const char* terminal = std::getenv("TERM");
  return out != nullptr && ::isatty(::fileno(out)) == 1 &&
         (terminal == nullptr || std::string_view(terminal) != "dumb");
}

std::string duration_text(double seconds) {
  const auto total = static_cast<std::int64_t>(std::llround(std::max(seconds, 0.0)));
  if (total < 60) return fmt::format("{} s", total);
  if (total < 3600) return fmt::format("{} min {:02} s", total / 60, total % 60);
  return fmt::format("{} h {:02} min", total / 3600, total / 60 % 60);
}

Progress::Progress(std::string label, std::FILE* out) : Progress(std::move(label), out, is_terminal(out)) {}

Progress::Progress(std::string label, std::FILE* out, bool is_terminal)
    : label_(std::move(label)), out_(out), is_terminal_(is_terminal) {}

Progress::~Progress() {
  if (out_ == nullptr) return;
  if (line_is_open_) std::fputc('\n', out_);
  std::fflush(out_);
}

std::string Progress::line(const ProgressState& state) const {
  const double seconds = std::chrono::duration<double>(Clock::now() - begin_).count();
  std::string text = fmt::format("{}  epoch {}/{}  step {}/{}  loss {:.4f}  accuracy {:5.2f} %", label_, state.epoch,
                                 state.epochs, state.step, state.steps, state.loss, 100 * state.accuracy);
  if (steps_ > 0 && seconds > 0) {
    const double left = seconds / static_cast<double>(steps_) * static_cast<double>(state.steps - state.step);
    text += fmt::format("  {:.0f} images/s  {} left", static_cast<double>(images_) / seconds, duration_text(left));
  }
  return text;
}

bool Progress::is_due() const { return is_terminal_ && Clock::now() - shown_ >= std::chrono::milliseconds(100); }

void Progress::clear() {
  if (line_is_open_) fmt::print(out_, "\r\x1b[K");
  line_is_open_ = false;
}

void Progress::show(const std::string& text) {
  fmt::print(out_, "\r{}\x1b[K", text);
  std::fflush(out_);
  line_is_open_ = true;
  shown_ = Clock::now();
}

void Progress::step(const ProgressState& state, std::int64_t images) {
  images_ += images;
  ++steps_;
  if (is_due()) show(line(state));
}

void Progress::passing(const std::string& text) {
  if (is_due()) show(text);
}

void Progress::epoch(const ProgressState& state) {
  if (is_terminal_)
    show(line(state));
  else
    note(line(state));
}

void Progress::note(const std::string& text) {
  if (out_ == nullptr) return;
  clear();
  fmt::print(out_, "{}\n", text);
  std::fflush(out_);
}

}  // namespace orbitgrad::experiments
