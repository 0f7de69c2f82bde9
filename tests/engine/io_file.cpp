// Files that survive a full disk and have one owner.
#include "engine/io/file.hpp"

#include "tests/child_process.hpp"
#include "tests/experiments/datasets_support.hpp"

namespace orbitgrad {
namespace {

using experiments::error_of;
using experiments::expect_contains;
using experiments::TemporaryFolder;
using testing::in_child;
using testing::limit_file_size;

std::size_t entries_in(const std::filesystem::path& folder) {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder), {}));
}

TEST(IoFile, WritesReplacesAndReads) {
  const TemporaryFolder folder;
  const auto file = folder.path() / "a.txt";
  write_file_atomically(file, "first");
  write_file_atomically(file, std::string(100000, 'x') + "second");
  EXPECT_EQ(read_file(file), std::string(100000, 'x') + "second");
  write_file_atomically(file, "");
  EXPECT_EQ(read_file(file), "");
  EXPECT_EQ(entries_in(folder.path()), 1U);
}

TEST(IoFile, ReadErrorsNameThePath) {
  const TemporaryFolder folder;
  const auto file = folder.path() / "large";
  write_file_atomically(file, std::string(1000, 'x'));
  expect_contains(error_of([&] { read_file(file, 999); }), "large: 1000 bytes, more than the 999");
  expect_contains(error_of([&] { read_file(folder.path() / "absent"); }), "absent: cannot open it: No such file");
  expect_contains(error_of([&] { read_file(folder.path()); }), "not a regular file");
  expect_contains(error_of([&] { read_file("/dev/zero"); }), "not a regular file");
}

TEST(IoFile, AMissingFolderIsNamed) {
  const TemporaryFolder folder;
  const auto message = error_of([&] { write_file_atomically(folder.path() / "no" / "a", "text"); });
  expect_contains(message, "no/a: cannot write it: No such file or directory. Check the path.");
}

TEST(IoFile, AFullDiskLeavesTheOldFileAndNothingElse) {
  const TemporaryFolder folder;
  const auto file = folder.path() / "checkpoint";
  write_file_atomically(file, "old");
  EXPECT_EQ(in_child([&] {
              limit_file_size(10000);
              try {
                write_file_atomically(file, std::string(1 << 20, 'x'));
              } catch (const Error& error) {
                return std::string(error.what()).find("checkpoint: cannot write it") != std::string::npos ? 7 : 8;
              }
              return 9;
            }),
            7);
  EXPECT_EQ(read_file(file), "old");
  EXPECT_EQ(entries_in(folder.path()), 1U);
}

TEST(IoFile, AFullDeviceIsReportedAsSuch) {
  if (!std::filesystem::exists("/dev/full")) GTEST_SKIP() << "no /dev/full here";
  LineLog log("/dev/full");
  const auto message = error_of([&] { log.append("line"); });
  expect_contains(message, "/dev/full: cannot");
}

TEST(IoFile, AReadOnlyFolderIsAnError) {
  const TemporaryFolder folder;
  write_file_atomically(folder.path() / "a", "old");
  std::filesystem::permissions(folder.path(), std::filesystem::perms::owner_read | std::filesystem::perms::owner_exec);
  EXPECT_EQ(in_child([&] {
              if (geteuid() == 0 && setuid(65534) != 0) return 6;  // root may write everywhere: become nobody
              try {
                write_file_atomically(folder.path() / "a", "new");
              } catch (const Error& error) {
                const std::string text = error.what();
                return text.find("Permission denied. Choose a folder that you may write") != text.npos ? 7 : 8;
              }
              return 9;
            }),
            7);
  std::filesystem::permissions(folder.path(), std::filesystem::perms::owner_all);
  EXPECT_EQ(read_file(folder.path() / "a"), "old");
}

TEST(IoFile, LeftoversOfAKilledWriterAreRemoved) {
  const TemporaryFolder folder;
  write_file_atomically(folder.path() / "kept", "text");
  experiments::write_bytes(folder.path() / "checkpoint.unfinished-12-0", {1, 2, 3});
  remove_unfinished_files(folder.path());
  EXPECT_EQ(entries_in(folder.path()), 1U);
}

TEST(IoLineLog, GrowsByLinesAndIsCut) {
  const TemporaryFolder folder;
  const auto file = folder.path() / "log";
  {
    LineLog log(file);
    log.append("one");
    const auto kept = log.bytes();
    log.append("two");
    log.flush();
    log.cut(kept);
    EXPECT_EQ(read_file(file), "one\n");
    expect_contains(error_of([&] { log.cut(100); }), "100 bytes are to be kept, but it has only 4");
    expect_contains(error_of([&] { log.cut(-1); }), "-1 bytes");
  }
  LineLog(file).append("three");
  EXPECT_EQ(read_file(file), "one\nthree\n");
}

TEST(IoLineLog, AFullDiskLeavesNoHalfLine) {
  const TemporaryFolder folder;
  const auto file = folder.path() / "log";
  EXPECT_EQ(in_child([&] {
              limit_file_size(100);
              LineLog log(file);
              log.append(std::string(60, 'a'));
              try {
                log.append(std::string(60, 'b'));
              } catch (const Error&) {
                return 7;
              }
              return 9;
            }),
            7);
  EXPECT_EQ(read_file(file), std::string(60, 'a') + "\n");
}

TEST(IoFolderLock, OneOwnerAtATime) {
  const TemporaryFolder folder;
  const auto second = [&] {
    try {
      const FolderLock lock(folder.path());
    } catch (const Error& error) {
      const std::string owner = fmt::format("another process is working in this folder, process {}. ", getppid());
      return std::string(error.what()).find(owner) != std::string::npos ? 7 : 8;
    }
    return 0;
  };
  {
    const FolderLock lock(folder.path());
    EXPECT_EQ(in_child(second), 7);
  }
  EXPECT_EQ(in_child(second), 0);
  EXPECT_EQ(in_child([&] {
              const FolderLock lock(folder.path());
              kill(getpid(), SIGKILL);
              return 1;
            }),
            -1);
  EXPECT_EQ(in_child(second), 0) << "the lock of a killed process is in the way";
  expect_contains(error_of([&] { const FolderLock lock(folder.path() / "absent"); }), "absent: cannot");
}

}  // namespace
}  // namespace orbitgrad
