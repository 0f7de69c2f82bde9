// Renames the tensors of a state, for instance one that PyTorch saved: one rule a line, `old -> new`, where each `*` of
// the old name stands for any text and those of the new name repeat it in order; `old -> -` leaves tensors out; text
// behind `#` is a remark. The first rule that fits a name counts.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "engine/tensor.hpp"

namespace orbitgrad::experiments {

class NameMap {
 public:
  /// Error, with the number of the line: no arrow, an empty name, more stars to the right than to the left.
  explicit NameMap(std::string_view text);

  /// Error, listing all: names that no rule fits, names that two tensors would get, rules that fit nothing.
  std::map<std::string, Tensor> rename(const std::map<std::string, Tensor>& tensors) const;

 private:
  struct Rule {
    std::string from, to;  // to is empty: left out
    std::int64_t line;
  };
  std::vector<Rule> rules_;
};

/// What the stars of the pattern stand for in the name, shortest first; false if it does not fit.
bool fits(std::string_view pattern, std::string_view name, std::vector<std::string>& stars);

}  // namespace orbitgrad::experiments
