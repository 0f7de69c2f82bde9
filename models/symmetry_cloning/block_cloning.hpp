// Cloning of more than one layer at once: a block, layer after layer, and a whole network by its logits.
#pragma once

#include <memory>
#include <vector>

#include "models/symmetry_cloning/cloning.hpp"

namespace orbitgrad::models {

/// One layer of a block: a student of student_sizes(teacher, mode, channels).
struct BlockStage {
  LayerFamily teacher;
  Channels channels;
  std::shared_ptr<Student> student;
};

/// A stack of layers with ReLU between them, teachers and students each on their own features of the layer before. The
/// loss is sum_l MSE_l / Var(y_l), of the layers' outputs before the activation, or after it with include_activation;
/// the reported error is its mean over the layers. tau is scaled by 1 / sqrt(C_in K); `conditional` draws one for all
/// samples of a step. options.channels and options.tau are not read. By Adam, unless options say SGD with its rate.
/// Error: a stage that does not fit its student or the stage before, mode `marginal`, no stages.
CloneResult clone_block(const std::vector<BlockStage>& stages, const CloneOptions& options = {});

/// Distillation without labels: T^2 KL(softmax(t / T) || softmax(s / T)) of the logits t of the teacher, called in
/// evaluation, and s of the student (Hinton, Vinyals and Dean, 2015), on inputs [batch, sample...] from options.source.
/// The reported error is that of the logits less their mean over the classes, which the loss does not see; without
/// options.stop.nmse it ends no clone. Mode, channels, tau and include_activation are not read. Error: logits of
/// different shapes, a temperature that is not positive.
CloneResult clone_logits(nn::Module& student, nn::Module& teacher, const Shape& sample,
                         const CloneOptions& options = {}, double temperature = 4);

}  // namespace orbitgrad::models
