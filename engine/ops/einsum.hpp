// Sums of products by Einstein's rule, and two products of vectors.
#pragma once

#include <string_view>
#include <vector>

#include "engine/tensor.hpp"

namespace orbitgrad {

/// NumPy's einsum: einsum("bij,bjk->bik", {a, b}). One letter per axis; a letter repeated in one operand takes its
/// diagonal; "..." stands for the axes without a letter, aligned at the last of them; they broadcast, as axes of length
/// 1 do. A result that is written names "..." if it stands for axes. Without "->" the result has the axes of "..." and
/// then, in alphabetical order, the letters that occur once. Operands are contracted two at a
/// time, the pair that leaves the least behind first, by matmul. Differentiable in all operands.
Tensor einsum(std::string_view equation, const std::vector<Tensor>& operands);

/// a_i b_j of the flattened tensors: [size of a, size of b].
Tensor outer(const Tensor& a, const Tensor& b);

/// The cross product along an axis of length 3; the others broadcast.
Tensor cross(const Tensor& a, const Tensor& b, int axis = -1);

}  // namespace orbitgrad
