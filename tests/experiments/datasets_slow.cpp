// The generated digits are hard for a linear model: softmax regression on 10,000 upright digits stays under 80 %.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "experiments/datasets/glyph_digits.hpp"
#include "tests/experiments/datasets_support.hpp"

namespace orbitgrad::experiments {
namespace {

constexpr std::size_t inputs = 784, classes = 10;

struct SoftmaxRegression {
  std::vector<float> weight = std::vector<float>(inputs * classes, 0.0f);  // [inputs, classes]
  std::array<float, classes> bias{};

  std::array<float, classes> scores(std::span<const float> x) const {
    std::array<float, classes> sum = bias;
    for (std::size_t i = 0; i < inputs; ++i)
      for (std::size_t k = 0; k < classes; ++k) sum[k] += x[i] * weight[i * classes + k];
    return sum;
  }

  void step(std::span<const float> x, std::size_t label, float rate) {
    std::array<float, classes> gradient = scores(x);
    const float highest = *std::max_element(gradient.begin(), gradient.end());
    float total = 0;
    for (float& score : gradient) total += score = std::exp(score - highest);
    for (float& score : gradient) score *= rate / total;
    gradient[label] -= rate;
    for (std::size_t i = 0; i < inputs; ++i)
      for (std::size_t k = 0; k < classes; ++k) weight[i * classes + k] -= x[i] * gradient[k];
    for (std::size_t k = 0; k < classes; ++k) bias[k] -= gradient[k];
  }

  double accuracy(const ImageDataset& data) const {
    std::int64_t right = 0;
    for (std::int64_t i = 0; i < data.count; ++i) {
      const auto score = scores(data.image(i));
      right += std::max_element(score.begin(), score.end()) - score.begin() == data.labels[static_cast<std::size_t>(i)];
    }
    return static_cast<double>(right) / static_cast<double>(data.count);
  }
};

TEST(GlyphDigitsSlow, ALinearModelStaysUnderEightyPercent) {
  ImageDataset train = glyph_digits(10000, 0), test = glyph_digits(4000, 0, {.first_index = 10000});
  const Brightness standard = brightness(train);
  for (ImageDataset* data : {&train, &test})
    for (float& pixel : data->pixels) pixel = static_cast<float>((pixel - standard.mean) / standard.deviation);
  SoftmaxRegression model;
  constexpr int epochs = 20;
  double best = 0;
  for (int epoch = 0; epoch < epochs; ++epoch) {
    const float rate = 3e-4f * static_cast<float>(epochs - epoch) / epochs;
    for (const std::int64_t i : random_permutation(train.count, static_cast<std::uint64_t>(epoch))) {
      model.step(train.image(i), static_cast<std::size_t>(train.labels[static_cast<std::size_t>(i)]), rate);
    }
    best = std::max(best, model.accuracy(test));
  }
  RecordProperty("best_test_accuracy", std::to_string(best));
  EXPECT_GT(best, 0.5);
  EXPECT_LT(best, 0.8);
}

}  // namespace
}  // namespace orbitgrad::experiments
