// Where this build lies. The paths are compiled into one file alone, so that a compiler cache serves all the others.
#pragma once

#include <string>

namespace orbitgrad {

/// The folder of the sources, without a slash at its end.
std::string source_folder();

/// The program of the build that compiled the tests.
std::string program_file();

}  // namespace orbitgrad
