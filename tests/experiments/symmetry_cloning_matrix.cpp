// The matrix of symmetry cloning, its criteria, its ablations and its command.
#include <gtest/gtest.h>

#include <set>

#include "engine/io/file.hpp"
#include "experiments/symmetry_cloning/ablations.hpp"
#include "experiments/symmetry_cloning/closed_forms.hpp"
#include "experiments/symmetry_cloning/cost.hpp"
#include "experiments/symmetry_cloning/report_plots.hpp"
#include "tests/experiments/small_mnist.hpp"
#include "tests/experiments/symmetry_cloning_support.hpp"

namespace orbitgrad::experiments {
namespace {

// Behind their ReLU hyper-linear students have no closed rate and may take all steps.
TEST(CloningCost, OnlyStudentsWithAClosedRateAreEstimatedByIt) {
  CellOptions cell = tiny_cell("t2-sym", "frozen");
  cell.clone.steps = 1'000'000;
  const double linear = estimate_clone_seconds(cell);
  EXPECT_TRUE(cell.clone.has_closed_rate());
  cell.clone.include_activation = true;
  EXPECT_FALSE(cell.clone.has_closed_rate());
  EXPECT_GT(estimate_clone_seconds(cell), 20 * linear);
}

TEST(CloningReport, CloneAndTeacherAreComparedBySeed) {
  std::vector<Record> cells;
  const auto add = [&](const char* mode, int seed, double accuracy) {
    cells.push_back({{"experiment", std::string("cloning/t2-sym")},
                     {"mode", std::string(mode)},
                     {"student", std::string("hyper_linear")},
                     {"lambda", 0.0},
                     {"seed", std::int64_t{seed}},
                     {"ceiling", 1.0},
                     {"accuracy_moved", accuracy}});
  };
  const auto gap = [&] {
    const auto rows = judge(cells);
    const auto found = std::ranges::find_if(
        rows, [](const Record& row) { return row.text("what").find("minus teacher") != std::string::npos; });
    EXPECT_NE(found, rows.end());
    return *found;
  };
  add("teacher", 0, 0.5);
  add("frozen", 0, 0.52);
  EXPECT_EQ(gap().text("holds"), "undecided");  // one pair, two points
  add("teacher", 1, 0.7);                       // seeds differ by more than modes: pairs do not feel it
  add("frozen", 1, 0.72);
  EXPECT_NEAR(gap().number("measured"), 2, 1e-9);
  EXPECT_EQ(gap().text("holds"), "no");
  add("teacher", 2, 0.6);
  add("frozen", 2, 0.57);
  add("teacher", 3, 0.6);  // without its clone
  EXPECT_NEAR(gap().number("measured"), 1.0 / 3, 1e-9);
  EXPECT_EQ(gap().text("holds"), "undecided");  // chance does not make it hold
}

TEST(CloningReport, AnIntervalDecidesOnlyWhereAllOfItLiesOnOneSide) {
  EXPECT_EQ(within_bound({.mean = 0, .deviation = 0, .count = 1}, 1), "undecided");
  EXPECT_NEAR(half_interval({.mean = 0, .deviation = std::sqrt(2.0), .count = 2}), 12.706, 1e-6);
  EXPECT_NEAR(half_interval({.mean = 0, .deviation = std::sqrt(5.0), .count = 5}), 2.776, 1e-6);
  EXPECT_NEAR(half_interval({.mean = 0, .deviation = 10, .count = 100}), 2.045, 1e-6);
  for (const double sign : {-1.0, 1.0})
    for (std::int64_t count = 2; count < 40; ++count) {
      EXPECT_EQ(within_bound({.mean = sign * 0.9, .deviation = 0.01, .count = count}, 1), "yes");
      EXPECT_EQ(within_bound({.mean = sign * 1.2, .deviation = 0.01, .count = count}, 1), "no");
      EXPECT_EQ(within_bound({.mean = sign * 0.5, .deviation = 40, .count = count}, 1), "undecided");
    }
}

TEST(CloningReport, ACeilingIsJudgedByTrainedNetworksAndByTheNumberOfTestDigits) {
  const auto verdict = [](double accuracy, std::int64_t digits) {
    const std::vector<Record> cells{{{"experiment", std::string("cloning/c4-break")},
                                     {"mode", std::string("frozen")},
                                     {"student", std::string("hyper_linear")},
                                     {"group", std::string("p4")},
                                     {"lambda", 0.0},
                                     {"seed", std::int64_t{0}},
                                     {"test_digits", digits},
                                     {"ceiling", 0.75},
                                     {"accuracy_moved", accuracy}}};
    const auto rows = judge(cells);
    EXPECT_EQ(rows.size(), 1u);
    return rows.front();
  };
  EXPECT_EQ(verdict(0.1, 10000).text("holds"), "undecided");  // it has learned nothing
  EXPECT_NE(verdict(0.1, 10000).text("expected").find("reached 13 %"), std::string::npos);
  EXPECT_EQ(verdict(0.59, 10000).text("holds"), "undecided");
  EXPECT_EQ(verdict(0.61, 10000).text("holds"), "yes");
  EXPECT_EQ(verdict(0.755, 10000).text("holds"), "yes");
  EXPECT_EQ(verdict(0.77, 10000).text("holds"), "no");
  EXPECT_EQ(verdict(0.77, 1000).text("holds"), "yes");  // two deviations are 3.2 points
  EXPECT_EQ(verdict(0.79, 1000).text("holds"), "no");
}

TEST(CloningReport, StatisticsAndCriteria) {
  std::vector<Record> cells;
  const auto add = [&](const char* mode, double lambda, double accuracy, int seed) {
    cells.push_back({{"experiment", std::string("cloning/t2-break")},
                     {"mode", std::string(mode)},
                     {"student", std::string("hyper_linear")},
                     {"lambda", lambda},
                     {"seed", std::int64_t{seed}},
                     {"strict", true},
                     {"wrap", true},
                     {"test_digits", std::int64_t{10000}},
                     {"ceiling", 0.55},
                     {"accuracy_moved", accuracy}});
  };
  add("frozen", 0, 0.5, 0);
  add("frozen", 0, 0.52, 1);
  add("kl_weight", 1e-4, 0.8, 0);
  add("kl_weight", 1, 0.6, 0);
  const auto groups = groups_of(cells);
  ASSERT_EQ(groups.size(), 3u);
  EXPECT_NEAR(statistic_of(cells, groups[0], "accuracy_moved").mean, 0.51, 1e-12);
  EXPECT_NEAR(statistic_of(cells, groups[0], "accuracy_moved").deviation, 0.02 / std::sqrt(2.0), 1e-12);
  for (const Record& row : judge(cells)) EXPECT_EQ(row.text("holds"), "yes") << row.text("what");
  add("kl_weight", 10, 0.7, 0);
  add("frozen", 0, 0.9, 2);
  std::int64_t broken = 0;
  for (const Record& row : judge(cells)) broken += row.text("holds") == "no";
  EXPECT_EQ(broken, 2);
}

TEST(CloningCommand, TheMatrixKeepsFinishedCellsAndRefusesAnotherConfiguration) {
  const TemporaryFolder folder;
  const std::string out = folder.path() / "matrix";
  const std::vector<std::string> words{"reproduce",
                                       "symmetry-cloning",
                                       "--no-closed-forms",
                                       "--side",
                                       "7",
                                       "--tasks",
                                       "t2-break",
                                       "--modes",
                                       "frozen,kl_weight",
                                       "--lambdas",
                                       "0.1",
                                       "--students",
                                       "hyper_linear",
                                       "--seeds",
                                       "1",
                                       "--epochs",
                                       "1",
                                       "--train-count",
                                       "64",
                                       "--test-count",
                                       "20",
                                       "--clone-nmse",
                                       "0.01",
                                       "--out",
                                       out};
  const ProgramResult first = run_program(words);
  ASSERT_EQ(first.code, 0) << first.error;
  EXPECT_NE(first.out.find("2 cells, 0 of them done"), std::string::npos) << first.out;
  const std::string json = read_file(out + "/results.json"), table = read_file(out + "/results.md");
  EXPECT_NE(table.find("| kl_weight | hyper_linear | 0.1 |"), std::string::npos) << table;
  const ProgramResult second = run_program(words);
  EXPECT_NE(second.out.find("2 cells, 2 of them done"), std::string::npos) << second.out;
  EXPECT_EQ(read_file(out + "/results.json"), json);
  auto other = words;
  other.insert(other.end(), {"--lr", "0.5"});
  const ProgramResult refused = run_program(other);
  EXPECT_EQ(refused.code, 1);
  EXPECT_NE(refused.error.find("learning_rate"), std::string::npos) << refused.error;
  EXPECT_NE(refused.error.find("Give another --out"), std::string::npos) << refused.error;
}

TEST(CloningAblations, DifferInTheOneThingTheyAreNamedAfter) {
  const TemporaryFolder folder;
  MatrixOptions options{.cell = tiny_cell("t2-sym", "frozen"), .out = folder.path()};
  for (const std::string& name : ablation_names()) {
    if (name == "data") continue;
    std::set<std::string> settings;
    for (const AblationVariant& variant : plan_ablation(name, options)) {
      EXPECT_NE(variant.matrix.out.string().find(variant.name), std::string::npos);
      for (const CellOptions& cell : plan_cells(variant.matrix)) {
        check_cell(cell);
        EXPECT_TRUE(settings.insert(settings_of(cell).to_json()).second) << name << " " << variant.name;
        EXPECT_TRUE(name == "group" || !cloning_task(cell.task).breaks_symmetry());
      }
    }
  }
  EXPECT_NE(refusal_of([&] { plan_ablation("precison", options); }).find("precision"), std::string::npos);
  EXPECT_NE(refusal_of([&] { plan_ablation("data", options); }).find("--data"), std::string::npos);
  options.tasks = {"t2-break"};
  EXPECT_NE(refusal_of([&] { plan_ablation("precision", options); }).find("t2-sym"), std::string::npos);
}

TEST(CloningAblations, OfDataTakeTheSetsOfImagesThereAre) {
  const TemporaryFolder folder;
  write_small_mnist(folder.path() / "mnist");
  std::filesystem::create_directories(folder.path() / "images" / "cifar10-subset");
  for (const char* name : {"train_2.bin", "test_1.bin"})
    write_file_atomically(folder.path() / "images" / "cifar10-subset" / name, std::string(3073, '\5'));
  MatrixOptions options{.cell = tiny_cell("t2-sym", "frozen"), .out = folder.path() / "out"};
  options.cell.data.data = folder.path();
  options.cell.data.train_count = 8;
  options.cell.data.test_count = 4;
  const auto variants = plan_ablation("data", options);
  ASSERT_EQ(variants.size(), 2u);
  EXPECT_EQ(load_task_digits(variants[0].matrix.cell.data).train.count, 8);
  EXPECT_EQ(variants[1].name, "cifar10-subset");
  EXPECT_EQ(variants[1].matrix.cell.data.train_count, 1);
  EXPECT_EQ(variants[1].matrix.cell.data.test_count, 1);
  const Mnist few = digits_of_closed_forms(variants[1].matrix.cell.data);  // fewer than it asks for
  EXPECT_EQ(few.train.count, 1);
  EXPECT_EQ(few.test.count, 1);
  EXPECT_EQ(load_task_digits(variants[1].matrix.cell.data).train.labels, std::vector<std::int64_t>{5});
}

TEST(CloningAblations, AreCheckedWholeBeforeAnythingRuns) {
  const TemporaryFolder folder;
  MatrixOptions options{.cell = tiny_cell("t2-sym", "frozen"), .tasks = {"t2-sym"}, .seeds = 1, .out = folder.path()};
  options.cell.clone.granularity = "logit";  // which the second source does not have, and the first one does
  EXPECT_NE(refusal_of([&] { run_ablation("source", options); }).find("noise, dataset or"), std::string::npos);
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(CloningAblations, WriteOneTableOfAllVariants) {
  const TemporaryFolder folder;
  MatrixOptions options{
      .cell = tiny_cell("t2-sym", "frozen"), .tasks = {"t2-sym", "t2-break"}, .seeds = 1, .out = folder.path()};
  options.cell.training.epochs = 1;
  ::testing::internal::CaptureStdout();
  run_ablation("precision", options);
  const std::string told = ::testing::internal::GetCapturedStdout();
  const std::string table = read_file(folder.path() / "ablations" / "precision" / "results.md");
  EXPECT_NE(told.find(table), std::string::npos);
  EXPECT_NE(told.find("precision: t2-break is left out"), std::string::npos) << told;
  for (const char* row : {"| 1e-01 | t2-sym | frozen | - |", "| 1e-06 | t2-sym | teacher | - | - |"})
    EXPECT_NE(table.find(row), std::string::npos) << table;
}

TEST(CloningCommand, WrongWordsAreErrorsWithTheNearestName) {
  const auto refuses = [](std::vector<std::string> words, const std::string& hint, int code = 2) {
    const TemporaryFolder folder;
    words.insert(words.end(), {"--out", folder.path().string()});
    const ProgramResult result = run_program(words);
    EXPECT_EQ(result.code, code) << result.error;
    EXPECT_NE(result.error.find(hint), std::string::npos) << result.error;
  };
  refuses({"train", "cloning/t2-sim"}, "cloning/t2-sym");
  refuses({"train", "cloning/t2-sym", "--mode", "frosen"}, "frozen");
  refuses({"train", "cloning/t2-sym", "--clone", "fixed-tau"}, "fixed_tau");
  refuses({"train", "cloning/t2-sym", "--mode", "kl_weight", "--lambda", "-1"}, "lambda is -1", 1);
  refuses({"train", "cloning/t2-sym", "--mode", "frozen", "--lambda", "1"}, "has no term", 1);
  for (const char* mode : {"kl_output", "kl_output_noise", "kl_feature"})
    refuses({"train", "cloning/t2-sym", "--mode", mode}, "Name one with --lambda");
  refuses({"train", "cloning/t2-sym", "--student", "linear"}, "does not fit the clone mode conditional", 1);
  refuses({"train", "cloning/t2-sym", "--clone", "marginal"}, "conditional or fixed_tau", 1);
  refuses({"reproduce", "symmetry-clonning"}, "symmetry-cloning");
  refuses({"reproduce", "symmetry-cloning", "--tasks", "t2-brake"}, "t2-break");
  refuses({"reproduce", "symmetry-cloning", "--ablation", "presision"}, "precision");
  const auto ablation = [&](const char* name, const char* option, const char* value, const std::string& hint) {
    refuses({"reproduce", "symmetry-cloning", "--ablation", name, option, value}, hint);
  };
  ablation("precision", "--modes", "frozen", "sets --modes itself");
  ablation("group", "--lambdas", "1", "sets --lambdas itself");
  ablation("precision", "--clone-nmse", "0.1", "sets --clone-nmse itself");
  ablation("source", "--input-source", "noise", "sets --input-source itself");
  ablation("group", "--group", "p4", "sets --group itself");
  ablation("data", "--students", "hyper_linear,linear", "one student");
  refuses({"train", "cloning/t2-sym", "--group", "p6"}, "p4");
  refuses({"reproduce", "symmetry-cloning", "--data", "/nowhere"}, "/nowhere", 1);
}

}  // namespace
}  // namespace orbitgrad::experiments
