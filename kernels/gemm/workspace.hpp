// Scratch memory of a kernel: grows to the largest request of the thread and stays, so that a training step allocates
// nothing after its first run. A kernel that calls another one takes a different tag.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>

namespace orbitgrad::kernels::cpu {

class AlignedBuffer {
 public:
  AlignedBuffer() = default;
  AlignedBuffer(const AlignedBuffer&) = delete;
  AlignedBuffer& operator=(const AlignedBuffer&) = delete;
  ~AlignedBuffer() { release(); }

  void* reserve(std::size_t bytes) {
    if (bytes > capacity_) {
      release();
      data_ = ::operator new (bytes, std::align_val_t{64});
      capacity_ = bytes;
    }
    return data_;
  }

 private:
  void release() {
    if (data_ != nullptr) ::operator delete (data_, std::align_val_t{64});
    data_ = nullptr;
    capacity_ = 0;
  }
  void* data_ = nullptr;
  std::size_t capacity_ = 0;
};

/// At least `count` uninitialised elements, aligned to 64 bytes, of this thread and this tag; valid until the next
/// request with the same tag on the same thread.
template <class Tag, class T>
T* workspace(std::int64_t count) {
  static thread_local AlignedBuffer buffer;
  return static_cast<T*>(buffer.reserve(static_cast<std::size_t>(count > 0 ? count : 1) * sizeof(T)));
}

}  // namespace orbitgrad::kernels::cpu
