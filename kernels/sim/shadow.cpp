#include "kernels/sim/shadow.hpp"

namespace orbitgrad::kernels::sim {

bool is_ordered(const Moment& earlier, const Moment& later) {
  if (earlier.launch != later.launch) return true;
  if (earlier.block != later.block) return false;
  if (earlier.thread == later.thread || earlier.block_barriers != later.block_barriers) return true;
  return earlier.thread / 32 == later.thread / 32 && earlier.warp_barriers < later.warp_barriers;
}

namespace {

/// Adds a reader to those the cell remembers.
void remember_reader(ShadowCell& cell, const Moment& now) {
  const Moment& before = cell.read;
  if (before.launch != now.launch) {
    cell.read_by_threads = cell.read_by_warps = cell.read_by_blocks = false;
  } else if (before.block != now.block) {
    cell.read_by_blocks = true;
    cell.read_by_threads = cell.read_by_warps = false;
  } else if (is_ordered(before, now) && before.thread != now.thread) {
    cell.read_by_threads = cell.read_by_warps = false;  // whoever writes now must be ordered after this reader too
  } else if (before.thread != now.thread) {
    cell.read_by_threads = true;
    cell.read_by_warps = cell.read_by_warps || before.thread / 32 != now.thread / 32;
  } else if (before.block_barriers != now.block_barriers) {
    cell.read_by_threads = cell.read_by_warps = false;
  }
  cell.read = now;
}

bool collides_with_readers(const ShadowCell& cell, const Moment& now) {
  const Moment& read = cell.read;
  if (read.launch != now.launch) return false;
  if (cell.read_by_blocks || read.block != now.block) return true;
  if (read.block_barriers != now.block_barriers) return false;
  if (cell.read_by_warps) return true;
  if (cell.read_by_threads) return read.thread / 32 != now.thread / 32 || read.warp_barriers >= now.warp_barriers;
  return !is_ordered(read, now);
}

}  // namespace

Race read_cell(ShadowCell& cell, const Moment& now) {
  Race race;
  if (!is_ordered(cell.write, now)) race = {RaceKind::with_write, cell.write};
  remember_reader(cell, now);
  return race;
}

Race write_cell(ShadowCell& cell, const Moment& now, bool atomic) {
  Race race;
  if (!is_ordered(cell.write, now) && !(atomic && cell.atomic_write))
    race = {RaceKind::with_write, cell.write};
  else if (collides_with_readers(cell, now))
    race = {RaceKind::with_read, cell.read};
  cell.write = now;
  cell.atomic_write = atomic;
  return race;
}

void Shadow::make_page(std::unique_ptr<Page>& page, bool by_byte) {
  auto made = std::make_unique<Page>();
  made->by_byte = by_byte;
  made->cells.resize(by_byte ? page_bytes : page_bytes / 4);
  if (page != nullptr)
    for (std::size_t i = 0; i < page_bytes; ++i) made->cells[i] = page->cells[i / 4];
  page = std::move(made);
}

}  // namespace orbitgrad::kernels::sim
