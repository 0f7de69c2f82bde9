#include "experiments/regression_training.hpp"

#include <algorithm>
#include <cmath>

#include "engine/autograd/grad.hpp"
#include "engine/autograd/node.hpp"
#include "engine/error.hpp"
#include "engine/ops/arithmetic.hpp"
#include "engine/ops/creation.hpp"
#include "engine/ops/shape_ops.hpp"
#include "nn/loss.hpp"

namespace orbitgrad::experiments {

namespace {

const std::string best_prefix = "model.", current_prefix = "current.", optimizer_prefix = "optimizer.",
                  training_prefix = "training.";

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

nn::State copy_of(const nn::State& state) {
  nn::State copy;
  for (const auto& [name, tensor] : state) copy.emplace(name, tensor.detach() + 0.0);
  return copy;
}

void add_prefixed(SafeTensors& content, const std::string& prefix, const nn::State& state) {
  for (const auto& [name, tensor] : state) content.tensors[prefix + name] = tensor;
}

nn::State with_prefix(const SafeTensors& content, const std::string& prefix) {
  nn::State state;
  for (const auto& [name, tensor] : content.tensors)
    if (name.starts_with(prefix)) state[name.substr(prefix.size())] = tensor;
  return state;
}

double number(const SafeTensors& content, const std::string& name) {
  const auto found = content.tensors.find(training_prefix + name);
  require(found != content.tensors.end() && found->second.numel() == 1, "train",
          "the checkpoint lacks '{}{}': it is not of this kind of run. Start a new run under another --name.",
          training_prefix, name);
  return found->second.item<double>();
}

}  // namespace

double mean_squared_error(nn::Module& network, const RegressionSamples& samples, std::int64_t batch_size) {
  const NoGrad no_grad;
  double total = 0;
  const std::int64_t count = samples.inputs.size(0);
  for (std::int64_t begin = 0; begin < count; begin += batch_size) {
    const std::int64_t length = std::min(batch_size, count - begin);
    total += nn::mse(network(narrow(samples.inputs, 0, begin, length)), narrow(samples.targets, 0, begin, length),
                     nn::Reduction::sum)
                 .item();
  }
  return total / static_cast<double>(samples.targets.numel());
}

RegressionTraining::RegressionTraining(nn::Module& network, const RegressionSamples& train,
                                       const RegressionSamples& validation, double unit,
                                       const RegressionOptions& options, RandomKey order)
    : network_(network),
      validation_(validation),
      unit_(unit),
      options_(options),
      loader_(train.inputs, train.targets, order, {.batch_size = options.batch_size}),
      optimizer_(network.named_parameters()) {}

double RegressionTraining::seconds() const {
  return seconds_before_ + (result_.entries().empty() ? seconds_since(begin_) : 0);
}

void RegressionTraining::restore(RunDirectory& run) {
  const auto content = run.load_checkpoint();
  if (!content) return;
  best_ = with_prefix(*content, best_prefix);
  network_.load_state(with_prefix(*content, current_prefix));
  optimizer_.load_state(with_prefix(*content, optimizer_prefix));
  epoch_ = static_cast<std::int64_t>(number(*content, "epoch"));
  steps_ = static_cast<std::int64_t>(number(*content, "steps"));
  loss_sum_ = number(*content, "loss_sum");
  best_error_ = number(*content, "best_error");
  best_train_error_ = number(*content, "best_train_error");
  best_epoch_ = static_cast<std::int64_t>(number(*content, "best_epoch"));
  seconds_before_ = run.seconds_at(epoch_);
  if (const auto found = content->metadata.find("result"); found != content->metadata.end()) {
    result_ = Record::from_json(found->second, "checkpoint");
    network_.load_state(best_);
  }
}

void RegressionTraining::save(RunDirectory& run) {
  SafeTensors content;
  if (!result_.entries().empty()) content.metadata["result"] = result_.to_json();
  add_prefixed(content, best_prefix, best_);
  add_prefixed(content, current_prefix, network_.state());
  add_prefixed(content, optimizer_prefix, optimizer_.state());
  const auto add = [&](const std::string& name, double value) {
    content.tensors[training_prefix + name] = full({}, value, DType::float64);
  };
  add("epoch", static_cast<double>(epoch_));
  add("steps", static_cast<double>(steps_));
  add("loss_sum", loss_sum_);
  add("best_error", best_error_);
  add("best_train_error", best_train_error_);
  add("best_epoch", static_cast<double>(best_epoch_));
  run.log_time(epoch_, seconds_before_ + seconds_since(begin_));
  run.save_checkpoint(std::move(content));
  saved_at_ = std::chrono::steady_clock::now();
}

void RegressionTraining::train_epoch() {
  const auto epoch = loader_.epoch(epoch_);
  for (std::int64_t i = 0; i < epoch.batch_count(); ++i, ++steps_) {
    const nn::Batch batch = epoch.batch(i);
    optimizer_.clear_gradients();
    const Tensor loss = nn::mse(network_(batch.inputs, {.training = true}), batch.labels);
    loss.backward();
    optimizer_.step(options_.learning_rate);
    loss_sum_ += loss.item();
  }
  ++epoch_;
}

void RegressionTraining::evaluate(RunDirectory& run, Progress& progress) {
  const double error = mean_squared_error(network_, validation_, options_.batch_size);
  require(std::isfinite(error), "train",
          "the validation error is {} after epoch {}. Lower the learning rate, under another --name.", error, epoch_);
  const double train_error = loss_sum_ / static_cast<double>(steps_);
  loss_sum_ = 0;
  steps_ = 0;
  run.log({{"epoch", epoch_}, {"train_mse", unit_ * train_error}, {"validation_mse", unit_ * error}});
  progress.note(fmt::format("epoch {}/{}  train MSE {:.3g}  validation MSE {:.3g}  {}", epoch_, options_.epochs,
                            unit_ * train_error, unit_ * error, duration_text(seconds())));
  if (error >= best_error_) return;
  best_error_ = error;
  best_train_error_ = train_error;
  best_epoch_ = epoch_;
  best_ = copy_of(network_.state());
}

Record RegressionTraining::run(RunDirectory& run, Progress& progress,
                               const std::function<void(Record& result)>& evaluate_best) {
  if (!result_.entries().empty()) return result_;
  begin_ = saved_at_ = std::chrono::steady_clock::now();
  const std::int64_t every = std::max<std::int64_t>(1, options_.epochs / options_.evaluations);
  while (epoch_ < options_.epochs) {
    train_epoch();
    if (epoch_ % every == 0 || epoch_ == options_.epochs) evaluate(run, progress);
    const bool is_due = (options_.checkpoint_epochs > 0 && epoch_ % options_.checkpoint_epochs == 0) ||
                        seconds_since(saved_at_) >= options_.checkpoint_seconds;
    if (is_due && epoch_ < options_.epochs) save(run);
  }
  const nn::State last = copy_of(network_.state());
  network_.load_state(best_);
  Record line{{"train_mse", unit_ * best_train_error_},
              {"validation_mse", unit_ * best_error_},
              {"best_epoch", best_epoch_},
              {"parameters", network_.parameter_count()}};
  evaluate_best(line);
  run.log(line);
  network_.load_state(last);
  const double total = seconds();
  result_ = line;
  save(run);
  network_.load_state(best_);
  seconds_before_ = total;
  return result_;
}

}  // namespace orbitgrad::experiments
