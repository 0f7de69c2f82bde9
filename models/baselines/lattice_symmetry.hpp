// A symmetry of functions y = f(x): a lattice group G and how it moves inputs and outputs, with all poses of a batch
// and one pose for each sample. What the baselines that wrap any network are made of.
#pragma once

#include <vector>

#include "engine/random.hpp"
#include "nn/check_equivariance.hpp"

namespace orbitgrad::models {

using groups::LatticeGroup;
using nn::Representation;
using nn::TensorMap;

/// f is equivariant if f(rho_in(g) x) = rho_out(g) f(x) for all g. Axis 0 of x and y is the batch; the others move as
/// nn::Representation says.
struct LatticeSymmetry {
  LatticeGroup group;
  Representation input = Representation::planar;
  Representation output = Representation::invariant;
};

/// rho(g) x for g = 0 .. |G|-1. Error: x is a batch of images that are not square and the group turns them.
std::vector<Tensor> poses(const Tensor& x, Representation how, const LatticeGroup& group);
/// rho(g)^-1 x for g = 0 .. |G|-1. Errors as poses.
std::vector<Tensor> inverse_poses(const Tensor& x, Representation how, const LatticeGroup& group);

/// rho(g_i) x_i for g int64 [N], x [N, ...]. Error: g is of another length, or not in [0, |G|).
Tensor act_each(const Tensor& x, Representation how, const LatticeGroup& group, const Tensor& g);
/// rho(g_i)^-1 x_i.
Tensor act_each_inverse(const Tensor& x, Representation how, const LatticeGroup& group, const Tensor& g);

/// Uniform elements, int64 [count].
Tensor random_elements(std::int64_t count, const LatticeGroup& group, RandomKey key);

/// rho_out(g)^-1 f(rho_in(g) x) for g = 0 .. |G|-1: of an equivariant f all are f(x). One call of f for each g.
using PoseMap = std::function<Tensor(const Tensor& pose, int g)>;
std::vector<Tensor> returned_outputs(const PoseMap& f, const Tensor& x, const LatticeSymmetry& symmetry);

/// sum_g w[i, g] parts[g][i] for w [N, |G|] and parts of one shape [N, ...].
Tensor weighted_sum(const Tensor& weights, const std::vector<Tensor>& parts);

}  // namespace orbitgrad::models
