# Run with -DCLANG_FORMAT=... -DSOURCE_DIR=... -P: fails when clang-format would change a file of ours.
set(sources "")
foreach(folder kernels groups engine nn models experiments tests bench)
  file(GLOB_RECURSE found RELATIVE "${SOURCE_DIR}" "${SOURCE_DIR}/${folder}/*.hpp" "${SOURCE_DIR}/${folder}/*.cpp"
       "${SOURCE_DIR}/${folder}/*.cu" "${SOURCE_DIR}/${folder}/*.cuh")
  list(APPEND sources ${found})
endforeach()
execute_process(COMMAND "${CLANG_FORMAT}" --dry-run -Werror ${sources} WORKING_DIRECTORY "${SOURCE_DIR}"
                RESULT_VARIABLE status)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "clang-format would change the files above. Run: clang-format -i FILE...")
endif()
