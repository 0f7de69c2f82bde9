// The shared memory of one simulated block: the dynamic part, then one place per SIM_SHARED declaration, with gaps
// between them that no access may touch. Every block starts with all bits set (NaN, -1), as hardware promises nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace orbitgrad::kernels::sim {

class SharedMemory {
 public:
  /// Forgets the variables if the launch is another one than last time.
  void begin_block(std::uint64_t launch, std::size_t dynamic_bytes);

  /// The same address for the same key throughout a launch. Throws LaunchError past the hardware's 48 KiB of static
  /// shared memory.
  void* variable(const void* key, std::size_t bytes, std::size_t alignment, std::string_view name);
  void* dynamic() { return memory_.get(); }

  /// Whether [address, address + bytes) lies inside one variable or the dynamic part.
  bool contains(const void* address, std::size_t bytes) const;
  /// Whether the address lies in this memory at all, gaps included.
  bool owns(const void* address) const {
    return memory_ != nullptr && address >= memory_.get() && address < memory_.get() + capacity;
  }
  std::size_t offset(const void* address) const {
    return static_cast<std::size_t>(static_cast<const std::byte*>(address) - memory_.get());
  }

  static constexpr std::size_t capacity = 256 * 1024;

 private:
  struct Variable {
    const void* key;
    std::size_t begin, end;
  };
  struct Free {
    void operator()(std::byte* memory) const;
  };

  void poison(const Variable& variable);

  std::unique_ptr<std::byte, Free> memory_;
  std::vector<Variable> variables_;  // the first one is the dynamic part
  std::size_t static_bytes_ = 0;
  std::uint64_t launch_ = 0;  // launches are numbered from 1
};

}  // namespace orbitgrad::kernels::sim
