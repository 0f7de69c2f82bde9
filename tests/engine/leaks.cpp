// Memory that nobody frees fails a test under the address sanitizer; here, that it would.
#include <gtest/gtest.h>

#include <cstdint>

// There only where the sanitizer is linked.
extern "C" int __lsan_do_recoverable_leak_check() __attribute__((weak));

namespace orbitgrad {
namespace {

/// Keeps the address in a form in which the sanitizer does not find it.
__attribute__((noinline)) std::uintptr_t hidden_allocation() { return ~reinterpret_cast<std::uintptr_t>(new char[77]); }
__attribute__((noinline)) void overwrite_stack() {
  volatile char old[4096];
  for (volatile char& c : old) c = 0;
}

TEST(Leaks, AreNoticedWhereTheSanitizerIs) {
  if (__lsan_do_recoverable_leak_check == nullptr) GTEST_SKIP() << "built without the address sanitizer";
  ASSERT_EQ(__lsan_do_recoverable_leak_check(), 0) << "something leaks already";
  const std::uintptr_t hidden = hidden_allocation();
  overwrite_stack();
  EXPECT_NE(__lsan_do_recoverable_leak_check(), 0) << "leaks are not looked for: ASAN_OPTIONS has detect_leaks=0";
  delete[] reinterpret_cast<char*>(~hidden);
}

}  // namespace
}  // namespace orbitgrad
