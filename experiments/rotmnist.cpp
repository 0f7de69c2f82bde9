#include "experiments/rotmnist.hpp"

#include <algorithm>

#include "engine/error.hpp"
#include "engine/tuning.hpp"
#include "experiments/table.hpp"
#include "models/gcnn.hpp"

namespace orbitgrad::experiments {

namespace {

constexpr std::string_view experiment = "rotmnist";
const std::string fingerprint_key = "data_fingerprint";
constexpr std::int64_t images_to_check = 16;
/// Gathers by the orbit: every element of the group adds in the same order, so the logits are invariant bit for bit.
const std::string exact_implementation = "orbit_gather";

std::shared_ptr<nn::Sequential> make_network(const std::string& model, std::uint64_t seed,
                                             const std::string& implementation) {
  return models::make_model(model, RandomKey{seed}.split("weights"),
                            {.implementation = implementation == "auto" ? "" : implementation});
}

groups::LatticeGroup group_of(const std::string& model) {
  const auto& known = models::gcnn_models();
  const auto found = std::ranges::find(known, model, &models::ModelDescription::name);
  return groups::lattice_group(found == known.end() || found->group == "p1" ? "p4" : found->group);
}

/// A network with the same weights that computes by another implementation.
std::shared_ptr<nn::Sequential> twin(const nn::Sequential& network, const RotmnistOptions& options,
                                     const std::string& implementation) {
  auto copy = make_network(options.model, options.training.seed, implementation);
  copy->load_state(network.state());
  copy->to(network.device());
  return copy;
}

struct Test {
  Samples upright, rotated;
  Tensor to_check;

