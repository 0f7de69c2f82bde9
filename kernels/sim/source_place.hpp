// Names the source line behind a program counter of a loaded library, through binutils' addr2line.
#pragma once

#include <string>
#include <string_view>

namespace orbitgrad::kernels::sim {

/// "kernels/softmax/cuda.cu:41", or "library+0x1234" where there are no line numbers or no addr2line. Remembers
/// answers.
std::string source_place(const void* program_counter);

/// The part of a path from kernels/ on, so that messages read the same on every machine.
std::string_view short_path(std::string_view path);

}  // namespace orbitgrad::kernels::sim
