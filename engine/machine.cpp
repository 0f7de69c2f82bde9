#include "engine/machine.hpp"

#include <algorithm>
#include <cstdlib>
#include <fstream>

namespace orbitgrad {

std::string processor_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const auto colon = line.find(": ");
    if (!line.starts_with("model name") || colon == std::string::npos) continue;
    std::string name = line.substr(colon + 2);
    std::ranges::replace(name, '\t', ' ');
    return name;
  }
  return "processor";
}

std::filesystem::path user_cache_folder() {
  const char *cache = std::getenv("XDG_CACHE_HOME"), *home = std::getenv("HOME");
  const std::filesystem::path folder = cache != nullptr && *cache == '/' ? std::filesystem::path(cache)
                                       : home != nullptr                 ? std::filesystem::path(home) / ".cache"
                                                                         : std::filesystem::temp_directory_path();
  return folder / "orbitgrad";
}

}  // namespace orbitgrad
