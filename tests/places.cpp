#include "tests/places.hpp"

namespace orbitgrad {

std::string source_folder() { return ORBITGRAD_SOURCE_DIR; }

std::string program_file() { return ORBITGRAD_PROGRAM; }

}  // namespace orbitgrad
