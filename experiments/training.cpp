#include "experiments/training.hpp"

#include <cmath>
#include <numbers>

#include "engine/error.hpp"
#include "engine/observe/trace.hpp"
#include "engine/ops/comparison.hpp"
#include "engine/ops/creation.hpp"
#include "engine/ops/reduction.hpp"
#include "nn/batch_statistics.hpp"
#include "nn/loss.hpp"

namespace orbitgrad::experiments {

namespace {

constexpr std::string_view op = "train";
const std::string model_prefix = "model.", optimizer_prefix = "optimizer.", training_prefix = "training.",
                  scaler_prefix = "loss_scaler.";

void add_prefixed(SafeTensors& content, const std::string& prefix, const nn::State& state) {
  for (const auto& [name, tensor] : state) content.tensors[prefix + name] = tensor;
}

nn::State with_prefix(const SafeTensors& content, const std::string& prefix) {
  nn::State state;
  for (const auto& [name, tensor] : content.tensors)
    if (name.starts_with(prefix)) state[name.substr(prefix.size())] = tensor;
  return state;
}

const Tensor& counter(const SafeTensors& content, const std::string& name) {
  const auto found = content.tensors.find(training_prefix + name);
  require(found != content.tensors.end() && found->second.numel() == 1, op,
          "the checkpoint lacks '{}{}': it is not of this kind of run. Start a new run under another --name.",
          training_prefix, name);
  return found->second;
}

nn::DataLoader make_loader(const Samples& train, const TrainingOptions& options) {
  nn::DataLoaderOptions loader{.batch_size = options.batch_size, .device = options.device};
  if (options.rotate) loader.augmentation = nn::random_rotation(0, 2 * std::numbers::pi);
  return {train.inputs, train.labels, RandomKey{options.seed}.split("data"), loader};
}

/// "optimizer." of the first group, then "optimizer1." and so on.
std::string prefix_of_group(std::size_t group) {
  return group == 0 ? optimizer_prefix : fmt::format("optimizer{}.", group);
}

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

}  // namespace

Trainer::Trainer(nn::Module& module, const Samples& train, const TrainingOptions& options, Evaluation evaluation,
                 std::shared_ptr<Objective> objective)
    : module_(module),
      options_(options),
      evaluation_(std::move(evaluation)),
      key_(RandomKey{options.seed}.split("pass")),
      loader_(make_loader(train, options)),
      objective_(objective == nullptr ? std::make_shared<Objective>() : std::move(objective)),
      groups_(objective_->rate_groups(module)),
      schedule_(nn::schedule_by_name(options.schedule, options.learning_rate)),
      step_of_batch_([this](const StepInputs& inputs) { return compute_step(inputs); }, options.device) {
  for (const RateGroup& group : groups_) optimizers_.push_back(std::make_unique<nn::Adam>(group.parameters));
  if (options.precision == Precision::float16) scaler_.emplace();
  require(!scaler_ || optimizers_.size() == 1, op,
          "loss scaling is for one learning rate, here are {}. Take --precision bf16.", optimizers_.size());
  require(
      !options.captured || !scaler_, op,
      "loss scaling decides on the host whether a step is made, so float16 steps cannot be captured. Take --precision "
      "bf16, or leave out --captured.");
  require(options.epochs > 0, op, "{} epochs are asked for. Take one or more.", options.epochs);
  require(loader_.sample_count() > 0, op, "there are no training images. Take one or more.");
  require(std::isfinite(options.learning_rate) && options.learning_rate > 0, op,
          "the learning rate is {}. Take a positive number.", options.learning_rate);
}

double Trainer::seconds() const { return seconds_before_ + (result_.entries().empty() ? seconds_since(begin_) : 0); }

ProgressState Trainer::state() const {
  const double images = static_cast<double>(std::max<std::int64_t>(images_, 1));
  return {.epoch = (std::max<std::int64_t>(step_, 1) - 1) / loader_.batch_count() + 1,
          .epochs = options_.epochs,
          .step = step_,
          .steps = total_steps(),
          .loss = loss_sum_ / images,
          .accuracy = static_cast<double>(correct_) / images};
}

void load_model(nn::Module& module, const SafeTensors& checkpoint) {
  module.load_state(with_prefix(checkpoint, model_prefix));
}

void Trainer::restore(RunDirectory& run) {
  const auto content = run.load_checkpoint();
  if (!content) return;
  for (const auto& [name, value] : identity_) {
    const auto found = content->metadata.find(name);
    require(found != content->metadata.end() && found->second == value, op,
            "{}: the checkpoint has {} '{}', now it is '{}'. Resume with the same (of tuning: ORBITGRAD_TUNING, "
            "off for none), or start a new run under another --name.",
            run.path().string(), name, found == content->metadata.end() ? "" : found->second, value);
  }
  load_model(module_, *content);
  for (std::size_t i = 0; i < optimizers_.size(); ++i)
    optimizers_[i]->load_state(with_prefix(*content, prefix_of_group(i)));
  if (scaler_) scaler_->load_state(with_prefix(*content, scaler_prefix));
  step_ = counter(*content, "step").item<std::int64_t>();
  require(step_ >= 0 && step_ <= total_steps(), op, "the checkpoint is of step {}, the run has {}. Start a new run.",
          step_, total_steps());
  loss_sum_ = counter(*content, "loss_sum").item<double>();
  correct_ = counter(*content, "correct").item<std::int64_t>();
  images_ = counter(*content, "images").item<std::int64_t>();
  seconds_before_ = run.seconds_at(step_);
  if (const auto found = content->metadata.find("result"); found != content->metadata.end())
    result_ = Record::from_json(found->second, "checkpoint");
  saved_ = step_;
}

std::string Trainer::what_is_saved(const RunDirectory* run) const {
  if (run == nullptr) return "Nothing is saved, as was asked for.";
  return saved_ < 0 ? "There is no checkpoint yet."
                    : fmt::format("The checkpoint of step {} in {} is intact.", saved_, run->path().string());
}

void Trainer::require_finite_state(const RunDirectory* run) const {
  for (const auto& [name, tensor] : module_.state())
    require(sum(is_finite(tensor)).item<std::int64_t>() == tensor.numel(), op,
            "'{}' is not finite after step {}. Lower --lr, under another --name. {}", name, step_, what_is_saved(run));
}

void Trainer::save(RunDirectory* run) {
  require_finite_state(run);
  if (run == nullptr) return;
  SafeTensors content;
  content.metadata = identity_;
  if (!result_.entries().empty()) content.metadata["result"] = result_.to_json();
  add_prefixed(content, model_prefix, module_.state());
  for (std::size_t i = 0; i < optimizers_.size(); ++i)
    add_prefixed(content, prefix_of_group(i), optimizers_[i]->state());
  if (scaler_) add_prefixed(content, scaler_prefix, scaler_->state());
  add_prefixed(content, training_prefix,
               {{"step", full({}, static_cast<double>(step_), DType::int64)},
                {"loss_sum", full({}, loss_sum_, DType::float64)},
                {"correct", full({}, static_cast<double>(correct_), DType::int64)},
                {"images", full({}, static_cast<double>(images_), DType::int64)}});
  run->log_time(step_, seconds_before_ + seconds_since(begin_));
  run->save_checkpoint(std::move(content));
  saved_ = step_;
  saved_at_ = std::chrono::steady_clock::now();
}

Record Trainer::run(RunDirectory& run, Progress& progress) { return this->run(&run, progress); }

Record Trainer::run(Progress& progress) { return run(nullptr, progress); }

Record Trainer::run(RunDirectory* run, Progress& progress) {
  if (!result_.entries().empty()) return result_;
  begin_ = saved_at_ = std::chrono::steady_clock::now();
  try {
    return train(run, progress);
  } catch (const Error& error) {  // of any op: memory or the disk may be full
    const std::string message = error.what(), saved = what_is_saved(run);
    if (message.ends_with(saved)) throw;
    throw Error(message + (message.ends_with('\n') ? "" : " ") + saved);
  }
}

Record Trainer::train(RunDirectory* run, Progress& progress) {
  while (step_ < total_steps()) train_epoch(run, progress);
  estimate_statistics(run);
  Record line{{"kind", std::string("result")}, {"epoch", options_.epochs}, {"step", step_}};
  evaluation_(line);
  if (run != nullptr) run->log(line);
  const double total = seconds();
  result_ = line;
  save(run);
  seconds_before_ = total;
  return result_;
}

void Trainer::train_epoch(RunDirectory* run, Progress& progress) {
  const std::int64_t number = step_ / loader_.batch_count();
  const auto epoch = loader_.epoch(number);
  while (step_ < (number + 1) * loader_.batch_count()) {
    const nn::Batch batch = objective_->batch(epoch.batch(step_ % loader_.batch_count()), number);
    train_step(batch, run);
    progress.step(state(), batch.inputs.size(0));
    if (run != nullptr && options_.log_steps > 0 && step_ % options_.log_steps == 0)
      run->log({{"kind", std::string("step")},
                {"epoch", number + 1},
                {"step", step_},
                {"loss", state().loss},
                {"accuracy", state().accuracy}});
    const bool is_last = step_ == (number + 1) * loader_.batch_count();
    const bool is_due = (options_.checkpoint_steps > 0 && step_ % options_.checkpoint_steps == 0) ||
                        seconds_since(saved_at_) >= options_.checkpoint_seconds;
    if (is_due && !is_last) save(run);
  }
  end_epoch(run, progress);
}

std::vector<Tensor> Trainer::compute_step(const StepInputs& inputs) {
  objective_->before_forward(inputs.key.split("weights"));
  const Tensor logits = [&] {
    const ScopedPrecision precision(options_.precision);
    return module_(inputs.tensors[0], {.training = true, .key = inputs.key});
  }();
  const Tensor loss = objective_->loss(inputs.tensors[0], inputs.tensors[1], logits, inputs.key.split("loss"));
  for (const auto& optimizer : optimizers_) optimizer->clear_gradients();
  if (scaler_) {
    scaler_->scale(loss).backward();
    objective_->after_backward();
    scaler_->step(*optimizers_[0], inputs.numbers[0].now());  // never captured: the constructor refuses
  } else {
    loss.backward();
    objective_->after_backward();
    for (std::size_t i = 0; i < optimizers_.size(); ++i) optimizers_[i]->step(groups_[i].rate * inputs.numbers[0]);
  }
  return {loss, nn::correct(logits.detach(), inputs.tensors[1])};
}

void Trainer::train_step(const nn::Batch& batch, const RunDirectory* run) {
  const TraceScope trace("training step");
  const double rate = schedule_(step_, total_steps());
  const RandomKey key = key_.split(static_cast<std::uint64_t>(step_));
  const std::int64_t images = batch.labels.size(0);
  const std::vector<Tensor> tensors = {batch.inputs, batch.labels};
  const bool is_whole = images == std::min(options_.batch_size, loader_.sample_count());
  const auto results = options_.captured && is_whole ? step_of_batch_(tensors, key, {rate})
                                                     : step_of_batch_.run_eagerly(tensors, key, {rate});
  const double value = results[0].item();
  if (!std::isfinite(value))
    fail(op, "the loss is {} at step {} (epoch {}, learning rate {}). Lower --lr, under another --name. {}", value,
         step_ + 1, step_ / loader_.batch_count() + 1, rate, what_is_saved(run));
  ++step_;
  loss_sum_ += value * static_cast<double>(images);
  correct_ += results[1].item<std::int64_t>();
  images_ += images;
}

void Trainer::end_epoch(RunDirectory* run, Progress& progress) {
  const ProgressState now = state();
  Record line{{"kind", std::string("epoch")},
              {"epoch", now.epoch},
              {"step", step_},
              {"loss", now.loss},
              {"accuracy", now.accuracy},
              {"learning_rate", schedule_(step_ - 1, total_steps())}};
  if (options_.evaluate_epochs > 0 && now.epoch % options_.evaluate_epochs == 0 && now.epoch < options_.epochs) {
    estimate_statistics(run);
    evaluation_(line);
  }
  if (run != nullptr) run->log(line);
  progress.epoch(now);
  loss_sum_ = 0;
  correct_ = images_ = 0;
  save(run);
}

void Trainer::estimate_statistics(const RunDirectory* run) {
  if (module_.named_buffers().empty()) return;
  const auto unseen = loader_.epoch(options_.epochs);  // an order and an augmentation that training did not use
  nn::estimate_batch_statistics(module_, unseen.batch_count(), [&](std::int64_t index) {
    return objective_->batch(unseen.batch(index), options_.epochs).inputs;
  });
  require_finite_state(run);
}

}  // namespace orbitgrad::experiments
