// The inputs of cloning: batches that are a function of the key alone.
#pragma once

#include <optional>

#include "groups/action.hpp"
#include "models/symmetry_cloning/clone_options.hpp"

namespace orbitgrad::models {

/// Draws batches [options.batch, sample...] from options.source, on the default device.
class CloneInputs {
 public:
  /// `orbit` acts on the last axis of a sample, for orbit_augmented. Error of `op`: a dataset that is missing or has
  /// other samples, an orbit that is missing.
  CloneInputs(std::string_view op, const CloneOptions& options, const Shape& sample,
              const std::optional<groups::Action>& orbit, DType dtype);
  Tensor draw(RandomKey key) const;

 private:
  Tensor moved(const Tensor& x, RandomKey key) const;

  InputSource source_;
  double sigma_;
  Shape shape_;
  DType dtype_;
  Tensor dataset_;
  Tensor origin_;  // [|G|, d]: where each point of a moved sample comes from
};

/// For orbit_augmented, what moves the inputs of one layer: cyclic shifts for plain convolutions, else the point group.
std::optional<groups::Action> input_orbit(const LayerFamily& teacher, const CloneOptions& options);

}  // namespace orbitgrad::models
