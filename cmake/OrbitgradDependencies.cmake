# Libraries we cannot do without, then accelerators: each is used when it is there and says so in one line.
# Sets ORBITGRAD_PUBLIC_LIBRARIES and the interface target orbitgrad_private (what only the library itself links).

# Fails with the Debian package that is missing.
function(orbitgrad_need found what package)
  if(NOT ${found})
    message(FATAL_ERROR "orbitgrad needs ${what}. On Debian or Ubuntu: apt-get install ${package}")
  endif()
endfunction()

find_package(fmt CONFIG QUIET)
orbitgrad_need(fmt_FOUND fmt libfmt-dev)
set(ORBITGRAD_FMT fmt::fmt)
if(ORBITGRAD_HEADER_ONLY_FMT)
  set(ORBITGRAD_FMT fmt::fmt-header-only)
endif()
find_package(CLI11 CONFIG QUIET)
orbitgrad_need(CLI11_FOUND CLI11 libcli11-dev)
find_package(nlohmann_json CONFIG QUIET)
orbitgrad_need(nlohmann_json_FOUND nlohmann-json nlohmann-json3-dev)
find_package(Eigen3 CONFIG QUIET)
orbitgrad_need(Eigen3_FOUND Eigen libeigen3-dev)
get_target_property(ORBITGRAD_EIGEN_INCLUDE Eigen3::Eigen INTERFACE_INCLUDE_DIRECTORIES)
set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)

add_library(orbitgrad_private INTERFACE)
target_link_libraries(orbitgrad_private INTERFACE CLI11::CLI11 nlohmann_json::nlohmann_json Threads::Threads
                      ${CMAKE_DL_LIBS})
set(ORBITGRAD_PUBLIC_LIBRARIES "")

# Decides one accelerator: prints its line, sets <option>_USED, stops when ON cannot be honoured.
function(orbitgrad_choose option name found use_for without package)
  set(used OFF)
  if(${option} STREQUAL "OFF")
    message(STATUS "${name}: OFF (${option}=OFF): ${without}")
  elseif(${found})
    set(used ON)
    message(STATUS "${name}: ON (found): ${use_for}")
  elseif(${option} STREQUAL "ON")
    message(FATAL_ERROR "${option}=ON, but ${name} was not found. Install ${package}, or configure with ${option}=AUTO.")
  else()
    message(STATUS "${name}: OFF (not found, Debian package ${package}): ${without}")
  endif()
  set(${option}_USED ${used} PARENT_SCOPE)
endfunction()

# Only the sources that call an accelerator see it, so that builds with and without it share all other object files in a
# compiler cache. Benchmarks, which run it as an opponent, link orbitgrad_opponents.
add_library(orbitgrad_opponents INTERFACE)
function(orbitgrad_accelerate name)
  list(TRANSFORM ARGN PREPEND "${PROJECT_SOURCE_DIR}/" OUTPUT_VARIABLE sources)
  set_property(SOURCE ${sources} APPEND PROPERTY COMPILE_DEFINITIONS ORBITGRAD_HAVE_${name})
  if(NOT ORBITGRAD_${name}_INCLUDE IN_LIST CMAKE_CXX_IMPLICIT_INCLUDE_DIRECTORIES)  # as -isystem it would break <cstdlib>
    set_property(SOURCE ${sources} APPEND PROPERTY INCLUDE_DIRECTORIES "${ORBITGRAD_${name}_INCLUDE}")
  endif()
  target_link_libraries(orbitgrad_private INTERFACE "${ORBITGRAD_${name}_LIBRARY}")
  target_compile_definitions(orbitgrad_opponents INTERFACE ORBITGRAD_HAVE_${name})
  target_include_directories(orbitgrad_opponents SYSTEM INTERFACE "${ORBITGRAD_${name}_INCLUDE}")
endfunction()

find_package(ZLIB QUIET)
orbitgrad_choose(ORBITGRAD_ZLIB "zlib" ZLIB_FOUND "gzip files are read and written" "image files must not be compressed"
                 zlib1g-dev)
if(ORBITGRAD_ZLIB_USED)
  target_link_libraries(orbitgrad_private INTERFACE ZLIB::ZLIB)
  set_source_files_properties("${PROJECT_SOURCE_DIR}/experiments/datasets/idx.cpp"
                              "${PROJECT_SOURCE_DIR}/engine/io/deflate.cpp" PROPERTIES
                              COMPILE_DEFINITIONS ORBITGRAD_HAVE_ZLIB)
endif()

# Parallel headers are public, so OpenMP is too: library and user must agree on it.
find_package(OpenMP QUIET COMPONENTS CXX)
orbitgrad_choose(ORBITGRAD_OPENMP "OpenMP" OpenMP_CXX_FOUND "loops run on all cores" "loops run on one core" libgomp1)
if(ORBITGRAD_OPENMP_USED)
  list(APPEND ORBITGRAD_PUBLIC_LIBRARIES OpenMP::OpenMP_CXX)
endif()

find_package(OpenBLAS CONFIG QUIET)
if(OpenBLAS_FOUND)
  set(ORBITGRAD_OPENBLAS_LIBRARY "${OpenBLAS_LIBRARIES}")
  set(ORBITGRAD_OPENBLAS_INCLUDE "${OpenBLAS_INCLUDE_DIRS}")
  set(openblas_found TRUE)
else()
  find_library(ORBITGRAD_OPENBLAS_LIBRARY openblas)
  find_path(ORBITGRAD_OPENBLAS_INCLUDE cblas.h PATH_SUFFIXES openblas)
  if(ORBITGRAD_OPENBLAS_LIBRARY AND ORBITGRAD_OPENBLAS_INCLUDE)
    set(openblas_found TRUE)
  endif()
endif()
orbitgrad_choose(ORBITGRAD_OPENBLAS "OpenBLAS" openblas_found "matrix products" "matrix products by our own code"
                 libopenblas-dev)
if(ORBITGRAD_OPENBLAS_USED)
  orbitgrad_accelerate(OPENBLAS kernels/gemm/cpu.cpp)
endif()

# Looked for directly: Debian's dnnl-config.cmake stops the configuration when the OpenCL headers are not there.
find_library(ORBITGRAD_ONEDNN_LIBRARY dnnl)
find_path(ORBITGRAD_ONEDNN_INCLUDE oneapi/dnnl/dnnl.hpp)
if(ORBITGRAD_ONEDNN_LIBRARY AND ORBITGRAD_ONEDNN_INCLUDE)
  set(onednn_found TRUE)
endif()
orbitgrad_choose(ORBITGRAD_ONEDNN "oneDNN" onednn_found "plain convolution" "plain convolution by our own code" libdnnl-dev)
if(ORBITGRAD_ONEDNN_USED)
  orbitgrad_accelerate(ONEDNN kernels/conv2d/cpu.cpp kernels/conv2d/onednn.cpp kernels/conv2d/onednn_plan.cpp
                       kernels/conv2d/onednn_primitive.cpp)
endif()
