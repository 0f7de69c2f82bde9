// A program outside the project: it sees the installed headers and the exported target, nothing else.
#include <cstdio>
#include <orbitgrad/groups/error.hpp>
#include <orbitgrad/kernels/philox.hpp>
#include <string>

#include "engine/tensor.hpp"

int main() {
  // Philox4x32-10 of key 0 and counter 0, from the known-answer file of the Random123 library.
  if (orbitgrad::kernels::philox(0, 0).word[0] != 0x6627e8d5u) return 1;
  try {
    orbitgrad::require(users_own_answer == 41, "consumer", "the answer is {}. Ask again.", users_own_answer);
  } catch (const orbitgrad::Error& error) {
    std::puts(error.what());
    return std::string(error.what()) == "[consumer] the answer is 42. Ask again." ? 0 : 2;
  }
  return 3;
}
