#include "experiments/symmetry_cloning/tasks.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "engine/error.hpp"
#include "engine/ops/creation.hpp"
#include "experiments/datasets/cifar.hpp"
#include "experiments/datasets/glyph_digits.hpp"
#include "experiments/datasets/random_sequence.hpp"
#include "nn/nearest_name.hpp"

namespace orbitgrad::experiments {

namespace {

constexpr std::int64_t classes = 10, generated_train_count = 10000, generated_test_count = 2000;
/// Far behind the training digits, so that the test set does not depend on their number.
constexpr std::int64_t first_test_glyph = std::int64_t{1} << 32;

/// The first `count` images, each the mean of squares of (height / side)^2 pixels.
ImageDataset shrink(const ImageDataset& dataset, std::int64_t count, std::int64_t side) {
  ImageDataset result{.count = count,
                      .channels = 1,
                      .height = side,
                      .width = side,
                      .pixels = {},
                      .labels = {},
                      .classes = dataset.classes};
  result.pixels.resize(static_cast<std::size_t>(count * side * side));
  result.labels.assign(dataset.labels.begin(), dataset.labels.begin() + count);
  const std::int64_t width = dataset.width, block = width / side;
  for (std::int64_t place = 0; place < count * side * side; ++place) {
    const std::int64_t image = place / (side * side), row = place / side % side, column = place % side;
    float sum = 0;
    for (std::int64_t i = 0; i < block * block; ++i)
      sum += dataset.pixels[static_cast<std::size_t>((image * width + row * block + i / block) * width +
                                                     column * block + i % block)];
    result.pixels[static_cast<std::size_t>(place)] = sum / static_cast<float>(block * block);
  }
  return result;
}

ImageDataset first_digits(const ImageDataset& dataset, std::int64_t asked, std::int64_t side, const char* which) {
  require(asked <= dataset.count, "cloning", "{} {} digits are asked for, there are {}. Ask for fewer.", asked, which,
          dataset.count);
  return shrink(dataset, asked == 0 ? dataset.count : asked, side);
}

/// The middle of each image as luma, 0.299 R + 0.587 G + 0.114 B (Rec. 601).
ImageDataset middle_in_grey(const ImageDataset& colour, std::int64_t side) {
  constexpr float weights[] = {0.299f, 0.587f, 0.114f};
  ImageDataset grey{.count = colour.count,
                    .channels = 1,
                    .height = side,
                    .width = side,
                    .pixels = std::vector<float>(static_cast<std::size_t>(colour.count * side * side)),
                    .labels = colour.labels,
                    .classes = colour.classes};
  const std::int64_t border = (colour.height - side) / 2;
  for (std::int64_t place = 0; place < colour.count * side * side; ++place) {
    const std::int64_t image = place / (side * side), row = place / side % side + border,
                       column = place % side + border;
    for (std::int64_t channel = 0; channel < 3; ++channel)
      grey.pixels[static_cast<std::size_t>(place)] +=
          weights[channel] *
          colour
              .pixels[static_cast<std::size_t>(((image * 3 + channel) * colour.height + row) * colour.width + column)];
  }
  return grey;
}

Mnist read_images(const std::filesystem::path& folder, std::int64_t side) {
  if (!is_cifar_folder(folder)) return load_mnist(folder);
  const Cifar cifar = load_cifar(folder);
  return {middle_in_grey(cifar.train, side), middle_in_grey(cifar.test, side)};
}

}  // namespace

const std::vector<CloningTask>& cloning_tasks() {
  static const std::vector<CloningTask> tasks{
      {"t2-sym", "t2", LabelRule::kept, "digits as they are; tested on shifted ones"},
      {"t2-break", "t2", LabelRule::kept_when_left, "shifted digits; the label is kept by shifts to the left only"},
      {"c4-sym", "c4", LabelRule::kept, "digits as they are; tested on turned ones"},
      {"c4-break", "c4", LabelRule::kept_upright, "turned digits; the label is kept by upright ones only"},
      {"c4-break-turns", "c4", LabelRule::turns_are_added, "turned digits; the label counts the quarter turns"}};
  return tasks;
}

const CloningTask& cloning_task(std::string_view name) {
  std::vector<std::string> names;
  for (const CloningTask& task : cloning_tasks()) {
    if (task.name == name) return task;
    names.push_back(task.name);
  }
  nn::fail_unknown_name("cloning", "task", name, names);
}

Move draw_move(const CloningTask& task, std::int64_t largest_shift, RandomKey key) {
  RandomSequence random(key.value);
  if (task.group == "c4") return {.quarter_turns = static_cast<int>(random.below(4))};
  const std::int64_t dx = random.below(2 * largest_shift + 1) - largest_shift;
  return {.dx = dx, .dy = random.below(2 * largest_shift + 1) - largest_shift};
}

std::int64_t moved_label(const CloningTask& task, std::int64_t digit, const Move& move) {
  using enum LabelRule;
  const bool keeps = task.rule == kept || (task.rule == kept_when_left && move.dx < 0) ||
                     (task.rule == kept_upright && move.quarter_turns == 0);
  if (keeps) return digit;
  return (digit + (task.rule == turns_are_added ? move.quarter_turns : classes / 2)) % classes;
}

double invariant_ceiling(const CloningTask& task, std::int64_t largest_shift) {
  const double left = static_cast<double>(largest_shift) / static_cast<double>(2 * largest_shift + 1);
  switch (task.rule) {
    case LabelRule::kept:
      return 1;
    case LabelRule::kept_when_left:
      return std::max(left, 1 - left);
    case LabelRule::kept_upright:
      return 0.75;
    case LabelRule::turns_are_added:
      return 0.25;
  }
  return 1;
}

void move_image(std::span<const float> in, std::span<float> out, std::int64_t side, const Move& move, bool wrap) {
  for (std::int64_t row = 0; row < side; ++row)
    for (std::int64_t column = 0; column < side; ++column) {
      std::int64_t y = row - move.dy, x = column - move.dx;
      if (wrap) y = (y % side + side) % side, x = (x % side + side) % side;
      const bool inside = y >= 0 && y < side && x >= 0 && x < side;
      for (int turn = 0; turn < move.quarter_turns; ++turn) {  // what is here came from the right of where it is now
        const std::int64_t from = x;
        x = side - 1 - y;
        y = from;
      }
      out[static_cast<std::size_t>(row * side + column)] = inside ? in[static_cast<std::size_t>(y * side + x)] : 0;
    }
}

Mnist load_task_digits(const TaskDataOptions& options) {
  constexpr std::int64_t full_side = 28;
  require(options.side == 28 || options.side == 14 || options.side == 7, "cloning",
          "digits of side {} are asked for. Take 28, 14 or 7.", options.side);
  require(options.train_count >= 0 && options.test_count >= 0, "cloning",
          "{} training and {} test digits are asked for. Ask for one or more, or 0 for the default.",
          options.train_count, options.test_count);
  static_assert(glyph_side == full_side);
  if (!options.data.empty()) {
    const Mnist mnist = read_images(options.data, full_side);
    return {first_digits(mnist.train, options.train_count, options.side, "training"),
            first_digits(mnist.test, options.test_count, options.side, "test")};
  }
  const auto generate = [&](std::int64_t asked, std::int64_t otherwise, std::int64_t first) {
    const std::int64_t count = asked == 0 ? otherwise : asked;
    return shrink(glyph_digits(count, options.seed, {.first_index = first}), count, options.side);
  };
  return {generate(options.train_count, generated_train_count, 0),
          generate(options.test_count, generated_test_count, first_test_glyph)};
}

TaskDataOptions at_most_available(TaskDataOptions options) {
  if (options.data.empty()) return options;
  const Mnist images = read_images(options.data, glyph_side);
  options.train_count = std::min(options.train_count, images.train.count);
  options.test_count = std::min(options.test_count, images.test.count);
  return options;
}

std::string fingerprint(const Mnist& digits) {
  const ImageDataset* const sets[] = {&digits.train, &digits.test};
  return fingerprint(sets);
}

TaskData::TaskData(const CloningTask& task, const TaskDataOptions& options, const Mnist& digits)
    : task_(task), options_(options), train_(to_samples(digits.train)), fingerprint_(experiments::fingerprint(digits)) {
  if (options_.standardize) find_mean_and_deviation(digits.train.pixels);
  const Tensor test = to_samples(digits.test).inputs;
  const RandomKey key = RandomKey{options.seed}.split("test moves");
  for (std::int64_t i = 0; i < digits.test.count; ++i)
    moves_.push_back(draw_move(task_, options_.largest_shift(), key.split(static_cast<std::uint64_t>(i))));
  moved_ = moved_samples(test, digits.test.labels, moves_);
  original_ = moved_samples(test, digits.test.labels, std::vector<Move>(moves_.size()));
}

void TaskData::find_mean_and_deviation(std::span<const float> pixels) {
  double sum = 0, squares = 0;
  for (const float pixel : pixels) sum += pixel;
  const double mean = sum / static_cast<double>(pixels.size());
  for (const float pixel : pixels) squares += (pixel - mean) * (pixel - mean);
  require(squares > 0, "cloning",
          "all pixels of the training digits are {}: there is no deviation to divide by. Leave out --standardize.",
          mean);
  mean_ = static_cast<float>(mean);
  deviation_ = static_cast<float>(std::sqrt(squares / static_cast<double>(pixels.size())));
}

Samples TaskData::moved_samples(const Tensor& inputs, const std::vector<std::int64_t>& digits,
                                const std::vector<Move>& moves) const {
  const std::int64_t side = inputs.size(-1), size = side * side, count = inputs.size(0);
  Tensor images = Tensor::empty(inputs.shape(), DType::float32, DeviceKind::cpu);
  const std::span<const float> from(inputs.host_data<float>(), static_cast<std::size_t>(inputs.numel()));
  const std::span<float> to(fresh_host_data<float>(images), from.size());
  std::vector<std::int64_t> labels(digits.size());
#pragma omp parallel for
  for (std::int64_t i = 0; i < count; ++i) {
    const auto place = static_cast<std::size_t>(i), first = static_cast<std::size_t>(i * size);
    const auto image = to.subspan(first, static_cast<std::size_t>(size));
    move_image(from.subspan(first, image.size()), image, side, moves[place], options_.wrap);
    labels[place] = moved_label(task_, digits[place], moves[place]);
    if (options_.standardize)
      for (float& pixel : image) pixel = (pixel - mean_) / deviation_;
  }
  return {images, from_vector(labels)};
}

Tensor TaskData::still_training_images() const {
  if (!options_.standardize) return train_.inputs;
  const auto count = static_cast<std::size_t>(train_.inputs.size(0));
  return moved_samples(train_.inputs, std::vector<std::int64_t>(count), std::vector<Move>(count)).inputs;
}

nn::Batch TaskData::batch(const nn::Batch& batch, RandomKey key, bool moved) const {
  const auto places = batch.indices.to_vector<std::int64_t>();
  std::vector<Move> moves(places.size());
  if (moved || task_.breaks_symmetry() || options_.move_training)
    for (std::size_t i = 0; i < places.size(); ++i)
      moves[i] = draw_move(task_, options_.largest_shift(), key.split(static_cast<std::uint64_t>(places[i])));
  const DeviceKind device = batch.inputs.device();
  const Samples samples =
      moved_samples(batch.inputs.to(DeviceKind::cpu), batch.labels.to_vector<std::int64_t>(), moves);
  return {samples.inputs.to(device), samples.labels.to(device), batch.indices};
}

}  // namespace orbitgrad::experiments
