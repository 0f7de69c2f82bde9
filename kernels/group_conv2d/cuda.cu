// The versions of the group convolution on a device, from naive to best.
#include "kernels/conv2d/gathered_mma.hpp"
#include "kernels/group_conv2d/expanded_kernels.hpp"
#include "kernels/group_conv2d/formula_kernels.hpp"
#include "kernels/group_conv2d/group_conv2d.hpp"
#include "kernels/group_conv2d/irrep_versions.hpp"
#include "kernels/group_conv2d/lattice_product.hpp"
#include "kernels/group_conv2d/orbit_gather_kernels.hpp"
#include "kernels/group_conv2d/orbit_reads.hpp"

namespace orbitgrad::kernels {
namespace {

template <class T>
void formula_forward_launch(const GroupConv2dProblem& p, const T* x, const T* w, const T* bias_or_null, T* y) {
  if (p.y_size() == 0) return;
  launch("group_conv2d.forward/formula", formula_forward<T>, {.grid = blocks_for(p.y_size(), 128), .block = 128},
         LatticeProblem(p), x, w, bias_or_null, y);
}
template <class T>
void formula_input_gradient_launch(const GroupConv2dProblem& p, const T* dy, const T* w, T* dx) {
  if (p.x_size() == 0) return;
  launch("group_conv2d.input_gradient/formula", formula_input_gradient<T>,
         {.grid = blocks_for(p.x_size(), 128), .block = 128}, LatticeProblem(p), dy, w, dx);
}
template <class T>
void formula_filter_gradient_launch(const GroupConv2dProblem& p, const T* x, const T* dy, T* dw) {
  if (p.w_size() == 0) return;
  launch("group_conv2d.filter_gradient/formula", formula_filter_gradient<T>,
         {.grid = static_cast<unsigned>(p.out_fields * (p.in_fields / p.groups)), .block = 128}, LatticeProblem(p), x,
         dy, dw);
}

template <class T>
void orbit_gather_forward(const GroupConv2dProblem& p, const T* x, const T* w, const T* bias_or_null, T* y) {
  launch_orbit_gather("group_conv2d.forward/orbit_gather", forward_product(p), x, w, bias_or_null, y);
}
template <class T>
void orbit_gather_input_gradient(const GroupConv2dProblem& p, const T* dy, const T* w, T* dx) {
  const TransposedFilter<T> filter(p, w);
  launch_orbit_gather<T>("group_conv2d.input_gradient/orbit_gather", transposed_product(p), dy, filter.data(), nullptr,
                         dx);
}

template <class T>
void implicit_forward(const GroupConv2dProblem& p, const T* x, const T* w, const T* bias_or_null, T* y) {
  launch_gathered_product("group_conv2d.forward/implicit_gemm", gathered_product<T>, forward_product(p), x, w,
                          bias_or_null, y);
}
template <class T>
void implicit_input_gradient(const GroupConv2dProblem& p, const T* dy, const T* w, T* dx) {
  const TransposedFilter<T> filter(p, w);
  launch_gathered_product<T>("group_conv2d.input_gradient/implicit_gemm", gathered_product<T>, transposed_product(p),
                             dy, filter.data(), nullptr, dx);
}
template <class T>
void implicit_filter_gradient(const GroupConv2dProblem& p, const T* x, const T* dy, T* dw) {
  launch_gathered_filter_gradient("group_conv2d.filter_gradient/implicit_gemm", gathered_filter_gradient<T>,
                                  forward_product(p), x, dy, dw);
}

bool is_lattice_group(const GroupConv2dProblem& p) { return p.order <= LatticeProblem::max_order; }
bool asks_for_expansion(const GroupConv2dProblem& p) { return p.implementation == "expanded" && is_lattice_group(p); }

/// With fewer fields most rows of a tile would be empty: the orbit gather has no such loss. Asked for by name it runs.
bool fills_tiles(const GroupConv2dProblem& p, std::int64_t fields) {
  return fields / p.groups >= tile_edge / 4 || p.implementation == "implicit_gemm";
}
template <class T>
bool fits_forward_tiles(const GroupConv2dProblem& p) {
  return fits_lattice_product<T>(p) && fills_tiles(p, p.out_fields);
}
template <class T>
bool fits_input_tiles(const GroupConv2dProblem& p) {
  return fits_lattice_product<T>(p) && fills_tiles(p, p.in_fields);
}

template <class T>
bool has_blocks(const GroupConv2dProblem& p) {
  return fits_lattice_product<T>(p) && has_irreps(p);
}
/// An image's gradient is no group signal.
template <class T>
bool has_input_blocks(const GroupConv2dProblem& p) {
  return p.in_order == p.order && has_blocks<T>(p);
}

/// The tiles of irrep blocks have 32 fields, and warps whose fields do not exist multiply nothing: with 8 fields of p4m
/// the simulator counts 2.8 times fewer passes over shared memory than for the orbit gather and 30 times fewer sectors,
/// with 8 of p4 1.8 and 13 times. No GPU has timed it.
bool pays_as_blocks(const GroupConv2dProblem& p, std::int64_t fields) {
  return (p.order >= 4 && fields / p.groups >= 8) || p.implementation == "irrep_blocks";
}
template <class T>
bool takes_forward_blocks(const GroupConv2dProblem& p) {
  return has_blocks<T>(p) && pays_as_blocks(p, p.out_fields);
}
template <class T>
bool takes_input_blocks(const GroupConv2dProblem& p) {
  return has_input_blocks<T>(p) && pays_as_blocks(p, p.in_fields);
}

// The opponent, only when asked for by name.
const DeviceRegistration<GroupConv2dForward> forward_0{"expanded", expanded_forward<float>, expanded_forward<double>,
                                                       asks_for_expansion, asks_for_expansion};
const DeviceRegistration<GroupConv2dInputGradient> input_0{"expanded", expanded_input_gradient<float>,
                                                           expanded_input_gradient<double>, asks_for_expansion,
                                                           asks_for_expansion};
const DeviceRegistration<GroupConv2dFilterGradient> filter_0{"expanded", expanded_filter_gradient<float>,
                                                             expanded_filter_gradient<double>, asks_for_expansion,
                                                             asks_for_expansion};
const DeviceRegistration<ExpandFilter> expand_filter{"entry_per_thread", launch_expand_filter<float>,
                                                     launch_expand_filter<double>, is_lattice_group, is_lattice_group};
const DeviceRegistration<SumFilterOrbits> sum_filter_orbits{"entry_per_thread", launch_sum_filter_orbits<float>,
                                                            launch_sum_filter_orbits<double>, is_lattice_group,
                                                            is_lattice_group};

const DeviceRegistration<GroupConv2dForward> forward_1{
    "formula", formula_forward_launch<float>, formula_forward_launch<double>, is_lattice_group, is_lattice_group};
const DeviceRegistration<GroupConv2dForward> forward_2{
    "irrep_naive", IrrepNaive<float>::forward, IrrepNaive<double>::forward, has_blocks<float>, has_blocks<double>};
const DeviceRegistration<GroupConv2dForward> forward_3{"orbit_gather", orbit_gather_forward<float>,
                                                       orbit_gather_forward<double>, fits_lattice_product<float>,
                                                       fits_lattice_product<double>};
const DeviceRegistration<GroupConv2dForward> forward_4{"implicit_gemm", implicit_forward<float>,
                                                       implicit_forward<double>, fits_forward_tiles<float>,
                                                       fits_forward_tiles<double>};
const DeviceRegistration<GroupConv2dForward> forward_5{"irrep_blocks", IrrepBlocks<float>::forward,
                                                       IrrepBlocks<double>::forward, takes_forward_blocks<float>,
                                                       takes_forward_blocks<double>};

const DeviceRegistration<GroupConv2dInputGradient> input_1{"formula", formula_input_gradient_launch<float>,
                                                           formula_input_gradient_launch<double>, is_lattice_group,
                                                           is_lattice_group};
const DeviceRegistration<GroupConv2dInputGradient> input_2{"irrep_naive", IrrepNaive<float>::input_gradient,
                                                           IrrepNaive<double>::input_gradient, has_input_blocks<float>,
                                                           has_input_blocks<double>};
const DeviceRegistration<GroupConv2dInputGradient> input_3{"orbit_gather", orbit_gather_input_gradient<float>,
                                                           orbit_gather_input_gradient<double>,
                                                           fits_lattice_product<float>, fits_lattice_product<double>};
const DeviceRegistration<GroupConv2dInputGradient> input_4{"implicit_gemm", implicit_input_gradient<float>,
                                                           implicit_input_gradient<double>, fits_input_tiles<float>,
                                                           fits_input_tiles<double>};
const DeviceRegistration<GroupConv2dInputGradient> input_5{"irrep_blocks", IrrepBlocks<float>::input_gradient,
                                                           IrrepBlocks<double>::input_gradient,
                                                           takes_input_blocks<float>, takes_input_blocks<double>};

const DeviceRegistration<GroupConv2dFilterGradient> filter_1{"formula", formula_filter_gradient_launch<float>,
                                                             formula_filter_gradient_launch<double>, is_lattice_group,
                                                             is_lattice_group};
const DeviceRegistration<GroupConv2dFilterGradient> filter_2{"irrep_naive", IrrepNaive<float>::filter_gradient,
                                                             IrrepNaive<double>::filter_gradient, has_blocks<float>,
                                                             has_blocks<double>};
const DeviceRegistration<GroupConv2dFilterGradient> filter_3{"implicit_gemm", implicit_filter_gradient<float>,
                                                             implicit_filter_gradient<double>,
                                                             fits_lattice_product<float>, fits_lattice_product<double>};
const DeviceRegistration<GroupConv2dFilterGradient> filter_4{"irrep_blocks", IrrepBlocks<float>::filter_gradient,
                                                             IrrepBlocks<double>::filter_gradient,
                                                             takes_forward_blocks<float>, takes_forward_blocks<double>};

struct OnTensorCores {
  using Forward = GroupConv2dForward<float>;
  using InputGradient = GroupConv2dInputGradient<float>;
  using FilterGradient = GroupConv2dFilterGradient<float>;
  using TransposedFilter = kernels::TransposedFilter<float>;
  static GatheredProduct forward_product(const GroupConv2dProblem& p) { return kernels::forward_product(p); }
  static GatheredProduct transposed_product(const GroupConv2dProblem& p) { return kernels::transposed_product(p); }
  static bool fits(const GroupConv2dProblem& p) { return kernels::fits_lattice_product<float>(p); }
};

/// Before `mma`, which takes every problem that these do: by name alone. Not the operands are rounded but what they are
/// transformed to, so results are not those of `mma` to the last bits.
template <bool (*supports)(const GroupConv2dProblem&)>
bool has_rounded_blocks(const IrrepMma::Problem& p) {
  return (p.precision == Precision::tf32 || p.precision == Precision::bfloat16) && supports(p.problem);
}
const Registration<Rounded<GroupConv2dForward<float>>> rounded_forward{
    {"irrep_mma", this_device, has_rounded_blocks<has_blocks<float>>, IrrepMma::forward}};
const Registration<Rounded<GroupConv2dInputGradient<float>>> rounded_input{
    {"irrep_mma", this_device, has_rounded_blocks<has_input_blocks<float>>, IrrepMma::input_gradient}};
const Registration<Rounded<GroupConv2dFilterGradient<float>>> rounded_filter{
    {"irrep_mma", this_device, has_rounded_blocks<has_blocks<float>>, IrrepMma::filter_gradient}};
const MmaVersions<OnTensorCores> on_tensor_cores;

}  // namespace
}  // namespace orbitgrad::kernels
