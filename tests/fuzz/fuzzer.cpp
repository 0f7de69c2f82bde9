// The entry point of libFuzzer; ORBITGRAD_FUZZ_READER is the name of the reader of this program.
#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>

#include "tests/fuzz/readers.hpp"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* bytes, std::size_t count) {
  using namespace orbitgrad::fuzz;
  static const Reader& reader = [] {
    for (const Reader& each : readers())
      if (each.name == ORBITGRAD_FUZZ_READER) return std::ref(each);
    std::abort();
  }();
  try {
    read_checked(reader, {reinterpret_cast<const char*>(bytes), count});
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    std::abort();
  }
  return 0;
}
