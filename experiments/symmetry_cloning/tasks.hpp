// The tasks of symmetry cloning: digits that are moved, and labels that heed the move or not (Huang et al., 2024, by
// reviews of it; the protocol where the paper is silent is ours: docs/symmetry_cloning.md). A move is drawn from
// (seed, index) alone, so every method sees the same test set; those of training are drawn anew each epoch.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "experiments/datasets/mnist.hpp"
#include "experiments/evaluation.hpp"
#include "nn/data_loader.hpp"

namespace orbitgrad::experiments {

/// dx > 0: to the right, dy > 0: downwards, in pixels; quarter turns counter-clockwise.
struct Move {
  std::int64_t dx = 0, dy = 0;
  int quarter_turns = 0;
  friend bool operator==(const Move&, const Move&) = default;
};

enum class LabelRule {
  kept,             // y
  kept_when_left,   // y if dx < 0, else y + 5 mod 10
  kept_upright,     // y if not turned, else y + 5 mod 10
  turns_are_added,  // y + k mod 10 after k quarter turns
};

struct CloningTask {
  std::string name;   // "t2-sym"
  std::string group;  // "t2": shifts, or "c4": quarter turns
  LabelRule rule = LabelRule::kept;
  std::string description;  // one line

  /// The training digits are moved too; else they stay as they are.
  bool breaks_symmetry() const { return rule != LabelRule::kept; }
};

/// t2-sym, t2-break, c4-sym, c4-break, c4-break-turns.
const std::vector<CloningTask>& cloning_tasks();
/// Error with the nearest name for any other.
const CloningTask& cloning_task(std::string_view name);

/// Shifts dx, dy uniform in [-largest_shift, largest_shift], independent; or quarter turns uniform in {0, 1, 2, 3}.
Move draw_move(const CloningTask& task, std::int64_t largest_shift, RandomKey key);
std::int64_t moved_label(const CloningTask& task, std::int64_t digit, const Move& move);
/// Accuracy of a classifier that knows every digit and cannot see the move: the share of the commonest label.
double invariant_ceiling(const CloningTask& task, std::int64_t largest_shift);

/// Moves one square image of side^2 pixels; a shift fills with zeros, or goes round with `wrap`.
void move_image(std::span<const float> in, std::span<float> out, std::int64_t side, const Move& move, bool wrap);

struct TaskDataOptions {
  /// Folder of MNIST, Fashion-MNIST or CIFAR-10 (the middle 28 x 28 pixels, in grey); empty: generated digits.
  std::filesystem::path data = {};
  std::int64_t side = 28;        // 28, 14 or 7: means of 2 x 2 or 4 x 4 pixels
  std::int64_t train_count = 0;  // 0: 10,000, or all 60,000 of MNIST
  std::int64_t test_count = 0;   // 0: 2,000, or all 10,000 of MNIST
  bool wrap = false;             // shifts go round, so that they are a group
  bool standardize = false;      // (pixel - mean) / deviation of the training digits; black moves along
  bool move_training = false;    // moves training digits where the task does not: augmentation
  std::uint64_t seed = 0;        // of the moves of test digits, and of generated digits

  std::int64_t largest_shift() const { return side / 4; }  // a quarter of the side
};

/// Digits at the asked side: read, or generated. Error: as load_mnist and load_cifar; more asked for than there are;
/// another side.
Mnist load_task_digits(const TaskDataOptions& options);
/// The same with no more images of a folder than it has: min(asked, available); 0, all of them, stays 0.
TaskDataOptions at_most_available(TaskDataOptions options);
std::string fingerprint(const Mnist& digits);

/// The digits of a task, [N, 1, side, side].
class TaskData {
 public:
  /// Error: the pixels are to be standardized and are all the same.
  TaskData(const CloningTask& task, const TaskDataOptions& options, const Mnist& digits);

  const CloningTask& task() const { return task_; }
  const TaskDataOptions& options() const { return options_; }
  const Samples& train() const { return train_; }        // not moved; the labels are the digits
  const Samples& original() const { return original_; }  // test digits where they are, labelled by the rule
  const Samples& moved() const { return moved_; }        // test digit i moved by test_moves()[i]
  const std::vector<Move>& test_moves() const { return moves_; }
  /// Of the digits, training and test.
  const std::string& fingerprint() const { return fingerprint_; }
  /// The value of a black pixel in what the task shows.
  float black() const { return (0 - mean_) / deviation_; }
  /// The training images as the task shows them, not moved.
  Tensor still_training_images() const;

  /// A batch of training digits as the task shows it. The key, one for each epoch, draws the moves; `moved` asks for
  /// them where task and options do not.
  nn::Batch batch(const nn::Batch& batch, RandomKey key, bool moved = false) const;

 private:
  Samples moved_samples(const Tensor& inputs, const std::vector<std::int64_t>& digits,
                        const std::vector<Move>& moves) const;
  void find_mean_and_deviation(std::span<const float> pixels);

  CloningTask task_;
  TaskDataOptions options_;
  Samples train_, original_, moved_;
  std::vector<Move> moves_;
  std::string fingerprint_;
  float mean_ = 0, deviation_ = 1;
};

}  // namespace orbitgrad::experiments
