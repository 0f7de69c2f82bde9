#include "experiments/table.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace orbitgrad::experiments {

std::string Table::to_string() const {
  std::vector<std::size_t> width(rows_.front().size(), 0);
  for (const auto& row : rows_)
    for (std::size_t column = 0; column < std::min(row.size(), width.size()); ++column)
      width[column] = std::max(width[column], row[column].size());
  std::string text;
  for (std::size_t row = 0; row < rows_.size(); ++row) {
    std::string line;
    for (std::size_t column = 0; column < width.size(); ++column) {
      const std::string cell = column < rows_[row].size() ? rows_[row][column] : "";
      line += column == 0 ? fmt::format("{:<{}}", cell, width[column]) : fmt::format("   {:>{}}", cell, width[column]);
    }
    text += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
    if (row == 0) text += std::string(line.size(), '-') + "\n";
  }
  return text;
}

std::string Table::to_markdown() const {
  std::string text;
  for (std::size_t row = 0; row < rows_.size(); ++row) {
    std::string line = "|", rule = "|";
    for (std::size_t column = 0; column < rows_.front().size(); ++column) {
      line += fmt::format(" {} |", column < rows_[row].size() ? rows_[row][column] : "");
      rule += column == 0 ? " --- |" : " ---: |";
    }
    text += line + "\n";
    if (row == 0) text += rule + "\n";
  }
  return text;
}

std::string with_thousands(long long number) {
  std::string digits = fmt::format("{}", number);
  for (auto place = static_cast<std::ptrdiff_t>(digits.size()) - 3; place > (number < 0 ? 1 : 0); place -= 3)
    digits.insert(static_cast<std::size_t>(place), 1, ',');
  return digits;
}

}  // namespace orbitgrad::experiments
