// Image data sets: helpers, rotation, the MNIST files and the rotated protocols.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <numbers>
#include <numeric>
#include <set>

#include "experiments/datasets/idx.hpp"
#include "experiments/datasets/image_dataset.hpp"
#include "experiments/datasets/mnist.hpp"
#include "experiments/datasets/random_sequence.hpp"
#include "experiments/datasets/rotated_mnist.hpp"
#include "experiments/datasets/rotation.hpp"
#include "tests/experiments/datasets_support.hpp"
#include "tests/places.hpp"

namespace orbitgrad::experiments {
namespace {

ImageDataset random_images(std::int64_t count, std::int64_t channels, std::int64_t height, std::int64_t width,
                           std::uint64_t key = 5) {
  ImageDataset dataset{count, channels, height, width, {}, {}, 10};
  RandomSequence random(key);
  dataset.pixels.resize(static_cast<std::size_t>(count * dataset.image_size()));
  for (float& pixel : dataset.pixels) pixel = random.uniform(0, 1);
  for (std::int64_t i = 0; i < count; ++i) dataset.labels.push_back(random.below(10));
  return dataset;
}

/// Image i of a set is flat with the value (first + i) / 100, so that its centre tells which it was after a rotation.
ImageDataset tagged_digits(std::int64_t first, std::int64_t count) {
  ImageDataset dataset{count, 1, 28, 28, {}, {}, 10};
  for (std::int64_t i = 0; i < count; ++i) {
    dataset.pixels.insert(dataset.pixels.end(), 28 * 28, static_cast<float>(first + i) / 100);
    dataset.labels.push_back((first + i) * 3 % 10);
  }
  return dataset;
}

std::int64_t tag(const ImageDataset& dataset, std::int64_t i) {
  return std::lround(dataset.image(i)[14 * 28 + 14] * 100);
}

TEST(ImageDatasets, PermutationIsOneAndDependsOnTheSeed) {
  for (const std::int64_t count : {0, 1, 2, 1000}) {
    std::vector<std::int64_t> order = random_permutation(count, 7), sorted = order;
    std::sort(sorted.begin(), sorted.end());
    for (std::int64_t i = 0; i < count; ++i) EXPECT_EQ(sorted[static_cast<std::size_t>(i)], i);
    EXPECT_EQ(order, random_permutation(count, 7));
  }
  EXPECT_NE(random_permutation(1000, 7), random_permutation(1000, 8));
}

TEST(ImageDatasets, PermutationIsUniform) {
  std::vector<int> counts(24, 0);  // the 24 orders of four things
  for (std::uint64_t seed = 0; seed < 24000; ++seed) {
    const std::vector<std::int64_t> order = random_permutation(4, seed);
    ++counts[static_cast<std::size_t>(order[0] * 6 + (order[1] - (order[1] > order[0])) * 2 + (order[2] > order[3]))];
  }
  for (const int count : counts) EXPECT_NEAR(count, 1000, 155);  // 5 deviations
}

TEST(ImageDatasets, ErrorsNameTheThing) {
  ImageDataset dataset = random_images(4, 1, 3, 3);
  expect_contains(error_of([&] { select(dataset, std::vector<std::int64_t>{0, 4}); }), "index 4");
  expect_contains(error_of([&] { concatenate(dataset, random_images(1, 1, 3, 4)); }), "[1, 3, 4]");
  expect_contains(error_of([&] { rotate_images(dataset, std::vector<double>{0.0}); }), "1 angles for 4");
  dataset.labels[2] = 10;
  expect_contains(error_of([&] { check_dataset(dataset); }), "label 10 of image 2");
  dataset.pixels.pop_back();
  expect_contains(error_of([&] { check_dataset(dataset); }), "35 pixels");
}

TEST(ImageDatasets, QuarterTurnsEqualIndexRotation) {
  for (const std::int64_t n : {1, 6, 7, 28}) {
    const ImageDataset images = random_images(4, 2, n, n);
    constexpr double quarter = std::numbers::pi / 2;
    const ImageDataset turned = rotate_images(images, std::vector<double>{0, quarter, 2 * quarter, 3 * quarter});
    for (std::int64_t image = 0; image < 4; ++image) {
      std::vector<float> expected(images.image(image).begin(), images.image(image).end());
      for (std::int64_t turn = 0; turn < image; ++turn) {
        const std::vector<float> before = expected;
        for (std::int64_t c = 0; c < 2; ++c)
          for (std::int64_t i = 0; i < n; ++i)
            for (std::int64_t j = 0; j < n; ++j)  // counter-clockwise: the right column becomes the top row
              expected[static_cast<std::size_t>((c * n + i) * n + j)] =
                  before[static_cast<std::size_t>((c * n + j) * n + n - 1 - i)];
      }
      for (std::size_t k = 0; k < expected.size(); ++k) {
        ASSERT_NEAR(turned.image(image)[k], expected[k], 1e-6) << "n " << n << " turns " << image << " at " << k;
      }
    }
  }
}

TEST(ImageDatasets, AnglesAreUniformAndKeyed) {
  constexpr int count = 16000, bins = 16;
  std::vector<int> histogram(bins, 0);
  for (int i = 0; i < count; ++i) {
    const double angle = rotation_angle(11, i);
    ASSERT_GE(angle, 0);
    ASSERT_LT(angle, 2 * std::numbers::pi);
    ++histogram[static_cast<std::size_t>(angle / (2 * std::numbers::pi) * bins)];
  }
  for (const int in_bin : histogram) EXPECT_NEAR(in_bin, count / bins, 155);  // 5 deviations
  EXPECT_EQ(rotation_angle(11, 3), rotation_angle(11, 3));
  EXPECT_NE(rotation_angle(11, 3), rotation_angle(12, 3));
  EXPECT_NE(rotation_angle(11, 3), rotation_angle(11, 4));
}

TEST(ImageDatasets, RotationBitsDoNotDependOnThreadsOrNeighbours) {
  const ImageDataset images = random_images(70, 1, 28, 28);
  ThreadCount one(1);
  const ImageDataset expected = turned_by_index(images, 9);
  ThreadCount four(4);
  EXPECT_EQ(turned_by_index(images, 9).pixels, expected.pixels);
  const std::vector<std::int64_t> some{66, 3};
  EXPECT_EQ(rotate_images(select(images, some), 9, some).pixels, select(expected, some).pixels);
}

TEST(RotatedMnist, TwelveThousandProtocolTakesEachImageOnce) {
  const Mnist mnist{tagged_digits(0, 60), tagged_digits(60, 20)};
  const Digits data = rotated_mnist_12k(mnist, 4, 30, 45);
  EXPECT_EQ(data.train.count, 30);
  EXPECT_EQ(data.test_rotated.count, 45);
  std::set<std::int64_t> seen;
  bool from_test = false;
  for (const ImageDataset* part : {&data.train, &data.test_rotated}) {
    check_dataset(*part);
    for (std::int64_t i = 0; i < part->count; ++i) {
      EXPECT_TRUE(seen.insert(tag(*part, i)).second);
      EXPECT_EQ(part->labels[static_cast<std::size_t>(i)], tag(*part, i) * 3 % 10);
      if (part == &data.train) from_test = from_test || tag(*part, i) >= 60;
    }
  }
  EXPECT_TRUE(from_test);  // MNIST's two parts are mixed
  EXPECT_EQ(rotated_mnist_12k(mnist, 4, 30, 45).train.pixels, data.train.pixels);
  EXPECT_NE(rotated_mnist_12k(mnist, 5, 30, 45).train.pixels, data.train.pixels);
  expect_contains(error_of([&] { rotated_mnist_12k(mnist, 4); }), "12000 training and 50000 test");
}

// The sets, digit by digit: the place of a digit in MNIST decides its angle, whichever set it falls into.
TEST(RotatedMnist, TestDigitsAreTheSameUprightAndTurned) {
  const Mnist mnist{random_images(60, 1, 28, 28), random_images(20, 1, 28, 28, 8)};
  const auto expect_digit = [](const ImageDataset& part, std::int64_t i, const ImageDataset& all, std::int64_t place,
                               bool is_turned) {
    const std::vector<std::int64_t> places{place};
    ImageDataset digit = select(all, places);
    if (is_turned) digit = rotate_images(digit, 4, places);
    EXPECT_TRUE(std::ranges::equal(part.image(i), digit.pixels)) << i;
    EXPECT_EQ(part.labels[static_cast<std::size_t>(i)], digit.labels[0]) << i;
  };
  const ImageDataset all = concatenate(mnist.train, mnist.test);
  const std::vector<std::int64_t> order = random_permutation(80, 4);
  const Digits mixed = rotated_mnist_12k(mnist, 4, 30, 45);
  for (std::int64_t i = 0; i < 30; ++i) expect_digit(mixed.train, i, all, order[static_cast<std::size_t>(i)], true);
  for (std::int64_t i = 0; i < 45; ++i) {
    expect_digit(mixed.test_upright, i, all, order[static_cast<std::size_t>(30 + i)], false);
    expect_digit(mixed.test_rotated, i, all, order[static_cast<std::size_t>(30 + i)], true);
  }
  const Digits upright = upright_train_rotated_test(mnist, 4, 25, 15);
  EXPECT_EQ(std::tuple(upright.train.count, upright.test_upright.count, upright.test_rotated.count),
            std::tuple(25, 15, 15));
  for (std::int64_t i = 0; i < 25; ++i) expect_digit(upright.train, i, mnist.train, i, false);
  for (std::int64_t i = 0; i < 15; ++i) {
    expect_digit(upright.test_upright, i, mnist.test, i, false);
    expect_digit(upright.test_rotated, i, mnist.test, i, true);
  }
  expect_contains(error_of([&] { upright_train_rotated_test(mnist, 4, 60, 21); }), "60 training and 21 test");
}

// --- The files ---

struct FakeFiles {
  IdxArray train_images{{3, 28, 28}, Bytes(3 * 784, 51)}, train_labels{{3}, {9, 0, 4}};
  IdxArray test_images{{2, 28, 28}, Bytes(2 * 784, 255)}, test_labels{{2}, {1, 2}};

