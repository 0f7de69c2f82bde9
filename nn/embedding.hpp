// Embedding: one learned row of features for each symbol of a vocabulary.
#pragma once

#include "nn/module.hpp"

namespace orbitgrad::nn {

/// int64 [...] in [-symbols, symbols) -> [..., features]. weight [symbols, features] starts as standard normal.
class Embedding final : public Module {
 public:
  Embedding(std::int64_t symbols, std::int64_t features, RandomKey key, DType dtype = DType::float32);
  Tensor forward(const Tensor& index, const Pass& pass) override;

 private:
  Tensor weight_;
};

}  // namespace orbitgrad::nn
