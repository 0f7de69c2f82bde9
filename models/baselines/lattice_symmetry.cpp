#include "models/baselines/lattice_symmetry.hpp"

#include "engine/ops/arithmetic.hpp"
#include "engine/ops/checked_index.hpp"
#include "engine/ops/creation.hpp"
#include "engine/ops/indexing.hpp"
#include "engine/ops/reduction.hpp"
#include "engine/ops/segments.hpp"
#include "engine/ops/shape_ops.hpp"

namespace orbitgrad::models {

namespace {

int axes_of(Representation how) {
  switch (how) {
    case Representation::invariant:
      return 0;
    case Representation::regular_vector:
      return 1;
    case Representation::planar:
      return 2;
    case Representation::regular:
      break;
  }
  return 3;
}

void check_batch(std::string_view op, const Tensor& x, Representation how, const LatticeGroup& group) {
  require(x.rank() > axes_of(how), op, "x {} must be a batch: an axis of samples, then what moves. Reshape it.",
          x.shape());
  const bool has_pixels = how == Representation::planar || how == Representation::regular;
  require(!has_pixels || !group.has_quarter_turns() || x.size(-1) == x.size(-2), op,
          "the images {} are not square, and {} has quarter turns. Pad them to squares, or take p2 or pm.", x.shape(),
          group.name);
}

/// Rows g_i N + i of parts stacked [|G| N, ...].
Tensor pick_each(const std::vector<Tensor>& parts, const Tensor& g) {
  const std::int64_t batch = parts[0].size(0);
  const Tensor rows = g * static_cast<double>(batch) + arange(batch, DType::int64, g.device());
  return index_select(concat(parts, 0), 0, rows);
}

Tensor checked_elements(std::string_view op, const Tensor& x, const LatticeGroup& group, const Tensor& g) {
  require(g.dtype() == DType::int64 && g.shape() == Shape{x.size(0)}, op,
          "the elements must be int64 [{}], one for each sample, got {} {}. Draw them by random_elements.", x.size(0),
          name(g.dtype()), g.shape());
  return checked_classes(op, g, group.order());
}

}  // namespace

std::vector<Tensor> poses(const Tensor& x, Representation how, const LatticeGroup& group) {
  check_batch("poses", x, how, group);
  std::vector<Tensor> result;
  for (int g = 0; g < group.order(); ++g) result.push_back(nn::transform(x, how, group, g));
  return result;
}

std::vector<Tensor> inverse_poses(const Tensor& x, Representation how, const LatticeGroup& group) {
  const std::vector<Tensor> all = poses(x, how, group);
  std::vector<Tensor> result;
  for (int g = 0; g < group.order(); ++g) result.push_back(all[static_cast<std::size_t>(group.group.inverse(g))]);
  return result;
}

Tensor act_each(const Tensor& x, Representation how, const LatticeGroup& group, const Tensor& g) {
  check_batch("act_each", x, how, group);
  const Tensor elements = checked_elements("act_each", x, group, g);
  return how == Representation::invariant ? x : pick_each(poses(x, how, group), elements);
}

Tensor act_each_inverse(const Tensor& x, Representation how, const LatticeGroup& group, const Tensor& g) {
  check_batch("act_each_inverse", x, how, group);
  const Tensor elements = checked_elements("act_each_inverse", x, group, g);
  return how == Representation::invariant ? x : pick_each(inverse_poses(x, how, group), elements);
}

Tensor random_elements(std::int64_t count, const LatticeGroup& group, RandomKey key) {
  return random_integers({count}, key, group.order());
}

std::vector<Tensor> returned_outputs(const PoseMap& f, const Tensor& x, const LatticeSymmetry& symmetry) {
  const std::vector<Tensor> inputs = poses(x, symmetry.input, symmetry.group);
  std::vector<Tensor> outputs;
  for (int g = 0; g < symmetry.group.order(); ++g) {
    const Tensor y = f(inputs[static_cast<std::size_t>(g)], g);
    check_batch("returned_outputs", y, symmetry.output, symmetry.group);
    outputs.push_back(nn::transform(y, symmetry.output, symmetry.group, symmetry.group.group.inverse(g)));
  }
  return outputs;
}

Tensor weighted_sum(const Tensor& weights, const std::vector<Tensor>& parts) {
  require(!parts.empty() && weights.rank() == 2 && weights.size(0) == parts[0].size(0) &&
              weights.size(1) == static_cast<std::int64_t>(parts.size()),
          "weighted_sum", "the weights are {}, but there are {} parts of {} samples. Give one weight for each.",
          weights.shape(), parts.size(), parts.empty() ? 0 : parts[0].size(0));
  std::vector<std::int64_t> shape(static_cast<std::size_t>(parts[0].rank()) + 1, 1);
  shape[0] = weights.size(0), shape[1] = weights.size(1);
  return sum(stack(parts, 1) * reshape(weights, Shape(shape)), {1});
}

}  // namespace orbitgrad::models
