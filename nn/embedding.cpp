#include "nn/embedding.hpp"

#include "engine/ops/segments.hpp"

namespace orbitgrad::nn {

Embedding::Embedding(std::int64_t symbols, std::int64_t features, RandomKey key, DType dtype) {
  require(symbols > 0 && features > 0, "Embedding",
          "needs positive sizes, got {} symbols and {} features. Correct them.", symbols, features);
  weight_ = register_parameter("weight", normal({symbols, features}, key, 0, 1, dtype));
}

Tensor Embedding::forward(const Tensor& index, const Pass&) { return embedding(weight_, index); }

}  // namespace orbitgrad::nn
