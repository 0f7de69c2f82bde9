// The experiment symmetry-cloning on digits so small that a cell takes a moment.
#include <gtest/gtest.h>

#include <fstream>

#include "engine/ops/arithmetic.hpp"
#include "engine/ops/creation.hpp"
#include "engine/random.hpp"
#include "experiments/symmetry_cloning/matrix.hpp"
#include "experiments/symmetry_cloning/report_plots.hpp"
#include "experiments/symmetry_cloning/symmetry_left.hpp"
#include "models/symmetry_cloning/measures.hpp"
#include "tests/experiments/program_support.hpp"

namespace orbitgrad::experiments {
namespace {

constexpr std::int64_t train_count = 96, test_count = 40;

CellOptions tiny_cell(const std::string& task, const std::string& mode, double lambda = 0) {
  CellOptions cell{.task = task, .mode = mode, .lambda = lambda};
  cell.skeleton.channels = {6, 3};
  cell.data = {.side = 7, .train_count = train_count, .test_count = test_count};
  cell.training.epochs = 2;
  cell.training.batch_size = 32;
  cell.clone.batch = 256;
  if (cloning_task(task).group == "c4") cell.skeleton.kernel = 1;  // four matrices a layer, not 36
  return cell;
}

const Mnist& tiny_digits() {
  static const Mnist digits = load_task_digits(tiny_cell("t2-sym", "init").data);
  return digits;
}

struct Killed {};
int steps_to_live = -1;  // of a mortal; negative: for ever

/// kl_weight_var, which has the most state, in a process that may die.
class Mortal final : public Objective {
 public:
  explicit Mortal(std::shared_ptr<Objective> inner) : inner_(std::move(inner)) {}
  std::vector<RateGroup> rate_groups(nn::Module& module) override { return inner_->rate_groups(module); }
  nn::Batch batch(nn::Batch batch, std::int64_t epoch) const override { return inner_->batch(batch, epoch); }
  Tensor loss(const Tensor& inputs, const Tensor& labels, const Tensor& logits, RandomKey key) override {
    return inner_->loss(inputs, labels, logits, key);
  }
  void before_forward(RandomKey key) override {
    if (steps_to_live-- == 0) throw Killed();
    inner_->before_forward(key);
  }
  void after_backward() override { inner_->after_backward(); }

