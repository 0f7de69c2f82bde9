// Reads expressions such as "Embed(O(2),3,0,1)" or "5T(0)+5T(1)" from left to right; an error shows the text with a
// caret under the place.
#pragma once

#include <cctype>
#include <string>
#include <string_view>

#include "groups/error.hpp"
#include "groups/printable.hpp"

namespace orbitgrad::groups {

class ExpressionReader {
 public:
  ExpressionReader(std::string_view op, std::string_view text) : op_(op), text_(text) {}

  [[nodiscard]] std::size_t position() const { return position_; }
  [[nodiscard]] bool at_end() {
    skip_spaces();
    return position_ == text_.size();
  }
  /// The next character that is no space; 0 at the end.
  [[nodiscard]] char peek() {
    skip_spaces();
    return position_ < text_.size() ? text_[position_] : '\0';
  }
  /// Steps over the character if it comes next.
  bool take(char wanted) {
    if (peek() != wanted || wanted == '\0') return false;
    ++position_;
    return true;
  }
  void expect(char wanted) {
    if (!take(wanted)) fail_here(fmt::format("expected '{}'", wanted));
  }
  void expect_end() {
    if (!at_end()) fail_here("expected the end");
  }
  [[nodiscard]] bool at_number() { return std::isdigit(static_cast<unsigned char>(peek())) != 0; }
  [[nodiscard]] bool at_name() { return std::isalpha(static_cast<unsigned char>(peek())) != 0; }
  /// Digits; at most a million.
  std::int64_t number() {
    if (!at_number()) fail_here("expected a number");
    const std::size_t begin = position_;
    std::int64_t value = 0;
    while (position_ < text_.size() && std::isdigit(static_cast<unsigned char>(text_[position_])) != 0) {
      value = 10 * value + (text_[position_++] - '0');
      if (value > 1'000'000) fail_at(begin, "the number is too large");
    }
    return value;
  }
  /// Letters; with `digits`, also digits after the first letter.
  std::string name(bool digits) {
    if (!at_name()) fail_here("expected a name");
    std::string result;
    while (position_ < text_.size() && (std::isalpha(static_cast<unsigned char>(text_[position_])) != 0 ||
                                        (digits && std::isdigit(static_cast<unsigned char>(text_[position_])) != 0)))
      result += text_[position_++];
    return result;
  }
  [[noreturn]] void fail_here(std::string_view what) {
    skip_spaces();
    fail_at(position_, what);
  }
  [[noreturn]] void fail_at(std::size_t place, std::string_view what) const {
    const std::string shown = printable(text_, text_.size()), before = printable(text_.substr(0, place), text_.size());
    fail(op_, "{} at character {}. Correct the text:\n  {}\n  {:>{}}", what, place + 1, shown, '^', before.size() + 1);
  }

 private:
  void skip_spaces() {
    while (position_ < text_.size() && text_[position_] == ' ') ++position_;
  }

  std::string_view op_, text_;
  std::size_t position_ = 0;
};

}  // namespace orbitgrad::groups
