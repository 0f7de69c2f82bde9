#include "engine/ops/creation.hpp"
#include "engine/ops/group_convolution.hpp"
#include "engine/ops/hexagonal_domain.hpp"
#include "engine/ops/indexing.hpp"
#include "engine/ops/lattice_tables.hpp"
#include "engine/ops/transfer.hpp"
#include "kernels/group_conv2d/group_conv2d.hpp"

namespace orbitgrad {

namespace {

/// w [K, C, in_order, k, k] -> [K S, C in_order, k, k].
Tensor filter_bank(std::string_view op, const Tensor& w, const groups::LatticeGroup& group, std::int64_t in_order) {
  require(w.size(-1) == w.size(-2), op, "the kernel must be square so that {} acts on it, got {}. Pad it to a square.",
          group.name, w.shape().to_string());
  const auto tables = lattice_tables(op, group);
  const auto order = static_cast<std::int32_t>(tables->order), size = static_cast<std::int32_t>(w.size(-1));
  const auto planes = static_cast<std::int32_t>(in_order);
  std::vector<std::int64_t> entries;
  for (std::int32_t s = 0; s < order; ++s)
    for (std::int32_t t = 0; t < planes; ++t)
      for (std::int32_t u = 0; u < size * size; ++u)
        entries.push_back(kernels::filter_offset(tables->matrices.data(), tables->filter_element.data(), order, planes,
                                                 size, s, t, u));
  const std::int64_t out = w.size(0), in = w.size(1);
  if (group.is_hexagonal()) hexagonal::require_domain(op, "w", w, group);
  const Tensor taps = group.is_hexagonal() ? hexagonal::on_domain(w) : w;
  const Tensor flat = reshape(taps, {out, in, in_order * size * size});
  const Tensor bank = index_select(flat, 2, from_vector(entries).to(w.device()));
  const Tensor by_output = permute(reshape(bank, {out, in, order, in_order, size, size}), {0, 2, 1, 3, 4, 5});
  return reshape(by_output, {out * order, in * in_order, size, size});
}

}  // namespace

Tensor lift_filter_bank(const Tensor& w, const groups::LatticeGroup& group) {
  require(w.rank() == 4, "lift_filter_bank",
          "w must be [K, C, k, k], got {}. Filters over the group are for group_filter_bank(...).",
          w.shape().to_string());
  return filter_bank("lift_filter_bank", w, group, 1);
}

Tensor group_filter_bank(const Tensor& w, const groups::LatticeGroup& group) {
  require(w.rank() == 5 && w.size(2) == group.order(), "group_filter_bank",
          "w must be [K, C, |G|, k, k] with |G| = {}, got {}. Give it one plane per group element.", group.order(),
          w.shape().to_string());
  return filter_bank("group_filter_bank", w, group, group.order());
}

}  // namespace orbitgrad
