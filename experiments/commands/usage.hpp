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

/// "orbitgrad train rotmnist": the command that the words led to so far.
std::string called_command(const CLI::App& app);

/// What is wrong with the text of an option, or nothing: for CLI::Option::check.
std::string problem_of_seed(const std::string& text);             // a whole number that config.json can hold
std::string problem_of_positive_number(const std::string& text);  // and finite

/// UsageError unless the name is that of one folder, without a path. Empty: the default, which is right.
void check_folder_name(std::string_view op, std::string_view name);

/// UsageError for the first word that no option or command of `app` took, with the nearest name; else nothing.
void check_all_words_used(const CLI::App& app);

}  // namespace orbitgrad::experiments
