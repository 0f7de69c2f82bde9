// A plain text table: columns as wide as their widest cell, the first to the left and the others to the right.
#pragma once

#include <string>
#include <vector>

namespace orbitgrad::experiments {

class Table {
 public:
  explicit Table(std::vector<std::string> header) : rows_{std::move(header)} {}
  /// One cell per column; missing ones stay empty.
  void add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  std::string to_string() const;
  /// As a table of Markdown.
  std::string to_markdown() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

/// 24680 -> "24,680"
std::string with_thousands(long long number);

}  // namespace orbitgrad::experiments
