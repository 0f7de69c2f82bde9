# CUDA: AUTO takes it when nvcc and CUDA kernels are both there. Sets ORBITGRAD_CUDA_SOURCES and prints one line.
file(GLOB_RECURSE cuda_sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/kernels/*.cu")
find_program(ORBITGRAD_NVCC nvcc HINTS ENV CUDACXX PATHS /usr/local/cuda/bin)
set(ORBITGRAD_CUDA_SOURCES "")

if(ORBITGRAD_CUDA STREQUAL "OFF")
  message(STATUS "CUDA: OFF (ORBITGRAD_CUDA=OFF)")
  return()
endif()
if(ORBITGRAD_CUDA STREQUAL "ON" AND NOT ORBITGRAD_NVCC)
  message(FATAL_ERROR "ORBITGRAD_CUDA=ON, but nvcc was not found. Install the CUDA toolkit and put nvcc on the PATH, "
                      "or configure with ORBITGRAD_CUDA=AUTO.")
endif()
if(ORBITGRAD_CUDA STREQUAL "AUTO" AND NOT cuda_sources)
  message(STATUS "CUDA: OFF (this version has no CUDA kernels yet)")
  return()
endif()
if(NOT ORBITGRAD_NVCC)
  message(STATUS "CUDA: OFF (nvcc not found)")
  return()
endif()

# `native` would need a GPU in the machine that builds.
if(NOT CMAKE_CUDA_ARCHITECTURES)
  set(CMAKE_CUDA_ARCHITECTURES "80-real;90-real;90-virtual" CACHE STRING "GPU generations to build for")
endif()
set(CMAKE_CUDA_COMPILER "${ORBITGRAD_NVCC}" CACHE FILEPATH "The CUDA compiler")
enable_language(CUDA)
if(cuda_sources)
  find_package(CUDAToolkit REQUIRED)
  # CMake 3.25 does not know the C++20 dialect of CUDA 13, so it is passed by hand.
  # Formulas shared with the host are constexpr functions and std::numeric_limits.
  add_compile_options("$<$<COMPILE_LANGUAGE:CUDA>:-std=c++20;--expt-relaxed-constexpr>")
  set(ORBITGRAD_CUDA_SOURCES ${cuda_sources})
  target_link_libraries(orbitgrad_private INTERFACE CUDA::cudart)
  target_compile_definitions(orbitgrad_private INTERFACE ORBITGRAD_HAVE_CUDA)
  message(STATUS "CUDA: ON (nvcc ${CMAKE_CUDA_COMPILER_VERSION}, architectures ${CMAKE_CUDA_ARCHITECTURES})")
else()
  message(STATUS "CUDA: compiler only (nvcc ${CMAKE_CUDA_COMPILER_VERSION} works; this version has no CUDA kernels yet, "
                 "so everything runs on the CPU)")
endif()