  explicit Test(const Digits& digits)
      : upright(to_samples(digits.test_upright)),
        rotated(to_samples(digits.test_rotated)),
        to_check(first_inputs(digits.test_upright, images_to_check)) {}
};

void evaluate(Record& line, nn::Sequential& network, const Test& test, const RotmnistOptions& options) {
  const double rotated = measure_accuracy(network, test.rotated);
  line.set("accuracy_upright", measure_accuracy(network, test.upright));
  line.set("accuracy_rotated", rotated);
  line.set("error_rotated", 1 - rotated);
  const auto exact = twin(network, options, exact_implementation);
  const auto report = nn::check_equivariance(*exact, test.to_check.to(exact->device()), group_of(options.model));
  line.set("equivariance_error", report.max_relative_error());
  line.set("equivariance_differing_bits", report.differing_bits());
  line.set("equivariance_compared_values", report.values * static_cast<std::int64_t>(report.elements.size()));
}

RotmnistResult result_of(const Record& line, const RotmnistOptions& options, const nn::Module& network,
                         double seconds) {
  return {.model = options.model,
          .accuracy_upright = line.number("accuracy_upright"),
          .accuracy_rotated = line.number("accuracy_rotated"),
          .parameters = network.parameter_count(),
          .seconds = seconds,
          .equivariance_error = line.number("equivariance_error"),
          .differing_bits = line.integer("equivariance_differing_bits"),
          .compared_values = line.integer("equivariance_compared_values")};
}

std::string note_on_data(const std::string& of_the_run, const std::string& now) {
  if (of_the_run.empty()) return "Note: the run did not note its data, so these may be other digits than its own.";
  return of_the_run == now ? ""
                           : fmt::format(
                                 "Note: these digits (fingerprint {}) are not those of the run (fingerprint "
                                 "{}), so the accuracies are not comparable with its own.",
                                 now, of_the_run);
}

}  // namespace

std::filesystem::path RotmnistOptions::folder() const {
  return out / (name.empty() ? fmt::format("{}-{}-seed{}", experiment, model, training.seed) : name);
}

Record settings_of(const RotmnistOptions& options) {
  const auto& [digits, training] = std::tie(options.digits, options.training);
  Record settings{{"experiment", std::string(experiment)},
                  {"model", options.model},
                  {"implementation", options.implementation},
                  {"data", digits.data.string()},
                  {"protocol", digits.protocol},
                  {"train_count", digits.train_count},
                  {"test_count", digits.test_count},
                  {"data_seed", static_cast<std::int64_t>(digits.seed)},
                  {"epochs", training.epochs},
                  {"batch", training.batch_size},
                  {"learning_rate", training.learning_rate},
                  {"schedule", training.schedule},
                  {"rotate", training.rotate},
                  {"seed", static_cast<std::int64_t>(training.seed)},
                  {"log_steps", training.log_steps},
                  {"evaluate_epochs", training.evaluate_epochs},
                  {"device", std::string(name(training.device))}};
  if (training.precision != Precision::float32) settings.set("precision", std::string(name(training.precision)));
  return settings;
}

RotmnistOptions options_of(const Record& settings) {
  require(settings.text("experiment") == experiment, "run",
          "this is a run of the experiment '{}', not of {}. Give the folder of another run.",
          settings.text("experiment"), experiment);
  RotmnistOptions options;
  options.model = settings.text("model");
  options.implementation = settings.text("implementation");
  options.digits = {.data = settings.text("data"),
                    .protocol = settings.text("protocol"),
                    .train_count = settings.integer("train_count"),
                    .test_count = settings.integer("test_count"),
                    .seed = static_cast<std::uint64_t>(settings.integer("data_seed"))};
  options.training = {.epochs = settings.integer("epochs"),
                      .batch_size = settings.integer("batch"),
                      .learning_rate = settings.number("learning_rate"),
                      .schedule = settings.text("schedule"),
                      .rotate = settings.flag("rotate"),
                      .seed = static_cast<std::uint64_t>(settings.integer("seed")),
                      .log_steps = settings.integer("log_steps"),
                      .evaluate_epochs = settings.integer("evaluate_epochs")};
  return options;
}

RotmnistResult train_rotmnist(const RotmnistOptions& options, const Digits* shared_digits) {
  const auto network = make_network(options.model, options.training.seed, options.implementation);
  network->to(options.training.device);
  RunDirectory run(options.folder(), settings_of(options),
                   {.resume = options.resume, .free_settings = {"data", "device"}});
  const Digits loaded = shared_digits == nullptr ? load_digits(options.digits) : Digits{};
  const Digits& digits = shared_digits == nullptr ? loaded : *shared_digits;
  const Test test(digits);
  Trainer trainer(*network, to_samples(digits.train), options.training,
                  [&](Record& line) { evaluate(line, *network, test, options); });
  trainer.set_identity({{"model", options.model}, {fingerprint_key, fingerprint(digits)}, {"tuning", tuning_in_use()}});
  trainer.restore(run);
  Progress progress(options.model);
  if (options.resume) progress.note(fmt::format("{}  goes on after step {}", options.model, trainer.steps_made()));
  const Record line = trainer.run(run, progress);
  return result_of(line, options, *network, trainer.seconds());
}

std::string result_table(const std::vector<RotmnistResult>& results) {
  Table table({"model", "accuracy upright", "accuracy rotated", "test error", "parameters", "seconds",
               "equivariance error", "differing bits"});
  for (const RotmnistResult& result : results)
    table.add({result.model, fmt::format("{:.2f} %", 100 * result.accuracy_upright),
               fmt::format("{:.2f} %", 100 * result.accuracy_rotated),
               fmt::format("{:.2f} %", 100 * (1 - result.accuracy_rotated)), with_thousands(result.parameters),
               fmt::format("{:.1f}", result.seconds), fmt::format("{:.2g}", result.equivariance_error),
               fmt::format("{} in {} values", with_thousands(result.differing_bits),
                           with_thousands(result.compared_values))});
  return table.to_string();
}

TrainedModel load_run(const std::filesystem::path& run, const std::string& implementation, DeviceKind device) {
  RotmnistOptions options = options_of(read_settings(run));
  require(std::filesystem::exists(checkpoint_file(run)), "run",
          "{}: the run has no checkpoint yet. Continue it by the command that began it, with --resume.", run.string());
  auto network = make_network(options.model, options.training.seed, implementation);
  const SafeTensors checkpoint = load_safetensors(checkpoint_file(run));
  load_model(*network, checkpoint);
  network->to(device);
  const auto found = checkpoint.metadata.find(fingerprint_key);
  groups::LatticeGroup group = group_of(options.model);
  return {std::move(options), std::move(network), std::move(group),
          found == checkpoint.metadata.end() ? "" : found->second};
}

RotmnistResult evaluate_run(const std::filesystem::path& run, const std::filesystem::path& data, DeviceKind device) {
  TrainedModel trained = load_run(run, options_of(read_settings(run)).implementation, device);
  if (!data.empty()) trained.options.digits.data = data;
  const auto begin = std::chrono::steady_clock::now();
  Record line;
  const Digits digits = load_digits(trained.options.digits);
  evaluate(line, *trained.network, Test(digits), trained.options);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  RotmnistResult result = result_of(line, trained.options, *trained.network, seconds);
  result.note = note_on_data(trained.data_fingerprint, fingerprint(digits));
  return result;
}

Tensor digits_to_check(const RotmnistOptions& options, std::int64_t count) {
  DigitsOptions digits = options.digits;
  if (digits.test_count > 0) count = std::min(count, digits.test_count);
  if (digits.data.empty()) digits.test_count = std::max<std::int64_t>(count, 1), digits.train_count = 1;
  return first_inputs(load_digits(digits).test_upright, count);
}

}  // namespace orbitgrad::experiments
