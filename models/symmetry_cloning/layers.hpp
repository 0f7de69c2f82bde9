// Layers of many channels made of clones, [N, C_in, d_in] -> [N, C_out, d_out], before the activation: the clone of the
// family with a trainable tau, the clone of one filter as a dense matrix, and the teacher itself as the reference.
#pragma once

#include <memory>

#include "models/symmetry_cloning/layer_family.hpp"
#include "models/symmetry_cloning/student.hpp"

namespace orbitgrad::models {

struct Channels {
  std::int64_t in = 1, out = 1;
};

/// Normal, variance 2 / (C_in K), as before a ReLU: [C_out, C_in, K].
Tensor initial_tau(const Channels& channels, std::int64_t taps, RandomKey key, DType dtype = DType::float32);

/// y_o = sum_c h_theta(x_c, tau_oc) + b_o with one clone theta for all pairs of channels. Parameters "tau"
/// [C_out, C_in, K], "bias" [C_out], 0, and those of the student, "theta. ...".
class ClonedLayer final : public nn::Module {
 public:
  /// Error: the student sees no tau.
  ClonedLayer(std::shared_ptr<Student> student, const Channels& channels, RandomKey key);
  Tensor forward(const Tensor& x, const nn::Pass& pass) override;

 private:
  std::shared_ptr<Student> student_;
  Tensor tau_, bias_;
};

/// y = h_theta(x) + b_o with a student of all channels at once, C_in d_in -> C_out d_out, that sees no tau: "bias"
/// [C_out], 0, and "theta. ...".
class DenseLayer final : public nn::Module {
 public:
  /// Error: the student sees tau, or the channels do not divide its sizes.
  DenseLayer(std::shared_ptr<Student> student, const Channels& channels);
  Tensor forward(const Tensor& x, const nn::Pass& pass) override;

 private:
  std::shared_ptr<Student> student_;
  Channels channels_;
  Tensor bias_;
};

/// Phi_tau(x) + b_o: "tau" and "bias" as in ClonedLayer.
class TeacherLayer final : public nn::Module {
 public:
  TeacherLayer(const LayerFamily& family, const Channels& channels, RandomKey key, DType dtype = DType::float32);
  Tensor forward(const Tensor& x, const nn::Pass& pass) override;

 private:
  LayerFamily family_;
  Tensor tau_, bias_;
};

}  // namespace orbitgrad::models
