#include "engine/ops/hexagonal.hpp"

#include <cmath>
#include <cstdlib>
#include <map>
#include <mutex>

#include "engine/captured_step.hpp"
#include "engine/ops/cast.hpp"
#include "engine/ops/creation.hpp"
#include "engine/ops/hexagonal_domain.hpp"
#include "engine/ops/resampling.hpp"
#include "engine/ops/shape_ops.hpp"
#include "engine/ops/transfer.hpp"

namespace orbitgrad {

namespace {

/// Calls body(row, col), offsets from the centre, for the array of that radius in row-major order.
template <class Body>
void for_each_pixel(std::int64_t radius, Body&& body) {
  for (std::int64_t row = -radius; row <= radius; ++row)
    for (std::int64_t col = -radius; col <= radius; ++col) body(row, col);
}

void require_radius(std::string_view op, std::int64_t radius) {
  constexpr std::int64_t largest = 1 << 11;
  require(radius >= 0 && radius <= largest, op, "the radius is {}. Take one in 0 .. {}.", radius, largest);
}

}  // namespace

Tensor hexagonal_mask(std::int64_t radius, DType dtype, DeviceKind device) {
  require_radius("hexagonal_mask", radius);
  std::vector<float> inside;
  for_each_pixel(radius, [&](std::int64_t row, std::int64_t col) {
    inside.push_back(std::abs(row + col) <= radius ? 1.0f : 0.0f);
  });
  const Tensor mask = from_vector(inside, {2 * radius + 1, 2 * radius + 1}, DeviceKind::cpu);
  return constant_on(cast(mask, dtype), device);
}

namespace hexagonal {

Tensor shared_mask(std::int64_t radius, DeviceKind device) {
  constexpr std::int64_t largest = 128;  // 65 kB; larger ones are rare, and their convolutions long
  constexpr std::size_t most = 32;
  // What a captured step makes on a device is written when the step runs, and belongs to it.
  const bool is_step_only = device != DeviceKind::cpu && is_capturing();
  if (radius > largest || is_step_only) return hexagonal_mask(radius, DType::boolean, device);
  using Masks = std::map<std::pair<std::int64_t, DeviceKind>, Tensor>;
  static std::mutex mutex;
  static Masks& masks = *new Masks;  // lives as long as the devices' memory: to the end
  const std::lock_guard lock(mutex);
  if (const auto found = masks.find({radius, device}); found != masks.end()) return found->second;
  const Tensor mask = hexagonal_mask(radius, DType::boolean, device);
  if (masks.size() == most) masks.clear();
  masks.emplace(std::pair(radius, device), mask);
  return mask;
}

}  // namespace hexagonal

Tensor image_to_hexagonal(const Tensor& x, std::int64_t radius, double spacing) {
  constexpr std::string_view op = "image_to_hexagonal";
  require(x.rank() == 4 && x.size(2) > 0 && x.size(3) > 0, op, "x must be images [N, C, H, W], got {}. Reshape it.",
          x.shape());
  require_radius(op, radius);
  require(std::isfinite(spacing) && spacing > 0, op, "the spacing is {} pixels. Take a positive number.", spacing);
  const auto height = static_cast<double>(x.size(2)), width = static_cast<double>(x.size(3));
  std::vector<double> places;  // (column, row) in units of half the image, edge to edge
  for_each_pixel(radius, [&](std::int64_t row, std::int64_t col) {
    const auto down = static_cast<double>(row), right = static_cast<double>(col);
    places.push_back(2 * spacing * (right + down / 2) / width);
    places.push_back(2 * spacing * down * std::sqrt(0.75) / height);
  });
  const std::int64_t size = 2 * radius + 1;
  const DType computed = x.dtype() == DType::float64 ? DType::float64 : DType::float32;
  const Tensor grid = constant_on(cast(from_vector(places, {1, size, size, 2}, DeviceKind::cpu), computed), x.device());
  return hexagonal::on_domain(grid_sample(x, contiguous(broadcast_to(grid, {x.size(0), size, size, 2}))));
}

}  // namespace orbitgrad
