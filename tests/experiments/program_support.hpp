// Runs the program itself, with a limit on time or on the size of files.
#pragma once

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "engine/io/file.hpp"
#include "tests/experiments/datasets_support.hpp"
#include "tests/places.hpp"

namespace orbitgrad::experiments {

struct ProgramResult {
  int code = -1;  // -1: killed
  std::string out, error;
};

struct ProgramLimits {
  double kill_after_seconds = 120;  // a program that hangs fails its test
  std::optional<std::uint64_t> file_bytes = {};
};

inline ProgramResult run_program(const std::vector<std::string>& arguments, const ProgramLimits& limits = {}) {
  const TemporaryFolder folder;
  const std::string out = folder.path() / "out", error = folder.path() / "error";
  std::vector<std::string> words{program_file()};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);

  const pid_t child = fork();
  if (child == 0) {
    dup2(open(out.c_str(), O_WRONLY | O_CREAT, 0600), 1);
    dup2(open(error.c_str(), O_WRONLY | O_CREAT, 0600), 2);
    if (limits.file_bytes) {
      const rlimit limit{*limits.file_bytes, *limits.file_bytes};
      setrlimit(RLIMIT_FSIZE, &limit);
    }
    execv(pointers[0], pointers.data());
    _exit(99);
  }
  int status = 0;
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(limits.kill_after_seconds);
  while (waitpid(child, &status, WNOHANG) == 0) {
    if (std::chrono::steady_clock::now() >= end) {
      kill(child, SIGKILL);
      waitpid(child, &status, 0);
      break;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, read_file(out), read_file(error)};
}

/// `orbitgrad train rotmnist` on so few digits that it takes a second, in the folder out/run.
inline std::vector<std::string> tiny_run(const std::filesystem::path& out, std::vector<std::string> more = {}) {
  std::vector<std::string> words{"train",    "rotmnist", "--train-count", "32", "--test-count", "8",
                                 "--epochs", "1",        "--batch",       "16", "--out",        out.string(),
                                 "--name",   "run"};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

}  // namespace orbitgrad::experiments
