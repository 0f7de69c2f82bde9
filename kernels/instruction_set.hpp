// The vector instructions that the CPU kernels of this library were compiled for. A portable build has several
// libraries, of which the loader takes one (cmake/OrbitgradLevels.cmake).
#pragma once

#include <string_view>

namespace orbitgrad::kernels {

/// "AVX-512", "AVX2 with FMA", "AVX", "NEON" or "128-bit vectors".
std::string_view instruction_set();

}  // namespace orbitgrad::kernels
