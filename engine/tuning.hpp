// The choice among the implementations of group convolution, measured on this machine: a table that `orbitgrad tune`
// makes and the first group convolution of a program reads. Implementations round differently, so results with a table
// and without have different last bits: a run names the table it was begun with and goes on with no other.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "kernels/group_conv2d/tuning.hpp"

namespace orbitgrad {

/// Time of the implementations of one cell, in seconds a call; 0 for one that cannot run there or may not be taken.
struct TunedCell {
  kernels::GroupConv2dCell cell;
  std::string by_cost;  // the implementation taken without the table
  double orbit_gather = 0, irrep_blocks = 0, expanded = 0;

  double seconds(std::string_view implementation) const;
  double best() const;
};

/// Times every cell with at most that many multiplications and additions in the dense form, float32, on one thread, in
/// seconds of the processor, so that it may be busy; larger ones get what the next smaller number of positions has. A
/// choice other than that by cost has to be 5 % faster. Calls report(cell, done, total) after each.
kernels::GroupConv2dTuning measure_group_conv2d_tuning(
    double most_flops, const std::function<void(const TunedCell&, std::int64_t, std::int64_t)>& report);

/// $ORBITGRAD_TUNING, or orbitgrad/tuning.txt in $XDG_CACHE_HOME or ~/.cache. ORBITGRAD_TUNING=off: none, an empty
/// path.
std::filesystem::path tuning_file();

/// One processor a line, whatever the number of threads; lines of others stay. Error: it cannot be written, or what is
/// there is no table.
void save_tuning(const std::filesystem::path& file, const kernels::GroupConv2dTuning& tuning);
/// The table of this processor in the file; none if there is no file, or no line of this processor. Error: a damaged
/// file.
std::optional<kernels::GroupConv2dTuning> load_tuning(const std::filesystem::path& file);

/// Puts the table of tuning_file() to use, once; called by every group convolution whose implementation is chosen on
/// the cpu. Error: a damaged file.
void use_saved_tuning();
/// "costs", or sixteen hexadecimal digits of the table in use.
std::string tuning_in_use();

}  // namespace orbitgrad
