#include "engine/io/file.hpp"

#include <sys/file.h>

#include <algorithm>
#include <array>
#include <atomic>

#include "engine/io/descriptor.hpp"

namespace orbitgrad {

namespace {

using std::filesystem::path;

constexpr std::string_view unfinished_mark = ".unfinished-";

/// A name in the same folder that no other writer uses.
path temporary_name(const path& target) {
  static std::atomic<std::uint64_t> counter{0};
  path name = target;
  name += fmt::format("{}{}-{}", unfinished_mark, ::getpid(), counter++);
  return name;
}

/// Returns 0, or errno of the write that failed.
int write_all(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(descriptor, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return count < 0 ? errno : ENOSPC;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return 0;
}

path folder_of(const path& file) { return file.has_parent_path() ? file.parent_path() : path("."); }

/// Makes a rename durable. Some file systems cannot flush a folder; the file is complete all the same.
void flush_folder(const path& folder) {
  const io::Descriptor descriptor(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (descriptor.get() >= 0) ::fsync(descriptor.get());
}

/// Removes the file unless told to keep it.
class Temporary {
 public:
  explicit Temporary(path name) : name_(std::move(name)) {}
  Temporary(const Temporary&) = delete;
  Temporary& operator=(const Temporary&) = delete;
  ~Temporary() {
    if (!kept_) ::unlink(name_.c_str());
  }
  const path& name() const { return name_; }
  void keep() { kept_ = true; }

 private:
  path name_;
  bool kept_ = false;
};

}  // namespace

std::string read_file(const path& file, std::int64_t max_bytes) {
  const auto [descriptor, size] = io::open_to_read("read_file", file);
  require(size <= max_bytes, "read_file",
          "{}: {} bytes, more than the {} a file of this kind may have. Check the path.", file.string(), size,
          max_bytes);
  std::string bytes(static_cast<std::size_t>(size), '\0');
  io::read_exactly("read_file", file, descriptor, bytes.data(), size, 0);
  return bytes;
}

void write_file_atomically(const path& file, std::span<const std::string_view> pieces) {
  constexpr std::string_view op = "write_file";
  Temporary temporary(temporary_name(file));
  io::Descriptor descriptor(::open(temporary.name().c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
  if (descriptor.get() < 0) {
    const int code = errno;
    temporary.keep();  // it is not ours
    io::fail_system(op, file, "write it", code);
  }
  for (const std::string_view piece : pieces)
    if (const int code = write_all(descriptor.get(), piece); code != 0) io::fail_system(op, file, "write it", code);
  if (::fsync(descriptor.get()) != 0) io::fail_system(op, file, "write it");
  if (!descriptor.close()) io::fail_system(op, file, "write it");
  if (::rename(temporary.name().c_str(), file.c_str()) != 0) io::fail_system(op, file, "replace it");
  temporary.keep();
  flush_folder(folder_of(file));
}

void write_file_atomically(const path& file, std::string_view bytes) { write_file_atomically(file, std::array{bytes}); }

void remove_unfinished_files(const path& folder) {
  std::error_code failed;
  for (const auto& entry : std::filesystem::directory_iterator(folder, failed))
    if (entry.path().filename().string().find(unfinished_mark) != std::string::npos)
      std::filesystem::remove(entry.path(), failed);
}

LineLog::LineLog(path file)
    : path_(std::move(file)), descriptor_(::open(path_.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666)) {
  if (descriptor_ < 0) io::fail_system("line_log", path_, "write it");
}

LineLog::~LineLog() { ::close(descriptor_); }

void LineLog::append(std::string_view line) {
  std::string text(line);
  text += '\n';
  append_bytes(text);
}

void LineLog::append_bytes(std::string_view text) {
  const std::int64_t before = bytes();
  if (const int code = write_all(descriptor_, text); code != 0) {
    if (::ftruncate(descriptor_, before) != 0) io::fail_system("line_log", path_, "remove half a line from it");
    io::fail_system("line_log", path_, "add a line to it", code);
  }
}

void LineLog::flush() {
  if (::fdatasync(descriptor_) != 0 && errno != EINVAL && errno != EROFS)
    io::fail_system("line_log", path_, "flush it to the disk");
}

std::int64_t LineLog::bytes() const {
  struct stat status {};
  if (::fstat(descriptor_, &status) != 0) io::fail_system("line_log", path_, "read its size");
  return static_cast<std::int64_t>(status.st_size);
}

void LineLog::cut(std::int64_t bytes_to_keep) {
  const std::int64_t now = bytes();
  require(bytes_to_keep >= 0 && bytes_to_keep <= now, "line_log",
          "{}: {} bytes are to be kept, but it has only {}. The file was changed by something else: start a new run.",
          path_.string(), bytes_to_keep, now);
  if (bytes_to_keep < now && ::ftruncate(descriptor_, bytes_to_keep) != 0)
    io::fail_system("line_log", path_, "shorten it");
}

namespace {

/// The lock is the system's and goes with its process; the number is for people alone.
void note_owner(int descriptor) {
  const std::string number = fmt::format("{}\n", ::getpid());
  if (::ftruncate(descriptor, 0) != 0 || ::pwrite(descriptor, number.data(), number.size(), 0) < 0)
    return;  // a full disk: the owner has no number
}

/// ", process 123", or nothing.
std::string noted_owner(int descriptor) {
  char text[24] = {};
  const ssize_t count = ::pread(descriptor, text, sizeof text, 0);
  const std::string_view number(text, static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
  const std::size_t digits = std::min(number.find_first_not_of("0123456789"), number.size());
  return digits == 0 ? "" : fmt::format(", process {}", number.substr(0, digits));
}

}  // namespace

FolderLock::FolderLock(const path& folder)
    : descriptor_(::open((folder / ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666)) {
  if (descriptor_ < 0) io::fail_system("folder_lock", folder, "write in it");
  if (::flock(descriptor_, LOCK_EX | LOCK_NB) == 0) {
    note_owner(descriptor_);
    return;
  }
  const int code = errno;
  const std::string owner = code == EWOULDBLOCK ? noted_owner(descriptor_) : "";
  ::close(descriptor_);
  if (code != EWOULDBLOCK) io::fail_system("folder_lock", folder, "lock it", code);
  fail("folder_lock", "{}: another process is working in this folder{}. Wait for it to end, or choose another folder.",
       folder.string(), owner);
}

FolderLock::~FolderLock() { ::close(descriptor_); }

}  // namespace orbitgrad
