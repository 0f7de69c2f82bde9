#include "engine/ops/affine.hpp"

#include "engine/autograd/node.hpp"
#include "engine/dispatch.hpp"
#include "engine/ops/arithmetic.hpp"
#include "engine/ops/elementary.hpp"
#include "engine/ops/product.hpp"
#include "engine/ops/relu_gradient.hpp"
#include "engine/ops/shape_ops.hpp"

namespace orbitgrad {

namespace {

constexpr std::string_view op = "affine";

/// [..., columns] as [rows, columns].
Tensor as_rows(const Tensor& x) {
  std::int64_t rows = 1;
  for (int axis = 0; axis + 1 < x.rank(); ++axis) rows *= x.shape()[axis];
  return reshape(x, {rows, x.size(-1)});
}

struct AffineNode final : Node {
  AffineNode(Precision precision, bool is_relu) : precision_(precision), is_relu_(is_relu) {}
  std::string_view name() const override { return op; }
  Saves saves() const override {
    return Saves::input(0) | Saves::input(1) | (is_relu_ ? Saves::the_output() : Saves::nothing());
  }
  std::vector<Tensor> backward(const Tensor& dy) override {
    const Tensor dz = is_relu_ ? relu_gradient(dy, output().detach()) : dy, rows = as_rows(dz);
    return {needs(0) ? reshape(matmul_at(rows, input(1), precision_), input_shape(0)) : Tensor(),
            needs(1) ? matmul_at(transpose(rows), as_rows(input(0)), precision_) : Tensor(),
            needs(2) ? sum_to(rows, input_shape(2)) : Tensor()};
  }
  Precision precision_;
  bool is_relu_;
};

void require_shapes(const Tensor& x, const Tensor& w, const Tensor& bias) {
  require(x.defined() && w.defined(), op,
          "x and w must be tensors, got an undefined one. Only the bias may be left out.");
  require_same_kind(op, x, w);
  if (bias.defined()) require_same_kind(op, x, bias);
  require(is_floating(x.dtype()), op, "takes floating tensors, got {}. Convert them first: x.to(DType::float32).",
          name(x.dtype()));
  require(w.rank() == 2 && x.rank() >= 1 && x.size(-1) == w.size(1), op,
          "w must be [out, in] and x [..., in], got {} and {}. Reshape or transpose one.", w.shape(), x.shape());
  if (bias.defined() && bias.shape() != Shape{w.size(0)})
    fail(op, "the bias must be [{}], one value per row of w, got {}. Reshape it.", w.size(0), bias.shape().to_string());
}

}  // namespace

Tensor affine(const Tensor& x, const Tensor& w, const Tensor& bias, Activation activation) {
  if (is_half_product(x, w, bias)) {
    return product_of_halves(x, w, bias, [&](const Tensor& wide_x, const Tensor& wide_w, const Tensor& wide_bias) {
      return affine(wide_x, wide_w, wide_bias, activation);
    });
  }
  require_shapes(x, w, bias);
  const Tensor* inputs[] = {&x, &w, &bias};
  if (activation == Activation::gelu && is_tracked(inputs)) return gelu(affine(x, w, bias));
  const Precision precision = precision_of(x.dtype());
  const Tensor y = [&] {
    const NoGrad no_grad;
    Shape shape = x.shape();
    shape[x.rank() - 1] = w.size(0);
    return reshape(product(op, as_rows(x), transpose(w), precision, bias, activation), shape);
  }();
  return record<AffineNode>(y, {&x, &w, &bias}, precision, activation == Activation::relu);
}

}  // namespace orbitgrad
