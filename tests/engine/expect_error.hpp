// EXPECT_ERROR(statement, "fragment"): the statement throws an Error of the house form that contains the fragment.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "engine/error.hpp"

// A macro, so that a failure shows the line and the statement.
#define EXPECT_ERROR(statement, fragment)                                          \
  try {                                                                            \
    static_cast<void>(statement);                                                  \
    ADD_FAILURE() << #statement " should be an error with '" << (fragment) << "'"; \
  } catch (const ::orbitgrad::Error& error) {                                      \
    const std::string text = error.what();                                         \
    EXPECT_NE(text.find(fragment), std::string::npos) << text;                     \
    EXPECT_TRUE(text.starts_with("[")) << "not of the form [op] what: " << text;   \
  }                                                                                \
  static_assert(true, "")
