// A race that is there: two pieces of a parallel loop add to one number. The sanitizer has to find it, or its silence
// about the others means nothing.
#include <cstdint>
#include <cstdio>

#include "kernels/parallel.hpp"

int main() {
  std::int64_t sum = 0;
  orbitgrad::kernels::parallel_for(1000, 1, [&](std::int64_t begin, std::int64_t end) { sum += end - begin; });
  std::printf("%lld\n", static_cast<long long>(sum));
  return 0;
}
