// Irrep blocks as the formula has them: a thread transforms what its position reads, multiplies block by block and
// transforms back. The transformed filter is made once, [field][c][w][filter].
#include "kernels/group_conv2d/irrep_convolution.hpp"
#include "kernels/group_conv2d/irrep_versions.hpp"

namespace orbitgrad::kernels {
inline namespace ORBITGRAD_BUILD {
namespace {

template <class Irreps, class T>
__global__ void transform_filter(IrrepConvolution p, const T* filter, T* transformed) {
  const std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  const auto field = static_cast<std::int32_t>(i / p.depth()), d = static_cast<std::int32_t>(i % p.depth());
  const std::int32_t out_fields = p.product.out_fields;
  if (field >= p.product.groups * out_fields) return;
  T value[Irreps::filters];
  transformed_filter<Irreps>(p, filter, field / out_fields, field % out_fields, d, value);
  for (int f = 0; f < Irreps::filters; ++f) transformed[i * Irreps::filters + f] = value[f];
}

template <class Irreps, class T>
__global__ void product_per_thread(IrrepConvolution p, const T* in, const T* transformed, const T* bias_or_null,
                                   T* out) {
  const std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  const auto field = static_cast<std::int32_t>(i / p.positions());
  const std::int32_t out_fields = p.product.out_fields;
  if (field >= p.product.groups * out_fields) return;
  const std::int32_t group = field / out_fields;
  const auto position = IrrepPosition::of(p.product, group, static_cast<std::int32_t>(i % p.positions()));
  const T* filter = transformed + std::int64_t{field} * p.depth() * Irreps::filters;
  T sum[Irreps::sums] = {};
  for (std::int32_t d = 0; d < p.depth(); ++d, filter += Irreps::filters) {
    T x[Irreps::order];
    transformed_input<Irreps>(
        p, in, [&](std::int32_t j) { return p.reads[j].place; }, position, d, x);
    for_each_product<Irreps>([&](auto number) {
      constexpr IrrepProduct product = Irreps::products[number];
      for (int k = 0; k < product.width; ++k)
        sum[product.out + k] = std::fma(x[product.panel], filter[product.filter + k], sum[product.out + k]);
    });
  }
  write_output<Irreps>(p.product, position, group, field % out_fields, sum, bias_or_null, out);
}

/// A thread a row (c, w) of a filter: it sums over all positions.
template <class Irreps, class T>
__global__ void filter_gradient_per_thread(IrrepConvolution p, const T* in, const T* out_gradient, T* filter_gradient) {
  const std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  const auto field = static_cast<std::int32_t>(i / p.depth()), d = static_cast<std::int32_t>(i % p.depth());
  const std::int32_t out_fields = p.product.out_fields;
  if (field >= p.product.groups * out_fields) return;
  const std::int32_t group = field / out_fields;
  T sum[Irreps::filters] = {};
  for (std::int32_t j = 0; j < p.positions(); ++j) {
    const auto position = IrrepPosition::of(p.product, group, j);
    T x[Irreps::order], dy[Irreps::order];
    transformed_input<Irreps>(
        p, in, [&](std::int32_t at) { return p.reads[at].place; }, position, d, x);
    transformed_output<Irreps>(p.product, out_gradient, position, field % out_fields, dy);
    for_each_product<Irreps>([&](auto number) {
      constexpr IrrepProduct product = Irreps::products[number];
      for (int k = 0; k < product.width; ++k)
        sum[product.filter + k] = std::fma(x[product.panel], dy[product.image + k], sum[product.filter + k]);
    });
  }
  const std::int64_t pair = std::int64_t{field} * p.product.in_fields + d / p.taps;
  write_filter_entries<Irreps>(p, pair, d % p.taps, sum, filter_gradient);
}

template <class T>
void launch_product(std::string_view name, const GroupConv2dProblem& problem, GatheredProduct product, const T* in,
                    const T* filter, const T* bias_or_null, T* out) {
  if (product.in_plane() == 0) product.in_fields = 0;
  const IrrepReads reads(problem);
  const IrrepConvolution p = reads.of(product);
  const std::int64_t fields = std::int64_t{product.groups} * product.out_fields, rows = fields * p.depth();
  if (fields * p.positions() == 0) return;
  with_irreps(problem, [&]<class Irreps>(Irreps) {
    const Scratch transformed(rows * Irreps::filters * static_cast<std::int64_t>(sizeof(T)));
    if (rows > 0)
      launch("group_conv2d/irrep_naive/filter", transform_filter<Irreps, T>,
             {.grid = blocks_for(rows, 128), .block = 128}, p, filter, transformed.as<T>());
    launch(name, product_per_thread<Irreps, T>, {.grid = blocks_for(fields * p.positions(), 128), .block = 128}, p, in,
           transformed.as<T>(), bias_or_null, out);
  });
}

}  // namespace

template <class T>
void IrrepNaive<T>::forward(const GroupConv2dProblem& p, const T* x, const T* w, const T* bias_or_null, T* y) {
  launch_product("group_conv2d.forward/irrep_naive", p, forward_product(p), x, w, bias_or_null, y);
}
template <class T>
void IrrepNaive<T>::input_gradient(const GroupConv2dProblem& p, const T* dy, const T* w, T* dx) {
  const TransposedFilter<T> filter(p, w);
  launch_product<T>("group_conv2d.input_gradient/irrep_naive", p, transposed_product(p), dy, filter.data(), nullptr,
                    dx);
}
template <class T>
void IrrepNaive<T>::filter_gradient(const GroupConv2dProblem& problem, const T* x, const T* dy, T* dw) {
  const IrrepReads reads(problem);
  const IrrepConvolution p = reads.of(forward_product(problem));
  const std::int64_t rows = problem.out_fields * p.depth();
  if (rows == 0) return;
  with_irreps(problem, [&]<class Irreps>(Irreps) {
    launch("group_conv2d.filter_gradient/irrep_naive", filter_gradient_per_thread<Irreps, T>,
           {.grid = blocks_for(rows, 64), .block = 64}, p, x, dy, dw);
  });
}

template struct IrrepNaive<float>;
template struct IrrepNaive<double>;

}  // namespace ORBITGRAD_BUILD
}  // namespace orbitgrad::kernels
