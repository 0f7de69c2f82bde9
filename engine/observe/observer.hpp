// Who watches the engine at work: traces, profiles, the search for NaN and the list of live tensors. One word of flags
// is read once per op and once per launch, so that what nobody watches costs one relaxed load.
#pragma once

#include <atomic>
#include <span>
#include <string_view>

namespace orbitgrad {

class Node;
class Tensor;

namespace observe {

enum Watcher : unsigned {
  tracing = 1,
  profiling = 2,
  checking_finite = 4,
  watching_memory = 8,
  choosing_versions = 32,  // KernelVersions
  claiming = 16            // a large tensor does not know yet which op made it
};

inline std::atomic<unsigned> watchers{0};

/// Whether anybody watches, or one of these.
inline bool is_watched(unsigned which = ~0u) { return (watchers.load(std::memory_order_relaxed) & which) != 0; }

/// A reason to watch, from construction to destruction. Several may exist, on any threads.
class Watch {
 public:
  explicit Watch(Watcher watcher);
  ~Watch();
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

 private:
  Watcher watcher_;
};

/// Called by record() with every result of a differentiable op while somebody watches.
void see_result(const Tensor& output, std::span<const Tensor* const> inputs);

/// The op whose launch is the last of this thread; "" before the first that was watched.
std::string_view latest_op();

/// While an object of this type lives, this thread runs the derivative of the node.
class BackwardScope {
 public:
  explicit BackwardScope(const Node& node);
  ~BackwardScope();
  BackwardScope(const BackwardScope&) = delete;
  BackwardScope& operator=(const BackwardScope&) = delete;
  /// The innermost node whose derivative this thread runs; null in a forward.
  static const Node* current();

 private:
  const Node* before_;
};

}  // namespace observe
}  // namespace orbitgrad
