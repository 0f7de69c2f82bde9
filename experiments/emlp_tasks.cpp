#include "experiments/emlp_tasks.hpp"

#include <chrono>
#include <cmath>

#include "engine/autograd/grad.hpp"
#include "engine/autograd/node.hpp"
#include "engine/error.hpp"
#include "engine/ops/arithmetic.hpp"
#include "engine/ops/creation.hpp"
#include "engine/ops/reduction.hpp"
#include "engine/ops/shape_ops.hpp"
#include "engine/philox_source.hpp"
#include "experiments/run_directory.hpp"
#include "groups/group_catalogue.hpp"
#include "nn/data_loader.hpp"
#include "nn/loss.hpp"
#include "nn/optimizer.hpp"

namespace orbitgrad::experiments {

namespace {

constexpr std::int64_t evaluations = 100;  // over the run

RegressionSamples in_single_precision(const RegressionSamples& samples, double mean, double deviation) {
  return {samples.inputs.to(DType::float32), ((samples.targets - mean) / deviation).to(DType::float32)};
}

/// Mean squared error over all samples, in batches.
double mean_squared_error(nn::Module& model, const RegressionSamples& samples, std::int64_t batch_size) {
  const NoGrad no_grad;
  double total = 0;
  const std::int64_t count = samples.inputs.size(0);
  for (std::int64_t begin = 0; begin < count; begin += batch_size) {
    const std::int64_t length = std::min(batch_size, count - begin);
    total += nn::mse(model(narrow(samples.inputs, 0, begin, length)), narrow(samples.targets, 0, begin, length),
                     nn::Reduction::sum)
                 .item();
  }
  return total / static_cast<double>(samples.targets.numel());
}

/// Mean over 16 elements and 16 inputs of |f(g x) - g f(x)| / (|f(g x)| + |g f(x)|).
double equivariance_error(nn::Module& model, const groups::Representation& in, const groups::Representation& out,
                          const Tensor& inputs, RandomKey key) {
  const NoGrad no_grad;
  groups::RandomSource random = philox_source(key);
  constexpr std::int64_t count = 16;
  const auto x = narrow(inputs, 0, 0, count).to(DType::float64).to_vector<double>();
  const auto run = [&](const std::vector<double>& values) {
    const Tensor batch = from_vector(values, {count, in.dimension()}).to(DType::float32);
    return model(batch).to(DType::float64).to_vector<double>();
  };
  const auto y = run(x);
  const auto act = [&](const groups::Representation& rho, const groups::ComplexMatrix& g, std::vector<double> values) {
    const auto size = static_cast<std::size_t>(rho.dimension());
    for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i)
      rho.apply<double>(g, std::span(values).subspan(i * size, size));
    return values;
  };
  double sum = 0;
  for (std::int64_t element = 0; element < 16; ++element) {
    const groups::ComplexMatrix g = in.group().random_element(random);
    const auto moved = run(act(in, g, x)), expected = act(out, g, y);
    const auto size = static_cast<std::size_t>(out.dimension());
    for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
      double difference = 0, first = 0, second = 0;
      for (std::size_t k = i * size; k < (i + 1) * size; ++k) {
        difference += std::pow(moved[k] - expected[k], 2);
        first += moved[k] * moved[k];
        second += expected[k] * expected[k];
      }
      sum += std::sqrt(difference) / (std::sqrt(first) + std::sqrt(second));
    }
  }
  return sum / (16 * count);
}

Record settings_of(const EmlpTaskOptions& options, const std::string& group) {
  const std::string experiment = "emlp-" + options.task;
  return {{"experiment", experiment},
          {"model", options.model},
          {"group", group},
          {"train_count", options.train_count},
          {"validation_count", options.validation_count},
          {"test_count", options.test_count},
          {"epochs", options.epoch_count()},
          {"batch", options.batch_size},
          {"channels", options.channels},
          {"lr", options.learning_rate},
          {"seed", static_cast<std::int64_t>(options.seed)}};
}

}  // namespace

std::filesystem::path EmlpTaskOptions::folder() const {
  return out / (name.empty() ? fmt::format("emlp-{}-{}-n{}-seed{}", task, model, train_count, seed) : name);
}

