#include <algorithm>

#include "kernels/parallel.hpp"
#include "kernels/random/philox_batch.hpp"
#include "kernels/random/random.hpp"
#include "kernels/registration.hpp"

namespace orbitgrad::kernels::cpu {
namespace {

/// Calls body(first element, elements, words) for batches of the array; an element takes `each` words.
template <class Body>
void for_each_batch(const RandomProblem& problem, std::int64_t each, Body&& body) {
  const std::int64_t elements = philox_batch_words / each;
  parallel_for((problem.count + elements - 1) / elements, 128, [&](std::int64_t first, std::int64_t last) {
    alignas(64) std::uint32_t words[philox_batch_words];
    for (std::int64_t batch = first; batch < last; ++batch) {
      philox_batch(problem.key, static_cast<std::uint64_t>(batch * philox_batch_blocks), words);
      body(batch * elements, std::min(elements, problem.count - batch * elements), words);
    }
  });
}

}  // namespace

template <class T>
void random_uniform(const RandomProblem& problem, double low, double high, T* y) {
  const T start = static_cast<T>(low), width = static_cast<T>(high - low);
  for_each_batch(problem, random_words<T>, [=](std::int64_t begin, std::int64_t count, const std::uint32_t* words) {
    for (std::int64_t i = 0; i < count; ++i)
      y[begin + i] = start + width * uniform_from<T>(words + i * random_words<T>);
  });
}

template <class T>
void random_normal(const RandomProblem& problem, double mean, double deviation, T* y) {
  const T centre = static_cast<T>(mean), spread = static_cast<T>(deviation);
  for_each_batch(problem, random_words<T>, [=](std::int64_t begin, std::int64_t count, const std::uint32_t* words) {
    for (std::int64_t i = 0; i < count; i += 2) {
      T first, second;
      normal_pair(words + i * random_words<T>, &first, &second);
      y[begin + i] = centre + spread * first;
      if (i + 1 < count) y[begin + i + 1] = centre + spread * second;
    }
  });
}

template <class T>
void random_bernoulli(const RandomProblem& problem, double probability, T* y) {
  const std::uint64_t threshold = bernoulli_threshold(probability);
  for_each_batch(problem, 1, [=](std::int64_t begin, std::int64_t count, const std::uint32_t* words) {
    for (std::int64_t i = 0; i < count; ++i) y[begin + i] = static_cast<T>(words[i] < threshold);
  });
}

void random_integers(const RandomProblem& problem, std::int64_t bound, std::int64_t* y) {
  parallel_for(problem.count, 1024, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t i = first; i < last; ++i)
      y[i] = static_cast<std::int64_t>(
          integer_below(problem.key, static_cast<std::uint64_t>(i), static_cast<std::uint64_t>(bound)));
  });
}

void random_permutation(const RandomProblem& problem, std::int64_t* y) {
  for (std::int64_t i = 0; i < problem.count; ++i) y[i] = i;
  for (std::int64_t i = problem.count - 1; i > 0; --i) {
    const auto index = static_cast<std::uint64_t>(i);
    std::swap(y[i], y[integer_below(problem.key, index, index + 1)]);
  }
}

template void random_uniform<float>(const RandomProblem&, double, double, float*);
template void random_uniform<double>(const RandomProblem&, double, double, double*);
template void random_normal<float>(const RandomProblem&, double, double, float*);
template void random_normal<double>(const RandomProblem&, double, double, double*);
template void random_bernoulli<float>(const RandomProblem&, double, float*);
template void random_bernoulli<double>(const RandomProblem&, double, double*);

namespace {
const CpuRegistration<RandomUniform> uniform{"cpu", random_uniform<float>, random_uniform<double>};
const CpuRegistration<RandomNormal> normal{"cpu", random_normal<float>, random_normal<double>};
const CpuRegistration<RandomBernoulli> bernoulli{"cpu", random_bernoulli<float>, random_bernoulli<double>};
const Registration<RandomIntegers> integers{
    {"cpu", DeviceKind::cpu, [](const RandomProblem&) { return true; }, random_integers}};
const Registration<RandomPermutation> permutation{
    {"cpu", DeviceKind::cpu, [](const RandomProblem&) { return true; }, random_permutation}};
}  // namespace

}  // namespace orbitgrad::kernels::cpu
