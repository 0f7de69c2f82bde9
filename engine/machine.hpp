// What measurements that are kept belong to, and where they are kept.
#pragma once

#include <filesystem>
#include <string>

namespace orbitgrad {

/// Processor, threads and memory of this machine on one line, without tabs.
std::string machine_name();

/// orbitgrad/ in $XDG_CACHE_HOME or ~/.cache; in the folder for temporary files where neither is set. Not made here.
std::filesystem::path user_cache_folder();

}  // namespace orbitgrad
