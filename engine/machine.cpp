#include "engine/machine.hpp"

#include <algorithm>
#include <cstdlib>

#include "engine/device.hpp"

namespace orbitgrad {

std::string machine_name() {
  std::string text = device_statuses().front().description;
  std::ranges::replace(text, '\n', ' ');
  std::ranges::replace(text, '\t', ' ');
  return text;
}

std::filesystem::path user_cache_folder() {
  const char *cache = std::getenv("XDG_CACHE_HOME"), *home = std::getenv("HOME");
  const std::filesystem::path folder = cache != nullptr && *cache == '/' ? std::filesystem::path(cache)
                                       : home != nullptr                 ? std::filesystem::path(home) / ".cache"
                                                                         : std::filesystem::temp_directory_path();
  return folder / "orbitgrad";
}

}  // namespace orbitgrad
