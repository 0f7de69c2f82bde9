// Irrep blocks on tensor cores, with operands of tf32 or bfloat16.
#include "kernels/group_conv2d/irrep_launch.hpp"
#include "kernels/group_conv2d/irrep_tensor_core_tile.hpp"
#include "kernels/group_conv2d/irrep_versions.hpp"

namespace orbitgrad::kernels {
inline namespace ORBITGRAD_BUILD {
namespace {

template <Precision precision>
struct TensorCores {
  template <class Irreps>
  using Tile = IrrepTensorCoreTile<Irreps, precision>;
};
using InTf32 = IrrepLaunch<TensorCores<Precision::tf32>::Tile>;
using InBfloat16 = IrrepLaunch<TensorCores<Precision::bfloat16>::Tile>;

}  // namespace

void IrrepMma::forward(const Problem& p, const float* x, const float* w, const float* bias_or_null, float* y) {
  (p.precision == Precision::tf32 ? InTf32::forward : InBfloat16::forward)("group_conv2d.forward/irrep_mma", p.problem,
                                                                           x, w, bias_or_null, y);
}
void IrrepMma::input_gradient(const Problem& p, const float* dy, const float* w, float* dx) {
  (p.precision == Precision::tf32 ? InTf32::input_gradient : InBfloat16::input_gradient)(
      "group_conv2d.input_gradient/irrep_mma", p.problem, dy, w, dx);
}
void IrrepMma::filter_gradient(const Problem& p, const float* x, const float* dy, float* dw) {
  (p.precision == Precision::tf32 ? InTf32::filter_gradient : InBfloat16::filter_gradient)(
      "group_conv2d.filter_gradient/irrep_mma", p.problem, x, dy, dw);
}

}  // namespace ORBITGRAD_BUILD
}  // namespace orbitgrad::kernels
