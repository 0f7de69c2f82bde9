// A file descriptor that closes itself, and system errors as messages with a remedy. Included by sources of io only.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string>
#include <utility>

#include "engine/error.hpp"

namespace orbitgrad::io {

/// What a person can do about a failed system call on a file.
inline std::string remedy(int code) {
  switch (code) {
    case ENOSPC:
    case EDQUOT:
      return "Free some space on this disk or choose a folder on another one";
    case EFBIG:
      return "The limit on the size of a file is reached: raise it (ulimit -f)";
    case EACCES:
    case EPERM:
    case EROFS:
      return "Choose a folder that you may write, or change its permissions";
    case ENOENT:
    case ENOTDIR:
      return "Check the path";
    case EMFILE:
    case ENFILE:
      return "Close files or raise the limit (ulimit -n)";
    default:
      return "Check the disk and the path";
  }
}

/// Throws `[op] PATH: cannot WHAT: REASON. REMEDY.`
[[noreturn]] inline void fail_system(std::string_view op, const std::filesystem::path& path, std::string_view what,
                                     int code = errno) {
  fail(op, "{}: cannot {}: {}. {}.", path.string(), what, std::strerror(code), remedy(code));
}

class Descriptor {
 public:
  explicit Descriptor(int value) : value_(value) {}
  Descriptor(Descriptor&& other) noexcept : value_(std::exchange(other.value_, -1)) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() {
    if (value_ >= 0) ::close(value_);
  }
  int get() const { return value_; }
  /// Closes now and reports whether that worked: a full disk may show only here.
  bool close() { return ::close(std::exchange(value_, -1)) == 0; }

 private:
  int value_;
};

/// Opens a regular file to read and gives its size. Error: missing, unreadable, or something that is not a plain file.
inline std::pair<Descriptor, std::int64_t> open_to_read(std::string_view op, const std::filesystem::path& path) {
  Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat status {};
  if (file.get() < 0 || ::fstat(file.get(), &status) != 0) fail_system(op, path, "open it");
  require(S_ISREG(status.st_mode), op, "{}: this is not a regular file. Name a file.", path.string());
  return {std::move(file), static_cast<std::int64_t>(status.st_size)};
}

/// Reads exactly `bytes` bytes from `offset`. Error: the file ends before, or cannot be read.
inline void read_exactly(std::string_view op, const std::filesystem::path& path, const Descriptor& file, void* target,
                         std::int64_t bytes, std::int64_t offset) {
  char* next = static_cast<char*>(target);
  while (bytes > 0) {
    const ssize_t count = ::pread(file.get(), next, static_cast<std::size_t>(bytes), offset);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail_system(op, path, "read it");
    require(count > 0, op, "{}: the file became shorter while it was read. Read it again.", path.string());
    next += count;
    bytes -= count;
    offset += count;
  }
}

}  // namespace orbitgrad::io
