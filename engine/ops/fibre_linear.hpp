// Linear layers on the fibre: regular features of any finite group, mapped at each place by itself, as a convolution
// with a kernel of one pixel does. Differentiable to any order.
//   y[n, o, g, ...] = b[o] + sum_{c, h} w[o, c, g^-1 h] x[n, c, h, ...]
#pragma once

#include <string>
#include <vector>

#include "engine/tensor.hpp"
#include "groups/finite_group.hpp"

namespace orbitgrad {

struct FibreLinearOptions {
  /// "expanded": one product with the |G| times repeated weights; "irrep_blocks": one product for each irrep of the
  /// group, sum d^3 / t in place of |G|^2 (groups/fourier_blocks.hpp). Empty: the faster by its arithmetic.
  std::string implementation = {};
};

/// "expanded" and "irrep_blocks", which takes groups of up to groups::max_irrep_order elements.
std::vector<std::string> fibre_linear_implementations();

/// x [N, C, |G|, ...], w [O, C, |G|], bias [O] or undefined -> [N, O, |G|, ...]. f(L_s x) = L_s f(x) for every element
/// s, with (L_s x)[h] = x[s^-1 h], up to rounding.
Tensor fibre_linear(const Tensor& x, const Tensor& w, const Tensor& bias, const groups::FiniteGroup& group,
                    const FibreLinearOptions& options = {});

/// bank[o |G| + g, c |G| + h] = w[o, c, g^-1 h]: the matrix of the map on the flattened fibre. Differentiable.
/// w [O, C, |G|] -> [O |G|, C |G|].
Tensor fibre_filter_bank(const Tensor& w, const groups::FiniteGroup& group);

}  // namespace orbitgrad
