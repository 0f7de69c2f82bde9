// Small permutation actions, written out by hand for the kernel tests (kernels do not know the groups).
#pragma once

#include <cstdint>
#include <vector>

namespace orbitgrad::testing {

struct Action {
  std::int64_t elements, size;
  std::vector<std::int32_t> source;  ///< [elements, size], (L_h f)[i] = f[source[h, i]]
};

/// The cyclic group of order n on n points.
inline Action cyclic_action(std::int64_t n) {
  Action action{n, n, {}};
  for (std::int64_t h = 0; h < n; ++h)
    for (std::int64_t i = 0; i < n; ++i) action.source.push_back(static_cast<std::int32_t>((i - h + n) % n));
  return action;
}

/// The eight symmetries of the square on the pixels of an n x n image; element 4 m + r mirrors after r quarter turns.
inline Action square_action(std::int64_t n) {
  Action action{8, n * n, {}};
  for (int h = 0; h < 8; ++h)
    for (std::int64_t i = 0; i < n * n; ++i) {
      std::int64_t row = i / n, col = i % n;
      if (h >= 4) row = n - 1 - row;
      for (int turn = 0; turn < h % 4; ++turn) {
        const std::int64_t old_row = row;
        row = col;
        col = n - 1 - old_row;
      }
      action.source.push_back(static_cast<std::int32_t>(row * n + col));
    }
  return action;
}

/// `copies` independent copies of an action side by side, as channels are.
inline Action repeated(const Action& action, std::int64_t copies) {
  Action result{action.elements, action.size * copies, {}};
  for (std::int64_t h = 0; h < action.elements; ++h)
    for (std::int64_t i = 0; i < result.size; ++i)
      result.source.push_back(static_cast<std::int32_t>(
          i / action.size * action.size + action.source[static_cast<std::size_t>(h * action.size + i % action.size)]));
  return result;
}

}  // namespace orbitgrad::testing
