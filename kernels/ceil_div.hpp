// How many pieces of a size cover a length.
#pragma once

#include <cstdint>

namespace orbitgrad::kernels {

/// The smallest whole number not below value / by; value >= 0, by > 0.
constexpr std::int64_t ceil_div(std::int64_t value, std::int64_t by) { return (value + by - 1) / by; }

}  // namespace orbitgrad::kernels
