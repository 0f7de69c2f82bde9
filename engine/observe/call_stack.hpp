// Who called: return addresses taken cheaply now, turned into "train.cpp:41 in train_step" (by binutils' addr2line)
// only when somebody reads them. Lines need debug information (-g1), functions an executable that is not stripped.
#pragma once

#include <string>

namespace orbitgrad::observe {

struct CallStack {
  static constexpr int most = 48;
  void* address[most];
  int count = 0;

  /// The stack of this thread.
  static CallStack here();
};

/// The innermost `frames` callers outside the engine and its kernels, innermost first, joined by " < ".
std::string callers_text(const CallStack& stack, int frames = 3);

}  // namespace orbitgrad::observe