 private:
  std::shared_ptr<Objective> inner_;
};

const CloningModeRegistration mortal{{.name = "mortal",
                                      .description = "of this test",
                                      .needs_clone = true,
                                      .has_lambda = true,
                                      .build = [](const ModeInputs& inputs) {
                                        Contender contender = cloning_mode("kl_weight_var").build(inputs);
                                        contender.objective = std::make_shared<Mortal>(contender.objective);
                                        return contender;
                                      }}};

class CloningCells : public ::testing::Test {
 protected:
  Record run(const CellOptions& cell, RunDirectory* folder = nullptr) {
    const TaskData data(cloning_task(cell.task), cell.data, tiny_digits());
    Progress silent("", nullptr);
    return run_cell(cell, data, cache(), folder, silent);
  }
  std::filesystem::path cache() const { return folder_.path() / "clones"; }
  TemporaryFolder folder_;
};

std::string error_of(const auto& action) {
  try {
    action();
  } catch (const std::exception& error) {
    return error.what();
  }
  return "";
}

TEST_F(CloningCells, EveryModeTrainsOnEveryTaskAndOnlyWhatItsNameSays) {
  for (const char* task : {"t2-break", "c4-sym"})
    for (const std::string& mode : models::downstream_mode_names()) {
      const Record result = run(tiny_cell(task, mode, cloning_mode(mode).has_lambda ? 0.1 : 0));
      EXPECT_GE(result.number("accuracy_moved"), 0) << mode;
      EXPECT_EQ(result.find("nmse") != nullptr, cloning_mode(mode).needs_clone) << mode;
      if (mode == "teacher") continue;
      const bool stays = mode == "frozen";
      EXPECT_EQ(result.number("delta_before_1") == result.number("delta_after_1"), stays) << task << " " << mode;
      if (mode != "random") {
        EXPECT_LT(result.number("delta_before_1"), 3e-3) << task << " " << mode;
        EXPECT_LT(result.number("equivariance_before_2"), 1e-4) << task << " " << mode;
      } else {
        EXPECT_GT(result.number("delta_before_1"), 0.5);
      }
    }
  EXPECT_GT(run(tiny_cell("t2-sym", "mlp")).number("parameters"), 0);
}

TEST_F(CloningCells, AFreshCloneHasTheLogitsAndTheGradientsOfItsTeacher) {
  CellOptions cell = tiny_cell("t2-sym", "frozen");
  cell.clone.stop_nmse = 1e-9;
  const TaskData data(cloning_task(cell.task), cell.data, tiny_digits());
  Progress silent("", nullptr);
  const Clones clones = make_clones(cell.full_skeleton(), cell.clone, Tensor(), cache(), silent);
  const auto start = [&](const char* mode) {
    const Contender contender = cloning_mode(mode).build(
        {.data = data, .skeleton = cell.full_skeleton(), .students = models::copies_of(clones.students), .key = {3}});
    const Tensor logits = (*contender.module)(data.train().inputs);
    nn::cross_entropy(logits, data.train().labels).backward();
    std::vector<std::vector<float>> values{logits.to_vector<float>()};
    for (const nn::NamedTensor& parameter : contender.network->others())
      values.push_back(parameter.tensor.grad().to_vector<float>());
    return values;
  };
  const auto clone = start("frozen"), teacher = start("teacher");
  ASSERT_EQ(clone.size(), teacher.size());
  for (std::size_t i = 0; i < clone.size(); ++i) {
    double difference = 0, size = 0;
    for (std::size_t k = 0; k < clone[i].size(); ++k) {
      difference += std::pow(clone[i][k] - teacher[i][k], 2);
      size += std::pow(teacher[i][k], 2);
    }
    EXPECT_LT(std::sqrt(difference / size), 0.02) << "of tensor " << i;
  }
}

TEST_F(CloningCells, FixedFiltersAndMlpStudentsCloneToo) {
  for (const char* student : {"linear", "linear_relu", "concatenating"}) {
    CellOptions cell = tiny_cell("t2-sym", "frozen");
    cell.clone.student = student;
    cell.clone.mode = student == std::string("concatenating") ? "conditional" : "fixed_tau";
    cell.clone.hidden = 16;
    cell.clone.steps = 20;
    const Record result = run(cell);
    EXPECT_EQ(result.find("delta_after_1") == nullptr, cell.clone.mode == "conditional") << student;
  }
}

TEST_F(CloningCells, LambdaHoldsTheWeightsNearTheClone) {
  double before = 1e9;
  for (const double lambda : {0.0, 1e-3, 1e-1}) {
    const double delta = run(tiny_cell("t2-break", "kl_weight", lambda)).number("delta_after_1");
    EXPECT_LT(delta, before) << lambda;
    before = delta;
  }
}

TEST_F(CloningCells, AClonesFileGivesTheSameBitsAndAnotherSeedAnotherClone) {
  Progress silent("", nullptr);
  const CellOptions cell = tiny_cell("c4-sym", "frozen");
  CloneSettings settings = cell.clone;
  settings.steps = 5;
  const auto values = [&] {
    const Clones clones = make_clones(cell.full_skeleton(), settings, Tensor(), cache(), silent);
    return clones.students[0]->parameters()[0].to_vector<float>();
  };
  const auto first = values();
  EXPECT_EQ(values(), first);
  settings.seed = 1;
  EXPECT_NE(values(), first);
}

TEST_F(CloningCells, AKilledRunEndsWithTheBitsOfOneThatWasNot) {
  CellOptions cell = tiny_cell("t2-break", "mortal", 0.1);
  const Record whole = run(cell);
  const std::filesystem::path path = folder_.path() / "run";
  {
    RunDirectory folder(path, settings_of(cell));
    steps_to_live = 5;
    EXPECT_THROW(run(cell, &folder), Killed);
    steps_to_live = -1;
  }
  RunDirectory again(path, settings_of(cell), {.resume = true});
  const Record resumed = run(cell, &again);
  for (const char* name : {"accuracy_original", "accuracy_moved", "delta_after_1", "equivariance_after_2"})
    EXPECT_EQ(resumed.number(name), whole.number(name)) << name;
}

TEST(SymmetryLeft, ToeplitzDistanceIsZeroForConvolutionsWithZeroPaddingAndGrowsWithNoise) {
  const models::LayerFamily family({.height = 5, .width = 4, .kernel = 3});
  const Tensor matrices = family.matrices();
  EXPECT_LT(toeplitz_distance(matrices, 5, 4), 1e-7);
  const Tensor noise = normal(matrices.shape(), RandomKey{1});
  EXPECT_LT(toeplitz_distance(matrices + noise * 0.01, 5, 4), toeplitz_distance(matrices + noise * 0.1, 5, 4));
  // Of noise, all but the share of free numbers: 63 displacements in 400 entries.
  EXPECT_NEAR(std::pow(toeplitz_distance(noise, 5, 4), 2), 1 - 63.0 / 400, 0.03);
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
  for (const Record& row : judge(cells)) EXPECT_TRUE(row.flag("holds")) << row.text("what");
  add("kl_weight", 10, 0.7, 0);
  add("frozen", 0, 0.9, 2);
  std::int64_t broken = 0;
  for (const Record& row : judge(cells)) broken += !row.flag("holds");
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
  refuses({"train", "cloning/t2-sym", "--student", "linear"}, "does not fit the clone mode conditional", 1);
  refuses({"train", "cloning/t2-sym", "--clone", "marginal"}, "conditional or fixed_tau", 1);
  refuses({"reproduce", "symmetry-clonning"}, "symmetry-cloning");
  refuses({"reproduce", "symmetry-cloning", "--tasks", "t2-brake"}, "t2-break");
  refuses({"reproduce", "symmetry-cloning", "--data", "/nowhere"}, "/nowhere", 1);
}

}  // namespace
}  // namespace orbitgrad::experiments
