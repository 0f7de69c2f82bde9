// The counts of the CUDA kernels on the simulator against a file of the repository: a change of a kernel, meant or not,
// shows as a changed line. `orbitgrad bench --golden > tests/experiments/golden/kernel_counts.txt` writes it anew.
#include "experiments/kernel_profile.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <set>

#include "tests/places.hpp"
namespace orbitgrad::experiments {
namespace {

TEST(KernelProfile, CountsAreThoseOfTheGoldenFile) {
#if !defined(__GNUC__) || defined(__clang__) || __GNUC__ != 12 || !defined(__x86_64__)
  GTEST_SKIP() << "the file holds the access stream that g++ 12 makes for x86-64";
#endif
  std::ifstream file(source_folder() + "/tests/experiments/golden/kernel_counts.txt");
  std::set<std::string> expected;
  for (std::string line; std::getline(file, line);) expected.insert(line);
  ASSERT_FALSE(expected.empty());
  for (const ProfileCase& profiled : profile_cases())
    for (const KernelProfile& profile : profiled.run()) {
      const std::string line = golden_line(profile);
      EXPECT_EQ(expected.erase(line), 1U) << "not in the golden file: " << line;
    }
  for (const std::string& line : expected) ADD_FAILURE() << "no longer counted: " << line;
}

TEST(KernelProfile, NoVersionMovesLessThanTheIdeal) {
  for (const ProfileCase& profiled : profile_cases())
    for (const KernelProfile& profile : profiled.run()) {
      const auto moved = static_cast<double>(profile.counts.unique_bytes_read + profile.counts.unique_bytes_written);
      EXPECT_GE(moved, 0.5 * profile.ideal_bytes) << golden_line(profile);
      EXPECT_GE(profile.counts.global_sectors * 32, profile.counts.unique_bytes_read) << golden_line(profile);
    }
}

TEST(KernelProfile, RooflineIsTheLongerOfMovingAndComputing) {
  KernelProfile profile;
  profile.ideal_bytes = 3352e3;  // one microsecond on an H100
  EXPECT_NEAR(profile.roofline_microseconds(known_gpus()[1]), 1.0, 1e-9);
  profile.flops = 133.8e6;
  EXPECT_NEAR(profile.roofline_microseconds(known_gpus()[1]), 2.0, 1e-9);
}

}  // namespace
}  // namespace orbitgrad::experiments
