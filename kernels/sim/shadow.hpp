// What is known of every word of simulated memory: who wrote it last, who read it since, whether anybody ever wrote it.
// Two accesses of one word by different threads are ordered if a barrier both passed lies between them; if not, and one
// is a write, they race, whatever order the simulator happened to run them in.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace orbitgrad::kernels::sim {

/// Who accesses, and when: the time of a thread is the number of block barriers, then of warp barriers, it has passed.
struct Moment {
  std::uint32_t epoch = 0;  // of global memory the launch, of shared memory the block that has it; 0: never
  std::uint32_t block = 0;
  std::uint32_t block_barriers = 0, warp_barriers = 0;
  std::uint16_t thread = 0;

  bool same_block(const Moment& other) const { return epoch == other.epoch && block == other.block; }
};

/// Whether an access at `earlier` is ordered before one at `later`. Blocks of one launch are never ordered.
bool is_ordered(const Moment& earlier, const Moment& later);

/// Whom the last reader of a cell stands for: those who read since a barrier that orders them.
enum class Readers : std::uint8_t { one, lanes, warps, blocks };

struct ShadowCell {
  Moment write, read;
  std::uint32_t owner = 0;    // number of the allocation (or block of threads) that the bytes were written for
  bool atomic_write = false;  // the last write was an atomic
  Readers readers = Readers::one;
};

enum class RaceKind { none, with_write, with_read };

/// A finding about one access: the earlier one it collides with.
struct Race {
  RaceKind kind = RaceKind::none;
  Moment other;
};

/// Updates of a cell; the first two say what the access collides with.
Race read_cell(ShadowCell& cell, const Moment& now);
Race write_cell(ShadowCell& cell, const Moment& now, bool atomic);

/// Cells for a range of memory: one per aligned word of 4 bytes, and one per byte in pages where smaller accesses
/// have been seen. Pages are made when touched.
class Shadow {
 public:
  explicit Shadow(std::size_t capacity_bytes) : pages_((capacity_bytes + page_bytes - 1) / page_bytes) {}

  /// Calls visit(cell, bytes) for every cell of [begin, begin + bytes).
  template <class Visit>
  void for_each(std::size_t begin, std::size_t bytes, Visit&& visit) {
    const std::size_t end = begin + bytes;
    while (begin < end) {
      Page& page = page_at(begin, begin % 4 != 0 || end - begin < 4);
      const std::size_t in_page = begin % page_bytes, step = page.by_byte ? 1 : 4;
      visit(page.cells[in_page / step], step);
      begin += step;
    }
  }

 private:
  static constexpr std::size_t page_bytes = 16 * 1024;
  struct Page {
    bool by_byte = false;
    std::vector<ShadowCell> cells;
  };
  Page& page_at(std::size_t offset, bool needs_bytes) {
    std::unique_ptr<Page>& page = pages_[offset / page_bytes];
    if (page == nullptr || (needs_bytes && !page->by_byte)) make_page(page, needs_bytes);
    return *page;
  }
  static void make_page(std::unique_ptr<Page>& page, bool by_byte);

  std::vector<std::unique_ptr<Page>> pages_;
};

}  // namespace orbitgrad::kernels::sim
