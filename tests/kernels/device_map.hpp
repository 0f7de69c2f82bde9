// A device test's usual call: arrays in, one array out.
#pragma once

#include "tests/kernels/device_versions.hpp"

namespace orbitgrad::kernels::testing {

/// version.launch(problem, inputs..., result) with the arrays in the memory of the version's device; the result.
template <class Result, class Version, class Problem, class... Input>
std::vector<Result> map_on_device(const Version& version, const Problem& problem, std::size_t count,
                                  const std::vector<Input>&... inputs) {
  const auto run = [&](auto&&... arrays) {
    DeviceArray<Result> result(version.device, count);
    version.launch(problem, arrays.data()..., result.data());
    return result.to_host();
  };
  return run(DeviceArray<Input>(version.device, std::span<const Input>(inputs))...);
}

/// Values and winners of a maximum, the winners as numbers behind the values.
template <class T, class Version, class Problem>
std::vector<T> maximum_on_device(const Version& version, const Problem& problem, std::size_t count,
                                 const std::vector<T>& x) {
  DeviceArray<T> in(version.device, std::span<const T>(x)), out(version.device, count);
  DeviceArray<std::int64_t> index(version.device, count);
  version.launch(problem, in.data(), out.data(), index.data());
  auto all = out.to_host();
  for (const std::int64_t winner : index.to_host()) all.push_back(static_cast<T>(winner));
  return all;
}

}  // namespace orbitgrad::kernels::testing
