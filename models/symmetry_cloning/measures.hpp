// How equivariant a map is, and how much of a symmetry a weight keeps.
//   E(h) = mean_{x, g != e} |h(rho_in(g) x) - rho_out(g) h(x)|^2 / mean_x |h(x)|^2
// For orthogonal actions and inputs whose law the group keeps, E <= 4 NMSE E|Phi|^2 / E|h|^2 for h within NMSE of an
// equivariant Phi, by the triangle inequality. delta(W) = |W - P W|_F / |W|_F with P W = 1/|G| sum_g rho_out(g)^-1 W
// rho_in(g) (Elesedy and Zaidi, 2021). All sums in float64.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "models/symmetry_cloning/layer_family.hpp"

namespace orbitgrad::models {

/// [N, ..., d_in] -> [N, ..., d_out], without gradients.
using FeatureMap = std::function<Tensor(const Tensor&)>;

/// E(h) over the given elements; none given: all but the identity. x [N, ..., d_in]. Error: h(x) is all 0, an axis
/// that is not the points of the action, a group of one element only.
double equivariance_error(const FeatureMap& h, const Tensor& x, const LayerSymmetry& symmetry,
                          std::span<const int> elements = {});

struct CloneError {
  double nmse = 0;            ///< sum |h - Phi|^2 / sum |Phi|^2
  double teacher_square = 0;  ///< mean_x |Phi(x)|^2
  double student_square = 0;  ///< mean_x |h(x)|^2
  /// 4 NMSE E|Phi|^2 / E|h|^2: E(h) is at most this.
  double equivariance_bound() const { return 4 * nmse * teacher_square / student_square; }
};
CloneError clone_error(const FeatureMap& student, const FeatureMap& teacher, const Tensor& x);

/// P W of weights [out, in] or a stack of them, [K, out, in]. out and in are whole numbers of channels of the actions.
Tensor equivariant_part(const Tensor& weight, const LayerSymmetry& symmetry);
/// delta(W), in [0, 1]; of a stack, over all its entries. 0 for W = 0.
double symmetry_distance(const Tensor& weight, const LayerSymmetry& symmetry);

struct Shift {
  std::int64_t down = 0, right = 0;
};
/// Moves images [..., H, W]; zeros come in from the border.
Tensor shift_with_zeros(const Tensor& image, const Shift& shift);
/// E(h) over such shifts on the pixels further than |shift| + 1, and than the kernel's reach, from the border, where a
/// layer with zero padding is exact. x [N, C, d_in]. Error: no pixel is left.
double interior_shift_error(const FeatureMap& h, const Tensor& x, const LayerFamily& family,
                            std::span<const Shift> shifts);

}  // namespace orbitgrad::models
