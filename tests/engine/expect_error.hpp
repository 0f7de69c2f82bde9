// EXPECT_ERROR(statement, "fragment"): the statement throws an Error of the house form, `[op] what is wrong. What to
// do.`, that contains the fragment.
#pragma once

#include <gtest/gtest.h>

#include <cctype>
#include <string>

#include "engine/error.hpp"
#include "engine/ops/creation.hpp"

namespace orbitgrad::testing {

/// Whether a sentence ends inside the text and another one begins after it.
inline bool has_two_sentences(const std::string& text) {
  for (std::size_t i = 0; i + 2 < text.size(); ++i) {
    const bool ends = text[i] == '.' || text[i] == '?' || text[i] == '!';
    if (ends && text[i + 1] == ' ' && std::isupper(static_cast<unsigned char>(text[i + 2])) != 0) return true;
  }
  return false;
}

inline void expect_house_form(const std::string& text, const std::string& fragment) {
  EXPECT_NE(text.find(fragment), std::string::npos) << text;
  EXPECT_TRUE(text.starts_with("[") && text.find("] ") != std::string::npos) << "not of the form [op] what: " << text;
  EXPECT_TRUE(has_two_sentences(text)) << "no remedy after what is wrong: " << text;
}

/// Waits for the default device: an index out of range there is an error where the host next reads.
inline void read_from_default_device() {
  if (default_device() != DeviceKind::cpu) static_cast<void>(zeros({}).item());
}

}  // namespace orbitgrad::testing

// A macro, so that a failure shows the line and the statement.
#define EXPECT_ERROR(statement, fragment)                                          \
  try {                                                                            \
    static_cast<void>(statement);                                                  \
    ::orbitgrad::testing::read_from_default_device();                              \
    ADD_FAILURE() << #statement " should be an error with '" << (fragment) << "'"; \
  } catch (const ::orbitgrad::Error& error) {                                      \
    ::testing::ScopedTrace trace(__FILE__, __LINE__, #statement);                  \
    ::orbitgrad::testing::expect_house_form(error.what(), fragment);               \
  }                                                                                \
  static_assert(true, "")
