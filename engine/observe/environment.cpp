#include "engine/observe/environment.hpp"

#include <cstdlib>
#include <mutex>
#include <optional>
#include <string>

#include "engine/error.hpp"
#include "engine/observe/finite.hpp"
#include "engine/observe/memory.hpp"
#include "engine/observe/trace.hpp"

namespace orbitgrad::observe {

namespace {

std::string_view variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

struct Environment {
  Environment() {
    try {
      if (const auto text = variable("ORBITGRAD_CHECK_FINITE"); text == "1")
        finite.emplace();
      else
        require(text.empty() || text == "0", "environment", "ORBITGRAD_CHECK_FINITE is '{}'. Set it to 1 or 0.", text);
      if (const auto text = variable("ORBITGRAD_MEMORY_LIMIT"); !text.empty()) {
        limit = parse_bytes(text);
        watch.emplace(watching_memory);  // the devices register themselves while the library is loaded
      }
      if (const auto file = variable("ORBITGRAD_TRACE"); !file.empty()) start_trace(file);
    } catch (const std::exception& error) {  // told when there is somebody to tell it to
      problem = error.what();
      watch.emplace(watching_memory);
    }
  }
  std::optional<ScopedCheckFinite> finite;
  std::optional<Watch> watch;  // so that the first tensor asks
  std::string problem;
  std::optional<std::int64_t> limit;
  std::once_flag limit_is_set;
};
Environment environment;

}  // namespace

void require_environment() {
  if (!environment.problem.empty()) throw Error(environment.problem);
  if (environment.limit)
    std::call_once(environment.limit_is_set, [] {
      set_memory_limit(*environment.limit);
      environment.watch.reset();
    });
}

}  // namespace orbitgrad::observe
