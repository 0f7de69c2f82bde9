// Students of symmetry cloning: networks that know no group and regress the teacher of one layer, h_theta(x, tau) ~
// Phi_tau(x) (Huang et al., Symmetry From Scratch, 2024). Of one filter, held: y = W x, y = relu(W x) and a ReLU MLP.
// Of the whole family: an MLP on [x; tau], and the hyper-linear y = (sum_k tau_k B_k) x + b, which can hold it exactly.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "nn/module.hpp"

namespace orbitgrad::models {

enum class StudentKind { linear, linear_relu, relu_mlp, concatenating, hyper_linear };

struct StudentSizes {
  std::int64_t in = 0;    ///< d_in
  std::int64_t out = 0;   ///< d_out
  std::int64_t taps = 0;  ///< K; 0 for the students of one filter
};

struct StudentOptions {
  std::int64_t hidden = 256;  ///< width of the MLPs
  /// relu of the output, to clone a layer with its activation.
  bool rectified = false;
  DType dtype = DType::float32;
};

class Student : public nn::Module {
 public:
  virtual StudentKind kind() const = 0;
  const StudentSizes& sizes() const { return sizes_; }
  bool rectified() const { return rectified_; }
  /// Whether it sees tau.
  bool is_conditional() const { return sizes_.taps > 0; }

  /// h_theta(x, tau): x [N, d_in], tau [N, K], or undefined if it sees none -> [N, d_out].
  Tensor apply(const Tensor& x, const Tensor& tau = {}) const;
  /// The same before the activation, if it is rectified.
  Tensor before_activation(const Tensor& x, const Tensor& tau = {}) const;
  Tensor forward(const Tensor& x, const nn::Pass& pass) override;

  /// sum_c h_theta(x_c, tau_oc) before the activation: x [N, C_in, d_in], tau [C_out, C_in, K] -> [N, C_out, d_out].
  /// Error: the student sees no tau.
  Tensor apply_channels(const Tensor& x, const Tensor& tau) const;

 protected:
  Student(std::string_view op, const StudentSizes& sizes, bool rectified, bool conditional);

 private:
  /// Both before the activation. The second is for students that see tau, which must override it: the default is an
  /// error.
  virtual Tensor map(const Tensor& x, const Tensor& tau) const = 0;
  virtual Tensor map_channels(const Tensor& x, const Tensor& tau) const;

  StudentSizes sizes_;
  bool rectified_;
};

/// y = W x, and relu(W x) if rectified. Parameter "weight" [d_out, d_in], normal with variance 1 / d_in.
class LinearStudent final : public Student {
 public:
  LinearStudent(const StudentSizes& sizes, RandomKey key, const StudentOptions& options = {});
  StudentKind kind() const override { return rectified() ? StudentKind::linear_relu : StudentKind::linear; }
  Tensor weight() const { return weight_; }

 private:
  Tensor map(const Tensor& x, const Tensor& tau) const override;
  Tensor weight_;
};

/// y = W_2 relu(W_1 x + b_1) + b_2. Parameters "hidden_weight" [H, d_in], "hidden_bias", "output_weight" [d_out, H],
/// "output_bias"; normal with variance 2 / d_in and 1 / H, biases 0.
class ReluMlpStudent final : public Student {
 public:
  ReluMlpStudent(const StudentSizes& sizes, RandomKey key, const StudentOptions& options = {});
  StudentKind kind() const override { return StudentKind::relu_mlp; }

 private:
  Tensor map(const Tensor& x, const Tensor& tau) const override;
  Tensor hidden_weight_, hidden_bias_, output_weight_, output_bias_;
};

/// The same network on [x; tau]: "hidden_weight" is [H, d_in + K]. It is not linear in tau, so apply_channels is
/// s sum_c h_theta(x_c, tau_oc / s), s = sqrt(2 / (C_in K)) the deviation of initial_tau: filters as large as in
/// cloning.
class ConcatenatingStudent final : public Student {
 public:
  ConcatenatingStudent(const StudentSizes& sizes, RandomKey key, const StudentOptions& options = {});
  StudentKind kind() const override { return StudentKind::concatenating; }

 private:
  Tensor map(const Tensor& x, const Tensor& tau) const override;
  Tensor map_channels(const Tensor& x, const Tensor& tau) const override;
  Tensor hidden_weight_, hidden_bias_, output_weight_, output_bias_;
};

/// y = (sum_k tau_k B_k) x + b. Parameters "matrices" [K, d_out, d_in], normal with variance 1 / d_in, and "bias"
/// [d_out], 0.
class HyperLinearStudent final : public Student {
 public:
  HyperLinearStudent(const StudentSizes& sizes, RandomKey key, const StudentOptions& options = {});
  StudentKind kind() const override { return StudentKind::hyper_linear; }
  Tensor matrices() const { return matrices_; }

  /// The two orders of the products of apply_channels, which takes the cheaper one: z_kc = B_k x_c first, or
  /// W_oc = sum_k tau_ock B_k first.
  Tensor by_features(const Tensor& x, const Tensor& tau) const;
  Tensor by_weights(const Tensor& x, const Tensor& tau) const;

 private:
  Tensor map(const Tensor& x, const Tensor& tau) const override;
  Tensor map_channels(const Tensor& x, const Tensor& tau) const override;
  Tensor with_bias(const Tensor& y, std::int64_t channels) const;
  Tensor matrices_, bias_;
};

/// "linear", "linear_relu", "relu_mlp", "concatenating" and "hyper_linear".
const std::vector<std::string>& student_names();
std::string_view to_string(StudentKind kind);
/// Error with the nearest name for any other.
StudentKind student_by_name(std::string_view name);
/// "linear_relu" sets `rectified`; sizes.taps is ignored by the students of one filter.
std::shared_ptr<Student> make_student(StudentKind kind, StudentSizes sizes, RandomKey key, StudentOptions options = {});

}  // namespace orbitgrad::models
