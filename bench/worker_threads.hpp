// What timing two libraries with two threads each takes on Linux. After a call OpenBLAS's workers look for work for
// tens of milliseconds, libgomp's for several, and take a core from the library that is timed next.
#pragma once

#include <sched.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

namespace orbitgrad::bench {

inline std::string first_line(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

/// Two of the processors this process may use, of different cores; fewer where there are none.
inline std::vector<int> two_cores() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  sched_getaffinity(0, sizeof allowed, &allowed);
  const auto siblings = [](int processor) {
    return first_line("/sys/devices/system/cpu/cpu" + std::to_string(processor) + "/topology/thread_siblings_list");
  };
  std::vector<int> found;
  for (int i = 0; i < CPU_SETSIZE && found.size() < 2; ++i)
    if (CPU_ISSET(static_cast<std::size_t>(i), &allowed) && (found.empty() || siblings(i) != siblings(found[0])))
      found.push_back(i);
  return found;
}

/// Whether a thread of this process other than the main one is running or ready to run (false without a /proc).
inline bool workers_run() {
  const std::string own = std::to_string(getpid());
  std::error_code none;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task", none)) {
    if (task.path().filename() == own) continue;
    const std::string text = first_line(task.path() / "stat");
    const std::size_t name_end = text.rfind(") ");  // "id (name) state ..."
    if (name_end != std::string::npos && name_end + 2 < text.size() && text[name_end + 2] == 'R') return true;
  }
  return false;
}

/// Puts the main thread on one core and every worker on another: on a machine with other work both of a pair may
/// else be woken on the same core, where one waits for the other. For two threads, after their first parallel call.
inline void separate_two_threads() {
  static const std::vector<int> processors = two_cores();
  if (processors.size() < 2) return;
  const std::string main_thread = std::to_string(getpid());
  std::error_code none;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task", none)) {
    const std::string thread = task.path().filename();
    cpu_set_t own;
    CPU_ZERO(&own);
    CPU_SET(static_cast<std::size_t>(processors[thread == main_thread ? 0 : 1]), &own);
    sched_setaffinity(static_cast<pid_t>(std::stol(thread)), sizeof own, &own);
  }
}

/// Sleeps until all workers do, half a second at most. To be called on the main thread.
inline void wait_for_workers() {
  using namespace std::chrono_literals;
  constexpr int most_waits = 250;
  for (int i = 0; i < most_waits && workers_run(); ++i) std::this_thread::sleep_for(2ms);
}

}  // namespace orbitgrad::bench
