// Triangles and diagonals of matrices [..., rows, columns]. Diagonal `offset` holds the elements [i, i + offset]: 0 is
// the main one, positive ones lie above it.
#pragma once

#include "engine/tensor.hpp"

namespace orbitgrad {

/// The elements on and below a diagonal, or on and above it; the others become 0.
Tensor tril(const Tensor& x, std::int64_t offset = 0);
Tensor triu(const Tensor& x, std::int64_t offset = 0);

/// [..., rows, columns] -> [..., length]: a view of a diagonal.
Tensor diagonal(const Tensor& x, std::int64_t offset = 0);
/// [..., length] -> [..., rows, columns]: zeros with x on a diagonal of that length; the adjoint of diagonal.
Tensor embed_diagonal(const Tensor& x, std::int64_t rows, std::int64_t columns, std::int64_t offset = 0);
/// Sum of the main diagonal.
Tensor trace(const Tensor& x);

}  // namespace orbitgrad
