#include "engine/update.hpp"

#include "engine/autograd/node.hpp"
#include "engine/dispatch.hpp"
#include "engine/ops/transfer.hpp"
#include "kernels/elementwise/elementwise.hpp"

namespace orbitgrad {

namespace {

void copy(const Tensor& source, Tensor& target) {
  visit_storage(target.dtype(), [&]<class T>(TypeTag<T>) {
    launch<kernels::Copy<T, T>>("assign", target.device(), kernels::cpu::copy<T, T>, source.view<T>(),
                                fresh_view<T>(target));
  });
}

}  // namespace

void assign(Tensor& target, const Tensor& given) {
  const NoGrad no_grad;
  const Tensor source = to_device(given, target.device());
  require_same_kind("assign", target, source);
  require(target.shape() == source.shape(), "assign", "the target is {}, the source {}. They must agree.",
          target.shape(), source.shape());
  // A source that views the target's own memory has to be read before the first write.
  const bool overlaps = source.body().storage == target.body().storage;
  Tensor apart = overlaps ? Tensor::empty(source.shape(), source.dtype(), source.device()) : Tensor();
  visit_storage(target.dtype(), [&]<class T>(TypeTag<T>) { begin_update<T>(target); });
  if (overlaps) copy(source, apart);
  copy(overlaps ? apart : source, target);
}

void move(Tensor& target, DeviceKind device) {
  if (target.device() == device) return;
  require(!target.requires_grad() || target.body().node->is_leaf(), "move",
          "this tensor of shape {} is the result of an operation. Use to(device), which copies it.", target.shape());
  const NoGrad no_grad;
  const Tensor moved = to_device(target, device);
  TensorBody& body = target.body();
  // A backward that still needs the tensor where it was sees a version it does not know.
  moved.body().storage->version = body.storage->version + 1;
  body.storage = moved.body().storage;
  body.offset = 0;
  body.strides = moved.strides();
  if (const Tensor gradient = target.grad(); gradient.defined()) target.set_grad(to_device(gradient.detach(), device));
}

}  // namespace orbitgrad
