# Installation and the package another project finds with find_package(orbitgrad).
include(CMakePackageConfigHelpers)
set(package_folder "${CMAKE_INSTALL_LIBDIR}/cmake/orbitgrad")
set(header_folder "${CMAKE_INSTALL_INCLUDEDIR}/orbitgrad")

install(TARGETS orbitgrad EXPORT orbitgradTargets)
install(TARGETS orbitgrad_program)
install(TARGETS orbitgrad_traced DESTINATION "${CMAKE_INSTALL_LIBDIR}")  # found beside the library
install(EXPORT orbitgradTargets NAMESPACE orbitgrad:: DESTINATION "${package_folder}")
configure_package_config_file(cmake/orbitgradConfig.cmake.in orbitgradConfig.cmake INSTALL_DESTINATION "${package_folder}")
write_basic_package_version_file(orbitgradConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/orbitgradConfig.cmake" "${PROJECT_BINARY_DIR}/orbitgradConfigVersion.cmake"
        DESTINATION "${package_folder}")
install(FILES LICENSE DESTINATION "${CMAKE_INSTALL_DOCDIR}")

# Headers go to include/orbitgrad.
install(DIRECTORY ${ORBITGRAD_FLOORS} DESTINATION "${header_folder}" FILES_MATCHING PATTERN "*.hpp" PATTERN "*.cuh")
install(FILES orbitgrad.hpp DESTINATION "${header_folder}" OPTIONAL)

# Their includes of each other gain the prefix, so that a user's own "engine/..." cannot be taken for ours.
set(rewrite [=[
  file(GLOB_RECURSE headers "$ENV{DESTDIR}${CMAKE_INSTALL_PREFIX}/@header_folder@/*.hpp"
                            "$ENV{DESTDIR}${CMAKE_INSTALL_PREFIX}/@header_folder@/*.cuh")
  foreach(header IN LISTS headers)
    file(READ "${header}" text)
    string(REGEX REPLACE "#include \"(kernels|groups|engine|nn|models|experiments)/" "#include \"orbitgrad/\\1/"
           rewritten "${text}")
    if(NOT rewritten STREQUAL text)
      file(WRITE "${header}" "${rewritten}")
    endif()
  endforeach()
]=])
string(REPLACE "@header_folder@" "${header_folder}" rewrite "${rewrite}")
install(CODE "${rewrite}")
