// The command `orbitgrad`. Exit codes: 0 done, 1 failed, 2 called wrongly.
#include <csignal>
#include <cstdio>
#include <exception>
#include <new>

#include "experiments/commands/command_line.hpp"
#include "experiments/commands/usage.hpp"

int main(int argument_count, char** arguments) {
  std::signal(SIGXFSZ, SIG_IGN);  // a file that may not grow is an error that says so
  try {
    orbitgrad::experiments::run_command_line(argument_count, arguments, ORBITGRAD_VERSION);
    if (std::fflush(stdout) == 0) return 0;
    fmt::print(stderr, "orbitgrad: [output] the output cannot be written in full. Free space where it goes.\n");
    return 1;
  } catch (const orbitgrad::experiments::UsageError& error) {
    fmt::print(stderr, "orbitgrad: {}\n", error.what());
    return 2;
  } catch (const std::bad_alloc&) {
    fmt::print(stderr, "orbitgrad: [memory] there is not enough of it. Take a smaller --batch or fewer digits.\n");
    return 1;
  } catch (const std::exception& error) {
    fmt::print(stderr, "orbitgrad: {}\n", error.what());
    return 1;
  }
}
