// Makers of the activations a_h(x) of a canonicalization, all with a_h(g x) = a_{g^-1 h}(x) in every bit:
//   direct       a small group network, a_h = mean of its regular features at h       (Kaba et al., 2211.06489)
//   by energy    a_h(x) = -E(rho(h)^-1 x) for any E, so that c(x) minimises it          (the same)
//   contrastive  a_h(x) = cos(s(rho(h)^-1 x), v) for any encoder s, vector v  (Panigrahi, Mondal, 2405.14089)
#pragma once

#include "models/baselines/lattice_symmetry.hpp"

namespace orbitgrad::models {

struct DirectCanonicalizerOptions {
  int layers = 3;
  std::int64_t fields = 32, kernel = 5;
  DType dtype = DType::float32;
};

/// Images [N, channels, H, W] -> a [N, |G|], by a lifting layer and group convolutions with ReLU between them, each
/// padded to keep the size. Odd kernels only.
class DirectCanonicalizer final : public nn::Module {
 public:
  DirectCanonicalizer(LatticeGroup group, std::int64_t channels, RandomKey key,
                      const DirectCanonicalizerOptions& options = {});
  Tensor forward(const Tensor& x, const nn::Pass& pass) override;

 private:
  LatticeGroup group_;
  std::shared_ptr<nn::Sequential> network_;
};

/// a = -E of any energy, images [N, C, H, W] -> [N] or [N, 1]: the child "energy", called once per pose. A function
/// without weights may be given as a map.
class EnergyCanonicalizer final : public nn::Module {
 public:
  EnergyCanonicalizer(LatticeGroup group, std::shared_ptr<nn::Module> energy);
  EnergyCanonicalizer(LatticeGroup group, TensorMap energy);
  Tensor forward(const Tensor& x, const nn::Pass& pass) override;

 private:
  LatticeGroup group_;
  std::shared_ptr<nn::Module> energy_;
};

struct ContrastiveActivations {
  Tensor activations;  // [N, |G|]
  Tensor vectors;      // v_h = s(rho(h)^-1 x), [N, |G|, d]
};

/// Child "encoder", images -> [N, d]; buffer "reference" [d], normal and fixed, or a parameter if it is learned.
class ContrastiveCanonicalizer final : public nn::Module {
 public:
  ContrastiveCanonicalizer(LatticeGroup group, std::shared_ptr<nn::Module> encoder, std::int64_t dimension,
                           RandomKey key, bool learned_reference = false, DType dtype = DType::float32);
  ContrastiveActivations activate(const Tensor& x, const nn::Pass& pass = {});
  Tensor forward(const Tensor& x, const nn::Pass& pass) override { return activate(x, pass).activations; }

 private:
  LatticeGroup group_;
  std::shared_ptr<nn::Module> encoder_;
  Tensor reference_;
};

/// mean |<v_h, v_k>| over h != k and samples, for vectors [N, |G|, d]: drives the poses apart, so that the maximum is
/// unique. |G| >= 2. (Their artefact term, s of an image against s of it turned forth and back, is 0 here: a lattice
/// group turns back in every bit.)
Tensor contrastive_loss(const Tensor& vectors);

}  // namespace orbitgrad::models
