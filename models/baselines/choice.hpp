// Choosing one group element per sample by scores, with a gradient: forward the one-hot row of the largest score,
// backward as if it were softmax(beta a) (Bengio, Leonard, Courville, arXiv 1308.3432; Kaba et al., ICML 2023), or the
// same of scores with Gumbel noise, which samples from the softmax (Jang, Gu, Poole, ICLR 2017).
#pragma once

#include "engine/random.hpp"
#include "engine/tensor.hpp"

namespace orbitgrad::models {

/// Scores a [N, |G|] -> w [N, |G|], exactly 1 at the first largest score and 0 elsewhere; dw/da is that of
/// softmax(beta a). beta > 0.
Tensor straight_through(const Tensor& scores, double beta = 1);

/// a - log(-log u), u uniform in (0, 1): its argmax is distributed as softmax(a).
Tensor add_gumbel_noise(const Tensor& scores, RandomKey key);

/// The share of rows whose largest score occurs more than once, so that the choice fell on the lowest index.
double tie_frequency(const Tensor& scores);

}  // namespace orbitgrad::models
