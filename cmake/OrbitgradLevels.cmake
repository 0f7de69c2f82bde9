# A portable library (ORBITGRAD_NATIVE=OFF) has its vector code once more for each newer level of x86-64, and the loader of
# the C library takes the best that the machine can run: glibc-hwcaps/LEVEL/liborbitgrad.so beside the plain one (glibc 2.33
# and newer; an older one takes the plain one). No call passes through a table, and no file is compiled for two levels. All
# other objects are those of the plain library.
set(ORBITGRAD_LEVELS "x86-64-v3;x86-64-v4" CACHE STRING  # AVX2 with FMA; AVX-512
    "Levels of x86-64 for which a portable library has kernels of their own")

# orbitgrad_add_levels(folder...): a library for each level, which the program brings with it. The sources of `orbitgrad`
# below these folders, or of these names, hold vector code.
function(orbitgrad_add_levels)
  if(ORBITGRAD_NATIVE OR NOT CMAKE_SYSTEM_NAME STREQUAL "Linux" OR NOT CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")
    return()
  endif()
  list(JOIN ARGN "|" folders)
  set(vector_code "(${folders}).*[.]cpp")
  get_target_property(sources orbitgrad SOURCES)
  set(vector_sources "")
  foreach(source IN LISTS sources)
    if(source MATCHES "[.]cpp$")
      cmake_path(RELATIVE_PATH source BASE_DIRECTORY "${PROJECT_SOURCE_DIR}" OUTPUT_VARIABLE place)
      if(place MATCHES "^${vector_code}$")
        list(APPEND vector_sources "${source}")
      endif()
    endif()
  endforeach()
  foreach(level IN LISTS ORBITGRAD_LEVELS)
    string(MAKE_C_IDENTIFIER "ORBITGRAD_HAS_${level}" has_level)
    check_cxx_compiler_flag("-march=${level}" ${has_level})
    if(NOT ${has_level})
      message(FATAL_ERROR "The compiler does not know -march=${level}. Name others in ORBITGRAD_LEVELS, or none.")
    endif()
    set(target "orbitgrad_${level}")
    add_library(${target} SHARED ${vector_sources}
                "$<FILTER:$<TARGET_OBJECTS:orbitgrad>,EXCLUDE,/orbitgrad[.]dir/([.]/)?${vector_code}[.]>"
                $<TARGET_OBJECTS:orbitgrad_sim_kernels>)
    target_compile_options(${target} PRIVATE "-march=${level}")
    target_compile_features(${target} PRIVATE cxx_std_20)
    target_include_directories(${target} PRIVATE "${PROJECT_SOURCE_DIR}")
    # It calls its own copies of inline functions: those of a program may be made for another level.
    target_link_options(${target} PRIVATE -Wl,-Bsymbolic-functions)
    target_link_libraries(${target} PRIVATE ${ORBITGRAD_FMT} ${ORBITGRAD_PUBLIC_LIBRARIES} orbitgrad_private)
    set_target_properties(${target} PROPERTIES OUTPUT_NAME orbitgrad VERSION ${PROJECT_VERSION}
                          SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR}
                          LIBRARY_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/glibc-hwcaps/${level}")
    add_dependencies(orbitgrad_program ${target})
    install(TARGETS ${target} LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}/glibc-hwcaps/${level}" NAMELINK_SKIP)
    message(STATUS "kernels for ${level}: chosen by the loader")
  endforeach()
endfunction()
