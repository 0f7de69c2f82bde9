# CUDA: AUTO takes it when nvcc is there. Sets ORBITGRAD_CUDA_SOURCES and prints one line.
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
find_package(CUDAToolkit REQUIRED)
# CMake 3.25 does not know the C++20 dialect of CUDA 13, so it is passed by hand.
# Formulas shared with the host are constexpr functions and std::numeric_limits.
# No contraction of multiply and add, as on the host: bits agree, and std::fma stands where it is wanted.
# Registers, shared memory and spills of every kernel go beside its object file; a test makes the report of them.
add_compile_options("$<$<COMPILE_LANGUAGE:CUDA>:-std=c++20;--expt-relaxed-constexpr;--fmad=false;-Xptxas=-v>")
set(CMAKE_CUDA_COMPILER_LAUNCHER "${PROJECT_SOURCE_DIR}/cmake/ptxas_report.sh" ${ORBITGRAD_CCACHE})
set(ORBITGRAD_CUDA_SOURCES ${cuda_sources})
target_link_libraries(orbitgrad_private INTERFACE CUDA::cudart)
# Loaded by kernels/cuda/cublaslt.cpp when it is needed; its functions of the same names are ours alone.
set_source_files_properties("${PROJECT_SOURCE_DIR}/kernels/cuda/cublaslt.cpp" PROPERTIES COMPILE_FLAGS -fvisibility=hidden
                            COMPILE_DEFINITIONS "ORBITGRAD_CUBLASLT_LIBRARY=\"libcublasLt.so.${CUDAToolkit_VERSION_MAJOR}\"")
find_path(CUDNN_INCLUDE_DIR cudnn.h HINTS ${CUDAToolkit_INCLUDE_DIRS})
find_library(CUDNN_LIBRARY cudnn HINTS ${CUDAToolkit_LIBRARY_DIR} "${CUDAToolkit_LIBRARY_ROOT}/lib")
if(CUDNN_INCLUDE_DIR AND CUDNN_LIBRARY)
  set(ORBITGRAD_CUDNN ON)
  target_link_libraries(orbitgrad_private INTERFACE "${CUDNN_LIBRARY}")
  message(STATUS "cuDNN: ON (${CUDNN_LIBRARY})")
else()
  set(ORBITGRAD_CUDNN OFF)
  message(STATUS "cuDNN: OFF (not found; plain convolution on the GPU takes our own kernels)")
endif()
message(STATUS "CUDA: ON (nvcc ${CMAKE_CUDA_COMPILER_VERSION}, architectures ${CMAKE_CUDA_ARCHITECTURES})")
