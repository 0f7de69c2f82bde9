// The ops that every convolution closes on. With <dy, y(x, w)> = <x, X(dy, w)> = <w, W(x, dy)> the derivatives of y, X
// and W are again y, X and W; the bias adds a sum, whose derivative repeats. Included by op sources only.
// A Convolution is a value that knows its shapes and calls its kernels:
//   static constexpr std::string_view name, input_gradient_name, filter_gradient_name, bias_gradient_name;
//   Shape x_shape, w_shape, y_shape;                              // y_shape[1] counts the biases
//   Rounding rounding;                                            // of both factors of every product; the functions
//                                                                 // below launch by it
//   template <class T> void forward(DeviceKind device, const T* x, const T* w, const T* bias_or_null, T* y) const;
//   template <class T> void input_gradient(DeviceKind device, const T* dy, const T* w, T* dx) const;
//   template <class T> void filter_gradient(DeviceKind device, const T* x, const T* dy, T* dw) const;
//   template <class T> void bias_gradient(DeviceKind device, const T* dy, T* db) const;
// One that never has a bias has no bias_gradient and no name for it.
#pragma once

#include <memory>
#include <utility>

#include "engine/autograd/node.hpp"
#include "engine/dispatch.hpp"
#include "engine/ops/product.hpp"
#include "engine/ops/relu_gradient.hpp"
#include "engine/ops/shape_ops.hpp"

namespace orbitgrad::bilinear {

template <class Convolution>
using Shared = std::shared_ptr<const Convolution>;

template <class Convolution>
Tensor forward(Shared<Convolution> convolution, const Tensor& x, const Tensor& w, const Tensor& bias);
template <class Convolution>
Tensor input_gradient(Shared<Convolution> convolution, const Tensor& dy, const Tensor& w);
template <class Convolution>
Tensor filter_gradient(Shared<Convolution> convolution, const Tensor& x, const Tensor& dy);
template <class Convolution>
Tensor bias_gradient(Shared<Convolution> convolution, const Tensor& dy);

/// A product of its inputs 0 and 1: the derivative by one is a formula of the other, which is saved for nothing else.
template <class Convolution>
struct ConvolutionNode : Node {
  ConvolutionNode(Shared<Convolution> convolution, const Tensor& a, const Tensor& b)
      : convolution_(std::move(convolution)),
        saves_((b.requires_grad() ? Saves::input(0) : Saves::nothing()) |
               (a.requires_grad() ? Saves::input(1) : Saves::nothing())) {}
  Saves saves() const override { return saves_; }
  Shared<Convolution> convolution_;
  Saves saves_;
};

template <class Convolution>
struct ForwardNode : ConvolutionNode<Convolution> {
  using ConvolutionNode<Convolution>::ConvolutionNode;
  std::string_view name() const override { return Convolution::name; }
  std::vector<Tensor> backward(const Tensor& dy) override {
    return {this->needs(0) ? input_gradient(this->convolution_, dy, this->input(1)) : Tensor(),
            this->needs(1) ? filter_gradient(this->convolution_, this->input(0), dy) : Tensor(),
            bias_gradient_if_needed(dy)};
  }

