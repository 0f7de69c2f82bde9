// What convolutions and actions do alike on the hexagonal lattice. Included by op sources only.
#pragma once

#include "engine/ops/comparison.hpp"
#include "engine/ops/creation.hpp"
#include "engine/tensor.hpp"
#include "groups/lattice_group.hpp"

namespace orbitgrad::hexagonal {

/// R of an array [..., 2R + 1, 2R + 1]. Error of `op` for any other shape.
inline std::int64_t require_domain(std::string_view op, std::string_view what, const Tensor& x,
                                   const groups::LatticeGroup& group) {
  require(x.size(-1) == x.size(-2) && x.size(-1) % 2 == 1, op,
          "{} turns a hexagon of radius R about its centre, so {} must end in [2R + 1, 2R + 1], got {}. Use "
          "image_to_hexagonal, or pad to an odd square.",
          group.name, what, x.shape());
  return x.size(-1) / 2;
}

/// hexagonal_mask(radius, boolean, device), made once for each of the radii in use: shared by all calls, not to be
/// written to.
Tensor shared_mask(std::int64_t radius, DeviceKind device);

/// x [..., 2R + 1, 2R + 1] with zeros outside of the hexagon, whatever stands there: NaN and -0 too.
inline Tensor on_domain(const Tensor& x) {
  return where(shared_mask(x.size(-1) / 2, x.device()), x, zeros({}, x.dtype(), x.device()));
}

}  // namespace orbitgrad::hexagonal
