// Dense decompositions and functions of matrices that the algebra of groups needs. Eigenvectors come from Eigen, which
// stays behind this header.
#pragma once

#include "groups/matrix.hpp"

namespace orbitgrad::groups {

/// A = U diag(values) U^H, values ascending, eigenvectors in the columns of `vectors`.
template <class T>
struct HermitianEigen {
  std::vector<double> values;
  MatrixOf<T> vectors;
};
/// Of a real symmetric or complex Hermitian matrix. Error: not square.
template <class T>
HermitianEigen<T> hermitian_eigen(const MatrixOf<T>& matrix);

/// The factor Q of A = Q R with a positive diagonal of R: of a Gaussian matrix, Q has the Haar measure
/// (Mezzadri, How to generate random matrices from the classical compact groups, 2007).
template <class T>
MatrixOf<T> unitary_factor(const MatrixOf<T>& matrix);

template <class T>
MatrixOf<T> inverse(const MatrixOf<T>& matrix);
Complex determinant(const ComplexMatrix& matrix);

/// exp(A).
ComplexMatrix exponential(const ComplexMatrix& matrix);
Matrix exponential(const Matrix& matrix);
/// The principal logarithm: eigenvalues with |imaginary part| <= pi. Error: singular, or exp of the result is not A.
ComplexMatrix logarithm(const ComplexMatrix& matrix);

}  // namespace orbitgrad::groups
