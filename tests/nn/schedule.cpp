// Schedules at their corners, and nearest names.
#include "nn/schedule.hpp"

#include <cmath>

#include "nn/nearest_name.hpp"
#include "tests/nn/support.hpp"

namespace orbitgrad::nn {
namespace {

using namespace testing_support;

TEST(Schedule, ConstantStays) {
  const auto rate = constant_schedule(0.1);
  for (const std::int64_t step : {0, 5, 99, 1000}) EXPECT_EQ(rate(step, 100), 0.1);
}

TEST(Schedule, StepFallsAtEqualParts) {
  const auto rate = step_schedule(1, 4, 0.5);
  const double expected[] = {1, 1, 0.5, 0.5, 0.25, 0.25, 0.125, 0.125};
  for (std::int64_t step = 0; step < 8; ++step) EXPECT_DOUBLE_EQ(rate(step, 8), expected[step]);
  EXPECT_DOUBLE_EQ(rate(100, 8), 0.125);
  expect_error([] { step_schedule(1, 0); }, {"[step_schedule]"});
}

TEST(Schedule, CosineFallsFromFirstToLast) {
  const auto rate = cosine_schedule(1, 0.2);
  EXPECT_DOUBLE_EQ(rate(0, 101), 1);
  EXPECT_NEAR(rate(50, 101), 0.6, 1e-15);
  EXPECT_NEAR(rate(25, 101), 0.6 + 0.4 * std::sqrt(0.5), 1e-15);
  EXPECT_DOUBLE_EQ(rate(100, 101), 0.2);
  EXPECT_DOUBLE_EQ(rate(1000, 101), 0.2);
}

TEST(Schedule, OneCycleClimbsAndFalls) {
  const auto rate = one_cycle_schedule(2, {.warm_up = 0.25, .start_divisor = 10, .final_divisor = 1000});
  EXPECT_NEAR(rate(0, 101), 0.2, 1e-15);
  EXPECT_NEAR(rate(25, 101), 2, 1e-15);
  EXPECT_NEAR(rate(100, 101), 0.002, 1e-15);
  for (std::int64_t step = 1; step < 101; ++step)
    EXPECT_EQ(rate(step, 101) > rate(step - 1, 101), step <= 25) << "step " << step;
  expect_error([] { one_cycle_schedule(1, {.warm_up = 0}); }, {"[one_cycle_schedule]"});
}

TEST(Schedule, EachIsFoundByNameAndFiniteForAnyTotal) {
  for (const auto& name : schedule_names()) {
    const auto rate = schedule_by_name(name, 0.5);
    for (const std::int64_t total : {0, 1, 2, 7}) {
      for (std::int64_t step = 0; step <= total; ++step) {
        EXPECT_GE(rate(step, total), 0) << name;
        EXPECT_LE(rate(step, total), 0.5) << name;
      }
    }
  }
  expect_error([] { schedule_by_name("cosin", 1); }, {"\"cosin\"", "\"cosine\"", "one_cycle"});
}

TEST(NearestName, IsNearestByEdits) {
  const std::vector<std::string> names{"z2cnn", "p4cnn", "p4mcnn"};
  EXPECT_EQ(nearest_name("p4cn", names), "p4cnn");
  EXPECT_EQ(nearest_name("4pcnn", names), "p4cnn");  // neighbours swapped
  EXPECT_EQ(nearest_name("zcnn", names), "z2cnn");
  EXPECT_EQ(nearest_name("p4m", names), "p4mcnn");
  EXPECT_EQ(nearest_name("prec", {"source", "precision"}), "precision");  // the beginning, however much is missing
  EXPECT_EQ(nearest_name("", names), "z2cnn");
  EXPECT_EQ(nearest_name("x", {}), "");
}

}  // namespace
}  // namespace orbitgrad::nn
