// The command `orbitgrad`. Exit codes: 0 done, 1 failed, 2 called wrongly.
#include <csignal>
#include <cstdio>
#include <exception>

#include "experiments/commands/command_line.hpp"
#include "experiments/commands/usage.hpp"

int main(int argument_count, char** arguments) {
  std::signal(SIGXFSZ, SIG_IGN);  // a file that may not grow is an error that says so
  try {
    orbitgrad::experiments::run_command_line(argument_count, arguments, ORBITGRAD_VERSION);
    return 0;
  } catch (const orbitgrad::experiments::UsageError& error) {
    fmt::print(stderr, "orbitgrad: {}\n", error.what());
    return 2;
  } catch (const std::exception& error) {
    fmt::print(stderr, "orbitgrad: {}\n", error.what());
    return 1;
  }
}
