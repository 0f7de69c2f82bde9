// Files that survive a killed process and a full disk: a file is replaced as a whole or not at all, a log grows by
// whole lines, a folder has one owner. Every error names the path and the remedy.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace orbitgrad {

/// The bytes of a regular file. Error: missing, unreadable, or larger than max_bytes (nothing is read then).
std::string read_file(const std::filesystem::path& path, std::int64_t max_bytes = std::int64_t{1} << 28);

/// Replaces the file by the pieces, one after the other: written beside it under a temporary name, flushed to the disk,
/// then renamed. On an Error (full disk, read-only folder) the old file is untouched and the temporary one is gone.
void write_file_atomically(const std::filesystem::path& path, std::span<const std::string_view> pieces);
void write_file_atomically(const std::filesystem::path& path, std::string_view bytes);

/// Removes the temporary files that processes killed while writing have left in a folder. Only its owner may call it.
void remove_unfinished_files(const std::filesystem::path& folder);

/// A file that grows by whole lines. It is opened for appending and made if it is not there.
class LineLog {
 public:
  explicit LineLog(std::filesystem::path path);
  LineLog(const LineLog&) = delete;
  LineLog& operator=(const LineLog&) = delete;
  ~LineLog();

  /// Appends the line and '\n'. After an Error (full disk) the file ends where it did before.
  void append(std::string_view line);
  /// Appends these bytes alone, for a file of records that are not lines.
  void append_bytes(std::string_view bytes);
  /// Flushes to the disk.
  void flush();
  std::int64_t bytes() const;
  /// Cuts what lies behind the first `bytes` bytes. Error: the file is shorter.
  void cut(std::int64_t bytes);

 private:
  std::filesystem::path path_;
  int descriptor_;
};

/// Holds a folder for this process until it is destroyed or the process ends, however it ends. Error: another process
/// holds it (the message has its number), or the folder cannot be written.
class FolderLock {
 public:
  explicit FolderLock(const std::filesystem::path& folder);
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;
  ~FolderLock();

 private:
  int descriptor_;
};

}  // namespace orbitgrad