  void write(const std::filesystem::path& folder, const std::string& separator, bool gzip) const {
    std::filesystem::create_directories(folder);
    const auto put = [&](const char* stem, const char* kind, const IdxArray& array) {
      write_idx(folder / (stem + separator + kind + (gzip ? ".gz" : "")), array,
                gzip ? IdxCompression::gzip : IdxCompression::none);
    };
    put("train-images", "idx3-ubyte", train_images);
    put("train-labels", "idx1-ubyte", train_labels);
    put("t10k-images", "idx3-ubyte", test_images);
    put("t10k-labels", "idx1-ubyte", test_labels);
  }
};

TEST(MnistFiles, EveryNameAndPlaceIsFound) {
  for (const std::string place : {".", "mnist", "images/mnist", "MNIST/raw"}) {
    for (const std::string separator : {"-", "."}) {
      for (const bool gzip : {false, gzip_available()}) {
        TemporaryFolder folder;
        FakeFiles{}.write(folder.path() / place, separator, gzip);
        const Mnist mnist = load_mnist(folder.path());
        EXPECT_EQ(mnist.train.labels, (std::vector<std::int64_t>{9, 0, 4}));
        EXPECT_EQ(mnist.test.count, 2);
        EXPECT_EQ(mnist.train.pixels[0], 0.2f);
        EXPECT_EQ(mnist.test.pixels[0], 1.0f);
        check_dataset(mnist.train);
      }
    }
  }
}

TEST(MnistFiles, MissingFilesAreListed) {
  TemporaryFolder folder;
  FakeFiles{}.write(folder.path(), "-", false);
  std::filesystem::remove(folder.path() / "t10k-labels-idx1-ubyte");
  const std::string message = error_of([&] { load_mnist(folder.path()); });
  expect_contains(message, folder.path().string() + ": no t10k-labels-idx1-ubyte[.gz]\n");
  expect_contains(message, (folder.path() / "mnist").string());
  expect_contains(message, "--data");
  EXPECT_EQ(error_of([&] { load_mnist(folder.path() / "absent"); }).substr(0, 12), "[load_mnist]");
}

TEST(MnistFiles, FilesThatDoNotBelongTogetherAreErrors) {
  const auto message_for = [](auto&& change) {
    TemporaryFolder folder;
    FakeFiles files;
    change(files);
    files.write(folder.path(), "-", gzip_available());
    return error_of([&] { load_mnist(folder.path()); });
  };
  expect_contains(message_for([](FakeFiles& f) { f.train_labels.values[1] = 10; }), "label 10 at index 1");
  expect_contains(message_for([](FakeFiles& f) { f.test_labels = {{3}, {1, 2, 3}}; }), "expected [2]");
  expect_contains(message_for([](FakeFiles& f) { f.train_images.shape = {3, 14, 56}; }), "[3, 14, 56]");
  expect_contains(message_for([](FakeFiles& f) { f.test_images.shape = {2, 784}; }), "[2, 784]");
}

/// The folder with the real files: $ORBITGRAD_DATA or shared/data/images beside the source tree.
std::filesystem::path real_data() {
  if (const char* given = std::getenv("ORBITGRAD_DATA")) return given;
  return std::filesystem::path(source_folder()) / ".." / "shared" / "data" / "images";
}

TEST(MnistFiles, RealFilesHaveTheKnownFacts) {
  if (!std::filesystem::exists(real_data() / "mnist")) {
    GTEST_SKIP() << "the MNIST files are not there: set ORBITGRAD_DATA to the folder that holds mnist/";
  }
  if (!gzip_available()) GTEST_SKIP() << "this build has no zlib, and the files are compressed";
  const Mnist mnist = load_mnist(real_data());
  check_dataset(mnist.train);
  EXPECT_EQ(mnist.train.count, 60000);
  EXPECT_EQ(mnist.test.count, 10000);
  const auto label_sum = [](const ImageDataset& d) {
    return std::accumulate(d.labels.begin(), d.labels.end(), std::int64_t{0});
  };
  EXPECT_EQ(label_sum(mnist.train), 267236);
  EXPECT_EQ(label_sum(mnist.test), 44434);
  EXPECT_EQ(std::vector<std::int64_t>(mnist.train.labels.begin(), mnist.train.labels.begin() + 8),
            (std::vector<std::int64_t>{5, 0, 4, 1, 9, 2, 1, 3}));
  EXPECT_EQ(std::ranges::count(mnist.train.labels, 1), 6742);
  const Brightness measured = brightness(mnist.train);  // the constants that everybody knows
  EXPECT_NEAR(measured.mean, 0.13066, 1e-5);
  EXPECT_NEAR(measured.deviation, 0.30811, 1e-5);
  EXPECT_NEAR(measured.mean * 255, 33.3184, 1e-3);

  const Digits rotated = rotated_mnist_12k(mnist, 0);
  EXPECT_EQ(rotated.train.count, 12000);
  EXPECT_EQ(rotated.test_rotated.count, 50000);
  EXPECT_NEAR(brightness(rotated.train).mean, measured.mean, 0.002);  // rotation keeps the ink
}

}  // namespace
}  // namespace orbitgrad::experiments
