// The one file that sees Eigen.
#include <Eigen/Eigenvalues>

#include "groups/linear_algebra.hpp"

namespace orbitgrad::groups {

template <class T>
HermitianEigen<T> hermitian_eigen(const MatrixOf<T>& matrix) {
  using Dense = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  require(matrix.is_square(), "hermitian_eigen", "the matrix is [{}, {}]. Give a square one.", matrix.rows,
          matrix.cols);
  if (matrix.rows == 0) return {};
  const Eigen::SelfAdjointEigenSolver<Dense> solver(
      Eigen::Map<const Dense>(matrix.values.data(), matrix.rows, matrix.cols));
  require(solver.info() == Eigen::Success, "hermitian_eigen", "no convergence. Look for infinities in the matrix.");
  const auto& values = solver.eigenvalues();
  const Dense vectors = solver.eigenvectors();
  return {std::vector<double>(values.data(), values.data() + values.size()),
          {matrix.rows, matrix.cols, std::vector<T>(vectors.data(), vectors.data() + vectors.size())}};
}

template HermitianEigen<double> hermitian_eigen(const MatrixOf<double>&);
template HermitianEigen<Complex> hermitian_eigen(const MatrixOf<Complex>&);

}  // namespace orbitgrad::groups
