#include "models/symmetry_cloning/clone_inputs.hpp"

#include "engine/ops/arithmetic.hpp"
#include "engine/ops/creation.hpp"
#include "engine/ops/indexing.hpp"
#include "engine/ops/shape_ops.hpp"

namespace orbitgrad::models {

CloneInputs::CloneInputs(std::string_view op, const CloneOptions& options, const Shape& sample,
                         const std::optional<groups::Action>& orbit, DType dtype)
    : source_(options.source), sigma_(options.sigma), shape_(sample.with_axis(0, options.batch)), dtype_(dtype) {
  if (source_ == InputSource::noise) return;
  require(options.dataset.defined(), op, "the input source {} reads a dataset. Set one of samples {}.",
          to_string(source_), sample);
  const Shape& shape = options.dataset.shape();
  require(shape.rank() == sample.rank() + 1 && shape[0] > 0 && shape.without_axis(0) == sample, op,
          "the dataset must be one or more samples {}, got {}. Reshape it.", sample, shape);
  dataset_ = options.dataset.detach().to(dtype).to(default_device());
  if (source_ != InputSource::orbit_augmented) return;
  require(orbit.has_value(), op, "no group moves samples {} here. Use another input source.", sample);
  const std::vector<std::int32_t> table = orbit->source_table();
  origin_ =
      from_vector(std::vector<std::int64_t>(table.begin(), table.end()), {orbit->group().order(), orbit->points()});
}

Tensor CloneInputs::moved(const Tensor& x, RandomKey key) const {
  const Tensor elements = random_integers({x.size(0)}, key, origin_.size(0));
  Tensor points = index_select(origin_, 0, elements);  // [N, d]
  while (points.rank() < x.rank()) points = unsqueeze(points, 1);
  return gather(x, -1, broadcast_to(points, x.shape()));
}

Tensor CloneInputs::draw(RandomKey key) const {
  if (source_ == InputSource::noise) return normal(shape_, key, 0, 1, dtype_);
  const Tensor x = index_select(dataset_, 0, random_integers({shape_[0]}, key.split("row"), dataset_.size(0)));
  if (source_ == InputSource::orbit_augmented) return moved(x, key.split("element"));
  if (source_ == InputSource::dataset_noise) return x + normal(shape_, key.split("noise"), 0, sigma_, dtype_);
  return x;
}

std::optional<groups::Action> input_orbit(const LayerFamily& teacher, const CloneOptions& options) {
  if (options.source != InputSource::orbit_augmented) return {};
  const bool plain = teacher.options().kind == LayerKind::convolution;
  return (plain ? teacher.shift_symmetry() : teacher.point_symmetry()).in;
}

}  // namespace orbitgrad::models
