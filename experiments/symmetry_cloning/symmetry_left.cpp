#include "experiments/symmetry_cloning/symmetry_left.hpp"

#include <array>
#include <cmath>

#include "engine/autograd/node.hpp"
#include "engine/error.hpp"
#include "engine/ops/shape_ops.hpp"
#include "models/symmetry_cloning/measures.hpp"

namespace orbitgrad::experiments {

namespace {

constexpr std::int64_t noise_samples = 8, image_samples = 32;
constexpr std::array<models::Shift, 4> shifts{{{0, 1}, {1, 0}, {-1, 1}, {1, -1}}};

bool is_circular(const models::LayerFamily& family) { return family.options().boundary == models::Boundary::circular; }

/// Whether interior_shift_error has pixels left: those further from the border than the shifts and the filter reach.
bool has_interior(const models::LayerFamilyOptions& family) {
  const std::int64_t margin = std::max<std::int64_t>(2, family.kernel / 2);  // the shifts are by 1
  return std::min(family.height, family.width) > 2 * margin;
}

/// E of the layer on x [N, C_in, d_in]; NaN where the grid is too small for it.
double error_of_layer(const models::CloningNetwork& network, std::size_t index, const Tensor& x) {
  const models::LayerFamily& family = network.family(index);
  const models::FeatureMap layer = [&](const Tensor& input) { return network.layer(index, input); };
  if (family.options().kind != models::LayerKind::convolution)
    return models::equivariance_error(layer, x, family.point_symmetry());
  if (!is_circular(family))
    return has_interior(family.options()) ? models::interior_shift_error(layer, x, family, shifts) : std::nan("");
  std::vector<int> elements;  // the same shifts, as elements of the group
  const auto height = static_cast<int>(family.options().height), width = static_cast<int>(family.options().width);
  for (const models::Shift& shift : shifts)
    elements.push_back((static_cast<int>(shift.down) + height) % height * width +
                       (static_cast<int>(shift.right) + width) % width);
  return models::equivariance_error(layer, x, family.shift_symmetry(), elements);
}

/// The matrices of one pair of channels each, [K, d_out, d_in]; undefined for students that are not linear in x.
Tensor matrices_of(const models::CloningNetwork& network, std::size_t index) {
  if (network.students().empty()) return {};
  const auto& student = *network.students()[index];
  const auto& [in, out] = network.plan()[index].channels;
  const models::LayerFamily& family = network.family(index);
  if (const auto* hyper = dynamic_cast<const models::HyperLinearStudent*>(&student)) return hyper->matrices().detach();
  if (const auto* linear = dynamic_cast<const models::LinearStudent*>(&student)) {
    const Tensor blocks = reshape(linear->weight().detach(), {out, family.output_size(), in, family.input_size()});
    return reshape(permute(blocks, {0, 2, 1, 3}), {out * in, family.output_size(), family.input_size()});
  }
  return {};
}

}  // namespace

double toeplitz_distance(const Tensor& weights, std::int64_t height, std::int64_t width) {
  const std::int64_t pixels = height * width;
  require(weights.rank() == 3 && weights.size(1) == pixels && weights.size(2) == pixels, "toeplitz_distance",
          "the weights must be [K, {0}, {0}], got {1}.", pixels, weights.shape());
  const auto values = weights.to_vector<float>();
  const std::int64_t columns = 2 * width - 1;
  const auto displacement = [&](std::int64_t p, std::int64_t q) {
    return static_cast<std::size_t>((q / width - p / width + height - 1) * columns + q % width - p % width + width - 1);
  };
  double all = 0, kept = 0;
  for (std::int64_t k = 0; k < weights.size(0); ++k) {
    std::vector<double> sum(static_cast<std::size_t>((2 * height - 1) * columns), 0), count(sum.size(), 0);
    for (std::int64_t p = 0; p < pixels; ++p)
      for (std::int64_t q = 0; q < pixels; ++q) {
        const double value = values[static_cast<std::size_t>((k * pixels + p) * pixels + q)];
        const std::size_t place = displacement(p, q);
        sum[place] += value;
        count[place] += 1;
        all += value * value;
      }
    for (std::size_t i = 0; i < sum.size(); ++i) kept += count[i] > 0 ? sum[i] * sum[i] / count[i] : 0;
  }
  return all > 0 ? std::sqrt(std::max(0.0, all - kept) / all) : 0;
}

void measure_symmetry(Record& line, const std::string& when, const models::CloningNetwork& network,
                      const Tensor& images, RandomKey key) {
  const NoGrad no_grad;
  const Tensor seen = narrow(images, 0, 0, std::min(image_samples, images.size(0))).to(network.device());
  for (std::size_t i = 0; i < network.plan().size(); ++i) {
    const Tensor noise = normal({noise_samples, network.plan()[i].channels.in, network.family(i).input_size()},
                                key.split(i), 0, 1, DType::float32, network.device());
    line.set(fmt::format("equivariance_{}_{}", when, i + 1), error_of_layer(network, i, noise));
    line.set(fmt::format("equivariance_digits_{}_{}", when, i + 1),
             error_of_layer(network, i, network.features(seen, i)));
    const Tensor matrices = matrices_of(network, i);
    if (!matrices.defined()) continue;
    const models::LayerFamily& family = network.family(i);
    const bool shifted = family.options().kind == models::LayerKind::convolution;
    line.set(fmt::format("delta_{}_{}", when, i + 1),
             shifted && !is_circular(family)
                 ? toeplitz_distance(matrices, family.options().height, family.options().width)
                 : models::symmetry_distance(matrices, shifted ? family.shift_symmetry() : family.point_symmetry()));
  }
}

}  // namespace orbitgrad::experiments
