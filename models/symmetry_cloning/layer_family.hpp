// The teacher of symmetry cloning, one layer: Phi_tau(x) = sum_k tau_k B_k x, linear in its filter tau and equivariant
// for every tau, Phi_tau(rho_in(g) x) = rho_out(g) Phi_tau(x) (Huang et al., Symmetry From Scratch, 2024). The layers
// are plain, lifting and group convolutions of stride 1 that keep the size of the grid.
#pragma once

#include <cstdint>
#include <string>

#include "engine/tensor.hpp"
#include "groups/action.hpp"
#include "groups/lattice_group.hpp"

namespace orbitgrad::models {

/// Images to images; images to regular features of a point group; regular features to regular features.
enum class LayerKind { convolution, lifting, group_convolution };
/// What a filter reads beyond the border. With `circular` the layer commutes with every cyclic shift.
enum class Boundary { zero, circular };

struct LayerFamilyOptions {
  LayerKind kind = LayerKind::convolution;
  std::string group = "p1";  ///< point group (groups/lattice_group.hpp); "p1" for plain convolutions
  std::int64_t height = 28, width = 28;
  std::int64_t kernel = 3;  ///< odd
  Boundary boundary = Boundary::zero;
};

/// How one group moves the flattened features of one channel on both sides of a layer.
struct LayerSymmetry {
  groups::Action in, out;  // on d_in and d_out points
};

/// The same action on each of `channels` copies of the features: [C, d] flattened, point = c d + i.
groups::Action on_channels(const groups::Action& action, std::int64_t channels);

class LayerFamily {
 public:
  /// Error: a size that is not in [1, 32768], an even kernel, a plain convolution with a group, a group of quarter
  /// turns on a grid that is not square.
  explicit LayerFamily(const LayerFamilyOptions& options);

  const LayerFamilyOptions& options() const { return options_; }
  const groups::LatticeGroup& group() const { return group_; }
  std::int64_t taps() const;         ///< K: k^2, or |H| k^2 between regular features
  std::int64_t input_size() const;   ///< d_in = S_in H W of one channel
  std::int64_t output_size() const;  ///< d_out = S_out H W

  /// One tau for all samples: x [N, C_in, d_in], tau [C_out, C_in, K] -> [N, C_out, d_out].
  Tensor apply(const Tensor& x, const Tensor& tau) const;
  /// Every sample its own tau: x [N, d_in], tau [N, K] -> [N, d_out].
  Tensor apply_each(const Tensor& x, const Tensor& tau) const;
  /// All B_k: [K, d_out, d_in].
  Tensor matrices(DType dtype = DType::float32) const;

  /// The point group H about the centre of the grid: exact for either boundary.
  LayerSymmetry point_symmetry() const;
  /// The cyclic shifts Z_H x Z_W, element down W + right: exact for the circular boundary only.
  LayerSymmetry shift_symmetry() const;

  /// [N, C, d_in] -> [N, C, H, W] or [N, C, S, H, W], and the same of the output.
  Tensor unflatten_input(const Tensor& x) const;
  Tensor unflatten_output(const Tensor& y) const;

 private:
  std::int64_t pixels() const { return options_.height * options_.width; }
  bool regular_input() const { return options_.kind == LayerKind::group_convolution; }
  bool regular_output() const { return options_.kind != LayerKind::convolution; }
  Tensor unflatten(const Tensor& x, bool regular, std::int64_t size) const;
  /// x [N, C, (S,) H, W], tau [O, C / channel_groups, K].
  Tensor convolve(const Tensor& x, const Tensor& tau, std::int64_t channel_groups) const;

  LayerFamilyOptions options_;
  groups::LatticeGroup group_;
};

/// [N, C, H, W] or [N, C, S, H, W] -> [N, C, d].
Tensor flatten_features(const Tensor& x);

}  // namespace orbitgrad::models
