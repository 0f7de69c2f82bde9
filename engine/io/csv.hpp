// Comma-separated values (RFC 4180): records of fields, quoted where they hold a comma, a quote or an end of line.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "engine/tensor.hpp"

namespace orbitgrad {

struct CsvOptions {
  char separator = ',';
  bool has_header = true;  // of load_csv
};

/// Records of fields. Lines end in \n or \r\n; empty lines are left out; a byte order mark at the start is, too. Error,
/// with the line: a quote that is not closed, or text behind a closing one.
std::vector<std::vector<std::string>> parse_csv(std::string_view text, const CsvOptions& options = {});

struct CsvTable {
  std::vector<std::string> columns;  // names; empty without a header
  Tensor values;                     // [rows, columns] float64 in host memory
};
/// A file of numbers; an empty field is NaN. Error, with line and column: a field is no number, a record is longer or
/// shorter than the first.
CsvTable load_csv(const std::filesystem::path& path, const CsvOptions& options = {});

/// Writes a table [rows, columns] so that load_csv reads the same values back; columns may be empty.
void save_csv(const std::filesystem::path& path, const Tensor& values, const std::vector<std::string>& columns = {},
              const CsvOptions& options = {});

}  // namespace orbitgrad
