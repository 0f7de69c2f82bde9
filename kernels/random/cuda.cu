#include "kernels/cuda/device.hpp"
#include "kernels/device_graph.hpp"
#include "kernels/random/random.hpp"

namespace orbitgrad::kernels {
namespace {

// Each of the distributions makes the elements of one Philox block: `elements` of them, element 0 first.
template <class T>
struct Uniform {
  static constexpr int elements = 4 / random_words<T>;
  T start, width;

  __device__ void operator()(const PhiloxBlock& block, T* y) const {
    for (int i = 0; i < elements; ++i) y[i] = start + width * uniform_from<T>(block.word + i * random_words<T>);
  }
};

template <class T>
struct Normal {
  static constexpr int elements = 4 / random_words<T>;
  T centre, spread;

  __device__ void operator()(const PhiloxBlock& block, T* y) const {
    for (int i = 0; i < elements; i += 2) {
      T first, second;
      normal_pair(block.word + i * random_words<T>, &first, &second);
      y[i] = centre + spread * first;
      y[i + 1] = centre + spread * second;
    }
  }
};

template <class T>
struct Bernoulli {
  static constexpr int elements = 4;
  std::uint64_t threshold;

  __device__ void operator()(const PhiloxBlock& block, T* y) const {
    for (int i = 0; i < elements; ++i) y[i] = static_cast<T>(block.word[i] < threshold);
  }
};

template <class Distribution, class T>
__global__ void element_per_thread(RandomProblem p, Changing<std::uint64_t> key, Distribution distribution, T* y) {
  const std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (i >= p.count) return;
  T values[Distribution::elements];
  distribution(philox(key.get(), static_cast<std::uint64_t>(i / Distribution::elements)), values);
  T value = values[0];
  for (int k = 1; k < Distribution::elements; ++k)
    if (i % Distribution::elements == k) value = values[k];
  y[i] = value;
}

template <class Distribution, class T>
__global__ void philox_block_per_thread(RandomProblem p, Changing<std::uint64_t> key, Distribution distribution, T* y) {
  const std::int64_t block = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  const std::int64_t begin = block * Distribution::elements;
  if (begin >= p.count) return;
  T values[Distribution::elements];
  distribution(philox(key.get(), static_cast<std::uint64_t>(block)), values);
  for (int k = 0; k < Distribution::elements; ++k)
    if (begin + k < p.count) y[begin + k] = values[k];
}

__global__ void integer_per_thread(RandomProblem p, Changing<std::uint64_t> key, std::uint64_t bound, std::int64_t* y) {
  const std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (i < p.count) y[i] = static_cast<std::int64_t>(integer_below(key.get(), static_cast<std::uint64_t>(i), bound));
}

__global__ void partner_per_thread(RandomProblem p, Changing<std::uint64_t> key, std::int64_t* partner) {
  const std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  const auto index = static_cast<std::uint64_t>(i);
  if (i < p.count) partner[i] = static_cast<std::int64_t>(integer_below(key.get(), index, index + 1));
}

/// By one thread: each swap may need the one before.
__global__ void swap_partners(std::int64_t count, const std::int64_t* partner, std::int64_t* y) {
  for (std::int64_t i = 0; i < count; ++i) y[i] = i;
  for (std::int64_t i = count - 1; i > 0; --i) {
    const std::int64_t other = y[partner[i]];
    y[partner[i]] = y[i];
    y[i] = other;
  }
}

struct ElementPerThread {
  template <class Distribution, class T>
  static void run(std::string_view name, const RandomProblem& p, const Distribution& distribution, T* y) {
    if (p.count == 0) return;
    launch(name, element_per_thread<Distribution, T>, {.grid = blocks_for(p.count, 256), .block = 256}, p,
           changing_key(p.key), distribution, y);
  }
};

struct BlockPerThread {
  template <class Distribution, class T>
  static void run(std::string_view name, const RandomProblem& p, const Distribution& distribution, T* y) {
    if (p.count == 0) return;
    launch(name, philox_block_per_thread<Distribution, T>,
           {.grid = blocks_for(p.count, 256 * Distribution::elements), .block = 256}, p, changing_key(p.key),
           distribution, y);
  }
};

template <class Run, class T>
void uniform(const RandomProblem& p, double low, double high, T* y) {
  Run::run("random.uniform", p, Uniform<T>{static_cast<T>(low), static_cast<T>(high - low)}, y);
}
template <class Run, class T>
void normal(const RandomProblem& p, double mean, double deviation, T* y) {
  Run::run("random.normal", p, Normal<T>{static_cast<T>(mean), static_cast<T>(deviation)}, y);
}
template <class Run, class T>
void bernoulli(const RandomProblem& p, double probability, T* y) {
  Run::run("random.bernoulli", p, Bernoulli<T>{bernoulli_threshold(probability)}, y);
}

void integers(const RandomProblem& p, std::int64_t bound, std::int64_t* y) {
  if (p.count == 0) return;
  launch("random.integers", integer_per_thread, {.grid = blocks_for(p.count, 256), .block = 256}, p,
         changing_key(p.key), static_cast<std::uint64_t>(bound), y);
}

void permutation(const RandomProblem& p, std::int64_t* y) {
  if (p.count == 0) return;
  const Scratch partner(p.count * std::int64_t{sizeof(std::int64_t)});
  launch("random.permutation/draw", partner_per_thread, {.grid = blocks_for(p.count, 256), .block = 256}, p,
         changing_key(p.key), partner.as<std::int64_t>());
  launch("random.permutation/swap", swap_partners, {.grid = 1, .block = 1}, p.count, partner.as<std::int64_t>(), y);
}

template <class Run>
struct Versions {
  DeviceRegistration<RandomUniform> uniform_versions;
  DeviceRegistration<RandomNormal> normal_versions;
  DeviceRegistration<RandomBernoulli> bernoulli_versions;

  explicit Versions(std::string_view name)
      : uniform_versions(name, uniform<Run, float>, uniform<Run, double>),
        normal_versions(name, normal<Run, float>, normal<Run, double>),
        bernoulli_versions(name, bernoulli<Run, float>, bernoulli<Run, double>) {}
};

// The formula.
const Versions<ElementPerThread> formula{"element_per_thread"};
// All four words of a Philox block are used.
const Versions<BlockPerThread> whole_blocks{"philox_block_per_thread"};

const Registration<RandomIntegers> integer_version{
    {"element_per_thread", this_device, [](const RandomProblem&) { return true; }, integers}};
const Registration<RandomPermutation> permutation_version{
    {"draws_in_parallel", this_device, [](const RandomProblem&) { return true; }, permutation}};

}  // namespace
}  // namespace orbitgrad::kernels
