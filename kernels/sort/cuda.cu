#include "kernels/cuda/device.hpp"
#include "kernels/sort/sort.hpp"

namespace orbitgrad::kernels {
namespace {

// --- Order of the elements of a row. All versions compare (value, position), so they agree in every bit. ---

/// The formula: the rank of an element is the number of elements that come before it.
template <class T>
__global__ void sort_by_rank(ArgsortProblem p, const T* x, std::int64_t* order) {
  const std::int64_t element = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (element >= p.rows * p.columns) return;
  const std::int64_t row = element / p.columns, position = element % p.columns;
  const T* values = x + row * p.columns;
  std::int64_t rank = 0;
  for (std::int64_t j = 0; j < p.columns; ++j)
    rank += comes_before(p.descending, values[j], j, values[position], position) ? 1 : 0;
  if (rank < p.kept) order[row * p.kept + rank] = position;
}

template <class T>
void launch_by_rank(const ArgsortProblem& p, const T* x, std::int64_t* order) {
  if (p.rows * p.kept == 0) return;
  launch("sort.argsort/rank", sort_by_rank<T>, {.grid = blocks_for(p.rows * p.columns, 256), .block = 256}, p, x,
         order);
}

/// The pair of places that comparison number `pair` of a bitonic step orders. The first step of a merge of two sorted
/// halves of `span` mirrors the second half, so every comparison puts the smaller element first, and places beyond the
/// row, thought to hold elements that come last, never have to move.
struct Comparison {
  std::int64_t low, high;

  __device__ Comparison(std::int64_t pair, std::int64_t span, bool mirrored) {
    const std::int64_t half = span / 2, within = pair % half, start = pair / half * span;
    low = start + within;
    high = mirrored ? start + span - 1 - within : low + half;
  }
};

constexpr int shared_columns = 1024, sort_threads = 128;

/// Bitonic sort of a row in shared memory.
template <class T>
__global__ void sort_in_shared(ArgsortProblem p, const T* x, std::int64_t* order) {
  SIM_SHARED(value, T[shared_columns]);
  SIM_SHARED(place, int[shared_columns]);
  const std::int64_t row = blockIdx.x;
  const int columns = static_cast<int>(p.columns), thread = static_cast<int>(threadIdx.x);
  for (int i = thread; i < columns; i += sort_threads) {
    value[i] = x[row * p.columns + i];
    place[i] = i;
  }
  int pairs = 1;
  while (2 * pairs < columns) pairs *= 2;
  for (int size = 2; size <= 2 * pairs; size *= 2)
    for (int span = size; span > 1; span /= 2) {
      __syncthreads();
      for (int pair = thread; pair < pairs; pair += sort_threads) {
        const Comparison at(pair, span, span == size);
        if (at.high >= columns ||
            !comes_before(p.descending, value[at.high], place[at.high], value[at.low], place[at.low]))
          continue;
        const T low_value = value[at.low];
        const int low_place = place[at.low];
        value[at.low] = value[at.high];
        place[at.low] = place[at.high];
        value[at.high] = low_value;
        place[at.high] = low_place;
      }
    }
  __syncthreads();
  for (int i = thread; i < static_cast<int>(p.kept); i += sort_threads) order[row * p.kept + i] = place[i];
}

template <class T>
void launch_in_shared(const ArgsortProblem& p, const T* x, std::int64_t* order) {
  if (p.rows * p.kept == 0) return;
  launch("sort.argsort/shared_bitonic", sort_in_shared<T>,
         {.grid = static_cast<unsigned>(p.rows), .block = sort_threads}, p, x, order);
}

template <class T>
__global__ void copy_row_elements(ArgsortProblem p, const T* x, T* value, std::int64_t* place) {
  const std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (i >= p.rows * p.columns) return;
  value[i] = x[i];
  place[i] = i % p.columns;
}

/// One step of the same sort on rows of any length in device memory.
template <class T>
__global__ void bitonic_step(ArgsortProblem p, std::int64_t pairs, std::int64_t span, bool mirrored, T* value,
                             std::int64_t* place) {
  const std::int64_t thread = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (thread >= p.rows * pairs) return;
  const Comparison at(thread % pairs, span, mirrored);
  if (at.high >= p.columns) return;
  const std::int64_t start = thread / pairs * p.columns, low = start + at.low, high = start + at.high;
  const T low_value = value[low], high_value = value[high];
  const std::int64_t low_place = place[low], high_place = place[high];
  if (!comes_before(p.descending, high_value, high_place, low_value, low_place)) return;
  value[low] = high_value;
  place[low] = high_place;
  value[high] = low_value;
  place[high] = low_place;
}

__global__ void copy_kept(ArgsortProblem p, const std::int64_t* place, std::int64_t* order) {
  const std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (i < p.rows * p.kept) order[i] = place[i / p.kept * p.columns + i % p.kept];
}

template <class T>
void launch_in_device_memory(const ArgsortProblem& p, const T* x, std::int64_t* order) {
  if (p.rows * p.kept == 0) return;
  const std::int64_t count = p.rows * p.columns;
  Scratch values(count * static_cast<std::int64_t>(sizeof(T))), places(count * 8);
  T* value = values.as<T>();
  std::int64_t* place = places.as<std::int64_t>();
  launch("sort.argsort/bitonic/copy", copy_row_elements<T>, {.grid = blocks_for(count, 256), .block = 256}, p, x, value,
         place);
  std::int64_t padded = 1;
  while (padded < p.columns) padded *= 2;
  const std::int64_t pairs = padded / 2;
  for (std::int64_t size = 2; size <= padded; size *= 2)
    for (std::int64_t span = size; span > 1; span /= 2)
      launch("sort.argsort/bitonic/step", bitonic_step<T>, {.grid = blocks_for(p.rows * pairs, 256), .block = 256}, p,
             pairs, span, span == size, value, place);
  launch("sort.argsort/bitonic/keep", copy_kept, {.grid = blocks_for(p.rows * p.kept, 256), .block = 256}, p,
         static_cast<const std::int64_t*>(place), order);
}

bool fits_shared(const ArgsortProblem& p) { return p.columns <= shared_columns; }
bool fits_any(const ArgsortProblem&) { return true; }

// --- Place of a value in a sorted row ---

template <class T>
__global__ void search_kernel(SearchSortedProblem p, const T* sorted, const T* value, std::int64_t* place) {
  const std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (i < p.rows * p.values)
    place[i] = place_in_sorted(p.after_equals, sorted + i / p.values * p.columns, p.columns, value[i]);
}

template <class T>
void launch_search(const SearchSortedProblem& p, const T* sorted, const T* value, std::int64_t* place) {
  if (p.rows * p.values == 0) return;
  launch("sort.search_sorted/thread_per_value", search_kernel<T>,
         {.grid = blocks_for(p.rows * p.values, 256), .block = 256}, p, sorted, value, place);
}

template <class T>
struct Register {
  Register() {
    Registration<Argsort<T>>({"rank", this_device, fits_any, launch_by_rank<T>});
    Registration<Argsort<T>>({"bitonic", this_device, fits_any, launch_in_device_memory<T>});
    Registration<Argsort<T>>({"shared_bitonic", this_device, fits_shared, launch_in_shared<T>});
    Registration<SearchSorted<T>>(
        {"thread_per_value", this_device, [](const SearchSortedProblem&) { return true; }, launch_search<T>});
  }
};
const Register<float> register_float;
const Register<double> register_double;
const Register<std::int32_t> register_int32;
const Register<std::int64_t> register_int64;

}  // namespace
}  // namespace orbitgrad::kernels
