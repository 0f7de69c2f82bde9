#include "engine/observe/call_stack.hpp"

#include <cxxabi.h>
#include <dlfcn.h>
#include <execinfo.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string_view>
#include <vector>

namespace orbitgrad::observe {

namespace {

struct Frame {
  std::string module, function, place;
  std::uintptr_t offset = 0;
  bool is_ours = false;  // of the library that this file is part of
};

std::string demangled(const char* name) {
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> text(abi::__cxa_demangle(name, nullptr, nullptr, &status), std::free);
  return status == 0 ? text.get() : name;
}

std::string base_of(const char* address_in_library) {
  Dl_info info{};
  return dladdr(address_in_library, &info) != 0 && info.dli_fname != nullptr ? info.dli_fname : "";
}

Frame frame_of(const void* address) {
  Frame frame;
  Dl_info info{};
  if (dladdr(address, &info) == 0 || info.dli_fname == nullptr) return frame;
  frame.module = info.dli_fname;
  // The address is the one to return to: the call ends one byte before it.
  frame.offset = reinterpret_cast<std::uintptr_t>(address) - reinterpret_cast<std::uintptr_t>(info.dli_fbase) - 1;
  if (info.dli_sname != nullptr) frame.function = demangled(info.dli_sname);
  static const std::string ours = base_of(reinterpret_cast<const char*>(&callers_text));
  frame.is_ours = frame.module == ours;
  return frame;
}

std::string line_from(std::FILE* pipe) {
  char text[2048] = {};
  if (std::fgets(text, sizeof text, pipe) == nullptr) return {};
  std::string line = text;
  while (!line.empty() && line.back() == '\n') line.pop_back();
  return line;
}

/// Asks for the functions and lines of all frames of one module at once.
void ask_addr2line(std::vector<Frame>& frames, const std::string& module) {
  if (module.find('\'') != std::string::npos) return;  // it would end the argument
  std::string command = fmt::format("addr2line -f -C -e '{}'", module);
  for (const Frame& frame : frames)
    if (frame.module == module) command += fmt::format(" {:#x}", frame.offset);
  command += " 2>/dev/null";
  std::FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return;
  for (Frame& frame : frames) {
    if (frame.module != module) continue;
    const std::string function = line_from(pipe);
    std::string place = line_from(pipe);
    if (const auto end = place.find(' '); end != std::string::npos) place.resize(end);  // "(discriminator 2)"
    if (!function.empty() && !function.starts_with("?")) frame.function = function;
    if (!place.empty() && !place.starts_with("?") && !place.ends_with(":?") && !place.ends_with(":0"))
      frame.place = std::filesystem::path(place).lexically_normal().string();
  }
  pclose(pipe);
}

/// Functions of the engine itself, in the library or expanded from its headers in a caller, and of the standard
/// library.
bool is_engine(const Frame& frame) {
  if (frame.function.starts_with("std::") || frame.place.starts_with("/usr/include/")) return true;
  if (frame.place.find("/engine/") != std::string::npos && frame.place.find("/tests/") == std::string::npos)
    return frame.is_ours || frame.place.find(".hpp:") != std::string::npos;
  const std::string_view name = frame.function;
  if (name.find("orbitgrad::record<") != name.npos || name.find("orbitgrad::launch") != name.npos) return true;
  if (!frame.is_ours) return false;
  for (const std::string_view floor : {"orbitgrad::nn::", "orbitgrad::models::", "orbitgrad::experiments::"})
    if (name.starts_with(floor)) return false;
  return true;
}

std::string text_of(const Frame& frame) {
  std::string function = frame.function;
  constexpr std::string_view anonymous = "(anonymous namespace)::";
  for (auto at = function.find(anonymous); at != std::string::npos; at = function.find(anonymous))
    function.erase(at, anonymous.size());
  if (const auto arguments = function.find('('); arguments != std::string::npos && arguments > 0)
    function.resize(arguments);
  if (frame.place.empty() && function.empty()) return fmt::format("{}+{:#x}", frame.module, frame.offset);
  if (frame.place.empty()) return function;
  return function.empty() ? frame.place : fmt::format("{} in {}", frame.place, function);
}

}  // namespace

CallStack CallStack::here() {
  CallStack stack;
  stack.count = ::backtrace(stack.address, most);
  return stack;
}

std::string callers_text(const CallStack& stack, int frames) {
  std::vector<Frame> all;
  for (int i = 0; i < stack.count; ++i) all.push_back(frame_of(stack.address[i]));
  std::vector<std::string> asked;
  for (const Frame& frame : std::vector<Frame>(all)) {
    if (frame.module.empty() || std::find(asked.begin(), asked.end(), frame.module) != asked.end()) continue;
    asked.push_back(frame.module);
    ask_addr2line(all, frame.module);
  }
  std::string text;
  int written = 0;
  for (const Frame& frame : all) {
    if (frame.module.empty() || is_engine(frame)) continue;
    if (written++ == frames) break;
    if (!text.empty()) text += " < ";
    text += text_of(frame);
  }
  return text.empty() ? "an unknown place" : text;
}

}  // namespace orbitgrad::observe
