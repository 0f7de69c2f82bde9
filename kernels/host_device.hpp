// Marks a function that is compiled for the host and, by a CUDA compiler, for the device too.
// Formulas and index maps are written once with this mark and used by every backend.
#pragma once

#if defined(__CUDACC__)
#define ORBITGRAD_HOST_DEVICE __host__ __device__
#elif defined(ORBITGRAD_SIM_TRACED)
#define ORBITGRAD_HOST_DEVICE __attribute__((always_inline))  // see sim/dialect.hpp
#else
#define ORBITGRAD_HOST_DEVICE
#endif
