// The vector instructions that the CPU kernels of this library were compiled for. A portable build has several
// libraries, of which the loader takes one (cmake/OrbitgradLevels.cmake).
#pragma once

#include <string_view>

namespace orbitgrad::kernels {

/// Of the file that includes this: "AVX-512", "AVX2 with FMA", "AVX", "NEON" or "128-bit vectors".
#if defined(__AVX512F__)
constexpr std::string_view instruction_set_here = "AVX-512";
#elif defined(__AVX2__) && defined(__FMA__)
constexpr std::string_view instruction_set_here = "AVX2 with FMA";
#elif defined(__AVX__)
constexpr std::string_view instruction_set_here = "AVX";
#elif defined(__ARM_NEON)
constexpr std::string_view instruction_set_here = "NEON";
#else
constexpr std::string_view instruction_set_here = "128-bit vectors";
#endif

/// Of the kernels. Code that hands vectors to them (tests do, users have no reason to) must be compiled for the same.
std::string_view instruction_set();

}  // namespace orbitgrad::kernels
