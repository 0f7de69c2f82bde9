#include "kernels/group_conv3d/frame_kernel.hpp"

namespace orbitgrad::kernels::cpu {

template FrameKernel<float>* frame_kernel_of(const FrameTransform&);
template FrameKernel<double>* frame_kernel_of(const FrameTransform&);

}  // namespace orbitgrad::kernels::cpu
