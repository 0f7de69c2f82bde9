// What this machine can do at best, measured: memory by a[i] = b[i] + s c[i] on arrays beyond the caches (the triad of
// STREAM, McCalpin 1995), arithmetic by fused multiply-adds in registers, both on all threads.
#pragma once

#include <filesystem>

#include "engine/observe/profile.hpp"

namespace orbitgrad::observe {

/// Measures, which takes less than half a second of a machine at rest.
Peaks measure_peaks();

/// The peaks of this processor and number of threads: from the file if it has them, else measured and added to it. A
/// file that cannot be read or written only costs the measurement.
Peaks machine_peaks(const std::filesystem::path& file);
/// The same with the file in the user's cache: $XDG_CACHE_HOME or ~/.cache, orbitgrad/peaks.txt.
Peaks machine_peaks();
std::filesystem::path peaks_file();

/// Measures now; the file keeps the larger of what it said and what was measured.
Peaks remeasure_peaks(const std::filesystem::path& file);

}  // namespace orbitgrad::observe
