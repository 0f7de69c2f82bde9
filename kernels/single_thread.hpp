// While one of these lives, parallel loops that the calling thread begins run on it alone.
#pragma once

#ifdef _OPENMP
#include <omp.h>
#endif

namespace orbitgrad::kernels {

class SingleThread {
 public:
#ifdef _OPENMP
  SingleThread() : before_(omp_get_max_threads()) { omp_set_num_threads(1); }
  ~SingleThread() { omp_set_num_threads(before_); }
#else
  SingleThread() = default;
#endif
  SingleThread(const SingleThread&) = delete;
  SingleThread& operator=(const SingleThread&) = delete;

 private:
  [[maybe_unused]] int before_ = 1;
};

}  // namespace orbitgrad::kernels
