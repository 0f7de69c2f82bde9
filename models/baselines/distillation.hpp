// Knowledge distillation of an equivariant teacher t into a student s, on the task's inputs:
//   L = (1 - a) CE(y, s) + a T^2 KL(softmax(t / T) || softmax(s / T))   (Hinton, Vinyals, Dean, arXiv 1503.02531)
// and variants that match features or transfer the orbit. Of equivariance: Abnar, Dehghani, Zuidema (2006.00555).
#pragma once

#include "models/baselines/lattice_symmetry.hpp"
#include "nn/linear.hpp"

namespace orbitgrad::models {

struct DistillationOptions {
  double teacher_share = 0.9;  ///< a, in [0, 1]
  double temperature = 4;      ///< T > 0
};

/// student, teacher [N, classes], labels int64 [N] -> a scalar. No gradient goes to the teacher.
Tensor distillation_loss(const Tensor& student, const Tensor& teacher, const Tensor& labels,
                         const DistillationOptions& options = {});

/// The same of s(g_i x_i) with random g_i and the target t(x_i) of an invariant teacher.
Tensor orbit_distillation_loss(const TensorMap& student, const Tensor& x, const Tensor& teacher, const Tensor& labels,
                               const LatticeSymmetry& symmetry, RandomKey key, const DistillationOptions& options = {});

/// Feature matching: the mean of (A f_s - f_t)^2 with a trained linear map A, the child "projection".
class FeatureMatching final : public nn::Module {
 public:
  /// Sizes of one sample's features.
  FeatureMatching(std::int64_t student_size, std::int64_t teacher_size, RandomKey key, DType dtype = DType::float32);
  /// student [N, ...], teacher [N, ...] -> a scalar. No gradient goes to the teacher.
  Tensor loss(const Tensor& student, const Tensor& teacher, const nn::Pass& pass = {});

 private:
  std::shared_ptr<nn::Linear> projection_;
};

}  // namespace orbitgrad::models
