#include "engine/ops/matmul.hpp"

#include "engine/autograd/node.hpp"
#include "engine/dispatch.hpp"
#include "engine/ops/product.hpp"
#include "engine/ops/shape_ops.hpp"

namespace orbitgrad {

namespace {

struct MatmulNode final : Node {
  explicit MatmulNode(Precision precision) : precision_(precision) {}
  std::string_view name() const override { return "matmul"; }
  Saves saves() const override { return Saves::all_inputs(); }
  std::vector<Tensor> backward(const Tensor& dy) override {
    return {needs(0) ? sum_to(matmul_at(dy, transpose(input(1)), precision_), input_shape(0)) : Tensor(),
            needs(1) ? sum_to(matmul_at(transpose(input(0)), dy, precision_), input_shape(1)) : Tensor()};
  }
  Precision precision_;
};

}  // namespace

Tensor matmul_at(const Tensor& a, const Tensor& b, Precision precision) {
  return record<MatmulNode>(product("matmul", a, b, precision), {&a, &b}, precision);
}

Tensor matmul(const Tensor& a, const Tensor& b) {
  if (is_half_product(a, b))
    return product_of_halves(a, b, {}, [](const Tensor& p, const Tensor& q, const Tensor&) { return matmul(p, q); });
  require_same_kind("matmul", a, b);
  require(is_floating(a.dtype()), "matmul", "takes float32 or float64, got {}. Convert with to().", name(a.dtype()));
  require(a.rank() >= 1 && b.rank() >= 1, "matmul", "takes vectors or matrices, got {} and {}. Use * for scalars.",
          a.shape(), b.shape());
  const std::int64_t inner_a = a.size(-1), inner_b = b.size(b.rank() == 1 ? 0 : -2);
  require(inner_a == inner_b, "matmul", "shapes {} and {} do not fit: {} columns meet {} rows. Transpose one of them.",
          a.shape(), b.shape(), inner_a, inner_b);
  const Tensor left = a.rank() == 1 ? unsqueeze(a, 0) : a;
  const Tensor right = b.rank() == 1 ? unsqueeze(b, 1) : b;
  Tensor result = matmul_at(left, right, precision_of(a.dtype()));
  if (b.rank() == 1) result = squeeze(result, -1);
  if (a.rank() == 1) result = squeeze(result, b.rank() == 1 ? -1 : -2);
  return result;
}

}  // namespace orbitgrad
