// Every input of the corpus once more, with or without sanitizers; what once failed is among them.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>

#include "engine/error.hpp"
#include "engine/io/file.hpp"
#include "engine/observe/memory.hpp"
#include "tests/fuzz/readers.hpp"
#include "tests/places.hpp"

namespace orbitgrad::fuzz {
namespace {

class Replay : public ::testing::TestWithParam<std::size_t> {};

TEST_P(Replay, OfTheCorpusEndsWellAndSoon) {
  const Reader& reader = readers()[GetParam()];
  const std::filesystem::path folder = source_folder() + fmt::format("/tests/fuzz/corpus/{}", reader.name);
  ASSERT_TRUE(std::filesystem::is_directory(folder)) << folder;
  int inputs = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_NO_THROW(read_checked(reader, read_file(entry.path()))) << entry.path();
    const std::chrono::duration<double> time = std::chrono::steady_clock::now() - begin;
    EXPECT_LT(time.count(), 10) << entry.path();
    ++inputs;
  }
  EXPECT_GE(inputs, 2) << "the corpus lacks inputs";
  observe::set_memory_limit(0);
}

INSTANTIATE_TEST_SUITE_P(Reader, Replay, ::testing::Range<std::size_t>(0, readers().size()),
                         [](const auto& param) { return std::string(readers()[param.param].name); });

/// The property that all others rest on: what is no Error of the house form is noticed.
TEST(Replay, NoticesWhatIsNoErrorOfTheHouseForm) {
  const auto throws_bare = [](std::string_view) { throw std::runtime_error("[op] it is wrong. Mend it."); };
  const auto throws_short = [](std::string_view) { throw Error("[op] it is wrong"); };
  const auto throws_well = [](std::string_view) { throw Error("[op] it is wrong. Mend it."); };
  EXPECT_THROW(read_checked({"bare", throws_bare}, ""), std::logic_error);
  EXPECT_THROW(read_checked({"short", throws_short}, ""), std::logic_error);
  EXPECT_NO_THROW(read_checked({"well", throws_well}, ""));
}

}  // namespace
}  // namespace orbitgrad::fuzz
