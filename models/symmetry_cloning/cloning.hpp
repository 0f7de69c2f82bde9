// Symmetry cloning of one layer (Huang et al., Symmetry From Scratch, 2024): a student that knows no group regresses
// y = Phi_tau(x) on fresh x ~ N(0, 1) and tau ~ N(0, 1), and so learns the symmetry by supervision alone.
//
// Linear students have a closed rate. With regressors u (x, or tau (x) x) of E[u u^T] = I and E[|u|^2 u u^T] = m I, of
// which a share a is active (1, or 1/2 behind a ReLU, near its optimum), and the loss (1/B) sum_n |h_n - y_n|^2, a step
// of SGD multiplies the expected squared error of the weights by 1 - 4 a eta + 4 a^2 eta^2 (1 + c), c = (m / a - 1) /
// B: least at eta = 1 / (2 a (1 + c)), where the factor is 1 - 1 / (1 + c). Normal x and tau have m = d_in + 2 and
// (d_in + 2)(K + 2).
#pragma once

#include "models/symmetry_cloning/clone_options.hpp"

namespace orbitgrad::models {

/// c above; sizes.taps is 0 for the students of one filter. Error: a batch or size that is not positive.
double regressor_excess(const StudentSizes& sizes, std::int64_t batch, bool rectified = false);
/// eta above.
double optimal_learning_rate(const StudentSizes& sizes, std::int64_t batch, bool rectified = false);
/// Whether SGD is at its best with it: it is for standard normal regressors, and keeps the noise of a mean that no
/// weights fit.
bool has_optimal_learning_rate(StudentKind kind, const CloneOptions& options);
/// 1 - 1 / (1 + c): what a step leaves of the squared error of the weights and, on noise, of h itself.
double predicted_error_factor(const StudentSizes& sizes, std::int64_t batch, bool rectified = false);

/// sizes of a student of this mode for this teacher: (d_in, d_out, K), or (C_in d_in, C_out d_out) without tau.
StudentSizes student_sizes(const LayerFamily& teacher, CloneMode mode, const Channels& channels = {});

/// Error of `op` unless the student has these sizes and sees tau only if the mode is conditional.
void require_student_fits(std::string_view op, const Student& student, const LayerFamily& teacher, CloneMode mode,
                          const Channels& channels);

/// Trains the student in place. Errors: shapes that do not fit the teacher, a student that sees tau in a mode without
/// it or the reverse, and those of check_clone_options and the loop (clone_loop.hpp).
CloneResult clone_layer(Student& student, const LayerFamily& teacher, const CloneOptions& options = {});

}  // namespace orbitgrad::models
