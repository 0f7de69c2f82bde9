// What a training step minimises, over which parameters and at which rates. The default is cross-entropy of the logits,
// over all parameters, at one rate; an experiment that adds a penalty, moves its images or freezes a part derives.
#pragma once

#include <cstdint>
#include <vector>

#include "nn/data_loader.hpp"
#include "nn/loss.hpp"
#include "nn/module.hpp"

namespace orbitgrad::experiments {

/// Parameters that are trained at `rate` times the learning rate.
struct RateGroup {
  std::vector<nn::NamedTensor> parameters;
  double rate = 1;
};

class Objective {
 public:
  Objective() = default;
  virtual ~Objective() = default;
  Objective(const Objective&) = delete;
  Objective& operator=(const Objective&) = delete;

  /// What is trained; a parameter in no group stays as it is.
  virtual std::vector<RateGroup> rate_groups(nn::Module& module) { return {{module.named_parameters()}}; }
  /// What the module gets in place of a batch; a function of the batch and the epoch (from 0).
  virtual nn::Batch batch(nn::Batch batch, std::int64_t /*epoch*/) const { return batch; }
  /// A scalar; its gradients are what the optimizers see.
  virtual Tensor loss(const Tensor& /*inputs*/, const Tensor& labels, const Tensor& logits, RandomKey /*key*/) {
    return nn::cross_entropy(logits, labels);
  }
  /// Around the passes of a step, for weights that are drawn anew in each.
  virtual void before_forward(RandomKey /*key*/) {}
  virtual void after_backward() {}
};

}  // namespace orbitgrad::experiments
