// Tensor: a value. A handle to a strided window on shared storage, and, when it tracks gradients, to the node of the
// autograd graph that made it. Copying a Tensor copies the handle; no user-visible operation changes its elements.
#pragma once

#include <atomic>
#include <memory>
#include <source_location>
#include <string>
#include <vector>

#include "engine/device.hpp"
#include "engine/dtype.hpp"
#include "engine/shape.hpp"

namespace orbitgrad {

class Node;

/// A block of memory shared by all tensors that view it. The version counts writes through the one door, update.hpp.
struct Storage {
  Storage(std::int64_t size_in_bytes, DeviceKind where);
  ~Storage();
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;

  void* data;
  std::int64_t bytes;
  DeviceKind device;
  std::uint64_t version = 0;
};

/// Steps that are recorded now, by all threads (engine/captured_step.hpp). What a recorded step touches stays alive as
/// long as the recording.
extern std::atomic<int> recorded_steps;
void keep_while_recorded(const std::shared_ptr<Storage>& storage);

/// What a Tensor points to. Strides and offset count elements.
struct TensorBody {
  ~TensorBody();

  std::shared_ptr<Storage> storage;
  std::int64_t offset = 0;
  Shape shape;
  Shape strides;
  DType dtype = DType::float32;
  std::shared_ptr<Node> node;  // null: no gradient is tracked
};

class Tensor {
 public:
  /// Undefined: no shape, no data. Stands for "zero" in gradients and "absent" in optional arguments.
  Tensor() = default;
  explicit Tensor(std::shared_ptr<TensorBody> body) : body_(std::move(body)) {}

  /// A contiguous tensor whose elements are not yet written.
  static Tensor empty(const Shape& shape, DType dtype = DType::float32, DeviceKind device = default_device());
  /// A tensor that shares the storage of `base` through another window. No gradient is recorded.
  static Tensor window(const Tensor& base, const Shape& shape, const Shape& strides, std::int64_t offset);

  bool defined() const { return body_ != nullptr; }
  explicit operator bool() const { return defined(); }

  const Shape& shape() const { return body().shape; }
  const Shape& strides() const { return body().strides; }
  int rank() const { return body().shape.rank(); }
  /// Length of an axis; negative axes count from the end.
  std::int64_t size(int axis) const { return shape()[normalize_axis("size", axis, rank())]; }
  std::int64_t numel() const { return body().shape.numel(); }
  DType dtype() const { return body().dtype; }
  DeviceKind device() const { return body().storage->device; }
  bool is_contiguous() const;

  /// Pointer to the first element in the memory of the device, for its kernels. Throws when T is not the dtype.
  template <class T>
  const T* data() const {
    check_dtype(dtype_of<T>());
    if (recorded_steps.load(std::memory_order_relaxed) != 0) [[unlikely]]
      keep_while_recorded(body_->storage);
    return static_cast<const T*>(body_->storage->data) + body_->offset;
  }
  /// The same to read here. Error unless the tensor is in host memory.
  template <class T>
  const T* host_data() const {
    check_host();
    return data<T>();
  }
  /// The window as kernels see it.
  template <class T>
  kernels::View<const T> view() const {
    return make_view(data<T>());
  }

  // Reading a value waits for the device, and is an error, which names `where`, while a step is captured.

  /// The only element, converted to T. Throws when there is not exactly one.
  template <class T = double>
  T item(std::source_location where = std::source_location::current()) const {
    return static_cast<T>(item_as_double(where));
  }
  /// All elements in row-major order.
  template <class T>
  std::vector<T> to_vector(std::source_location where = std::source_location::current()) const;

  /// The same values in another element type; differentiable between floating types.
  Tensor to(DType dtype) const;
  /// The same values on a device (the tensor itself if it is there); differentiable.
  Tensor to(DeviceKind device, std::source_location where = std::source_location::current()) const;

  bool requires_grad() const { return body().node != nullptr; }
  /// Makes a tensor without history a leaf that collects gradients, or a leaf an ordinary tensor again.
  Tensor& set_requires_grad(bool value = true);
  /// The gradient that backward() left here; undefined before.
  Tensor grad() const;
  void set_grad(const Tensor& gradient);
  /// The same elements, without history.
  Tensor detach() const;
  /// Gradients of this scalar with respect to all leaves, added to their grad(). See autograd/grad.hpp.
  void backward() const;

  /// NumPy-like text: values, shape and dtype; long axes are shortened.
  std::string to_string(std::source_location where = std::source_location::current()) const;

  TensorBody& body() const;
  const std::shared_ptr<TensorBody>& shared_body() const { return body_; }

 private:
  void check_dtype(DType asked) const;
  void check_host() const;
  double item_as_double(std::source_location where) const;
  template <class T>
  kernels::View<T> make_view(T* data) const {
    kernels::View<T> result{.data = data, .rank = rank()};
    for (int axis = 0; axis < rank(); ++axis) {
      result.size[axis] = shape()[axis];
      result.stride[axis] = strides()[axis];
    }
    return result;
  }

  template <class T>
  friend T* fresh_data(Tensor& tensor);
  template <class T>
  friend kernels::View<T> fresh_view(Tensor& tensor);

  std::shared_ptr<TensorBody> body_;
};

/// Writable memory of a result that an op has just made with Tensor::empty and nobody else has seen: for kernels of its
/// device, and for writing here, an error unless the tensor is in host memory.
template <class T>
T* fresh_data(Tensor& tensor) {
  return const_cast<T*>(tensor.data<T>());
}
template <class T>
T* fresh_host_data(Tensor& tensor) {
  return const_cast<T*>(tensor.host_data<T>());
}
template <class T>
kernels::View<T> fresh_view(Tensor& tensor) {
  return tensor.make_view(fresh_data<T>(tensor));
}

}  // namespace orbitgrad
