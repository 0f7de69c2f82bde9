#include "models/baselines/distillation.hpp"

#include <cmath>

#include "engine/ops/arithmetic.hpp"
#include "engine/ops/normalization.hpp"
#include "engine/ops/shape_ops.hpp"
#include "nn/loss.hpp"

namespace orbitgrad::models {

Tensor distillation_loss(const Tensor& student, const Tensor& teacher, const Tensor& labels,
                         const DistillationOptions& options) {
  const auto [a, temperature] = options;
  require(a >= 0 && a <= 1, "distillation_loss", "the teacher's share is {}. Take one in [0, 1].", a);
  require(temperature > 0 && std::isfinite(temperature), "distillation_loss",
          "the temperature is {}. Take a positive number.", temperature);
  require(student.shape() == teacher.shape(), "distillation_loss",
          "the student's logits are {}, the teacher's {}. They must agree.", student.shape(), teacher.shape());
  const Tensor target = softmax(teacher.detach() / temperature, 1);
  const Tensor divergence = nn::kl_divergence(log_softmax(student / temperature, 1), target);
  return nn::cross_entropy(student, labels) * (1 - a) + divergence * (a * temperature * temperature);
}

Tensor orbit_distillation_loss(const TensorMap& student, const Tensor& x, const Tensor& teacher, const Tensor& labels,
                               const LatticeSymmetry& symmetry, RandomKey key, const DistillationOptions& options) {
  require(symmetry.output == Representation::invariant, "orbit_distillation_loss",
          "labels do not move. Give a symmetry with invariant output.");
  const Tensor g = random_elements(x.size(0), symmetry.group, key).to(x.device());
  return distillation_loss(student(act_each(x, symmetry.input, symmetry.group, g)), teacher, labels, options);
}

FeatureMatching::FeatureMatching(std::int64_t student_size, std::int64_t teacher_size, RandomKey key, DType dtype)
    : projection_(
          add_child<nn::Linear>("projection", student_size, teacher_size, key, nn::LayerOptions{.dtype = dtype})) {}

Tensor FeatureMatching::loss(const Tensor& student, const Tensor& teacher, const nn::Pass& pass) {
  require(student.rank() >= 2 && teacher.rank() >= 2, "FeatureMatching",
          "takes features [N, ...], got {} and {}. Add an axis.", student.shape(), teacher.shape());
  const Tensor projected = projection_->forward(flatten(student, 1), pass);
  return nn::mse(projected, flatten(teacher.detach(), 1));
}

}  // namespace orbitgrad::models
