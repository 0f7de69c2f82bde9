#include "engine/observe/observer.hpp"

#include <array>
#include <bit>
#include <mutex>

#include "engine/autograd/node.hpp"
#include "engine/observe/finite.hpp"
#include "engine/observe/launch.hpp"
#include "engine/observe/memory.hpp"
#include "engine/observe/profile.hpp"
#include "engine/observe/trace.hpp"

namespace orbitgrad::observe {

namespace {

thread_local std::string latest;
thread_local const Node* running_derivative = nullptr;
thread_local int open_launches = 0;

void count_watchers(Watcher watcher, int change) {
  static std::mutex mutex;
  static std::array<int, 8> counts{};
  const std::lock_guard lock(mutex);
  int& count = counts[static_cast<std::size_t>(std::countr_zero(static_cast<unsigned>(watcher)))];
  count += change;
  if (count > 0)
    watchers.fetch_or(watcher);
  else
    watchers.fetch_and(~static_cast<unsigned>(watcher));
}

}  // namespace

Watch::Watch(Watcher watcher) : watcher_(watcher) { count_watchers(watcher, 1); }
Watch::~Watch() {
  count_watchers(watcher_, -1);
  if ((watcher_ & (watching_memory | tracing)) != 0) forget_small_storages();
}

std::string_view latest_op() { return latest; }

BackwardScope::BackwardScope(const Node& node) : before_(running_derivative) { running_derivative = &node; }
BackwardScope::~BackwardScope() { running_derivative = before_; }
const Node* BackwardScope::current() { return running_derivative; }

void see_result(const Tensor& output, std::span<const Tensor* const> inputs) {
  if (is_watched(tracing)) trace_result(output, inputs);
  if (!is_watched(checking_finite)) return;
  const auto& node = output.body().node;
  // A copy, since the check launches kernels itself.
  const std::string op(node != nullptr && !node->is_leaf() ? node->name() : latest_op());
  check_result(op, output, inputs);
}

Launch::Launch(std::string_view its_op, std::string_view its_kernel, kernels::DeviceKind its_device)
    : op(its_op), kernel(its_kernel), device(its_device) {}
Launch::~Launch() = default;

void Description::write(const void* array) {
  if (launch_.written_count < Launch::most_arrays) launch_.written[launch_.written_count++] = array;
}

void Description::add_view(const std::int64_t* size, const std::int64_t* stride, int rank, std::size_t element_size) {
  double elements = 1, touched = 1;
  if (!launch_.shapes.empty()) launch_.shapes += ' ';
  launch_.shapes += '[';
  for (int axis = 0; axis < rank; ++axis) {
    launch_.shapes += fmt::format("{}{}", axis == 0 ? "" : ", ", size[axis]);
    elements *= static_cast<double>(size[axis]);
    if (stride[axis] != 0) touched *= static_cast<double>(size[axis]);
  }
  launch_.shapes += ']';
  launch_.bytes += touched * static_cast<double>(element_size);
  launch_.flops = std::max(launch_.flops, elements);
}

LaunchScope::LaunchScope(Launch& launch) : launch_(launch), is_inner_(open_launches++ > 0) {
  latest = launch.op;
  if (is_watched(claiming | watching_memory)) claim_memory(launch);
  launch_.begin = Clock::now();
}

LaunchScope::~LaunchScope() {
  launch_.end = Clock::now();
  --open_launches;
  try {
    if (is_watched(tracing)) trace_launch(launch_);
    if (is_watched(profiling) && !is_inner_) profile_launch(launch_);
  } catch (...) {  // no memory to note it: it is missing
  }
}

}  // namespace orbitgrad::observe
