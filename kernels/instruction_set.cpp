#include "kernels/instruction_set.hpp"

namespace orbitgrad::kernels {

std::string_view instruction_set() {
#if defined(__AVX512F__)
  return "AVX-512";
#elif defined(__AVX2__) && defined(__FMA__)
  return "AVX2 with FMA";
#elif defined(__AVX__)
  return "AVX";
#elif defined(__ARM_NEON)
  return "NEON";
#else
  return "128-bit vectors";
#endif
}

}  // namespace orbitgrad::kernels
