#include "kernels/instruction_set.hpp"

namespace orbitgrad::kernels {

std::string_view instruction_set() { return instruction_set_here; }

}  // namespace orbitgrad::kernels