 private:
  Tensor bias_gradient_if_needed(const Tensor& dy) {
    if constexpr (requires { Convolution::bias_gradient_name; })
      if (this->needs(2)) return bias_gradient(this->convolution_, dy);
    return {};
  }
};

/// relu of the convolution: its gradients are those of the convolution at dy where y > 0.
template <class Convolution>
struct RectifiedNode final : ForwardNode<Convolution> {
  using ForwardNode<Convolution>::ForwardNode;
  Saves saves() const override { return this->saves_ | Saves::the_output(); }
  std::vector<Tensor> backward(const Tensor& dy) override {
    return ForwardNode<Convolution>::backward(relu_gradient(dy, this->output().detach()));
  }
};

template <class Convolution>
struct InputGradientNode final : ConvolutionNode<Convolution> {
  using ConvolutionNode<Convolution>::ConvolutionNode;
  std::string_view name() const override { return Convolution::input_gradient_name; }
  std::vector<Tensor> backward(const Tensor& u) override {
    return {this->needs(0) ? forward(this->convolution_, u, this->input(1), Tensor()) : Tensor(),
            this->needs(1) ? filter_gradient(this->convolution_, u, this->input(0)) : Tensor()};
  }
};

template <class Convolution>
struct FilterGradientNode final : ConvolutionNode<Convolution> {
  using ConvolutionNode<Convolution>::ConvolutionNode;
  std::string_view name() const override { return Convolution::filter_gradient_name; }
  std::vector<Tensor> backward(const Tensor& v) override {
    return {this->needs(0) ? input_gradient(this->convolution_, this->input(1), v) : Tensor(),
            this->needs(1) ? forward(this->convolution_, this->input(0), v, Tensor()) : Tensor()};
  }
};

template <class Convolution>
struct BiasGradientNode final : Node {
  explicit BiasGradientNode(Shared<Convolution> convolution) : convolution_(std::move(convolution)) {}
  std::string_view name() const override { return Convolution::bias_gradient_name; }
  Saves saves() const override { return Saves::nothing(); }
  std::vector<Tensor> backward(const Tensor& v) override {
    Shape column = convolution_->y_shape;
    for (int axis = 0; axis < column.rank(); ++axis) column[axis] = axis == 1 ? column[1] : 1;
    return {broadcast_to(reshape(v, column), convolution_->y_shape)};
  }
  Shared<Convolution> convolution_;
};

/// A result of that shape on the device of `like`, filled by kernel(tag, pointer) for the element type of `like`.
template <class Kernel>
Tensor computed(std::string_view op, const Shape& shape, const Tensor& like, Kernel&& kernel) {
  Tensor result = Tensor::empty(shape, like.dtype(), like.device());
  visit_floating(op, like.dtype(), [&](auto tag) {
    const NoGrad no_grad;
    kernel(tag, fresh_data<typename decltype(tag)::type>(result));
  });
  return result;
}

/// y without its node.
template <class Convolution>
Tensor computed_forward(const Convolution& convolution, const Tensor& x, const Tensor& w, const Tensor& bias) {
  return computed(Convolution::name, convolution.y_shape, x, [&]<class T>(TypeTag<T>, T* result) {
    const Tensor dense_bias = bias.defined() ? contiguous(bias) : Tensor();
    convolution.template forward<T>(x.device(), convolution.rounding.factor(x).template data<T>(),
                                    convolution.rounding.factor(w).template data<T>(),
                                    bias.defined() ? dense_bias.data<T>() : nullptr, result);
  });
}

template <class Convolution>
Tensor forward(Shared<Convolution> convolution, const Tensor& x, const Tensor& w, const Tensor& bias) {
  return record<ForwardNode<Convolution>>(computed_forward(*convolution, x, w, bias), {&x, &w, &bias},
                                          std::move(convolution), x, w);
}

/// relu(forward(convolution, x, w, bias)), which the kernels of `rectified` write.
template <class Convolution>
Tensor rectified_forward(const Convolution& rectified, Shared<Convolution> convolution, const Tensor& x,
                         const Tensor& w, const Tensor& bias) {
  return record<RectifiedNode<Convolution>>(computed_forward(rectified, x, w, bias), {&x, &w, &bias},
                                            std::move(convolution), x, w);
}

template <class Convolution>
Tensor input_gradient(Shared<Convolution> convolution, const Tensor& dy, const Tensor& w) {
  Tensor dx = computed(Convolution::input_gradient_name, convolution->x_shape, w, [&]<class T>(TypeTag<T>, T* result) {
    convolution->template input_gradient<T>(w.device(), convolution->rounding.factor(dy).template data<T>(),
                                            convolution->rounding.factor(w).template data<T>(), result);
  });
  return record<InputGradientNode<Convolution>>(std::move(dx), {&dy, &w}, std::move(convolution), dy, w);
}

template <class Convolution>
Tensor filter_gradient(Shared<Convolution> convolution, const Tensor& x, const Tensor& dy) {
  Tensor dw = computed(Convolution::filter_gradient_name, convolution->w_shape, x, [&]<class T>(TypeTag<T>, T* result) {
    convolution->template filter_gradient<T>(x.device(), convolution->rounding.factor(x).template data<T>(),
                                             convolution->rounding.factor(dy).template data<T>(), result);
  });
  return record<FilterGradientNode<Convolution>>(std::move(dw), {&x, &dy}, std::move(convolution), x, dy);
}

template <class Convolution>
Tensor bias_gradient(Shared<Convolution> convolution, const Tensor& dy) {
  Tensor db =
      computed(Convolution::bias_gradient_name, {convolution->y_shape[1]}, dy, [&]<class T>(TypeTag<T>, T* result) {
        convolution->template bias_gradient<T>(dy.device(), contiguous(dy).data<T>(), result);
      });
  return record<BiasGradientNode<Convolution>>(std::move(db), {&dy}, std::move(convolution));
}

}  // namespace orbitgrad::bilinear
