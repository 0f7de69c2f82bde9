// EMLP: multilayer perceptrons equivariant under any matrix group. Blocks z = linear(x), z + bilinear(z), gates; then a
// linear layer. Source: Finzi, Welling, Wilson (ICML 2021), section 6, and its code for the figures left out there.
#pragma once

#include "nn/equivariant_linear.hpp"

namespace orbitgrad::models {

/// How many copies of each tensor rank a hidden layer gets. Both fill rounds: the largest rank R with
/// (R + 1) d^R <= channels left, and d^(R-r) copies of each rank r <= R.
enum class Allocation {
  uniform,             // R anew in every round: exactly `channels` dimensions
  uniform_fixed_rank,  // R of the first round in all: overshoots (128 gives 216 for d = 3), only T(r); published PER
                       // models
};

/// A hidden representation of that many channels. Where V* differs from V, `uniform` spreads the copies of rank r over
/// T(p, r - p) binomially, the remainder at random by the key. Error: channels < 1.
groups::Representation hidden_representation(const groups::MatrixGroup& group, std::int64_t channels,
                                             Allocation allocation, RandomKey key);

struct EmlpOptions {
  std::int64_t channels = 384;
  std::int64_t layers = 3;  // hidden blocks
  Allocation allocation = Allocation::uniform;
  DType dtype = DType::float32;
};

/// x [N, in] -> [N, out]. All hidden blocks have one representation.
std::shared_ptr<nn::Module> emlp(const groups::Representation& in, const groups::Representation& out, RandomKey key,
                                 const EmlpOptions& options = {});

/// The ordinary network it is compared with: dense layers with swish, x sigmoid(x). Weights start normal with variance
/// 2 / (in + out) (Glorot and Bengio, 2010), biases at 0, as in the authors' runs.
std::shared_ptr<nn::Module> swish_mlp(std::int64_t in, std::int64_t out, RandomKey key,
                                      const EmlpOptions& options = {});

}  // namespace orbitgrad::models
