// While it lives, parallel loops use this many threads.
#pragma once

#ifdef _OPENMP
#include <omp.h>
#endif

namespace orbitgrad {

class ThreadCount {
 public:
#ifdef _OPENMP
  explicit ThreadCount(int threads) : before_(omp_get_max_threads()) { omp_set_num_threads(threads); }
  ~ThreadCount() { omp_set_num_threads(before_); }
#else
  explicit ThreadCount(int) {}
#endif
  ThreadCount(const ThreadCount&) = delete;
  ThreadCount& operator=(const ThreadCount&) = delete;

 private:
  [[maybe_unused]] int before_ = 1;
};

}  // namespace orbitgrad
