#include "kernels/sim/source_place.hpp"

#include <dlfcn.h>
#include <fmt/format.h>

#include <cstdint>
#include <cstdio>
#include <unordered_map>

namespace orbitgrad::kernels::sim {
namespace {

/// The first line addr2line prints for the address, "" if it cannot be asked.
std::string ask_addr2line(const char* library, std::uintptr_t offset) {
  // Quotes in the path of a library would end the argument.
  if (std::string_view(library).find('\'') != std::string_view::npos) return {};
  const std::string command = fmt::format("addr2line -e '{}' {:#x} 2>/dev/null", library, offset);
  std::FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return {};
  char line[1024] = {};
  const bool answered = std::fgets(line, sizeof line, pipe) != nullptr;
  pclose(pipe);
  std::string text = answered ? line : "";
  if (const auto end = text.find_first_of("\n "); end != std::string::npos) text.resize(end);
  return text.starts_with("?") ? std::string() : text;
}

}  // namespace

std::string_view short_path(std::string_view path) {
  const auto kernels = path.rfind("kernels/");
  return kernels == std::string_view::npos ? path : path.substr(kernels);
}

std::string source_place(const void* program_counter) {
  static std::unordered_map<const void*, std::string> known;
  if (const auto found = known.find(program_counter); found != known.end()) return found->second;
  std::string place = "an unknown place";
  Dl_info info{};
  if (dladdr(program_counter, &info) != 0 && info.dli_fname != nullptr) {
    // The counter is the address to return to: the call ends one byte before it.
    const auto offset =
        reinterpret_cast<std::uintptr_t>(program_counter) - reinterpret_cast<std::uintptr_t>(info.dli_fbase) - 1;
    const std::string line = ask_addr2line(info.dli_fname, offset);
    place = line.empty() ? fmt::format("{}+{:#x}", info.dli_fname, offset) : std::string(short_path(line));
  }
  return known.emplace(program_counter, place).first->second;
}

}  // namespace orbitgrad::kernels::sim
