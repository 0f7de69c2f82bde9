// Irrep blocks with the sums in registers, for float and double.
#include "kernels/group_conv2d/irrep_launch.hpp"
#include "kernels/group_conv2d/irrep_versions.hpp"

namespace orbitgrad::kernels {
inline namespace ORBITGRAD_BUILD {
namespace {

template <class T>
struct Registers {
  template <class Irreps>
  using Tile = IrrepRegisterTile<Irreps, T>;
};

}  // namespace

template <class T>
void IrrepBlocks<T>::forward(const GroupConv2dProblem& p, const T* x, const T* w, const T* bias_or_null, T* y) {
  IrrepLaunch<Registers<T>::template Tile>::forward("group_conv2d.forward/irrep_blocks", p, x, w, bias_or_null, y);
}
template <class T>
void IrrepBlocks<T>::input_gradient(const GroupConv2dProblem& p, const T* dy, const T* w, T* dx) {
  IrrepLaunch<Registers<T>::template Tile>::input_gradient("group_conv2d.input_gradient/irrep_blocks", p, dy, w, dx);
}
template <class T>
void IrrepBlocks<T>::filter_gradient(const GroupConv2dProblem& p, const T* x, const T* dy, T* dw) {
  IrrepLaunch<Registers<T>::template Tile>::filter_gradient("group_conv2d.filter_gradient/irrep_blocks", p, x, dy, dw);
}

template struct IrrepBlocks<float>;
template struct IrrepBlocks<double>;

}  // namespace ORBITGRAD_BUILD
}  // namespace orbitgrad::kernels
