// Errors in how the program was called, as opposed to failures of what it was asked to do: they end it with exit
// code 2.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/error.hpp"

namespace CLI {
class App;
}

namespace orbitgrad::experiments {

class UsageError : public Error {
 public:
  using Error::Error;
};

/// UsageError with the nearest name unless `name` is one of `names`.
void check_choice(std::string_view op, std::string_view what, std::string_view name,
                  const std::vector<std::string>& names);

/// UsageError for the first word that no option or command of `app` took, with the nearest name; else nothing.
void check_all_words_used(const CLI::App& app);

}  // namespace orbitgrad::experiments
