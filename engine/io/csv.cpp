#include "engine/io/csv.hpp"

#include <charconv>
#include <limits>

#include "engine/error.hpp"
#include "engine/io/file.hpp"
#include "engine/ops/creation.hpp"
#include "engine/ops/transfer.hpp"
#include "groups/printable.hpp"

namespace orbitgrad {

namespace {

constexpr std::string_view op = "csv";

class Parser {
 public:
  Parser(std::string_view text, char separator) : text_(text), separator_(separator) {
    require(separator != '"' && separator != '\n' && separator != '\r', op,
            "a quote or an end of line cannot separate "
            "fields. Take a comma, a semicolon or a tab.");
    if (text_.starts_with("\xef\xbb\xbf")) text_.remove_prefix(3);
  }

  /// The records, and the line each begins on.
  std::vector<std::vector<std::string>> records;
  std::vector<std::int64_t> lines;

  void run() {
    while (position_ < text_.size()) {
      const std::int64_t line = line_;
      if (skip_end_of_line()) continue;  // an empty line
      std::vector<std::string> record;
      do record.push_back(field());
      while (skip(separator_));
      require(position_ == text_.size() || skip_end_of_line(), op,
              "line {}: there is text behind a closing quote. Double the quotes inside a field.", line_);
      records.push_back(std::move(record));
      lines.push_back(line);
    }
  }

 private:
  bool skip(char c) {
    if (position_ >= text_.size() || text_[position_] != c) return false;
    ++position_;
    return true;
  }
  bool skip_end_of_line() {
    if (text_.substr(position_, 2) == "\r\n") ++position_;
    if (!skip('\n')) return false;
    ++line_;
    return true;
  }
  std::string field() {
    if (skip('"')) return quoted();
    std::size_t end = position_;
    while (end < text_.size() && text_[end] != separator_ && text_[end] != '\n') ++end;
    std::string_view value = text_.substr(position_, end - position_);
    position_ = end;
    const bool is_last = end == text_.size() || text_[end] == '\n';
    if (is_last && value.ends_with('\r')) value.remove_suffix(1);
    return std::string(value);
  }
  std::string quoted() {
    const std::int64_t begin = line_;
    std::string value;
    for (;;) {
      require(position_ < text_.size(), op, "line {}: the quote that opens there is not closed. Add the second one.",
              begin);
      const char c = text_[position_++];
      if (c == '"' && !skip('"')) return value;
      if (c == '\n') ++line_;
      value += c;
    }
  }

  std::string_view text_;
  char separator_;
  std::size_t position_ = 0;
  std::int64_t line_ = 1;
};

double number_of(std::string_view text, std::int64_t line, std::size_t column) {
  while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
  while (text.ends_with(' ') || text.ends_with('\t')) text.remove_suffix(1);
  if (text.empty()) return std::numeric_limits<double>::quiet_NaN();
  const std::string_view digits = text.starts_with('+') ? text.substr(1) : text;
  double value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  const bool is_read = error != std::errc::invalid_argument && end == digits.data() + digits.size();
  require(is_read && !text.starts_with("+-"), op,
          "line {}, column {}: '{}' is no number. Correct it, or say whether there is a header.", line, column + 1,
          printable(text, 40));
  require(error == std::errc(), op, "line {}, column {}: {} is beyond float64. Correct it.", line, column + 1,
          printable(text, 40));
  return value;
}

std::string quoted_if_needed(const std::string& text, char separator) {
  if (text.find_first_of(std::string{separator, '"', '\n', '\r'}) == std::string::npos) return text;
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"') result += '"';
    result += c;
  }
  result += '"';
  return result;
}

}  // namespace

std::vector<std::vector<std::string>> parse_csv(std::string_view text, const CsvOptions& options) {
  Parser parser(text, options.separator);
  parser.run();
  return std::move(parser.records);
}

CsvTable load_csv(const std::filesystem::path& path, const CsvOptions& options) {
  try {
    const std::string text = read_file(path);
    Parser parser(text, options.separator);
    parser.run();
    CsvTable table;
    std::size_t first = 0;
    if (options.has_header && !parser.records.empty()) table.columns = parser.records[first++];
    const std::size_t width = parser.records.empty() ? 0 : parser.records[0].size();
    std::vector<double> values;
    for (std::size_t row = first; row < parser.records.size(); ++row) {
      const auto& record = parser.records[row];
      require(record.size() == width, op, "line {} has {} fields, the first has {}. All records need the same columns.",
              parser.lines[row], record.size(), width);
      for (std::size_t column = 0; column < width; ++column)
        values.push_back(number_of(record[column], parser.lines[row], column));
    }
    const auto rows = static_cast<std::int64_t>(parser.records.size() - first);
    table.values = from_vector(values, {rows, static_cast<std::int64_t>(width)}, DeviceKind::cpu);
    return table;
  } catch (const Error& error) {
    const std::string message = error.what();
    if (message.find(path.string()) != std::string::npos) throw;
    throw Error(fmt::format("{} The file is {}.", message, path.string()));
  }
}

void save_csv(const std::filesystem::path& path, const Tensor& values, const std::vector<std::string>& columns,
              const CsvOptions& options) {
  require(values.rank() == 2, op, "takes a table [rows, columns], got {}. Reshape it.", values.shape());
  require(columns.empty() || static_cast<std::int64_t>(columns.size()) == values.size(1), op,
          "{} names for {} columns. Give one for each, or none.", columns.size(), values.size(1));
  std::string text;
  for (std::size_t i = 0; i < columns.size(); ++i)
    text += (i == 0 ? "" : std::string(1, options.separator)) + quoted_if_needed(columns[i], options.separator);
  if (!columns.empty()) text += '\n';
  const std::vector<double> all = values.detach().to(DType::float64).to_vector<double>();
  const auto width = static_cast<std::size_t>(values.size(1));
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (all[i] == all[i]) text += fmt::format("{}", all[i]);
    if (i % width + 1 == width)
      text += '\n';
    else
      text += options.separator;
  }
  write_file_atomically(path, text);
}

}  // namespace orbitgrad
