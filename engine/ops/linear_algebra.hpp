// Linear algebra on batches of matrices [..., n, n], float32 or float64, with derivatives of every order. Made for many
// small matrices; one of a few hundred rows is fine, larger ones belong to a library.
#pragma once

#include "engine/tensor.hpp"

namespace orbitgrad {

/// x with a x = b: a [..., n, n], b [..., n, m] or a vector [n]; leading axes broadcast. Error: a singular matrix.
Tensor solve(const Tensor& a, const Tensor& b);
Tensor inverse(const Tensor& a);

/// [..., n, n] -> [...]. Its derivatives hold for singular matrices, too; those of the second order and above lose
/// digits, as many as the condition number has, only beyond n = 32.
Tensor determinant(const Tensor& a);
/// Sign and logarithm of |determinant|: 0 and -infinity of a singular matrix, which has no derivative.
struct SignAndLogarithm {
  Tensor sign;  // no gradient
  Tensor logarithm;
};
SignAndLogarithm slogdet(const Tensor& a);

/// a [..., m, n], m >= n, as q r: q [..., m, n] with orthonormal columns, r [..., n, n] upper triangular with a
/// positive diagonal, which makes both unique. Error: dependent columns.
struct QR {
  Tensor q, r;
};
QR qr(const Tensor& a);

/// Lower triangular l with l l^T = (a + a^T) / 2. Error: not positive definite.
Tensor cholesky(const Tensor& a);

/// Eigenvalues [..., n], ascending, and eigenvectors, the columns of [..., n, n], of (a + a^T) / 2. The largest
/// component of a vector (the first among equals) is positive. Vectors of equal eigenvalues are not unique: between
/// them the derivative is taken as 0.
struct SymmetricEigen {
  Tensor values, vectors;
};
SymmetricEigen symmetric_eigen(const Tensor& a);

/// e^a = 1 + a + a^2 / 2 + ... for a [..., n, n]: scaling, the Pade approximant of degree 13, and squaring (N. Higham,
/// 2005), each matrix by its own norm.
Tensor expm(const Tensor& a);

}  // namespace orbitgrad
