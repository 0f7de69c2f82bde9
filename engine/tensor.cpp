#include "engine/tensor.hpp"

#include "engine/allocator.hpp"
#include "engine/autograd/grad.hpp"
#include "engine/autograd/node.hpp"
#include "engine/error.hpp"
#include "engine/observe/environment.hpp"
#include "engine/observe/memory.hpp"
#include "engine/ops/cast.hpp"
#include "engine/ops/transfer.hpp"
#include "kernels/device_memory.hpp"
#include "kernels/launch_error.hpp"

namespace orbitgrad {

namespace {

void* allocate(DeviceKind device, std::int64_t bytes) {
  if (device == DeviceKind::cpu) return CachingAllocator::host().allocate(bytes);
  try {
    kernels::DeviceMemory* memory = kernels::device_memory(device);
    if (memory == nullptr) require_available("allocator", device);
    return memory->allocate(bytes);
  } catch (const kernels::LaunchError& error) {
    fail("allocator", "{} reports: {}. If this stays, compute on the cpu.", name(device), error.what());
  }
}

std::shared_ptr<Storage> make_storage(std::int64_t bytes, const Shape& shape, DType dtype, DeviceKind device) {
  if (observe::is_watched(observe::watching_memory)) [[unlikely]]
    observe::require_environment();
  std::shared_ptr<Storage> storage;
  try {
    storage = std::make_shared<Storage>(bytes, device);
  } catch (const Error& error) {
    if (device != DeviceKind::cpu && kernels::device_memory(device) == nullptr) throw;
    observe::fail_allocation(error.what(), shape, dtype);
  }
  if (observe::is_listed(bytes)) [[unlikely]]
    observe::list_storage(*storage, shape, dtype);
  return storage;
}

}  // namespace

Storage::Storage(std::int64_t size_in_bytes, DeviceKind where)
    : data(allocate(where, size_in_bytes)), bytes(size_in_bytes), device(where) {}

Storage::~Storage() {
  if (observe::is_listed(bytes)) [[unlikely]]
    observe::unlist_storage(*this);
  if (device == DeviceKind::cpu)
    CachingAllocator::host().release(data, bytes);
  else
    kernels::device_memory(device)->release(data, bytes);
}

TensorBody::~TensorBody() { release_iteratively(std::move(node)); }

TensorBody& Tensor::body() const {
  require(defined(), "tensor", "this tensor is undefined. Make it with zeros, full, from_vector or an operation.");
  return *body_;
}

Tensor Tensor::empty(const Shape& shape, DType dtype, DeviceKind device) {
  const std::int64_t count = checked_numel("empty", shape);
  std::int64_t bytes = 0;
  require(!__builtin_mul_overflow(count, item_size(dtype), &bytes), "empty",
          "shape {} of {} needs more bytes than a 64-bit count can hold. Use a smaller shape.", shape, name(dtype));
  auto body = std::make_shared<TensorBody>();
  body->storage = make_storage(bytes, shape, dtype, device);
  body->shape = shape;
  body->strides = contiguous_strides(shape);
  body->dtype = dtype;
  return Tensor(std::move(body));
}

Tensor Tensor::window(const Tensor& base, const Shape& shape, const Shape& strides, std::int64_t offset) {
  auto body = std::make_shared<TensorBody>();
  body->storage = base.body().storage;
  body->offset = offset;
  body->shape = shape;
  body->strides = strides;
  body->dtype = base.dtype();
  return Tensor(std::move(body));
}

bool Tensor::is_contiguous() const {
  std::uint64_t expected = 1;  // unsigned: an axis of length 0 allows any others, and they may wrap
  for (int axis = rank() - 1; axis >= 0; --axis) {
    if (shape()[axis] == 0) return true;
    if (shape()[axis] != 1 && static_cast<std::uint64_t>(strides()[axis]) != expected) return false;
    expected *= static_cast<std::uint64_t>(shape()[axis]);
  }
  return true;
}

void Tensor::check_dtype(DType asked) const {
  require(dtype() == asked, "tensor", "its elements are {}, {} was asked for. Convert with to().", name(dtype()),
          name(asked));
}

void Tensor::check_host() const {
  require(device() == DeviceKind::cpu, "tensor",
          "its {} elements are on {} and cannot be read in host memory. Copy it first: x.to(DeviceKind::cpu).", shape(),
          name(device()));
}

double Tensor::item_as_double(std::source_location where) const {
  require(numel() == 1, "item", "needs exactly one element, the shape is {}. Reduce or index first.", shape());
  const Tensor here = on_host(*this, where);
  return visit_storage(dtype(),
                       [&](auto tag) { return static_cast<double>(*here.host_data<typename decltype(tag)::type>()); });
}

template <class T>
std::vector<T> Tensor::to_vector(std::source_location where) const {
  const Tensor dense = on_host(*this, where);
  const T* first = dense.host_data<T>();
  return std::vector<T>(first, first + numel());
}
template std::vector<float> Tensor::to_vector(std::source_location) const;
template std::vector<double> Tensor::to_vector(std::source_location) const;
template std::vector<std::int64_t> Tensor::to_vector(std::source_location) const;
template std::vector<std::int32_t> Tensor::to_vector(std::source_location) const;
template std::vector<bool> Tensor::to_vector(std::source_location) const;
template std::vector<kernels::Bfloat16> Tensor::to_vector(std::source_location) const;
template std::vector<kernels::Float16> Tensor::to_vector(std::source_location) const;

Tensor Tensor::to(DType dtype) const { return cast(*this, dtype); }

Tensor Tensor::to(DeviceKind device, std::source_location where) const { return to_device(*this, device, where); }

Tensor& Tensor::set_requires_grad(bool value) {
  TensorBody& self = body();
  require(is_floating(dtype()), "requires_grad",
          "only floating tensors have gradients, this one is {}. Convert it first: x.to(DType::float32).",
          name(dtype()));
  require(self.node == nullptr || self.node->is_leaf(), "requires_grad",
          "this tensor is the result of '{}' and tracks gradients through it. Use detach() to cut the history.",
          self.node ? self.node->name() : "");
  if (!value)
    self.node = nullptr;
  else if (self.node == nullptr)
    self.node = std::make_shared<Leaf>();
  return *this;
}

Tensor Tensor::grad() const {
  const auto& node = body().node;
  if (node == nullptr || !node->is_leaf()) return {};
  Tensor& gradient = static_cast<Leaf&>(*node).gradient;  // of a graph from before a move: where the leaf was then
  if (gradient.defined() && gradient.device() != device()) gradient = to_device(gradient, device());
  return gradient;
}

void Tensor::set_grad(const Tensor& gradient) {
  const auto& node = body().node;
  require(node != nullptr && node->is_leaf(), "set_grad",
          "only a leaf that requires gradients has a grad(). Call set_requires_grad() first.");
  static_cast<Leaf&>(*node).set_gradient(gradient);
}

Tensor Tensor::detach() const { return window(*this, shape(), strides(), body().offset); }

void Tensor::backward() const { orbitgrad::backward(*this); }

}  // namespace orbitgrad