std::int64_t EmlpTaskOptions::epoch_count() const {
  return epochs > 0 ? epochs : std::min<std::int64_t>(1000, std::max<std::int64_t>(1, 900000 / train_count));
}

EmlpTaskResult train_emlp_task(const EmlpTaskOptions& options) {
  const EquivariantTask& task = equivariant_task(options.task);
  const groups::MatrixGroup group = groups::parse_group(options.group.empty() ? task.group : options.group);
  const auto in = groups::Representation::parse(task.in, group), out = groups::Representation::parse(task.out, group);
  const RandomKey key{options.seed};
  const RegressionSamples raw = sample_task(task, options.train_count, key.split("train"));
  require(in.dimension() == raw.inputs.size(1) && out.dimension() == raw.targets.size(1), "train",
          "{} acts on {} coordinates, the task {} on others. Take a subgroup of {}.", group.name(), group.dimension(),
          task.name, task.group);
  RunDirectory run(options.folder(), settings_of(options, group.name()));
  const double mean_target = task.standardized ? mean(raw.targets).item() : 0;
  const double deviation = task.standardized ? std::sqrt(variance(raw.targets).item()) : 1;
  const auto prepared = [&](const RegressionSamples& samples) {
    return in_single_precision(samples, mean_target, deviation);
  };
  const RegressionSamples train = prepared(raw);
  const auto validation = prepared(sample_task(task, options.validation_count, key.split("validation")));
  const auto test = prepared(sample_task(task, options.test_count, key.split("test")));

  const models::EmlpOptions shape{.channels = options.channels};
  const auto model = options.model == "mlp"
                         ? models::swish_mlp(in.dimension(), out.dimension(), key.split("model"), shape)
                         : models::emlp(in, out, key.split("model"), shape);
  nn::Adam optimizer(model->named_parameters());
  const nn::DataLoader loader(train.inputs, train.targets, key.split("order"), {.batch_size = options.batch_size});

  EmlpTaskResult result;
  result.parameters = model->parameter_count();
  const auto begin = std::chrono::steady_clock::now();
  const std::int64_t epochs = options.epoch_count(), every = std::max<std::int64_t>(1, epochs / evaluations);
  nn::State best;
  double best_error = std::numeric_limits<double>::infinity(), loss_sum = 0;
  std::int64_t steps = 0;
  for (std::int64_t number = 0; number < epochs; ++number) {
    const auto epoch = loader.epoch(number);
    for (std::int64_t i = 0; i < epoch.batch_count(); ++i, ++steps) {
      const nn::Batch batch = epoch.batch(i);
      optimizer.clear_gradients();
      const Tensor loss = nn::mse((*model)(batch.inputs, {.training = true}), batch.labels);
      loss.backward();
      optimizer.step(options.learning_rate);
      loss_sum += loss.item();
    }
    if ((number + 1) % every != 0 && number + 1 != epochs) continue;
    const double error = mean_squared_error(*model, validation, options.batch_size);
    require(std::isfinite(error), "train", "the validation error is {} after epoch {}. Lower the learning rate.", error,
            number + 1);
    const double loss = loss_sum / static_cast<double>(steps);
    run.log({{"epoch", number + 1}, {"train_mse", loss}, {"validation_mse", error}});
    run.log_time(number + 1, std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
    if (error < best_error) {
      best_error = error;
      result = {.validation_mse = error, .train_mse = loss, .parameters = result.parameters, .best_epoch = number + 1};
      best.clear();
      for (const auto& [name, tensor] : model->state()) best.emplace(name, tensor.detach() + 0.0);
    }
    loss_sum = 0;
    steps = 0;
  }
  model->load_state(best);
  result.test_mse = mean_squared_error(*model, test, options.batch_size);
  result.equivariance_error = equivariance_error(*model, in, out, test.inputs, key.split("elements"));
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  run.log({{"test_mse", result.test_mse},
           {"best_epoch", result.best_epoch},
           {"parameters", result.parameters},
           {"equivariance_error", result.equivariance_error}});
  SafeTensors content;
  for (const auto& [name, tensor] : best) content.tensors.emplace("model." + name, tensor);
  run.save_checkpoint(std::move(content));
  return result;
}

}  // namespace orbitgrad::experiments
