#include "nn/data_loader.hpp"

#include <algorithm>
#include <vector>

#include "engine/ops/creation.hpp"
#include "engine/ops/symmetry.hpp"
#include "engine/ops/transfer.hpp"

namespace orbitgrad::nn {

namespace {

/// x[indices[0]], x[indices[1]], ... of any dtype, in host memory, without history. The indices are known to be in
/// range.
Tensor take_rows(const Tensor& x, std::span<const std::int64_t> indices) {
  Shape shape = x.shape();
  shape[0] = static_cast<std::int64_t>(indices.size());
  Tensor rows = Tensor::empty(shape, x.dtype(), DeviceKind::cpu);
  const std::int64_t length = x.size(0) > 0 ? x.numel() / x.size(0) : 0;
  visit_storage(x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    T* out = fresh_host_data<T>(rows);
    for (const std::int64_t index : indices) out = std::copy_n(x.host_data<T>() + index * length, length, out);
  });
  return rows;
}

}  // namespace

Augmentation random_rotation(double low, double high) {
  return [low, high](const Tensor& images, std::span<const RandomKey> keys) {
    std::vector<double> angles;
    for (const RandomKey key : keys)
      angles.push_back(uniform({}, key, low, high, DType::float64, DeviceKind::cpu).item());
    const Shape one_each{static_cast<std::int64_t>(angles.size())};
    return rotate_bilinear(images, from_vector(angles, one_each, DeviceKind::cpu).to(images.dtype()));
  };
}

DataLoader::DataLoader(const Tensor& inputs, const Tensor& labels, RandomKey key, DataLoaderOptions options)
    : inputs_(on_host(inputs)), labels_(on_host(labels)), key_(key), options_(std::move(options)) {
  require(inputs_.rank() >= 1 && labels_.rank() >= 1 && inputs_.size(0) == labels_.size(0), "DataLoader",
          "inputs are {} and labels {}. Give as many of both.", inputs_.shape().to_string(),
          labels_.shape().to_string());
  require(options_.batch_size > 0, "DataLoader", "the batch size is {}. Take a positive one.", options_.batch_size);
  require(!options_.drop_last || options_.batch_size <= sample_count(), "DataLoader",
          "{} samples make no full batch of {}. Take a smaller batch or keep the last one.", sample_count(),
          options_.batch_size);
}

std::int64_t DataLoader::batch_count() const {
  const std::int64_t size = options_.batch_size, count = sample_count();
  return count / size + (!options_.drop_last && count % size != 0 ? 1 : 0);
}

DataLoader::Epoch DataLoader::epoch(std::int64_t number) const { return {*this, number}; }

DataLoader::Epoch::Epoch(const DataLoader& loader, std::int64_t number)
    : loader_(loader), key_(loader.key_.split(static_cast<std::uint64_t>(number))) {
  const std::int64_t count = loader.sample_count();
  const Tensor order = loader.options_.shuffle ? random_permutation(count, key_.split("order"), DeviceKind::cpu)
                                               : arange(count, DType::int64, DeviceKind::cpu);
  order_ = order.to_vector<std::int64_t>();
}

Batch DataLoader::Epoch::batch(std::int64_t i) const {
  require(i >= 0 && i < batch_count(), "DataLoader", "batch {} is not in [0, {}). Start the next epoch.", i,
          batch_count());
  const std::int64_t start = i * loader_.options_.batch_size;
  const std::int64_t length = std::min(loader_.options_.batch_size, loader_.sample_count() - start);
  const std::span indices =
      std::span(order_).subspan(static_cast<std::size_t>(start), static_cast<std::size_t>(length));
  const DeviceKind device = loader_.options_.device;
  Batch batch{to_device(take_rows(loader_.inputs_, indices), device),
              to_device(take_rows(loader_.labels_, indices), device), from_span(indices, {length}, DeviceKind::cpu)};
  if (loader_.options_.augmentation) {
    const RandomKey augmentation_key = key_.split("augmentation");
    std::vector<RandomKey> keys;
    for (const std::int64_t index : indices) keys.push_back(augmentation_key.split(static_cast<std::uint64_t>(index)));
    batch.inputs = loader_.options_.augmentation(batch.inputs, keys);
  }
  return batch;
}

}  // namespace orbitgrad::nn
