// Helpers of the tests of nn and models: errors by their words, comparisons by bits and by value.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <initializer_list>
#include <string>
#include <string_view>

#include "engine/ops/arithmetic.hpp"
#include "engine/ops/cast.hpp"
#include "engine/ops/creation.hpp"
#include "engine/ops/transfer.hpp"
#include "engine/random.hpp"
#include "nn/module.hpp"
#include "tests/thread_count.hpp"

namespace orbitgrad::testing_support {

/// Passes if the call throws an Error whose message contains every one of the words.
template <class Function>
void expect_error(Function&& call, std::initializer_list<std::string_view> words) {
  try {
    call();
    // An index out of range on a device is an error where the host next reads from it.
    if (default_device() != DeviceKind::cpu) static_cast<void>(zeros({}).item());
    ADD_FAILURE() << "no error was thrown";
  } catch (const Error& error) {
    const std::string message = error.what();
    for (const auto word : words)
      EXPECT_NE(message.find(word), std::string::npos) << "\"" << word << "\" is not in: " << message;
  }
}

inline bool same_bits(const Tensor& a, const Tensor& b) {
  if (a.dtype() != b.dtype() || !(a.shape() == b.shape())) return false;
  const Tensor x = on_host(a.detach()), y = on_host(b.detach());
  return visit_storage(x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    return std::memcmp(x.host_data<T>(), y.host_data<T>(), static_cast<std::size_t>(x.numel()) * sizeof(T)) == 0;
  });
}

inline bool same_bits(const nn::State& a, const nn::State& b) {
  if (a.size() != b.size()) return false;
  for (const auto& [name, tensor] : a) {
    const auto found = b.find(name);
    if (found == b.end() || !same_bits(tensor, found->second)) return false;
  }
  return true;
}

/// A copy that later training does not touch.
inline nn::State snapshot(const nn::State& state) {
  nn::State copy;
  for (const auto& [name, tensor] : state) {
    copy.emplace(name, visit_storage(tensor.dtype(), [&](auto tag) -> Tensor {
                   using T = typename decltype(tag)::type;
                   return from_vector(tensor.to_vector<T>(), tensor.shape());
                 }));
  }
  return copy;
}

inline void expect_near(const Tensor& a, const Tensor& b, double tolerance) {
  ASSERT_EQ(a.shape(), b.shape());
  const auto x = a.detach().to(DType::float64).to_vector<double>(),
             y = b.detach().to(DType::float64).to_vector<double>();
  for (std::size_t i = 0; i < x.size(); ++i) ASSERT_NEAR(x[i], y[i], tolerance) << "at " << i;
}

}  // namespace orbitgrad::testing_support
