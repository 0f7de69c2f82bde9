// CSV: RFC 4180, numbers that come back exactly, and errors that name line and column.
#include "engine/io/csv.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>

#include "engine/io/file.hpp"
#include "engine/ops/creation.hpp"
#include "tests/engine/expect_error.hpp"

namespace orbitgrad {
namespace {

using Records = std::vector<std::vector<std::string>>;

class CsvFile : public ::testing::Test {
 protected:
  ~CsvFile() override { std::filesystem::remove(path_); }
  CsvTable loaded(const std::string& text, const CsvOptions& options = {}) {
    write_file_atomically(path_, text);
    return load_csv(path_, options);
  }
  std::filesystem::path path_ = std::filesystem::temp_directory_path() / fmt::format("orbitgrad_{}.csv", ::getpid());
};

TEST(Csv, FieldsQuotesAndLineEnds) {
  EXPECT_EQ(parse_csv("a,b\r\n1,\"x, \"\"y\"\"\nz\"\n\n,\n"), (Records{{"a", "b"}, {"1", "x, \"y\"\nz"}, {"", ""}}));
  EXPECT_EQ(parse_csv("\xef\xbb\xbf"
                      "a;b",
                      {.separator = ';'}),
            (Records{{"a", "b"}}));
  EXPECT_EQ(parse_csv(""), Records{});
  EXPECT_EQ(parse_csv("\"\""), (Records{{""}}));
  EXPECT_EQ(parse_csv("a,"), (Records{{"a", ""}}));
  EXPECT_EQ(parse_csv("a\rb,c\r"), (Records{{"a\rb", "c"}}));
}

TEST(Csv, DamageIsAnErrorWithItsLine) {
  EXPECT_ERROR(parse_csv("a\n\"b\nc"), "line 2: the quote");
  EXPECT_ERROR(parse_csv("a\n\"b\"c\n"), "line 2: there is text behind");
  EXPECT_ERROR(parse_csv("a", {.separator = '"'}), "cannot separate");
}

TEST_F(CsvFile, NumbersComeBackExactly) {
  const Tensor x = from_vector<double>({1e-300, -0.1, 1.0 / 3, 1e300, 0, std::nan("")}, {3, 2}, DeviceKind::cpu);
  save_csv(path_, x, {"a, \"b\"", "c"});
  const CsvTable back = load_csv(path_);
  EXPECT_EQ(back.columns, (std::vector<std::string>{"a, \"b\"", "c"}));
  ASSERT_EQ(back.values.shape(), x.shape());
  const auto a = x.to_vector<double>(), b = back.values.to_vector<double>();
  for (std::size_t i = 0; i + 1 < a.size(); ++i) EXPECT_EQ(a[i], b[i]);
  EXPECT_TRUE(std::isnan(b.back()));
  EXPECT_EQ(loaded(" 1 ,+2\n-3,4e0\n", {.has_header = false}).values.to_vector<double>(),
            (std::vector<double>{1, 2, -3, 4}));
  EXPECT_EQ(loaded("x,y\n").values.shape(), Shape({0, 2}));
  EXPECT_EQ(loaded("").values.shape(), Shape({0, 0}));
}

TEST_F(CsvFile, WrongTablesAreErrors) {
  EXPECT_ERROR(loaded("x,y\n1,2\n3\n"), "line 3 has 1 fields");
  EXPECT_ERROR(loaded("x\n1\nfive\n"), "line 3, column 1: 'five' is no number");
  EXPECT_ERROR(loaded("x\n0x10\n"), "'0x10' is no number");
  EXPECT_ERROR(loaded("x\n+-1\n"), "'+-1' is no number");
  EXPECT_ERROR(loaded("x\n1e999\n"), "beyond float64");
  EXPECT_ERROR(loaded("1,2\n3,x\n"), path_.string());
  EXPECT_ERROR(load_csv("/nowhere.csv"), "/nowhere.csv");
  EXPECT_ERROR(save_csv(path_, zeros({3})), "[rows, columns]");
  EXPECT_ERROR(save_csv(path_, zeros({3, 2}), {"one"}), "1 names for 2 columns");
}

}  // namespace
}  // namespace orbitgrad
