// The table of measured choices: measured, kept in a file, read back, refused when damaged.
#include "engine/tuning.hpp"

#include "engine/io/file.hpp"
#include "engine/machine.hpp"
#include "tests/engine/expect_error.hpp"
#include "tests/experiments/datasets_support.hpp"
#include "tests/thread_count.hpp"

namespace orbitgrad::testing {
namespace {

using experiments::TemporaryFolder;
using kernels::GroupConv2dDirection;
using kernels::GroupConv2dTuning;

TEST(Tuning, MeasuresEveryImplementationOfSmallCases) {
  std::int64_t timed = 0, last = 0;
  const GroupConv2dTuning tuning = measure_group_conv2d_tuning(1e5, [&](const TunedCell& cell, auto done, auto total) {
    ++timed;
    EXPECT_GT(done, last);
    EXPECT_LE(done, total);
    last = done;
    EXPECT_GT(cell.orbit_gather, 0);
    EXPECT_GT(cell.seconds(cell.by_cost), 0);
    EXPECT_EQ(cell.expanded > 0, cell.cell.direction != GroupConv2dDirection::forward);
    EXPECT_LE(cell.best(), cell.seconds(cell.by_cost));
  });
  EXPECT_GT(timed, 20);
  std::int64_t chosen = 0;
  for (const char letter : tuning.choice) chosen += letter != GroupConv2dTuning::by_cost ? 1 : 0;
  EXPECT_GT(chosen, timed);  // larger maps take what smaller ones have
  EXPECT_LT(chosen, GroupConv2dTuning::cells);
}

TEST(Tuning, IsKeptByMachine) {
  const TemporaryFolder folder;
  const auto file = folder.path() / "made" / "tuning.txt";
  EXPECT_FALSE(load_tuning(file));
  GroupConv2dTuning tuning;
  tuning.choice[7] = GroupConv2dTuning::irrep_blocks;
  save_tuning(file, tuning);
  const std::string other = "another machine\t" + std::string(GroupConv2dTuning::cells, 'b') + '\n';
  write_file_atomically(file, read_file(file) + other);
  ASSERT_TRUE(load_tuning(file));
  EXPECT_EQ(load_tuning(file)->choice, tuning.choice);
  tuning.choice[GroupConv2dTuning::cells - 1] = GroupConv2dTuning::expanded;
  save_tuning(file, tuning);
  EXPECT_EQ(load_tuning(file)->choice, tuning.choice);
  EXPECT_NE(read_file(file).find(other), std::string::npos);
}

TEST(Tuning, IsTheSameForEveryNumberOfThreads) {
  const TemporaryFolder folder;
  save_tuning(folder.path() / "t", GroupConv2dTuning());
  for (const int threads : {1, 2, 5}) {
    const ThreadCount scope(threads);
    EXPECT_TRUE(load_tuning(folder.path() / "t"));
  }
}

TEST(Tuning, AFileThatCannotBeReachedIsNone) { EXPECT_FALSE(load_tuning(std::string(300, 'x'))); }

TEST(Tuning, ADamagedFileIsAnError) {
  const TemporaryFolder folder;
  const auto file = folder.path() / "tuning.txt";
  const std::string first = "orbitgrad group convolution 1\n", letters(GroupConv2dTuning::cells, 'o');
  for (const std::string& text :
       {std::string(), std::string("something else\n"), first + "no tab\n", first + processor_name() + "\t.o\n",
        first + processor_name() + '\t' + letters + "o\n", first + processor_name() + '\t' + letters.substr(1) + "x\n",
        first + processor_name() + "\te" + letters.substr(1) + '\n'}) {
    write_file_atomically(file, text);
    EXPECT_ERROR(load_tuning(file), "is no table of measured choices");
    EXPECT_ERROR(save_tuning(file, GroupConv2dTuning()), "is no table of measured choices");
    EXPECT_EQ(read_file(file), text);
  }
}

}  // namespace
}  // namespace orbitgrad::testing
