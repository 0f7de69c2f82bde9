// Memory of the devices that have their own: `cuda` (a GPU) and `sim` (host memory that only kernels and copies touch).
// Everything above asks here, so nothing above knows that CUDA exists.
#pragma once

#include <cstdint>
#include <string>

#include "kernels/dispatch.hpp"

namespace orbitgrad::kernels {

struct DeviceMemoryStatistics {
  std::int64_t live_bytes = 0;          // asked for and not yet released
  std::int64_t peak_live_bytes = 0;     // the largest live_bytes so far
  std::int64_t reserved_bytes = 0;      // taken from the system
  std::int64_t allocations = 0;         // requests served
  std::int64_t system_allocations = 0;  // requests that had to ask the system
};

class DeviceMemory {
 public:
  virtual ~DeviceMemory() = default;

  /// At least `bytes` bytes, aligned to 256; null for 0 bytes. Not written: reading it before writing is a fault.
  /// Throws LaunchError when there is no room or the limit would be passed.
  virtual void* allocate(std::int64_t bytes) = 0;
  /// Throws LaunchError for a pointer that is not live (a double free).
  virtual void release(void* pointer, std::int64_t bytes) = 0;

  virtual void copy_to_device(void* to, const void* from_host, std::int64_t bytes) = 0;
  virtual void copy_to_host(void* to_host, const void* from, std::int64_t bytes) = 0;
  /// Waits for all work. Throws LaunchError when a kernel failed since the last call.
  virtual void synchronize() = 0;

  /// Gives unused memory back to the system.
  virtual void trim() = 0;
  /// Live bytes above this are an error; 0 means no limit.
  virtual void set_limit(std::int64_t bytes) = 0;
  virtual DeviceMemoryStatistics statistics() const = 0;
};

/// The memory of a device; null for the cpu (host memory is the engine's) and for a device this build or machine lacks.
DeviceMemory* device_memory(DeviceKind device);
/// What the device is, or why it cannot be used.
std::string device_description(DeviceKind device);
/// Called once, before main, by the source that owns a device's memory.
void register_device_memory(DeviceKind device, DeviceMemory* (*find)(), std::string (*describe)());

/// Workspace of one launch, given back when the launcher returns.
class DeviceScratch {
 public:
  DeviceScratch(DeviceKind device, std::int64_t bytes)
      : memory_(device_memory(device)), bytes_(bytes), data_(memory_->allocate(bytes)) {}
  ~DeviceScratch() { memory_->release(data_, bytes_); }
  DeviceScratch(const DeviceScratch&) = delete;
  DeviceScratch& operator=(const DeviceScratch&) = delete;

  template <class T>
  T* as() const {
    return static_cast<T*>(data_);
  }

 private:
  DeviceMemory* memory_;
  std::int64_t bytes_;
  void* data_;
};

}  // namespace orbitgrad::kernels
