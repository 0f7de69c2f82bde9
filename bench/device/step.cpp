// A training step of a network on a device: forward, loss, backward, Adam; eager, and as a captured step
// (docs/captured_step.md) from the same weights. Its time and the losses of the first steps. --export writes the inputs
// and first weights, so that bench/pytorch_step.py takes the same steps.
//
//   build/bench/device_step --device cuda --out step.json --export step.safetensors
#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "bench/device/clock.hpp"
#include "bench/device/report.hpp"
#include "bench/device/step_networks.hpp"
#include "engine/captured_step.hpp"
#include "engine/device.hpp"
#include "engine/io/safetensors.hpp"
#include "nn/optimizer.hpp"

#ifdef _OPENMP
#include <omp.h>
#endif

namespace orbitgrad::bench {
namespace {

struct Options {
  std::string device = "cuda", model = "p4cnn", implementation, out, exported;
  std::int64_t batch = 128, steps = 5;
  int samples = 9, threads = 0;
  double sample_seconds = 0.2;
  bool processor_time = false;
};

/// One network with its optimizer.
class Training {
 public:
  Training(const Options& options, DeviceKind device, bool captured)
      : key_(1),
        network_(step_network(options.model, options.batch, options.implementation, key_)),
        is_captured_(captured),
        step_([this](const StepInputs& inputs) { return compute(inputs); }, device) {
    if (!options.exported.empty()) save(options);
    network_.module->to(device);
    for (const auto& [name, input] : network_.inputs) inputs_.push_back(input.to(device));
    optimizer_ = std::make_unique<nn::Adam>(network_.parameters);
  }

  /// The loss before the update.
  Tensor step() {
    const RandomKey key = key_.split(number_++);
    return (is_captured_ ? step_(inputs_, key, {1e-3}) : step_.run_eagerly(inputs_, key, {1e-3}))[0];
  }

 private:
  std::vector<Tensor> compute(const StepInputs& inputs) {
    nn::State by_name;
    auto next = inputs.tensors.begin();
    for (const auto& [name, input] : network_.inputs) by_name[name] = *next++;
    const Tensor loss = network_.loss(by_name, {.training = true, .key = inputs.key});
    optimizer_->clear_gradients();
    loss.backward();
    optimizer_->step(inputs.numbers[0]);
    return {loss};
  }
  void save(const Options& options) const {
    SafeTensors content;
    content.metadata["network"] = options.model;
    for (const auto& [name, tensor] : network_.inputs) content.tensors["input." + name] = tensor;
    for (const auto& [name, tensor] : network_.parameters) content.tensors[name] = tensor.detach();
    save_safetensors(options.exported, content);
  }

  RandomKey key_;
  StepNetwork network_;
  std::vector<Tensor> inputs_;  // in the order of their names
  std::unique_ptr<nn::Adam> optimizer_;
  bool is_captured_;
  CapturedStep step_;
  std::uint64_t number_ = 0;
};

void add_times(nlohmann::json& entry, const Options& options, DeviceKind device, Training& training) {
  const Samples times = time_calls(
      device, [&](std::int64_t) { training.step(); }, options.samples, options.sample_seconds,
      options.processor_time ? processor_seconds : wall_seconds);
  std::vector<double> samples_ms;
  for (const double seconds : times.seconds) samples_ms.push_back(seconds * 1e3);
  entry["samples_ms"] = samples_ms;
  entry["real_time"] = entry["ms"] = times.median() * 1e3;
  entry["time_unit"] = "ms";
  entry["ms_low"] = times.lowest() * 1e3;
  entry["ms_high"] = times.highest() * 1e3;
  entry["images/s"] = static_cast<double>(options.batch) / times.median();
}

/// Adds an entry; returns the losses.
std::vector<double> measure(Report& report, const Options& options, DeviceKind device, bool captured) {
  Training training(options, device, captured);
  std::vector<double> losses;
  for (std::int64_t i = 0; i < options.steps; ++i) losses.push_back(training.step().item());
  std::string label =
      fmt::format("{}/batch:{}/{}/{}", options.model, options.batch, name(device), captured ? "captured" : "eager");
  if (options.threads > 0) label += fmt::format("/threads:{}", options.threads);
  nlohmann::json entry{{"name", label}, {"losses", losses}};
  try {
    if (device != DeviceKind::sim) add_times(entry, options, device, training);
  } catch (const std::exception& error) {  // the losses are worth keeping
    report.add_error(label + "/time", error.what());
  }
  report.add(std::move(entry));
  return losses;
}

int run(const Options& options) {
  const DeviceKind device = parse_device(options.device);
#ifdef _OPENMP
  if (options.threads > 0) omp_set_num_threads(options.threads);
#endif
  const ScopedDefaultDevice made_on_cpu(DeviceKind::cpu);
  Report report("device_step", device, options.out);
  const std::vector<double> eager = measure(report, options, device, false);
  if (device != DeviceKind::cpu && measure(report, options, device, true) != eager)
    report.add_error("captured", "the losses are not those of eager steps");
  return report.errors() == 0 ? 0 : 1;
}

}  // namespace
}  // namespace orbitgrad::bench

int main(int argc, char** argv) {
  orbitgrad::bench::Options options;
  CLI::App app("A training step of a network on a device");
  app.add_option("--device", options.device, "cuda, sim (losses only) or cpu")->capture_default_str();
  app.add_option("--model", options.model, "mlp, z2cnn, p4cnn, p4cnn_rp, p4mcnn, vit_tiny or egnn")
      ->capture_default_str();
  app.add_option("--implementation", options.implementation,
                 "Of the group convolutions (default: the automatic choice)");
  app.add_option("--batch", options.batch, "Images in a step; of egnn: systems")->capture_default_str();
  app.add_option("--threads", options.threads, "Threads of the host (default: all)");
  app.add_flag("--processor-time", options.processor_time,
               "The time of the processor instead of the clock's: what others do on the machine does not count");
  app.add_option("--samples", options.samples, "Timed samples")->capture_default_str();
  app.add_option("--sample-seconds", options.sample_seconds, "Length of a sample")->capture_default_str();
  app.add_option("--steps", options.steps, "Steps whose losses are reported")->capture_default_str();
  app.add_option("--out", options.out, "JSON file");
  app.add_option("--export", options.exported, "Safetensors file for the inputs and first weights");
  CLI11_PARSE(app, argc, argv);
  try {
    return orbitgrad::bench::run(options);
  } catch (const std::exception& error) {
    fmt::print(stderr, "error: {}\n", error.what());
    return 2;
  }
}
