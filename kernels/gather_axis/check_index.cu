#include "kernels/gather_axis/check_index.hpp"

#include "kernels/cuda/device.hpp"

namespace orbitgrad::kernels {
namespace {

/// Of all threads that find a fault one writes it down.
__global__ void position_per_thread(CheckIndexProblem p, const std::int64_t* index, std::int64_t* checked,
                                    IndexFault* fault) {
  const std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (i >= p.count) return;
  const std::int64_t value = index[i];
  checked[i] = checked_position(p, value);
  if (is_in_range(p, value) || atomicCAS(&fault->found, 0, 1) != 0) return;
  fault->problem = p;
  fault->place = i;
  fault->value = value;
}

void check_positions(const CheckIndexProblem& p, const std::int64_t* index, std::int64_t* checked, IndexFault* fault) {
  if (p.count == 0) return;
  launch("gather_axis.check_index", position_per_thread, {.grid = blocks_for(p.count, 256), .block = 256}, p, index,
         checked, fault);
}

const Registration<CheckIndex> version{
    {"position_per_thread", this_device, [](const CheckIndexProblem&) { return true; }, check_positions}};

}  // namespace
}  // namespace orbitgrad::kernels
