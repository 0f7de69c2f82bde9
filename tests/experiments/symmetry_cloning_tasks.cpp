// The tasks of symmetry cloning: moves are exact, drawn by (seed, index) alone, and the ceilings are those a perfect
// invariant classifier meets.
#include "experiments/symmetry_cloning/tasks.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <map>

#include "engine/error.hpp"
#include "engine/ops/creation.hpp"
#include "engine/ops/symmetry.hpp"
#include "engine/random.hpp"
#include "tests/experiments/program_support.hpp"

namespace orbitgrad::experiments {
namespace {

Mnist small_digits(std::int64_t train, std::int64_t test, std::int64_t side = 7) {
  return load_task_digits({.side = side, .train_count = train, .test_count = test, .seed = 3});
}

std::vector<float> moved(const std::vector<float>& image, std::int64_t side, const Move& move, bool wrap) {
  std::vector<float> result(image.size());
  move_image(image, result, side, move, wrap);
  return result;
}

TEST(CloningTasks, CyclicShiftsAndQuarterTurnsAreGroupActions) {
  for (const std::int64_t side : {7, 8}) {
    const auto image = uniform({side * side}, RandomKey{1}).to_vector<float>();
    for (std::int64_t dx = -3; dx <= 3; ++dx) {
      const auto there = moved(image, side, {.dx = dx, .dy = 2 * dx}, true);
      EXPECT_EQ(moved(there, side, {.dx = -dx, .dy = -2 * dx}, true), image);
      EXPECT_EQ(moved(there, side, {.dx = side - dx, .dy = -2 * dx}, true), image);
    }
    auto turned = image;
    for (int k = 1; k <= 4; ++k) {
      turned = moved(turned, side, {.quarter_turns = 1}, false);
      EXPECT_EQ(turned, moved(image, side, {.quarter_turns = k % 4}, false));
      const Tensor expected = act_on_image(from_vector(image, {1, 1, side, side}), groups::lattice_group("p4"), k % 4);
      EXPECT_EQ(turned, expected.to_vector<float>());
    }
  }
}

TEST(CloningTasks, ShiftsFillWithZeros) {
  const std::vector<float> image{1, 2, 3, 4, 5, 6, 7, 8, 9};
  EXPECT_EQ(moved(image, 3, {.dx = 1, .dy = 0}, false), (std::vector<float>{0, 1, 2, 0, 4, 5, 0, 7, 8}));
  EXPECT_EQ(moved(image, 3, {.dx = 0, .dy = -1}, false), (std::vector<float>{4, 5, 6, 7, 8, 9, 0, 0, 0}));
  EXPECT_EQ(moved(image, 3, {.dx = 1, .dy = 0}, true), (std::vector<float>{3, 1, 2, 6, 4, 5, 9, 7, 8}));
}

TEST(CloningTasks, AnInvariantClassifierThatKnowsEveryDigitMeetsTheCeiling) {
  constexpr std::int64_t draws = 20000;
  for (const CloningTask& task : cloning_tasks())
    for (const std::int64_t largest_shift : {1, 7}) {
      std::array<std::int64_t, 10> answers{};  // to a 0, which says all since labels are differences modulo 10
      for (std::int64_t i = 0; i < draws; ++i) {
        const Move move = draw_move(task, largest_shift, RandomKey{5}.split(static_cast<std::uint64_t>(i)));
        ++answers[static_cast<std::size_t>(moved_label(task, 0, move))];
      }
      const double best = static_cast<double>(*std::ranges::max_element(answers)) / draws;
      EXPECT_NEAR(best, invariant_ceiling(task, largest_shift), 4 * 0.5 / std::sqrt(double{draws})) << task.name;
    }
  EXPECT_DOUBLE_EQ(invariant_ceiling(cloning_task("t2-break"), 7), 8.0 / 15);
}

TEST(CloningTasks, TheTestSetDependsOnTheSeedAndTheIndexAlone) {
  const Mnist all = small_digits(4, 40);
  Mnist fewer = all;
  fewer.test = select(all.test, std::vector<std::int64_t>{0, 1, 2, 3});
  for (const CloningTask& task : cloning_tasks()) {
    const TaskData a(task, {.side = 7, .seed = 1}, all), b(task, {.side = 7, .seed = 1}, fewer);
    EXPECT_EQ(b.test_moves(), std::vector<Move>(a.test_moves().begin(), a.test_moves().begin() + 4));
    EXPECT_NE(a.test_moves(), TaskData(task, {.side = 7, .seed = 2}, all).test_moves());
    EXPECT_EQ(a.original().inputs.to_vector<float>(), all.test.pixels);
    const auto labels = a.moved().labels.to_vector<std::int64_t>();
    for (std::size_t i = 0; i < 40; ++i) EXPECT_EQ(labels[i], moved_label(task, all.test.labels[i], a.test_moves()[i]));
  }
}

TEST(CloningTasks, TrainingDigitsMoveAnewInEveryEpochAndOnlyWhereTheTaskMovesThem) {
  const Mnist digits = small_digits(32, 1);
  for (const CloningTask& task : cloning_tasks()) {
    const TaskData data(task, {.side = 7, .seed = 1}, digits);
    const nn::DataLoader loader(data.train().inputs, data.train().labels, RandomKey{1}, {.batch_size = 32});
    const auto seen = [&](std::uint64_t epoch) { return data.batch(loader.epoch(0).batch(0), RandomKey{epoch}); };
    EXPECT_EQ(seen(0).inputs.to_vector<float>(), seen(0).inputs.to_vector<float>());
    EXPECT_EQ(seen(0).inputs.to_vector<float>() == seen(1).inputs.to_vector<float>(), !task.breaks_symmetry());
    EXPECT_EQ(seen(0).labels.to_vector<std::int64_t>() == loader.epoch(0).batch(0).labels.to_vector<std::int64_t>(),
              !task.breaks_symmetry());
  }
  const TaskData augmented(cloning_task("t2-sym"), {.side = 7, .move_training = true}, digits);
  const nn::DataLoader loader(augmented.train().inputs, augmented.train().labels, RandomKey{1}, {.batch_size = 32});
  const nn::Batch before = loader.epoch(0).batch(0), after = augmented.batch(before, RandomKey{0});
  EXPECT_NE(before.inputs.to_vector<float>(), after.inputs.to_vector<float>());
  EXPECT_EQ(before.labels.to_vector<std::int64_t>(), after.labels.to_vector<std::int64_t>());
  const TaskData still(cloning_task("t2-sym"), {.side = 7}, digits);
  EXPECT_EQ(still.batch(before, RandomKey{0}, true).inputs.to_vector<float>(), after.inputs.to_vector<float>());
}

TEST(CloningTasks, StandardizedDigitsHaveTheMeanAndDeviationOfTheTrainingSet) {
  Mnist digits = small_digits(64, 8);
  for (float& pixel : digits.train.pixels) pixel = 0.3f * pixel + 0.5f;  // of no known data set
  const TaskData data(cloning_task("t2-sym"), {.side = 7, .standardize = true}, digits);
  double sum = 0, squares = 0;
  const auto pixels = data.still_training_images().to_vector<float>();
  for (const float pixel : pixels) sum += pixel, squares += pixel * pixel;
  EXPECT_NEAR(sum / static_cast<double>(pixels.size()), 0, 1e-5);
  EXPECT_NEAR(squares / static_cast<double>(pixels.size()), 1, 1e-5);
  const auto shown = data.original().inputs.to_vector<float>();
  const auto brightest = static_cast<std::size_t>(std::ranges::max_element(shown) - shown.begin());
  const float scale = (shown[brightest] - data.black()) / digits.test.pixels[brightest];
  for (std::size_t i = 0; i < shown.size(); ++i)
    ASSERT_NEAR(shown[i], data.black() + scale * digits.test.pixels[i], 1e-4);
  digits.train.pixels.assign(digits.train.pixels.size(), 0.5f);
  EXPECT_THROW(TaskData(cloning_task("t2-sym"), {.side = 7, .standardize = true}, digits), Error);
}

TEST(CloningTasks, TheMiddleOfColourImagesIsReadInGrey) {
  const TemporaryFolder folder;
  for (const char* name : {"train.bin", "test.bin"}) {
    std::string record(1, '\4');
    for (const int colour : {200, 100, 50}) record += std::string(1024, static_cast<char>(colour));
    record[1 + 2 * 32 + 2] = 0;  // the red of pixel (2, 2), the first of the middle
    std::ofstream(folder.path() / name, std::ios::binary) << record;
  }
  const Mnist images = load_task_digits({.data = folder.path(), .side = 28});
  EXPECT_EQ(images.train.labels, std::vector<std::int64_t>{4});
  ASSERT_EQ(images.train.pixels.size(), 784u);
  EXPECT_NEAR(images.train.pixels[0], (0.587 * 100 + 0.114 * 50) / 255, 1e-6);
  EXPECT_NEAR(images.train.pixels[1], (0.299 * 200 + 0.587 * 100 + 0.114 * 50) / 255, 1e-6);
}

TEST(CloningTasks, BadInputIsAnErrorThatHelps) {
  try {
    (void)cloning_task("t2-brake");
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("t2-break"), std::string::npos) << error.what();
  }
  EXPECT_THROW((void)load_task_digits({.side = 9}), Error);
  EXPECT_THROW((void)load_task_digits({.train_count = -1}), Error);
}

}  // namespace
}  // namespace orbitgrad::experiments
