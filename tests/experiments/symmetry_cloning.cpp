// The experiment symmetry-cloning on digits so small that a cell takes a moment.
#include <gtest/gtest.h>

#include <map>

#include "engine/ops/arithmetic.hpp"
#include "engine/ops/creation.hpp"
#include "engine/random.hpp"
#include "experiments/symmetry_cloning/symmetry_left.hpp"
#include "models/symmetry_cloning/measures.hpp"
#include "tests/experiments/symmetry_cloning_support.hpp"

namespace orbitgrad::experiments {
namespace {

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

TEST_F(CloningCells, EveryModeTrainsOnEveryTaskAndOnlyWhatItsNameSays) {
  for (const char* task : {"t2-break", "c4-sym"})
    for (const CloningMode& listed : cloning_modes()) {
      const std::string& mode = listed.name;
      if (!listed.has_students && !mode.starts_with("teacher")) continue;  // tested with the baselines
      if (mode == "mortal" || (mode == "kl_output_noise" && std::string(task) == "c4-sym")) continue;
      const Record result = run(tiny_cell(task, mode, cloning_mode(mode).has_lambda ? 0.1 : 0));
      EXPECT_GE(result.number("accuracy_moved"), 0) << mode;
      EXPECT_EQ(result.find("nmse") != nullptr, cloning_mode(mode).needs_clone) << mode;
      if (!listed.has_students) continue;
      const bool stays = mode == "frozen";
      EXPECT_EQ(result.number("delta_before_1") == result.number("delta_after_1"), stays) << task << " " << mode;
      if (mode != "random") {
        EXPECT_LT(result.number("delta_before_1"), 3e-3) << task << " " << mode;
        EXPECT_LT(result.number("equivariance_before_2"), 1e-4) << task << " " << mode;
        EXPECT_LT(result.number("equivariance_digits_before_2"), 1e-3) << task << " " << mode;
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

TEST_F(CloningCells, WhatDoesNotFitIsRefusedBeforeAnythingIsCloned) {
  const auto refused = [](const auto& change) {
    CellOptions cell = tiny_cell("c4-sym", "frozen");
    change(cell);
    return refusal_of([&] { check_cell(cell); });
  };
  EXPECT_EQ(refused([](CellOptions&) {}), "");
  EXPECT_NE(refused([](CellOptions& cell) { cell.group = "p6"; }).find("hexagons"), std::string::npos);
  EXPECT_NE(refused([](CellOptions& cell) { cell.group = "p6m"; }).find("p1, p2, p4"), std::string::npos);
  const auto behind_relu = [&](const char* mode, const char* student) {
    return refused([&](CellOptions& cell) {
      cell.clone.mode = mode;
      cell.clone.student = student;
      cell.clone.include_activation = true;
    });
  };
  EXPECT_NE(behind_relu("conditional", "concatenating").find("take hyper_linear"), std::string::npos);
  EXPECT_NE(behind_relu("fixed_tau", "relu_mlp").find("take linear_relu"), std::string::npos);
  EXPECT_EQ(behind_relu("conditional", "hyper_linear"), "");
}

TEST(CloningModes, TheirDefaultLambdaIsOneTheyTakeAndDependsOnTheTask) {
  const std::map<std::string, std::pair<double, double>> known{
      {"kl_weight", {30, 1e-4}}, {"kl_weight_var", {30, 1e-4}}, {"remul", {1, 1}}, {"relaxed", {0, 0}}};
  for (const CloningMode& mode : cloning_modes()) {
    const auto kept = mode.lambda_for(cloning_task("c4-sym")), broken = mode.lambda_for(cloning_task("t2-break"));
    EXPECT_EQ(kept.has_value(), !mode.has_lambda || known.contains(mode.name)) << mode.name;
    EXPECT_EQ(kept.has_value(), broken.has_value()) << mode.name;
    if (!kept) continue;
    const auto expected = mode.has_lambda ? known.at(mode.name) : std::pair<double, double>{};
    EXPECT_EQ(std::pair(*kept, *broken), expected) << mode.name;
    EXPECT_EQ(refusal_of([&] { check_cell(tiny_cell("c4-sym", mode.name, *kept)); }), "") << mode.name;
  }
}

TEST(CloningModes, TrainingMovesFollowTheSeedOfTheCellAndNotTheMode) {
  const TaskData data(cloning_task("t2-break"), tiny_cell("t2-break", "mlp").data, tiny_digits());
  const nn::DataLoader loader(data.train().inputs, data.train().labels, RandomKey{1}, {.batch_size = 32});
  const auto seen = [&](const char* mode, std::uint64_t seed, std::int64_t epoch) {
    models::SkeletonOptions skeleton{.side = 7, .channels = {2}};
    const Contender contender =
        cloning_mode(mode).build({.data = data, .skeleton = skeleton, .students = {}, .key = {seed}});
    return contender.objective->batch(loader.epoch(0).batch(0), epoch).inputs.to_vector<float>();
  };
  EXPECT_EQ(seen("mlp", 1, 0), seen("teacher", 1, 0));
  EXPECT_NE(seen("mlp", 1, 0), seen("mlp", 2, 0));
  EXPECT_NE(seen("mlp", 1, 0), seen("mlp", 1, 1));
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
  const std::filesystem::path file = clone_file(cell.full_skeleton(), settings, Tensor(), cache());
  ASSERT_TRUE(std::filesystem::exists(file));
  settings.seed = 1;
  EXPECT_FALSE(std::filesystem::exists(clone_file(cell.full_skeleton(), settings, Tensor(), cache())));
  EXPECT_NE(values(), first);
  settings.seed = 0;
  std::filesystem::resize_file(file, std::filesystem::file_size(file) / 2);
  EXPECT_NE(refusal_of(values).find("Remove it, and they are made anew"), std::string::npos) << refusal_of(values);
}

TEST_F(CloningCells, ACloneThatDidNotReachItsErrorSaysSo) {
  CellOptions cell = tiny_cell("t2-sym", "frozen");
  cell.clone.steps = 3;
  std::FILE* told = std::tmpfile();
  Progress progress("", told);
  (void)make_clones(cell.full_skeleton(), cell.clone, Tensor(), cache(), progress);
  std::rewind(told);
  std::string text(1 << 14, ' ');
  text.resize(std::fread(text.data(), 1, text.size(), told));
  std::fclose(told);
  EXPECT_NE(text.find("layer 2 did not reach the error 1e-12"), std::string::npos) << text;
}

TEST_F(CloningCells, ImagesAsInputsAreTheRowsThatEachLayerSees) {
  CellOptions cell = tiny_cell("c4-sym", "frozen");
  cell.clone.source = "dataset";
  cell.clone.steps = 2;
  const TaskData data(cloning_task(cell.task), cell.data, tiny_digits());
  Progress silent("", nullptr);
  const auto first_of = [&](const Tensor& images) {
    const Clones clones = make_clones(cell.full_skeleton(), cell.clone, images, cache(), silent);
    return clones.students[1]->parameters()[0].to_vector<float>();
  };
  const Tensor images = cloning_images(cell, data);
  EXPECT_EQ(first_of(images), first_of(images));
  EXPECT_NE(first_of(images), first_of(images * 0.5));
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

TEST(SymmetryLeft, FiltersOfEverySizeLeavePixelsFarFromTheBorderAndTheTeacherHasNoErrorThere) {
  CellOptions cell = tiny_cell("t2-sym", "teacher");
  const Tensor images = uniform({3, 1, 7, 7}, RandomKey{2});
  for (const std::int64_t kernel : {0, 1, 5, 7}) {
    cell.skeleton.kernel = kernel;
    EXPECT_EQ(cell.full_skeleton().kernel, kernel == 0 ? 5 : kernel);
    const models::CloningNetwork teacher(cell.full_skeleton(), {}, RandomKey{1});
    Record line;
    measure_symmetry(line, "before", teacher, images, RandomKey{3});
    for (const char* what : {"equivariance_before_2", "equivariance_digits_before_2"})
      EXPECT_LT(line.number(what), 1e-10) << kernel;  // a number: false for NaN
  }
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

}  // namespace
}  // namespace orbitgrad::experiments
