// The program behind the command `orbitgrad`.
#pragma once

#include <string>

namespace orbitgrad::experiments {

/// Reads the command line and does what it says; --help and --version print and return. UsageError (see usage.hpp): it
/// was called wrongly. Error: it failed.
void run_command_line(int argument_count, const char* const* arguments, const std::string& version);

}  // namespace orbitgrad::experiments
