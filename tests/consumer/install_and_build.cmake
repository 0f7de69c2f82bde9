# Run with -P and the definitions of CMakeLists.txt beside it. Fails when any step does.
set(prefix "${WORK_DIR}/moved prefix")
file(REMOVE_RECURSE "${WORK_DIR}")
file(MAKE_DIRECTORY "${WORK_DIR}")

function(step)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "failed (${status}): ${ARGN}\n${output}")
  endif()
  set(output "${output}" PARENT_SCOPE)
endfunction()

# An installation that was moved must work as well as one that was not.
step("${CMAKE_COMMAND}" --install "${BUILD_DIR}" --prefix "${WORK_DIR}/prefix")
file(RENAME "${WORK_DIR}/prefix" "${prefix}")

file(GLOB_RECURSE headers "${prefix}/include/orbitgrad/*.hpp")
list(LENGTH headers count)
if(count LESS 5)
  message(FATAL_ERROR "only ${count} headers were installed")
endif()
foreach(header IN LISTS headers)
  file(STRINGS "${header}" own_includes REGEX "#include \"")
  foreach(line IN LISTS own_includes)
    if(NOT line MATCHES "#include \"orbitgrad/([^\"]+)\"" OR NOT EXISTS "${prefix}/include/orbitgrad/${CMAKE_MATCH_1}")
      message(FATAL_ERROR "${header}: ${line} does not lead to an installed header")
    endif()
  endforeach()
endforeach()

step("${prefix}/bin/orbitgrad" --help)
step("${CMAKE_COMMAND}" -S "${PROJECT_DIR}" -B "${WORK_DIR}/build" -G "${GENERATOR}" "-DCMAKE_PREFIX_PATH=${prefix}"
     "-DCMAKE_CXX_COMPILER=${CXX_COMPILER}")
step("${CMAKE_COMMAND}" --build "${WORK_DIR}/build")
step("${WORK_DIR}/build/consumer")
message(STATUS "${output}")
