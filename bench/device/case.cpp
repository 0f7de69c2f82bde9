#include "bench/device/case.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

namespace orbitgrad::bench {
namespace {

constexpr std::int64_t more_than_a_cache = std::int64_t{256} << 20;
constexpr std::int64_t most_sets = 64;

void fill_with_numbers(float* data, std::int64_t count, std::uint32_t state) {
  for (std::int64_t i = 0; i < count; ++i) {
    state = state * 1664525U + 1013904223U;
    data[i] = static_cast<float>(state >> 8) * 0x1p-23F - 1.0F;
  }
}

template <class T>
double largest_difference(const std::byte* actual, const std::byte* expected, std::int64_t count) {
  const auto* a = reinterpret_cast<const T*>(actual);
  const auto* e = reinterpret_cast<const T*>(expected);
  double scale = 0, difference = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    const auto x = static_cast<double>(a[i]), y = static_cast<double>(e[i]);
    if (x == y || (std::isnan(x) && std::isnan(y))) {
      scale = std::max(scale, std::isfinite(y) ? std::abs(y) : 0.0);
      continue;
    }
    if (!std::isfinite(x) || !std::isfinite(y)) return std::numeric_limits<double>::infinity();
    scale = std::max(scale, std::abs(y));
    difference = std::max(difference, std::abs(x - y));
  }
  return difference == 0 ? 0 : difference / std::max(scale, 1e-30);
}

}  // namespace

Buffers::Buffers(DeviceKind device, const Case& problem) : device_(device), arrays_(problem.arrays) {
  std::int64_t bytes = 0;
  for (std::size_t i = 0; i < arrays_.size(); ++i) {
    const Array& array = arrays_[i];
    auto& values = first_values_.emplace_back(static_cast<std::size_t>(array.bytes()));
    if (array.fill)
      array.fill(values.data());
    else if (array.element == Element::float32)
      fill_with_numbers(reinterpret_cast<float*>(values.data()), array.count, static_cast<std::uint32_t>(i + 1));
    bytes += array.bytes();
  }
  result_ = first_values_;
  std::vector<void*> host;
  for (auto& values : result_) host.push_back(values.empty() ? nullptr : values.data());
  problem.on_cpu(host);
  const std::int64_t sets =
      device == DeviceKind::cuda
          ? std::clamp<std::int64_t>(more_than_a_cache / std::max<std::int64_t>(bytes, 1), 1, most_sets)
          : 1;
  for (int set = 0; set < sets; ++set) {
    auto& scratch = on_device_.emplace_back();
    auto& pointers = pointers_.emplace_back();
    for (const Array& array : arrays_) {
      scratch.push_back(std::make_unique<kernels::DeviceScratch>(device, array.bytes()));
      pointers.push_back(scratch.back()->as<void>());
    }
    upload(set);
  }
}

void Buffers::upload(int set) {
  for (std::size_t i = 0; i < arrays_.size(); ++i)
    if (arrays_[i].count > 0)
      kernels::device_memory(device_)->copy_to_device(on_device(set)[i], first_values_[i].data(), arrays_[i].bytes());
}

double Buffers::difference(const Candidate& candidate) {
  upload(0);
  candidate.launch(on_device(0));
  kernels::DeviceMemory& memory = *kernels::device_memory(device_);
  memory.synchronize();
  double largest = 0;
  for (std::size_t i = 0; i < arrays_.size(); ++i) {
    const Array& array = arrays_[i];
    if (!array.output || array.count == 0) continue;
    std::vector<std::byte> actual(static_cast<std::size_t>(array.bytes()));
    memory.copy_to_host(actual.data(), on_device(0)[i], array.bytes());
    const auto compare = array.element == Element::float32   ? largest_difference<float>
                         : array.element == Element::float64 ? largest_difference<double>
                                                             : largest_difference<std::int64_t>;
    largest = std::max(largest, compare(actual.data(), result_[i].data(), array.count));
  }
  return largest;
}

}  // namespace orbitgrad::bench
