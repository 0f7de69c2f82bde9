// The matrix product without a library: both operands are packed once into panels that the register tiles read in order
// (Goto and van de Geijn, "Anatomy of high-performance matrix multiplication", 2008).
#pragma once

#include "kernels/gemm/gemm.hpp"

namespace orbitgrad::kernels::cpu {

/// Every element of C is one chain of multiply-adds over the depth in order, so that no blocking changes a bit.
template <class T>
void blocked_gemm(const GemmProblem& problem, const T* a, const T* b, T* c);

}  // namespace orbitgrad::kernels::cpu
