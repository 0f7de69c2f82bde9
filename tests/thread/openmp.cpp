// What compiled code calls of the OpenMP runtime, on std::thread, so that the thread sanitizer sees every thread begin
// and end: it knows nothing of the waiting inside libgomp and would report races that are none. Always several threads,
// whatever the machine has.
#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

namespace {

using Number = unsigned long long;

struct Team {
  int size = 1;
  std::atomic<Number> next{0};  // of a dynamic loop: how many steps are given out
};
struct Member {
  Team* team = nullptr;
  int number = 0;
  Number start = 0, end = 0, chunk = 1;  // of the loop it is in
};
thread_local Member self;
std::atomic<int> most_threads{4};

bool take(Number* begin, Number* end) {
  const Number first = self.start + self.team->next.fetch_add(self.chunk);
  if (first >= self.end) return false;
  *begin = first;
  *end = std::min(first + self.chunk, self.end);
  return true;
}

}  // namespace

extern "C" {

int omp_get_max_threads() { return most_threads; }
int omp_get_num_procs() { return most_threads; }
void omp_set_num_threads(int count) { most_threads = count; }
int omp_in_parallel() { return self.team != nullptr && self.team->size > 1 ? 1 : 0; }
int omp_get_thread_num() { return self.number; }
int omp_get_num_threads() { return self.team != nullptr ? self.team->size : 1; }

void GOMP_parallel(void (*body)(void*), void* data, unsigned threads, unsigned) {
  const Member outside = self;
  Team team;
  team.size = omp_in_parallel() != 0 ? 1 : threads != 0 ? static_cast<int>(threads) : most_threads.load();
  std::vector<std::thread> others;
  for (int number = 1; number < team.size; ++number)
    others.emplace_back([&team, body, data, number] {
      self = {&team, number};
      body(data);
    });
  self = {&team, 0};
  body(data);
  for (std::thread& other : others) other.join();
  self = outside;
}

// Upward loops with step 1 are all that there are here.
bool GOMP_loop_ull_nonmonotonic_dynamic_start(bool, Number start, Number end, Number, Number chunk, Number* first,
                                              Number* last) {
  self.start = start;
  self.end = end;
  self.chunk = chunk;
  return take(first, last);
}
bool GOMP_loop_ull_nonmonotonic_dynamic_next(Number* first, Number* last) { return take(first, last); }
void GOMP_loop_end_nowait() {}

}  // extern "C"
