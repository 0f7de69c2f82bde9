// Irreducible representations of SO(3) and the circle in real bases, and how products of them fall apart.
// Order l has dimension 2l + 1 in the basis of real spherical harmonics m = -l .. l; l = 1 is (y, z, x).
// Sources: Varshalovich, Moskalev, Khersonskii, Quantum Theory of Angular Momentum (1988), 4.3 and 8.2.
#pragma once

#include <array>

#include "groups/matrix.hpp"

namespace orbitgrad::groups {

inline constexpr std::int64_t max_angular_order = 8;

/// The real skew matrices of rotations about x, y, z: D(exp(theta n)) = exp(theta (n . J)). [2l+1, 2l+1] each.
/// Error unless 0 <= l <= max_angular_order; so below.
[[nodiscard]] const std::array<Matrix, 3>& rotation_generators(std::int64_t l);
/// D^l of a rotation matrix [3, 3]. Error: not orthogonal to 1e-8, or a reflection.
[[nodiscard]] Matrix wigner_d(std::int64_t l, const Matrix& rotation);
/// Y^l at a unit vector, normalised to |Y|^2 = (2l + 1): D^l(g) Y^l(x) = Y^l(g x).
[[nodiscard]] std::vector<double> spherical_harmonics(std::int64_t l, const std::array<double, 3>& direction);

/// C [(2l1+1)(2l2+1), 2l3+1] with orthonormal columns: (D^l1 x D^l2) C = C D^l3. Real; its sign makes the first entry
/// that is not zero positive. Error unless |l1 - l2| <= l3 <= l1 + l2.
[[nodiscard]] Matrix clebsch_gordan(std::int64_t l1, std::int64_t l2, std::int64_t l3);

}  // namespace orbitgrad::groups
