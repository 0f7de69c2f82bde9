// A group convolution on the square lattice as a gathered product (conv2d/gathered_product.hpp): the forward, and the
// gradient by the input with the transposed filter.
#pragma once

#include "kernels/conv2d/gathered_product.hpp"
#include "kernels/group_conv2d/formula_kernels.hpp"

namespace orbitgrad::kernels {
inline namespace ORBITGRAD_BUILD {

/// The forward product: x is gathered.
inline GatheredProduct forward_product(const GroupConv2dProblem& p) {
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
inline GatheredProduct transposed_product(const GroupConv2dProblem& p) {
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

/// Whether the sizes fit a gathered product of T and the order is that of a subgroup of D4.
template <class T>
bool fits_lattice_product(const GroupConv2dProblem& p) {
  Conv2dProblem plain;
  plain.batch = p.batch, plain.in_channels = p.in_fields, plain.out_channels = p.out_fields, plain.groups = p.groups;
  plain.in_height = p.in_height, plain.in_width = p.in_width;
  plain.kernel_height = plain.kernel_width = p.kernel, plain.stride_height = plain.stride_width = p.stride;
  plain.padding_height = plain.padding_width = p.padding, plain.dilation_height = plain.dilation_width = p.dilation;
  return (p.order & (p.order - 1)) == 0 && fits_gathered_product(plain, p.in_order, p.order, sizeof(T));
}

}  // namespace ORBITGRAD_BUILD
}  // namespace orbitgrad::kernels
