#include "models/cnn.hpp"

#include <fmt/format.h>

namespace orbitgrad::models {

std::shared_ptr<nn::Sequential> cnn(std::int64_t channels, const std::vector<std::int64_t>& widths,
                                    std::int64_t classes, RandomKey key, DType dtype) {
  auto model = std::make_shared<nn::Sequential>();
  std::int64_t width = channels;
  for (std::size_t layer = 0; layer < widths.size(); ++layer) {
    model->add<nn::Conv2d>(fmt::format("conv{}", layer + 1), width, widths[layer], 3, key.split(layer),
                           Conv2dOptions{.padding = 1}, nn::LayerOptions{.bias = false, .dtype = dtype});
    width = widths[layer];
    model->add<nn::BatchNorm>(fmt::format("norm{}", layer + 1), width, nn::BatchNormOptions{.dtype = dtype});
    model->add<nn::Relu>(fmt::format("relu{}", layer + 1));
    model->add<nn::MaxPool2d>(fmt::format("pool{}", layer + 1));
  }
  model->add<nn::GlobalPool>("mean", nn::PoolKind::mean);
  model->add<nn::Linear>("top", width, classes, key.split(widths.size()), nn::LayerOptions{.dtype = dtype});
  return model;
}

}  // namespace orbitgrad::models
