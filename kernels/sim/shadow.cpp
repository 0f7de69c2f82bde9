#include "kernels/sim/shadow.hpp"

namespace orbitgrad::kernels::sim {

bool is_ordered(const Moment& earlier, const Moment& later) {
  if (earlier.epoch != later.epoch) return true;
  if (earlier.block != later.block) return false;
  if (earlier.thread == later.thread || earlier.block_barriers != later.block_barriers) return true;
  return earlier.thread / 32 == later.thread / 32 && earlier.warp_barriers < later.warp_barriers;
}

namespace {

/// Adds a reader to those the cell remembers.
void remember_reader(ShadowCell& cell, const Moment& now) {
  const Moment& before = cell.read;
  if (before.epoch != now.epoch) {
    cell.readers = Readers::one;
  } else if (cell.readers == Readers::blocks || before.block != now.block) {
    cell.readers = Readers::blocks;
  } else if (before.block_barriers != now.block_barriers) {
    cell.readers = Readers::one;  // whoever writes now must be ordered after this reader too
  } else if (cell.readers == Readers::warps || before.thread / 32 != now.thread / 32) {
    cell.readers = Readers::warps;  // until a barrier of the block
  } else {
    const bool ordered = before.warp_barriers < now.warp_barriers;
    const bool several = cell.readers == Readers::lanes || before.thread != now.thread;
    cell.readers = several && !ordered ? Readers::lanes : Readers::one;
  }
  cell.read = now;
}

bool collides_with_readers(const ShadowCell& cell, const Moment& now) {
  const Moment& read = cell.read;
  if (read.epoch != now.epoch) return false;
  if (cell.readers == Readers::blocks || read.block != now.block) return true;
  if (read.block_barriers != now.block_barriers) return false;
  if (cell.readers == Readers::warps) return true;
  if (cell.readers == Readers::lanes)
    return read.thread / 32 != now.thread / 32 || read.warp_barriers >= now.warp_barriers;
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
  // An atomic does not publish what the same thread has just written plainly.
  const Moment& last = cell.write;
  const bool hides_plain_write = atomic && !cell.atomic_write && last.same_block(now) && last.thread == now.thread &&
                                 last.block_barriers == now.block_barriers && last.warp_barriers == now.warp_barriers;
  if (hides_plain_write) return race;
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
