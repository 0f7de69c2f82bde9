// Puts the accesses of single lanes together into the warp instructions the hardware would issue, and counts them.
//
// Lanes run one after another here. Two accesses belong to one instruction when program counter, calls on the way and
// the iteration numbers of all loops around it agree. Loops are seen in the stream of basic blocks: with blocks in the
// order of the source, a step to a lower address closes a loop, from its latch to its header.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "kernels/sim/trace.hpp"

namespace orbitgrad::kernels::sim {

/// One access of one lane. `key` stands for program counter, calls and iterations.
struct LaneAccess {
  std::uint64_t key;
  std::uint64_t address;
  std::uint32_t bytes;
  bool shared;
};

/// What one lane has done since the last flush, and where it is in the code.
class LaneRecorder {
 public:
  void reset();
  /// Most steps go forward inside the innermost loop and change nothing.
  void basic_block(std::uint64_t program_counter) {
    const bool ordinary = program_counter > last_block_ && program_counter <= innermost_latch_;
    if (!ordinary) change_loops(program_counter);
    last_block_ = program_counter;
  }
  void enter_function(std::uint64_t call_site);
  void leave_function();
  void access(std::uint64_t program_counter, std::uint64_t address, std::uint32_t bytes, bool shared);

  std::vector<LaneAccess> accesses;

 private:
  struct Loop {
    std::uint64_t header, latch, iteration;
  };
  struct Frame {
    std::uint64_t calls;         // hash of the call sites that led here
    std::uint64_t caller_block;  // where the caller is
    std::size_t first_loop;      // of this frame in loops_
  };
  void change_loops(std::uint64_t program_counter);
  void update_position();

  std::vector<Loop> loops_;
  std::vector<Frame> frames_;
  std::uint64_t last_block_ = 0;
  std::uint64_t innermost_latch_ = ~std::uint64_t{0};
  std::uint64_t position_ = 0;  // hash of the calls and iterations
};

/// Adds the requests of one warp to the counts. `lanes` has up to 32 entries.
class WarpRequests {
 public:
  void count(std::vector<LaneRecorder>& lanes, std::size_t first, std::size_t lane_count, LaunchCounts& counts);

 private:
  struct Group {
    std::uint64_t address[32];
    std::uint32_t lanes = 0;
    std::uint32_t bytes = 0;
    bool shared = false;
  };
  static bool all_alike(const std::vector<LaneRecorder>& lanes, std::size_t first, std::size_t lane_count);
  void group_by_key(const std::vector<LaneRecorder>& lanes, std::size_t first, std::size_t lane_count);
  static void count_group(const Group& group, LaunchCounts& counts);

  std::vector<Group> groups_;
  std::unordered_map<std::uint64_t, std::size_t> by_key_;
};

/// Distinct 32-byte lines touched by the lanes of the mask.
unsigned sectors_of(const std::uint64_t* address, std::uint32_t lanes, std::uint32_t bytes);
/// Passes a shared-memory request takes (most distinct words in one of the 32 banks, per phase) and its phases.
struct Wavefronts {
  unsigned taken = 0, ideal = 0;
};
Wavefronts wavefronts_of(const std::uint64_t* address, std::uint32_t lanes, std::uint32_t bytes);

}  // namespace orbitgrad::kernels::sim
