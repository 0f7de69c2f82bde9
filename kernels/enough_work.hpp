// What repays handing a part of a loop to another thread, whose waking takes tens of microseconds when it sleeps: the
// least work of a thread in elements that are read and written, or in floating-point operations of a product.
#pragma once

#include <cstdint>

namespace orbitgrad::kernels {

inline constexpr std::int64_t enough_elements = 65536;
inline constexpr double enough_flops = 2e6;

}  // namespace orbitgrad::kernels
