// The results of a device benchmark as JSON in the format of Google Benchmark: a context, then a list of entries with
// a name, a time and counters. The file is written anew after each entry, so that what was measured is never lost.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "kernels/dispatch.hpp"

namespace orbitgrad::bench {

class Report {
 public:
  /// An empty path: entries are only printed.
  Report(std::string executable, kernels::DeviceKind device, std::filesystem::path path);

  nlohmann::json& context() { return json_["context"]; }
  void add(nlohmann::json entry);
  /// An entry that has no time, and why.
  void add_error(const std::string& name, const std::string& why);
  /// Names a case in the context's list "left_out".
  void leave_out(const std::string& name);
  int errors() const { return errors_; }

 private:
  void write() const;

  std::filesystem::path path_;
  nlohmann::json json_;
  int errors_ = 0;
};

}  // namespace orbitgrad::bench
