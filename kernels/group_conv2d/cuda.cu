// The versions of the group convolution on a device, from naive to best.
#include "kernels/conv2d/gathered_mma.hpp"
#include "kernels/group_conv2d/expanded_kernels.hpp"
#include "kernels/group_conv2d/formula_kernels.hpp"
#include "kernels/group_conv2d/group_conv2d.hpp"
#include "kernels/group_conv2d/orbit_gather_kernels.hpp"

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

/// The forward product: x is gathered.
GatheredProduct forward_product(const GroupConv2dProblem& p) {
  const auto i32 = [](std::int64_t value) { return static_cast<std::int32_t>(value); };
  GatheredProduct product;
  product.batch = i32(p.batch), product.groups = i32(p.groups);
  product.in_fields = i32(p.in_fields / p.groups), product.out_fields = i32(p.out_fields / p.groups);
  product.in_elements = i32(p.in_order), product.out_elements = i32(p.order);
  product.rows = {i32(p.in_height), i32(p.out_height()), i32(p.kernel), i32(p.stride), 1,
                  i32(p.dilation),  i32(p.padding)};
  product.columns = {i32(p.in_width), i32(p.out_width()), i32(p.kernel), i32(p.stride), 1,
                     i32(p.dilation), i32(p.padding)};
  product.relu = p.relu;
  for (std::int64_t s = 0; s < p.order; ++s) {
    std::copy_n(p.matrices + 4 * s, 4, product.matrices[s]);
    for (std::int64_t t = 0; t < (p.in_order == 1 ? 0 : p.order); ++t)
      product.image[s][p.filter_element[s * p.order + t]] = i32(t);
  }
  return product;
}

/// The product of the input gradient: dy is gathered, with the transposed filter.
GatheredProduct transposed_product(const GroupConv2dProblem& p) {
  GatheredProduct product = forward_product(p);
  std::swap(product.in_fields, product.out_fields);
  std::swap(product.in_elements, product.out_elements);
  product.rows = transposed(product.rows);
  product.columns = transposed(product.columns);
  product.relu = false;
  return product;
}

/// w* of the problem in workspace; see transpose_filter.
template <class T>
class TransposedFilter {
 public:
  TransposedFilter(const GroupConv2dProblem& p, const T* w) : scratch_(size(p) * static_cast<std::int64_t>(sizeof(T))) {
    if (size(p) > 0)
      launch("group_conv2d.input_gradient/transpose_filter", transpose_filter<T>,
             {.grid = blocks_for(size(p), 128), .block = 128}, LatticeProblem(p), w, scratch_.as<T>());
  }
  const T* data() const { return scratch_.template as<T>(); }

 private:
  static std::int64_t size(const GroupConv2dProblem& p) { return p.w_size() / p.in_order * p.order; }
  Scratch scratch_;
};

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

template <class T>
bool fits(const GroupConv2dProblem& p) {
  Conv2dProblem plain;
  plain.batch = p.batch, plain.in_channels = p.in_fields, plain.out_channels = p.out_fields, plain.groups = p.groups;
  plain.in_height = p.in_height, plain.in_width = p.in_width;
  plain.kernel_height = plain.kernel_width = p.kernel, plain.stride_height = plain.stride_width = p.stride;
  plain.padding_height = plain.padding_width = p.padding, plain.dilation_height = plain.dilation_width = p.dilation;
  return (p.order & (p.order - 1)) == 0 && fits_gathered_product(plain, p.in_order, p.order, sizeof(T));
}

/// With fewer fields most rows of a tile would be empty: the orbit gather has no such loss. Asked for by name it runs.
bool fills_tiles(const GroupConv2dProblem& p, std::int64_t fields) {
  return fields / p.groups >= tile_edge / 4 || p.implementation == "implicit_gemm";
}
template <class T>
bool fits_forward_tiles(const GroupConv2dProblem& p) {
  return fits<T>(p) && fills_tiles(p, p.out_fields);
}
template <class T>
bool fits_input_tiles(const GroupConv2dProblem& p) {
  return fits<T>(p) && fills_tiles(p, p.in_fields);
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
const DeviceRegistration<GroupConv2dForward> forward_2{"orbit_gather", orbit_gather_forward<float>,
                                                       orbit_gather_forward<double>, fits<float>, fits<double>};
const DeviceRegistration<GroupConv2dForward> forward_3{"implicit_gemm", implicit_forward<float>,
                                                       implicit_forward<double>, fits_forward_tiles<float>,
                                                       fits_forward_tiles<double>};

const DeviceRegistration<GroupConv2dInputGradient> input_1{"formula", formula_input_gradient_launch<float>,
                                                           formula_input_gradient_launch<double>, is_lattice_group,
                                                           is_lattice_group};
const DeviceRegistration<GroupConv2dInputGradient> input_2{
    "orbit_gather", orbit_gather_input_gradient<float>, orbit_gather_input_gradient<double>, fits<float>, fits<double>};
const DeviceRegistration<GroupConv2dInputGradient> input_3{"implicit_gemm", implicit_input_gradient<float>,
                                                           implicit_input_gradient<double>, fits_input_tiles<float>,
                                                           fits_input_tiles<double>};

const DeviceRegistration<GroupConv2dFilterGradient> filter_1{"formula", formula_filter_gradient_launch<float>,
                                                             formula_filter_gradient_launch<double>, is_lattice_group,
                                                             is_lattice_group};
const DeviceRegistration<GroupConv2dFilterGradient> filter_2{
    "implicit_gemm", implicit_filter_gradient<float>, implicit_filter_gradient<double>, fits<float>, fits<double>};

struct OnTensorCores {
  using Forward = GroupConv2dForward<float>;
  using InputGradient = GroupConv2dInputGradient<float>;
  using FilterGradient = GroupConv2dFilterGradient<float>;
  using TransposedFilter = kernels::TransposedFilter<float>;
  static GatheredProduct forward_product(const GroupConv2dProblem& p) { return kernels::forward_product(p); }
  static GatheredProduct transposed_product(const GroupConv2dProblem& p) { return kernels::transposed_product(p); }
  static bool fits(const GroupConv2dProblem& p) { return kernels::fits<float>(p); }
};
const MmaVersions<OnTensorCores> on_tensor_cores;

}  // namespace
}  // namespace orbitgrad::kernels
