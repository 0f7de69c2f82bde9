#include "kernels/cuda/device.hpp"
#include "kernels/device_graph.hpp"
#include "kernels/dropout/dropout.hpp"

namespace orbitgrad::kernels {
namespace {

template <class T>
__global__ void element_per_thread(DropoutProblem p, Changing<std::uint64_t> key, T scale, std::uint64_t threshold,
                                   const T* x, T* y) {
  const std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (i >= p.count) return;
  const PhiloxBlock block = philox(key.get(), static_cast<std::uint64_t>(i / 4));
  std::uint32_t word = block.word[0];
  for (int k = 1; k < 4; ++k)
    if (i % 4 == k) word = block.word[k];
  y[i] = dropout_value(x[i], scale, word, threshold);
}

template <class T>
__global__ void philox_block_per_thread(DropoutProblem p, Changing<std::uint64_t> key, T scale, std::uint64_t threshold,
                                        const T* x, T* y) {
  const std::int64_t thread = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x, begin = 4 * thread;
  if (begin >= p.count) return;
  const PhiloxBlock block = philox(key.get(), static_cast<std::uint64_t>(thread));
  SIM_UNROLL
  for (int k = 0; k < 4; ++k)
    if (begin + k < p.count) y[begin + k] = dropout_value(x[begin + k], scale, block.word[k], threshold);
}

template <class T>
void launch_elements(const DropoutProblem& p, const T* x, T* y) {
  if (p.count == 0) return;
  launch("dropout/element_per_thread", element_per_thread<T>, {.grid = blocks_for(p.count, 256), .block = 256}, p,
         changing_key(p.key), static_cast<T>(p.scale()), bernoulli_threshold(p.probability), x, y);
}

template <class T>
void launch_blocks(const DropoutProblem& p, const T* x, T* y) {
  if (p.count == 0) return;
  launch("dropout/philox_block_per_thread", philox_block_per_thread<T>,
         {.grid = blocks_for(p.count, 1024), .block = 256}, p, changing_key(p.key), static_cast<T>(p.scale()),
         bernoulli_threshold(p.probability), x, y);
}

// The formula.
const DeviceRegistration<Dropout> elements{"element_per_thread", launch_elements<float>, launch_elements<double>};
// All four words of a Philox block are used.
const DeviceRegistration<Dropout> blocks{"philox_block_per_thread", launch_blocks<float>, launch_blocks<double>};

}  // namespace
}  // namespace orbitgrad::kernels
