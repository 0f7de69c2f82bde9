#include "nn/equivariant_projection.hpp"

#include <algorithm>
#include <map>

#include "engine/autograd/node.hpp"
#include "engine/dispatch.hpp"
#include "engine/error.hpp"
#include "engine/ops/cast.hpp"
#include "engine/ops/creation.hpp"
#include "engine/ops/indexing.hpp"
#include "engine/ops/matmul.hpp"
#include "engine/ops/shape_ops.hpp"

namespace orbitgrad::nn {

struct EquivariantProjection::ProjectionNode final : Node {
  explicit ProjectionNode(std::shared_ptr<const Plan> plan) : plan_(std::move(plan)) {}
  std::string_view name() const override { return "equivariant_projection"; }
  Saves saves() const override { return Saves::nothing(); }
  std::vector<Tensor> backward(const Tensor& dy) override { return {project(plan_, dy)}; }
  std::shared_ptr<const Plan> plan_;
};

EquivariantProjection::EquivariantProjection(const groups::Representation& out, const groups::Representation& in,
                                             groups::BasisLibrary<double>& library, DType dtype) {
  const groups::EquivariantMaps<double> maps(out, in, library);
  dimension_ = maps.dimension();
  // Blocks of one basis together, whatever their shape.
  std::map<std::int64_t, std::vector<const groups::EquivariantMaps<double>::BlockGroup*>> by_basis;
  std::map<const void*, std::int64_t> number;
  for (const auto& group : maps.blocks()) {
    const auto next = static_cast<std::int64_t>(number.size());
    by_basis[number.emplace(group.basis.get(), next).first->second].push_back(&group);
  }
  auto plan = std::make_shared<Plan>();
  plan->count = maps.out_dimension() * maps.in_dimension();
  std::vector<std::int64_t> sorted;
  sorted.reserve(static_cast<std::size_t>(plan->count));
  for (const auto& [key, block_groups] : by_basis) {
    const groups::InvariantBasis<double>& basis = *block_groups[0]->basis;
    Run run{.begin = static_cast<std::int64_t>(sorted.size()), .size = basis.space_dimension(), .rank = basis.rank()};
    for (const auto* group : block_groups) {
      run.blocks += static_cast<std::int64_t>(group->corner.size());
      for (const auto& [row, col] : group->corner)
        for (std::int64_t i = 0; i < group->rows; ++i)
          for (std::int64_t j = 0; j < group->cols; ++j) sorted.push_back((row + i) * maps.in_dimension() + col + j);
    }
    if (run.rank > 0 && !basis.is_everything()) {
      const groups::Matrix q = basis.to_dense();
      // Q and then Q^T cost 2 n r a row, Q Q^T costs n^2.
      if (2 * run.rank >= run.size)
        run.projector = from_vector((q * groups::transpose(q)).values, {q.rows, q.rows}, DeviceKind::cpu).to(dtype);
      else
        run.basis = from_vector(q.values, {q.rows, q.cols}, DeviceKind::cpu).to(dtype);
    }
    plan->runs.push_back(std::move(run));
  }
  double products = 0;
  for (const auto& group : maps.blocks()) {
    const auto columns = group.basis->to_columns();
    if (columns.count() == 0) continue;
    Blocks& blocks = plan->blocks.emplace_back();
    for (const auto& [row, col] : group.corner) blocks.corners.push_back(row * maps.in_dimension() + col);
    for (const std::int64_t entry : columns.rows)
      blocks.offsets.push_back(entry / group.cols * maps.in_dimension() + entry % group.cols);
    blocks.column = columns.begin;
    blocks.values = columns.values;
    products += 2 * static_cast<double>(blocks.corners.size()) * static_cast<double>(blocks.values.size());
  }
  plan->few_entries = products <= 32 * static_cast<double>(plan->count);
  std::vector<std::int64_t> restored(sorted.size());
  for (std::size_t i = 0; i < sorted.size(); ++i)
    restored[static_cast<std::size_t>(sorted[i])] = static_cast<std::int64_t>(i);
  plan->sorted = from_vector(sorted, {plan->count}, DeviceKind::cpu);
  plan->restored = from_vector(restored, {plan->count}, DeviceKind::cpu);
  plan_ = std::move(plan);
}

Tensor EquivariantProjection::Plan::apply(const Tensor& weight) const {
  require(weight.numel() == count, "equivariant_projection",
          "weights of shape {} where {} values belong. See the layer.", weight.shape().to_string(), count);
  const DeviceKind device = weight.device();
  const Tensor all = index_select(reshape(weight, {count}), 0, sorted.to(device));
  std::vector<Tensor> parts;
  for (const Run& run : runs) {
    const Tensor x = reshape(narrow(all, 0, run.begin, run.blocks * run.size), {run.blocks, run.size});
    Tensor projected = x;
    if (run.projector)
      projected = matmul(x, run.projector.to(device));
    else if (run.basis)
      projected = matmul(matmul(x, run.basis.to(device)), transpose(run.basis.to(device)));
    else if (run.rank == 0)
      projected = zeros_like(x);
    parts.push_back(reshape(projected, {run.blocks * run.size}));
  }
  return reshape(index_select(concat(parts, 0), 0, restored.to(device)), weight.shape());
}

Tensor EquivariantProjection::Plan::apply_by_entries(const Tensor& weight) const {
  Tensor result = zeros(weight.shape(), weight.dtype(), DeviceKind::cpu);
  visit_floating("equivariant_projection", weight.dtype(), [&]<class T>(TypeTag<T>) {
    const Tensor dense = contiguous(weight);
    const T* from = dense.host_data<T>();
    T* to = fresh_host_data<T>(result);
    for (const Blocks& group : blocks)
      for (const std::int64_t corner : group.corners)
        for (std::size_t k = 0; k + 1 < group.column.size(); ++k) {
          const auto begin = static_cast<std::size_t>(group.column[k]),
                     end = static_cast<std::size_t>(group.column[k + 1]);
          double coefficient = 0;
          for (std::size_t e = begin; e < end; ++e)
            coefficient += group.values[e] * static_cast<double>(from[corner + group.offsets[e]]);
          for (std::size_t e = begin; e < end; ++e)
            to[corner + group.offsets[e]] += static_cast<T>(coefficient * group.values[e]);
        }
  });
  return result;
}

Tensor EquivariantProjection::project(const std::shared_ptr<const Plan>& plan, const Tensor& weight) {
  Tensor result = [&] {
    const NoGrad no_grad;
    const bool on_host = weight.device() == DeviceKind::cpu && weight.numel() == plan->count;
    return on_host && plan->few_entries ? plan->apply_by_entries(weight.detach()) : plan->apply(weight.detach());
  }();
  return record<ProjectionNode>(std::move(result), {&weight}, plan);
}

Tensor EquivariantProjection::operator()(const Tensor& weight) const { return project(plan_, weight); }

}  // namespace orbitgrad::nn
