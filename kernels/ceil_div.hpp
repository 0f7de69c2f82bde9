// How many pieces of a size cover a length, and the length they cover.
#pragma once

#include <cstddef>
#include <cstdint>

namespace orbitgrad::kernels {

/// The smallest whole number not below value / by; value >= 0, by > 0.
constexpr std::int64_t ceil_div(std::int64_t value, std::int64_t by) { return (value + by - 1) / by; }

/// The smallest multiple of step not below value.
constexpr std::size_t round_up(std::size_t value, std::size_t step) { return (value + step - 1) / step * step; }

}  // namespace orbitgrad::kernels
