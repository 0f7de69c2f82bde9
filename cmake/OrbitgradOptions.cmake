# Options, build types and the flags every target of ours is compiled with.
include(CheckCXXCompilerFlag)
include(GNUInstallDirs)

# A cache variable that takes AUTO, ON or OFF.
function(orbitgrad_tristate name description)
  set(${name} AUTO CACHE STRING "${description}")
  set_property(CACHE ${name} PROPERTY STRINGS AUTO ON OFF)
  if(NOT "${${name}}" MATCHES "^(AUTO|ON|OFF)$")
    message(FATAL_ERROR "${name} is '${${name}}'. Set it to AUTO, ON or OFF.")
  endif()
endfunction()

orbitgrad_tristate(ORBITGRAD_CUDA "CUDA kernels: AUTO uses nvcc when it is there")
orbitgrad_tristate(ORBITGRAD_OPENMP "OpenMP threads")
orbitgrad_tristate(ORBITGRAD_OPENBLAS "OpenBLAS for matrix products")
orbitgrad_tristate(ORBITGRAD_ONEDNN "oneDNN for plain convolution")
orbitgrad_tristate(ORBITGRAD_ZLIB "zlib for gzip files")
option(ORBITGRAD_HEADER_ONLY_FMT "Take fmt from its headers alone" OFF)
orbitgrad_tristate(ORBITGRAD_TESTS "Tests (GoogleTest)")
orbitgrad_tristate(ORBITGRAD_BENCH "Benchmarks (Google Benchmark)")
# Compiling the tests takes as long as compiling the library. A second build can link the object files of a first one
# against its own library instead, and then compiles the library alone.
set(ORBITGRAD_TEST_OBJECTS "" CACHE PATH "Build folder whose test objects are linked instead of compiling the tests")
option(ORBITGRAD_NATIVE "Use every instruction of this machine; the result may not run on another" ON)
option(ORBITGRAD_WARNINGS "Show the warnings our own code is held to" OFF)
option(ORBITGRAD_WERROR "Treat those warnings as errors" OFF)

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Release, Debug, RelWithDebInfo or Sanitize" FORCE)
endif()

# Build type Sanitize: address and undefined behaviour, every finding fatal. Null pointers and accesses beyond an object
# are the address sanitizer's as well; without a second check of them and that of virtual tables (we have no casts
# between classes) it is made in 15 % less time.
set(sanitizers "-fsanitize=address,undefined,float-cast-overflow -fno-sanitize=null,object-size,vptr")
set(CMAKE_CXX_FLAGS_SANITIZE "-Og -g1 ${sanitizers} -fno-sanitize-recover=all -fno-omit-frame-pointer")
set(CMAKE_EXE_LINKER_FLAGS_SANITIZE "${sanitizers}")
# Of an inline function that both have, the library calls its own copy: the tests' may come from a build without
# instrumentation.
set(CMAKE_SHARED_LINKER_FLAGS_SANITIZE "${sanitizers} -Wl,-Bsymbolic-functions")

# C++20 comes with the feature cxx_std_20 of each target: CMAKE_CXX_STANDARD would ask the same of CUDA, and CMake 3.25
# does not know that dialect.
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

# Kernels get -O3 where the library is made; for everything else it would cost building time and gain nothing.
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG")

find_program(ORBITGRAD_CCACHE ccache)
if(NOT ORBITGRAD_CCACHE)
  set(ORBITGRAD_CCACHE "")
endif()
if(ORBITGRAD_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${ORBITGRAD_CCACHE}")
endif()

# Fused multiply-adds are written by hand where they are wanted: the compiler adding some would let bits depend on it.
# Nobody reads errno or the exception flags, and keeping them true stops loops from being vectorised; values are the same.
add_compile_options("$<$<COMPILE_LANGUAGE:CXX>:-ffp-contract=off;-fno-math-errno;-fno-trapping-math>")
if(ORBITGRAD_NATIVE)
  check_cxx_compiler_flag(-march=native ORBITGRAD_HAS_MARCH_NATIVE)
  if(ORBITGRAD_HAS_MARCH_NATIVE)
    add_compile_options("$<$<COMPILE_LANGUAGE:CXX>:-march=native>")
  endif()
endif()
# Whole vectors in kernels: g++ halves them for the clock of processors of 2017.
check_cxx_compiler_flag(-mprefer-vector-width=512 ORBITGRAD_HAS_VECTOR_WIDTH)
set(ORBITGRAD_WIDE_VECTORS "$<$<BOOL:${ORBITGRAD_HAS_VECTOR_WIDTH}>:-mprefer-vector-width=512>")
if(ORBITGRAD_WARNINGS OR ORBITGRAD_WERROR)
  add_compile_options("$<$<COMPILE_LANGUAGE:CXX>:-Wall;-Wextra;-Wpedantic;-Wconversion>")
endif()
if(ORBITGRAD_WERROR)
  add_compile_options("$<$<COMPILE_LANGUAGE:CXX>:-Werror>")
endif()
