#include <limits>
#include <span>
#include <vector>

#include "kernels/cuda/device.hpp"
#include "kernels/device_table.hpp"
#include "kernels/group_pool/group_pool.hpp"
#include "kernels/pooling/pooling.hpp"

namespace orbitgrad::kernels {
namespace {

/// A table in the memory of the device as a kernel argument; 0, 1, 2, ... if it is null.
struct Table {
  const std::int32_t* entries;

  __device__ std::int64_t operator[](std::int64_t i) const { return entries == nullptr ? i : entries[i]; }
};

/// Keeps a table on the device while its kernel is launched; entries may be null.
class TableOnDevice {
 public:
  TableOnDevice(const std::int32_t* entries, std::int64_t count) {
    if (entries != nullptr) on_device_ = device_table(this_device, std::span(entries, static_cast<std::size_t>(count)));
  }
  Table table() const { return {on_device_.get()}; }

 private:
  std::shared_ptr<const std::int32_t> on_device_;
};

/// The coset that each element is in, -1 for none; empty if some element is in two.
std::vector<std::int32_t> coset_of_elements(const GroupPoolProblem& p) {
  std::vector<std::int32_t> result(static_cast<std::size_t>(p.elements), -1);
  for (std::int64_t coset = 0; coset < p.cosets; ++coset)
    for (std::int64_t u = 0; u < p.coset_size; ++u) {
      auto& found = result[static_cast<std::size_t>(coset_member(p, coset, u))];
      if (found >= 0) return {};
      found = static_cast<std::int32_t>(coset);
    }
  return result;
}

/// The row (outer, element or coset) and pixel of a thread; count rows.
struct Place {
  std::int64_t outer, row, pixel, at;
};
__device__ Place place_of(const GroupPoolProblem& p, std::int64_t count) {
  const std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  return {i / p.pixels / count, i / p.pixels % count, i % p.pixels, i};
}

template <class T>
__global__ void max_forward(GroupPoolProblem p, Table members, const T* x, T* y, std::int64_t* index) {
  const Place out = place_of(p, p.cosets);
  if (out.outer >= p.outer) return;
  T best = -std::numeric_limits<T>::infinity();
  std::int64_t winner = p.coset_size > 0 ? members[out.row * p.coset_size] : -1;
  for (std::int64_t u = 0; u < p.coset_size; ++u) {
    const std::int64_t element = members[out.row * p.coset_size + u];
    const T candidate = x[(out.outer * p.elements + element) * p.pixels + out.pixel];
    if (!replaces_maximum(candidate, best)) continue;
    best = candidate;
    winner = element;
  }
  y[out.at] = best;
  if (index) index[out.at] = winner;
}

template <class T>
__global__ void mean_forward(GroupPoolProblem p, Table members, const T* x, T* y) {
  const Place out = place_of(p, p.cosets);
  if (out.outer >= p.outer) return;
  double sum = 0;
  for (std::int64_t u = 0; u < p.coset_size; ++u)
    sum +=
        static_cast<double>(x[(out.outer * p.elements + members[out.row * p.coset_size + u]) * p.pixels + out.pixel]);
  y[out.at] = static_cast<T>(sum / static_cast<double>(p.coset_size));
}

// The backward passes gather, for an element, from its cosets.
template <class T>
__global__ void max_backward_all_cosets(GroupPoolProblem p, const T* dy, const std::int64_t* index, T* dx) {
  const Place in = place_of(p, p.elements);
  if (in.outer >= p.outer) return;
  T sum = 0;
  for (std::int64_t coset = 0; coset < p.cosets; ++coset) {
    const std::int64_t output = (in.outer * p.cosets + coset) * p.pixels + in.pixel;
    if (index[output] == in.row) sum += dy[output];
  }
  dx[in.at] = sum;
}

template <class T>
__global__ void max_backward_own_coset(GroupPoolProblem p, Table cosets, const T* dy, const std::int64_t* index,
                                       T* dx) {
  const Place in = place_of(p, p.elements);
  if (in.outer >= p.outer) return;
  const std::int64_t coset = cosets[in.row], output = (in.outer * p.cosets + coset) * p.pixels + in.pixel;
  dx[in.at] = coset >= 0 && index[output] == in.row ? dy[output] : T(0);
}

template <class T>
__global__ void mean_adjoint_all_cosets(GroupPoolProblem p, Table members, const T* dy, T* dx) {
  const Place in = place_of(p, p.elements);
  if (in.outer >= p.outer) return;
  const T size = static_cast<T>(p.coset_size);
  T sum = 0;
  for (std::int64_t coset = 0; coset < p.cosets; ++coset)
    for (std::int64_t u = 0; u < p.coset_size; ++u)
      if (members[coset * p.coset_size + u] == in.row)
        sum += dy[(in.outer * p.cosets + coset) * p.pixels + in.pixel] / size;
  dx[in.at] = sum;
}

template <class T>
__global__ void mean_adjoint_own_coset(GroupPoolProblem p, Table cosets, const T* dy, T* dx) {
  const Place in = place_of(p, p.elements);
  if (in.outer >= p.outer) return;
  const std::int64_t coset = cosets[in.row];
  dx[in.at] =
      coset >= 0 ? dy[(in.outer * p.cosets + coset) * p.pixels + in.pixel] / static_cast<T>(p.coset_size) : T(0);
}

LaunchShape shape_for(const GroupPoolProblem& p, std::int64_t rows) {
  return {.grid = blocks_for(p.outer * rows * p.pixels, 256), .block = 256};
}
bool is_empty(const GroupPoolProblem& p, std::int64_t rows) { return p.outer * rows * p.pixels == 0; }

template <class T>
void launch_max_forward(const GroupPoolProblem& p, const T* x, T* y, std::int64_t* index) {
  if (is_empty(p, p.cosets)) return;
  const TableOnDevice members(p.table, p.cosets * p.coset_size);
  launch("group_max.forward", max_forward<T>, shape_for(p, p.cosets), p, members.table(), x, y, index);
}

template <class T>
void launch_mean_forward(const GroupPoolProblem& p, const T* x, T* y) {
  if (is_empty(p, p.cosets)) return;
  const TableOnDevice members(p.table, p.cosets * p.coset_size);
  launch("group_mean.forward", mean_forward<T>, shape_for(p, p.cosets), p, members.table(), x, y);
}

template <class T>
void launch_max_backward_all(const GroupPoolProblem& p, const T* dy, const std::int64_t* index, T* dx) {
  if (is_empty(p, p.elements)) return;
  launch("group_max.backward/all_cosets", max_backward_all_cosets<T>, shape_for(p, p.elements), p, dy, index, dx);
}

template <class T>
void launch_max_backward_own(const GroupPoolProblem& p, const T* dy, const std::int64_t* index, T* dx) {
  if (is_empty(p, p.elements)) return;
  const auto cosets = coset_of_elements(p);
  const TableOnDevice table(cosets.data(), p.elements);
  launch("group_max.backward/own_coset", max_backward_own_coset<T>, shape_for(p, p.elements), p, table.table(), dy,
         index, dx);
}

template <class T>
void launch_mean_adjoint_all(const GroupPoolProblem& p, const T* dy, T* dx) {
  if (is_empty(p, p.elements)) return;
  const TableOnDevice members(p.table, p.cosets * p.coset_size);
  launch("group_mean.adjoint/all_cosets", mean_adjoint_all_cosets<T>, shape_for(p, p.elements), p, members.table(), dy,
         dx);
}

template <class T>
void launch_mean_adjoint_own(const GroupPoolProblem& p, const T* dy, T* dx) {
  if (is_empty(p, p.elements)) return;
  const auto cosets = coset_of_elements(p);
  const TableOnDevice table(cosets.data(), p.elements);
  launch("group_mean.adjoint/own_coset", mean_adjoint_own_coset<T>, shape_for(p, p.elements), p, table.table(), dy, dx);
}

bool has_disjoint_cosets(const GroupPoolProblem& p) { return p.elements == 0 || !coset_of_elements(p).empty(); }

// Neighbouring threads read neighbouring pixels of the same element; nothing is read twice.
const DeviceRegistration<GroupMaxForward> max_forward_versions{"output_per_thread", launch_max_forward<float>,
                                                               launch_max_forward<double>};
const DeviceRegistration<GroupMeanForward> mean_forward_versions{"output_per_thread", launch_mean_forward<float>,
                                                                 launch_mean_forward<double>};

// The formula.
const DeviceRegistration<GroupMaxBackward> max_all{"all_cosets", launch_max_backward_all<float>,
                                                   launch_max_backward_all<double>};
const DeviceRegistration<GroupMeanAdjoint> mean_all{"all_cosets", launch_mean_adjoint_all<float>,
                                                    launch_mean_adjoint_all<double>};

// Cosets are disjoint: the table turned round tells an element its only one.
const DeviceRegistration<GroupMaxBackward> max_own{"own_coset", launch_max_backward_own<float>,
                                                   launch_max_backward_own<double>, has_disjoint_cosets,
                                                   has_disjoint_cosets};
const DeviceRegistration<GroupMeanAdjoint> mean_own{"own_coset", launch_mean_adjoint_own<float>,
                                                    launch_mean_adjoint_own<double>, has_disjoint_cosets,
                                                    has_disjoint_cosets};

}  // namespace
}  // namespace orbitgrad::kernels
