#include "engine/observe/peaks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <memory>
#include <sstream>
#include <system_error>

#include "engine/device.hpp"
#include "engine/error.hpp"
#include "engine/io/file.hpp"
#include "engine/machine.hpp"
#include "kernels/gemm/vector.hpp"
#include "kernels/parallel.hpp"

namespace orbitgrad::observe {

namespace {

using kernels::cpu::Vector;

/// The shortest of several runs, in seconds.
template <class Work>
double best_seconds(int runs, Work&& work) {
  double best = INFINITY;
  for (int run = 0; run < runs; ++run) {
    const auto begin = std::chrono::steady_clock::now();
    work();
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  }
  return best;
}

double measured_gigabytes_per_second() {
  constexpr std::int64_t count = std::int64_t{12} << 20;  // 48 MiB an array
  const auto make = [] { return std::make_unique_for_overwrite<float[]>(static_cast<std::size_t>(count)); };
  const auto a = make(), b = make(), c = make();
  const auto triad = [&](std::int64_t begin, std::int64_t end) {
    float* const to = a.get();
    const float *const x = b.get(), *const y = c.get();
    for (std::int64_t i = begin; i < end; ++i) to[i] = x[i] + 3.0f * y[i];
  };
  kernels::parallel_for(count, 4096, [&](std::int64_t begin, std::int64_t end) {
    std::fill(b.get() + begin, b.get() + end, 1.0f);
    std::fill(c.get() + begin, c.get() + end, 2.0f);
  });
  const double seconds = best_seconds(5, [&] { kernels::parallel_for(count, 4096, triad); });
  return 3.0 * 4.0 * static_cast<double>(count) / seconds * 1e-9;
}

double measured_gigaflops() {
  constexpr int chains = kernels::cpu::vector_registers - 4, rounds = 200000;
  const int threads = kernels::thread_count();
  std::vector<float> kept(static_cast<std::size_t>(threads));  // so that nothing is left out as unused
  const double seconds = best_seconds(5, [&] {
    kernels::parallel_for(threads, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t thread = begin; thread < end; ++thread) {
        const Vector<float> factor = kernels::cpu::broadcast(0.999f), term = kernels::cpu::broadcast(0.001f);
        Vector<float> sum[chains];
        for (int k = 0; k < chains; ++k) sum[k] = kernels::cpu::broadcast(static_cast<float>(k));
        for (int round = 0; round < rounds; ++round) {
#pragma GCC unroll 32
          for (int k = 0; k < chains; ++k) sum[k] = kernels::cpu::multiply_add(sum[k], factor, term);
        }
        for (int k = 1; k < chains; ++k) sum[0] += sum[k];
        kept[static_cast<std::size_t>(thread)] = sum[0][0];
      }
    });
  });
  return 2.0 * kernels::cpu::lanes<float> * chains * rounds * threads / seconds * 1e-9;
}

/// One machine a line: GB/s, GFLOP/s, and which it is, with tabs between.
struct Line {
  Peaks peaks;
  std::string machine;
};

std::vector<Line> lines_of(const std::filesystem::path& file) {
  std::vector<Line> lines;
  try {
    std::istringstream text(read_file(file, 1 << 20));
    for (std::string row; std::getline(text, row);) {
      std::istringstream fields(row);
      Line line;
      fields >> line.peaks.gigabytes_per_second >> line.peaks.gigaflops >> std::ws;
      const bool is_sane = fields && line.peaks.gigabytes_per_second > 0 && line.peaks.gigaflops > 0 &&
                           std::isfinite(line.peaks.gigabytes_per_second) && std::isfinite(line.peaks.gigaflops);
      if (is_sane && std::getline(fields, line.machine)) lines.push_back(line);
    }
  } catch (const Error&) {  // there is none yet, or nobody may read it
  }
  return lines;
}

}  // namespace

Peaks measure_peaks() { return {measured_gigabytes_per_second(), measured_gigaflops()}; }

std::filesystem::path peaks_file() { return user_cache_folder() / "peaks.txt"; }

Peaks remeasure_peaks(const std::filesystem::path& file) {
  Peaks peaks = measure_peaks();
  const std::string here = device_statuses().front().description;
  const std::vector<Line> known = lines_of(file);
  for (const Line& line : known)  // other programs can only make a machine look slower than it is
    if (line.machine == here)
      peaks = {std::max(peaks.gigabytes_per_second, line.peaks.gigabytes_per_second),
               std::max(peaks.gigaflops, line.peaks.gigaflops)};
  std::string text = fmt::format("{}\t{}\t{}\n", peaks.gigabytes_per_second, peaks.gigaflops, here);
  for (const Line& line : known)
    if (line.machine != here)
      text += fmt::format("{}\t{}\t{}\n", line.peaks.gigabytes_per_second, line.peaks.gigaflops, line.machine);
  try {
    std::error_code ignored;
    std::filesystem::create_directories(file.parent_path(), ignored);
    write_file_atomically(file, text);
  } catch (const Error&) {  // a cache: the next one measures again
  }
  return peaks;
}

Peaks machine_peaks(const std::filesystem::path& file) {
  const std::string here = device_statuses().front().description;
  for (const Line& line : lines_of(file))
    if (line.machine == here) return line.peaks;
  return remeasure_peaks(file);
}

Peaks machine_peaks() { return machine_peaks(peaks_file()); }

}  // namespace orbitgrad::observe
