#include "kernels/sim/warp_requests.hpp"

#include <algorithm>
#include <bit>

namespace orbitgrad::kernels::sim {
namespace {

std::uint64_t mix(std::uint64_t hash, std::uint64_t value) {
  hash ^= value + 0x9e3779b97f4a7c15U + (hash << 6) + (hash >> 2);
  hash *= 0xff51afd7ed558ccdU;
  return hash ^ (hash >> 32);
}

}  // namespace

void LaneRecorder::reset() {
  accesses.clear();
  loops_.clear();
  frames_.assign(1, Frame{0, 0, 0});
  last_block_ = 0;
  update_position();
}

void LaneRecorder::update_position() {
  std::uint64_t hash = frames_.back().calls;
  const std::size_t first = frames_.back().first_loop;
  for (std::size_t i = first; i < loops_.size(); ++i) hash = mix(mix(hash, loops_[i].header), loops_[i].iteration);
  position_ = hash;
  innermost_latch_ = loops_.size() > first ? loops_.back().latch : ~std::uint64_t{0};
}

void LaneRecorder::change_loops(std::uint64_t program_counter) {
  const std::size_t first = frames_.back().first_loop;
  const bool backward = program_counter <= last_block_;
  // Left: loops that do not hold this block, or hold it as the header of the larger loop that this step closes.
  const auto left = [&](const Loop& loop) {
    return program_counter < loop.header || program_counter > loop.latch ||
           (backward && loop.header == program_counter && loop.latch < last_block_);
  };
  while (loops_.size() > first && left(loops_.back())) loops_.pop_back();
  if (backward) {
    if (loops_.size() > first && loops_.back().header == program_counter && loops_.back().latch == last_block_)
      ++loops_.back().iteration;
    else
      loops_.push_back({program_counter, last_block_, 1});
  }
  update_position();
}

void LaneRecorder::enter_function(std::uint64_t call_site) {
  frames_.push_back({mix(position_, call_site), last_block_, loops_.size()});
  last_block_ = 0;
  update_position();
}

void LaneRecorder::leave_function() {
  if (frames_.size() <= 1) return;
  loops_.resize(frames_.back().first_loop);
  last_block_ = frames_.back().caller_block;
  frames_.pop_back();
  update_position();
}

void LaneRecorder::access(std::uint64_t program_counter, std::uint64_t address, std::uint32_t bytes, bool shared) {
  accesses.push_back({mix(position_, program_counter), address, bytes, shared});
}

unsigned sectors_of(const std::uint64_t* address, std::uint32_t lanes, std::uint32_t bytes) {
  std::uint64_t seen[160];
  unsigned count = 0;
  for (; lanes != 0; lanes &= lanes - 1) {
    const std::uint64_t begin = address[std::countr_zero(lanes)];
    for (std::uint64_t sector = begin / 32; sector <= (begin + bytes - 1) / 32; ++sector) {
      unsigned i = count;  // neighbours are most often the latest
      while (i > 0 && seen[i - 1] != sector) --i;
      if (i == 0 && count < 160) seen[count++] = sector;
    }
  }
  return count;
}

Wavefronts wavefronts_of(const std::uint64_t* address, std::uint32_t lanes, std::uint32_t bytes) {
  const unsigned words = std::max(bytes / 4, 1U);
  const unsigned lanes_per_phase = std::max(32 / words, 1U);
  Wavefronts result;
  for (unsigned first = 0; first < 32; first += lanes_per_phase) {
    const std::uint32_t phase_mask = lanes_per_phase == 32 ? ~0U : ((1U << lanes_per_phase) - 1) << first;
    std::uint32_t phase = lanes & phase_mask;
    if (phase == 0) continue;
    std::uint64_t word_in_bank[32][32];
    unsigned words_in_bank[32] = {}, most = 1;
    for (; phase != 0; phase &= phase - 1) {
      const std::uint64_t begin = address[std::countr_zero(phase)] / 4;
      for (std::uint64_t word = begin; word < begin + words; ++word) {
        const auto bank = static_cast<unsigned>(word % 32);
        unsigned i = 0;
        while (i < words_in_bank[bank] && word_in_bank[bank][i] != word) ++i;
        if (i < words_in_bank[bank] || i == 32) continue;  // the same word is broadcast
        word_in_bank[bank][i] = word;
        most = std::max(most, ++words_in_bank[bank]);
      }
    }
    result.taken += most;
    result.ideal += 1;
  }
  return result;
}

void WarpRequests::count_group(const Group& group, LaunchCounts& counts) {
  counts.active_lanes += static_cast<unsigned>(std::popcount(group.lanes));
  if (group.shared) {
    const Wavefronts wavefronts = wavefronts_of(group.address, group.lanes, group.bytes);
    ++counts.shared_requests;
    counts.shared_wavefronts += wavefronts.taken;
    counts.ideal_wavefronts += wavefronts.ideal;
  } else {
    ++counts.global_requests;
    counts.global_sectors += sectors_of(group.address, group.lanes, group.bytes);
  }
}

bool WarpRequests::all_alike(const std::vector<LaneRecorder>& lanes, std::size_t first, std::size_t lane_count) {
  const auto& reference = lanes[first].accesses;
  for (std::size_t lane = 1; lane < lane_count; ++lane) {
    const auto& other = lanes[first + lane].accesses;
    if (!std::equal(reference.begin(), reference.end(), other.begin(), other.end(),
                    [](const LaneAccess& a, const LaneAccess& b) {
                      return a.key == b.key && a.shared == b.shared && a.bytes == b.bytes;
                    }))
      return false;
  }
  return true;
}

void WarpRequests::group_by_key(const std::vector<LaneRecorder>& lanes, std::size_t first, std::size_t lane_count) {
  groups_.clear();
  by_key_.clear();
  for (std::size_t lane = 0; lane < lane_count; ++lane) {
    for (const LaneAccess& access : lanes[first + lane].accesses) {
      // One key twice in a lane (an access of several pieces): the next free group of that key.
      std::uint64_t key = mix(mix(access.key, access.bytes), access.shared ? 1 : 0);
      for (;; key = mix(key, 1)) {
        const auto [found, is_new] = by_key_.try_emplace(key, groups_.size());
        if (is_new) groups_.emplace_back();
        Group& group = groups_[found->second];
        if ((group.lanes >> lane & 1) != 0) continue;
        group.lanes |= 1U << lane;
        group.address[lane] = access.address;
        group.bytes = access.bytes;
        group.shared = access.shared;
        break;
      }
    }
  }
}

void WarpRequests::count(std::vector<LaneRecorder>& lanes, std::size_t first, std::size_t lane_count,
                         LaunchCounts& counts) {
  if (all_alike(lanes, first, lane_count)) {
    const auto& reference = lanes[first].accesses;
    Group group;
    group.lanes = lane_count == 32 ? ~0U : (1U << lane_count) - 1;
    for (std::size_t i = 0; i < reference.size(); ++i) {
      group.bytes = reference[i].bytes;
      group.shared = reference[i].shared;
      for (std::size_t lane = 0; lane < lane_count; ++lane)
        group.address[lane] = lanes[first + lane].accesses[i].address;
      count_group(group, counts);
    }
  } else {
    group_by_key(lanes, first, lane_count);
    for (const Group& group : groups_) count_group(group, counts);
  }
  for (std::size_t lane = 0; lane < lane_count; ++lane) lanes[first + lane].accesses.clear();
}

}  // namespace orbitgrad::kernels::sim
