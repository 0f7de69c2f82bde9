#include <algorithm>

#include "kernels/dropout/dropout.hpp"
#include "kernels/parallel.hpp"
#include "kernels/random/philox_batch.hpp"
#include "kernels/registration.hpp"

namespace orbitgrad::kernels::cpu {

template <class T>
void dropout(const DropoutProblem& problem, const T* x, T* y) {
  const std::uint64_t threshold = bernoulli_threshold(problem.probability);
  const T scale = static_cast<T>(problem.scale());
  constexpr std::int64_t size = philox_batch_words;
  parallel_for((problem.count + size - 1) / size, 128, [&](std::int64_t first, std::int64_t last) {
    alignas(64) std::uint32_t words[size];
    for (std::int64_t batch = first; batch < last; ++batch) {
      philox_batch(problem.key, static_cast<std::uint64_t>(batch * philox_batch_blocks), words);
      const std::int64_t begin = batch * size, count = std::min(size, problem.count - begin);
      for (std::int64_t i = 0; i < count; ++i) y[begin + i] = dropout_value(x[begin + i], scale, words[i], threshold);
    }
  });
}

template void dropout<float>(const DropoutProblem&, const float*, float*);
template void dropout<double>(const DropoutProblem&, const double*, double*);

namespace {
const CpuRegistration<Dropout> registration{"cpu", dropout<float>, dropout<double>};
}  // namespace

}  // namespace orbitgrad::kernels::cpu
