#include "experiments/evaluation.hpp"

#include <algorithm>

#include "engine/autograd/grad.hpp"
#include "engine/error.hpp"
#include "engine/ops/creation.hpp"
#include "engine/ops/shape_ops.hpp"
#include "nn/loss.hpp"

namespace orbitgrad::experiments {

Samples to_samples(const ImageDataset& dataset) {
  check_dataset(dataset);
  return {from_vector(dataset.pixels, {dataset.count, dataset.channels, dataset.height, dataset.width}),
          from_vector(dataset.labels)};
}

Tensor first_inputs(const ImageDataset& dataset, std::int64_t count) {
  count = std::min(count, dataset.count);
  const std::span<const float> pixels =
      std::span(dataset.pixels).first(static_cast<std::size_t>(count * dataset.image_size()));
  return from_span(pixels, {count, dataset.channels, dataset.height, dataset.width});
}

double measure_accuracy(nn::Module& module, const Samples& samples, std::int64_t batch_size) {
  const std::int64_t count = samples.inputs.size(0);
  require(count > 0, "measure_accuracy", "there are no samples. Give one or more.");
  const NoGrad no_grad;
  std::int64_t correct = 0;
  for (std::int64_t begin = 0; begin < count; begin += batch_size) {
    const std::int64_t length = std::min(batch_size, count - begin);
    const Tensor inputs = narrow(samples.inputs, 0, begin, length).to(module.device());
    const Tensor labels = narrow(samples.labels, 0, begin, length).to(module.device());
    correct += nn::count_correct(module(inputs), labels);
  }
  return static_cast<double>(correct) / static_cast<double>(count);
}

namespace {

struct OutputKind {
  nn::Representation representation;
  std::string name;
};

/// Regular features keep a group axis; a global maximum over pixels leaves it as the last one.
OutputKind output_kind(const Tensor& y, int group_order) {
  using enum nn::Representation;
  if (y.rank() == 5) return {regular, "regular"};
  if (y.rank() == 4) return {planar, "planar"};
  if (y.rank() == 3 && y.size(2) == group_order) return {regular_vector, "regular"};
  return {invariant, "invariant"};
}

}  // namespace

std::vector<LayerReport> check_layers(nn::Sequential& network, const Tensor& x, const groups::LatticeGroup& group) {
  const NoGrad no_grad;
  std::vector<LayerReport> reports;
  for (std::size_t last = 0; last < network.children().size(); ++last) {
    const nn::TensorMap up_to_layer = [&](const Tensor& input) {
      Tensor y = input;
      for (std::size_t i = 0; i <= last; ++i) y = (*network.children()[i].second)(y);
      return y;
    };
    const OutputKind kind = output_kind(up_to_layer(x), group.order());
    reports.push_back({network.children()[last].first, kind.name,
                       nn::check_equivariance(up_to_layer, x, group, nn::Representation::planar, kind.representation)});
  }
  return reports;
}

}  // namespace orbitgrad::experiments
