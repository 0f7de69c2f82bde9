#include "models/mlp.hpp"

#include <fmt/format.h>

namespace orbitgrad::models {

std::shared_ptr<nn::Sequential> mlp(std::int64_t in, const std::vector<std::int64_t>& hidden, std::int64_t out,
                                    RandomKey key, DType dtype) {
  auto model = std::make_shared<nn::Sequential>();
  model->add<nn::Flatten>("flatten");
  std::int64_t width = in;
  for (std::size_t layer = 0; layer < hidden.size(); ++layer) {
    model->add<nn::Linear>(fmt::format("dense{}", layer + 1), width, hidden[layer], key.split(layer),
                           nn::LayerOptions{.gain = 2, .dtype = dtype});
    model->add<nn::Relu>(fmt::format("relu{}", layer + 1));
    width = hidden[layer];
  }
  model->add<nn::Linear>("top", width, out, key.split(hidden.size()), nn::LayerOptions{.dtype = dtype});
  return model;
}

}  // namespace orbitgrad::models
