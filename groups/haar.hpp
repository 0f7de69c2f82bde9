// Exact samples of the Haar measure of compact groups: the QR factor of a Gaussian matrix (Mezzadri 2007) for SO, O, U
// and SU, Fisher and Yates for S(n), a uniform element of a finite group, and products and embeddings of these.
#pragma once

#include "groups/matrix_group.hpp"

namespace orbitgrad::groups {

/// Error: the group is not compact, or it has a Lie algebra without a sampler here.
[[nodiscard]] ComplexMatrix haar_sample(const MatrixGroup& group, RandomSource& random);

}  // namespace orbitgrad::groups
