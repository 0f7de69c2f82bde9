// What measurements that are kept belong to, and where they are kept.
#pragma once

#include <filesystem>
#include <string>

namespace orbitgrad {

/// "Intel(R) Xeon(R) ...", on one line and without tabs; "processor" where the system does not tell.
std::string processor_name();

/// orbitgrad/ in $XDG_CACHE_HOME or ~/.cache; in the folder for temporary files where neither is set. Not made here.
std::filesystem::path user_cache_folder();

}  // namespace orbitgrad
