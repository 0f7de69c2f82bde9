// Batches from a data set in memory. The order is a random permutation keyed by (key, epoch), and the augmentation of a
// sample by (key, epoch, its index): any batch of any epoch is a pure function of them, in any order, on any threads.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "engine/random.hpp"
#include "engine/tensor.hpp"

namespace orbitgrad::nn {

/// Changes samples [B, ...]; the randomness of sample b comes from keys[b] alone.
using Augmentation = std::function<Tensor(const Tensor& inputs, std::span<const RandomKey> keys)>;

/// Rotates each image [B, C, H, W] by its own uniform angle in [low, high) radians, bilinear, zeros outside.
Augmentation random_rotation(double low, double high);

struct DataLoaderOptions {
  std::int64_t batch_size = 128;
  bool shuffle = true;
  /// Leave out the last batch of an epoch when it is smaller than the others.
  bool drop_last = false;
  Augmentation augmentation = {};
  /// Where batches are augmented and handed out.
  DeviceKind device = default_device();
};

struct Batch {
  Tensor inputs;   // [B, ...]
  Tensor labels;   // [B]
  Tensor indices;  // [B] int64, positions in the data set, in host memory
};

class DataLoader {
 public:
  /// inputs [N, ...] and labels [N, ...] of any dtype; they are kept in host memory.
  DataLoader(const Tensor& inputs, const Tensor& labels, RandomKey key, DataLoaderOptions options = {});

  class Epoch {
   public:
    std::int64_t batch_count() const { return loader_.batch_count(); }
    /// Batch i of the epoch.
    Batch batch(std::int64_t i) const;

   private:
    friend class DataLoader;
    Epoch(const DataLoader& loader, std::int64_t number);

    const DataLoader& loader_;
    RandomKey key_;
    std::vector<std::int64_t> order_;  // positions in the data set
  };

  std::int64_t sample_count() const { return inputs_.size(0); }
  /// Batches of one epoch.
  std::int64_t batch_count() const;
  /// Refers to the loader and must not outlive it.
  Epoch epoch(std::int64_t number) const;

 private:
  Tensor inputs_, labels_;
  RandomKey key_;
  DataLoaderOptions options_;
};

}  // namespace orbitgrad::nn
