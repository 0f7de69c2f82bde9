// Batches as pure functions of (key, epoch, index): every sample once, in any order, with its own augmentation.
#include "nn/data_loader.hpp"

#include <limits>
#include <numbers>
#include <set>

#include "tests/nn/support.hpp"

namespace orbitgrad::nn {
namespace {

using namespace testing_support;

const RandomKey key{61};

DataLoader loader_of(std::int64_t count, DataLoaderOptions options, RandomKey from = key) {
  return {normal({count, 1, 6, 6}, RandomKey{1}), arange(count), from, std::move(options)};
}

/// The inputs of each sample of an epoch, ordered by position in the data set.
std::map<std::int64_t, std::vector<float>> samples(const DataLoader::Epoch& epoch) {
  std::map<std::int64_t, std::vector<float>> found;
  for (std::int64_t i = 0; i < epoch.batch_count(); ++i) {
    const Batch batch = epoch.batch(i);
    const auto values = batch.inputs.to_vector<float>();
    const auto indices = batch.indices.to_vector<std::int64_t>();
    for (std::size_t b = 0; b < indices.size(); ++b)
      found[indices[b]] = {values.begin() + static_cast<std::ptrdiff_t>(36 * b),
                           values.begin() + static_cast<std::ptrdiff_t>(36 * (b + 1))};
  }
  return found;
}

TEST(DataLoader, GivesEverySampleOnceAnEpoch) {
  for (const bool drop_last : {false, true}) {
    const auto loader = loader_of(23, {.batch_size = 5, .drop_last = drop_last});
    EXPECT_EQ(loader.batch_count(), drop_last ? 4 : 5);
    const auto epoch = loader.epoch(0);
    std::set<std::int64_t> seen;
    std::int64_t count = 0;
    for (std::int64_t i = 0; i < epoch.batch_count(); ++i) {
      const Batch batch = epoch.batch(i);
      EXPECT_TRUE(same_bits(batch.labels, batch.indices));
      for (const auto index : batch.indices.to_vector<std::int64_t>()) seen.insert(index), ++count;
    }
    EXPECT_EQ(count, drop_last ? 20 : 23);
    EXPECT_EQ(seen.size(), static_cast<std::size_t>(count));
  }
}

TEST(DataLoader, ShufflesAnewEachEpochAndRepeatsItself) {
  const auto loader = loader_of(40, {.batch_size = 40});
  const Tensor first = loader.epoch(0).batch(0).indices;
  EXPECT_TRUE(same_bits(first, loader.epoch(0).batch(0).indices));
  EXPECT_FALSE(same_bits(first, loader.epoch(1).batch(0).indices));
  EXPECT_FALSE(same_bits(first, loader_of(40, {.batch_size = 40}, RandomKey{62}).epoch(0).batch(0).indices));
  EXPECT_TRUE(same_bits(loader_of(40, {.batch_size = 40, .shuffle = false}).epoch(3).batch(0).indices, arange(40)));
}

TEST(DataLoader, AugmentationDependsOnEpochAndSampleAlone) {
  const auto rotation = random_rotation(0, 2 * std::numbers::pi);
  const auto small = loader_of(12, {.batch_size = 5, .augmentation = rotation});
  const auto ordered = loader_of(12, {.batch_size = 12, .shuffle = false, .augmentation = rotation});
  EXPECT_EQ(samples(small.epoch(2)), samples(ordered.epoch(2)));
  EXPECT_NE(samples(small.epoch(2)), samples(small.epoch(3)));
  // A batch does not need the ones before it.
  const auto epoch = small.epoch(4);
  const Tensor last = epoch.batch(2).inputs;
  epoch.batch(0);
  EXPECT_TRUE(same_bits(last, epoch.batch(2).inputs));
}

TEST(DataLoader, GivesEachSampleItsOwnKey) {
  std::set<std::uint64_t> seen;
  const Augmentation watch = [&](const Tensor& inputs, std::span<const RandomKey> keys) {
    EXPECT_EQ(static_cast<std::int64_t>(keys.size()), inputs.size(0));
    for (const RandomKey sample : keys) seen.insert(sample.value);
    return inputs;
  };
  const auto loader = loader_of(50, {.batch_size = 7, .augmentation = watch});
  for (const std::int64_t e : {0, 1}) {
    const auto epoch = loader.epoch(e);
    for (std::int64_t i = 0; i < epoch.batch_count(); ++i) epoch.batch(i);
  }
  EXPECT_EQ(seen.size(), 100u);
}

TEST(DataLoader, NoSamplesAndTheLargestBatch) {
  const auto none = loader_of(0, {.batch_size = 5});
  EXPECT_EQ(none.batch_count(), 0);
  EXPECT_EQ(none.epoch(1).batch_count(), 0);
  const auto whole = loader_of(3, {.batch_size = std::numeric_limits<std::int64_t>::max()});
  EXPECT_EQ(whole.batch_count(), 1);
  EXPECT_EQ(whole.epoch(1).batch(0).indices.size(0), 3);
}

TEST(DataLoader, RefusesWhatDoesNotFit) {
  expect_error([] { DataLoader(zeros({3, 2}), zeros({4}), key); }, {"[DataLoader]", "[3, 2]", "[4]"});
  expect_error([] { loader_of(3, {.batch_size = 0}); }, {"batch size"});
  expect_error([] { loader_of(3, {.batch_size = 5, .drop_last = true}); }, {"3 samples", "5"});
  const auto loader = loader_of(3, {.batch_size = 2});
  expect_error([&] { loader.epoch(0).batch(2); }, {"batch 2", "[0, 2)"});
}

}  // namespace
}  // namespace orbitgrad::nn
