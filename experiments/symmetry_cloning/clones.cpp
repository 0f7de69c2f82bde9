#include "experiments/symmetry_cloning/clones.hpp"

#include <algorithm>

#include "engine/autograd/node.hpp"
#include "engine/error.hpp"
#include "engine/io/safetensors.hpp"
#include "engine/ops/cast.hpp"
#include "engine/ops/creation.hpp"
#include "engine/ops/shape_ops.hpp"
#include "groups/fnv_hash.hpp"
#include "models/symmetry_cloning/block_cloning.hpp"
#include "models/symmetry_cloning/clone_loop.hpp"
#include "nn/nearest_name.hpp"

namespace orbitgrad::experiments {

namespace {

constexpr std::string_view op = "clone";
const std::string settings_key = "settings", report_key = "report";

std::string hash_of(std::string_view text) { return fmt::format("{:016x}", groups::fnv_hash(text)); }

std::string prefix_of(std::size_t layer) { return fmt::format("layer{}.", layer + 1); }

/// Rows that layer `index` of a random teacher sees for these images: [M, C, d], or every channel a row of its own.
Tensor rows_for_layer(const models::SkeletonOptions& skeleton, const Tensor& images, std::size_t index,
                      bool all_channels, RandomKey key) {
  const NoGrad no_grad;
  constexpr std::int64_t batch = 256;
  const models::CloningNetwork teacher(skeleton, {}, key);
  const models::LayerPlan plan = teacher.plan()[index];
  const std::int64_t count = images.size(0), channels = plan.channels.in, size = teacher.family(index).input_size();
  Tensor rows = Tensor::empty({count, channels, size}, DType::float32, DeviceKind::cpu);
  for (std::int64_t begin = 0; begin < count; begin += batch) {
    const Tensor some = contiguous(teacher.features(narrow(images, 0, begin, std::min(batch, count - begin)), index));
    std::copy_n(some.host_data<float>(), some.numel(), fresh_host_data<float>(rows) + begin * channels * size);
  }
  return all_channels ? rows : reshape(rows, {count * channels, 1, size});
}

/// What is cloned, on what.
models::CloneOptions inputs_of(const CloneSettings& settings) {
  return {.mode = models::clone_mode_by_name(settings.mode),
          .source = models::input_source_by_name(settings.source),
          .sigma = settings.sigma,
          .include_activation = settings.include_activation || settings.student == "linear_relu"};
}

models::CloneOptions options_of(const CloneSettings& settings, std::size_t index) {
  models::CloneOptions options = inputs_of(settings);
  options.batch = settings.batch;
  options.seed = RandomKey{settings.seed}.split("clone").split(index).value;
  if (const double nmse = settings.wanted_nmse(); nmse > 0) options.stop.nmse = nmse;
  options.stop.steps = settings.steps;
  return options;
}

/// The steps of a clone as they pass.
std::function<void(const models::CloneProgress&)> shown_on(Progress& progress, const std::string& what) {
  return [&progress, what](const models::CloneProgress& now) {
    progress.passing(fmt::format("clone of {}: step {}, NMSE {:.2g}", what, now.step, now.nmse));
  };
}

LayerCloneReport report_of(const models::CloneResult& result, const std::string& what, double wanted_nmse,
                           Progress& progress) {
  LayerCloneReport report{
      .steps = result.steps, .nmse = result.nmse, .reason = std::string(models::to_string(result.reason)), .curve = {}};
  for (const models::CloneProgress& point : result.curve)
    report.curve.emplace_back(static_cast<double>(point.step), point.nmse);
  progress.note(fmt::format("clone of {}: NMSE {:.2g} after {} steps ({}), {}", what, result.nmse, result.steps,
                            report.reason, duration_text(result.seconds)));
  if (result.reason != models::StopReason::converged && wanted_nmse > 0)
    progress.note(
        fmt::format("Note: {} did not reach the error {:g}: what the network shows says little of cloning. "
                    "Give more --clone-steps, a larger --hidden, or another --student.",
                    what, wanted_nmse));
  return report;
}

LayerCloneReport clone_one(models::Student& student, const models::LayerPlan& plan, const CloneSettings& settings,
                           const Tensor& rows, std::size_t index, Progress& progress) {
  const std::string what = fmt::format("layer {}", index + 1);
  models::CloneOptions options = options_of(settings, index);
  options.dataset = rows;
  options.progress = shown_on(progress, what);
  if (options.mode == models::CloneMode::fixed_tau) {
    options.channels = plan.channels;
    options.tau = models::initial_tau(plan.channels, models::LayerFamily(plan.family).taps(),
                                      RandomKey{settings.seed}.split("fixed tau").split(index));
  }
  return report_of(models::clone_layer(student, models::LayerFamily(plan.family), options), what,
                   settings.wanted_nmse(), progress);
}

LayerCloneReport clone_together(const models::SkeletonOptions& skeleton, const CloneSettings& settings,
                                const models::LayerStudents& students, const Tensor& images, Progress& progress) {
  models::CloneOptions options = options_of(settings, 0);
  options.progress = shown_on(progress, settings.granularity == "logit" ? "the logits" : "the block");
  const RandomKey key = RandomKey{settings.seed}.split("network");
  if (settings.granularity == "logit") {
    if (reads_images(settings)) options.dataset = images;
    models::CloningNetwork student(skeleton, students, key), teacher(skeleton, {}, key);
    return report_of(models::clone_logits(student, teacher, {1, skeleton.side, skeleton.side}, options), "the logits",
                     settings.wanted_nmse(), progress);
  }
  if (reads_images(settings)) options.dataset = models::flatten_features(images);
  std::vector<models::BlockStage> stages;
  for (const models::LayerPlan& plan : models::plan_layers(skeleton)) {
    require(!plan.pooled, op, "a block has no pooling between its layers. Take --strict, or clone layer by layer.");
    stages.push_back({models::LayerFamily(plan.family), plan.channels, students[stages.size()]});
  }
  return report_of(models::clone_block(stages, options), "the block", settings.wanted_nmse(), progress);
}

void save(const std::filesystem::path& file, const std::string& settings, const Clones& clones) {
  SafeTensors content;
  content.metadata[settings_key] = settings;
  Record report{{"seconds", clones.seconds}};
  for (std::size_t i = 0; i < clones.layers.size(); ++i) {
    const LayerCloneReport& layer = clones.layers[i];
    report.set(prefix_of(i) + "steps", layer.steps)
        .set(prefix_of(i) + "nmse", layer.nmse)
        .set(prefix_of(i) + "reason", layer.reason);
    std::vector<double> points;
    for (const auto& [step, nmse] : layer.curve) points.insert(points.end(), {step, nmse});
    content.tensors["curve." + prefix_of(i)] = from_vector(points);
    for (const auto& [name, tensor] : clones.students[i]->state()) content.tensors[prefix_of(i) + name] = tensor;
  }
  content.metadata[report_key] = report.to_json();
  save_safetensors(file, content);
}

void load(const std::filesystem::path& file, const std::string& settings, Clones& clones) {
  const SafeTensors content = load_safetensors(file);
  const auto text = [&](const std::string& key) {
    const auto found = content.metadata.find(key);
    return found == content.metadata.end() ? std::string() : found->second;
  };
  require(text(settings_key) == settings, op, "it holds other clones than its name says. Make them anew.");
  const Record report = Record::from_json(text(report_key), file.string());
  clones.seconds = report.number("seconds");
  for (std::size_t i = 0; i < clones.students.size(); ++i) {
    nn::State state;
    for (const auto& [name, tensor] : content.tensors)
      if (name.starts_with(prefix_of(i))) state[name.substr(prefix_of(i).size())] = tensor;
    clones.students[i]->load_state(state);
    LayerCloneReport layer{.steps = report.integer(prefix_of(i) + "steps"),
                           .nmse = report.number(prefix_of(i) + "nmse"),
                           .reason = report.text(prefix_of(i) + "reason")};
    const auto curve = content.tensors.find("curve." + prefix_of(i));
    require(curve != content.tensors.end(), op, "the curve of layer {} is missing. Make the clones anew.", i + 1);
    const auto points = curve->second.to_vector<double>();
    for (std::size_t k = 0; k + 1 < points.size(); k += 2) layer.curve.emplace_back(points[k], points[k + 1]);
    clones.layers.push_back(std::move(layer));
  }
}

/// All that decides the clones.
std::string identity_of(const models::SkeletonOptions& skeleton, const CloneSettings& settings, const Tensor& images) {
  Record all = settings_of(skeleton);
  add_all(all, settings_of(settings));
  if (settings.granularity != "logit") all.set("head", std::string());  // no part of a clone
  if (reads_images(settings))
    all.set("images", hash_of({reinterpret_cast<const char*>(images.host_data<float>()),
                               static_cast<std::size_t>(images.numel()) * sizeof(float)}));
  return all.to_json();
}

}  // namespace

std::int64_t CloneSettings::width() const {
  if (hidden > 0) return hidden;
  return student == "concatenating" ? 1024 : 256;
}

bool CloneSettings::has_closed_rate() const {
  return granularity == "layer" &&
         models::has_optimal_learning_rate(models::student_by_name(student), inputs_of(*this));
}

double CloneSettings::wanted_nmse() const {
  if (stop_nmse > 0 || granularity == "logit") return stop_nmse;
  return has_closed_rate() ? 1e-12 : models::default_stop_nmse(models::student_by_name(student));
}

bool reads_images(const CloneSettings& settings) { return settings.source != "noise"; }

double Clones::nmse() const {
  double worst = 0;
  for (const LayerCloneReport& layer : layers) worst = std::max(worst, layer.nmse);
  return worst;
}

void add_all(Record& record, const Record& more) {
  for (const auto& [name, value] : more.entries()) record.set(name, value);
}

Record settings_of(const CloneSettings& settings) {
  return {{"clone", settings.mode},
          {"student", settings.student},
          {"input_source", settings.source},
          {"granularity", settings.granularity},
          {"sigma", settings.sigma},
          {"include_activation", settings.include_activation},
          {"hidden", settings.width()},
          {"stop_nmse", settings.wanted_nmse()},
          {"clone_steps", settings.steps},
          {"clone_batch", settings.batch},
          {"clone_seed", static_cast<std::int64_t>(settings.seed)}};
}

Record settings_of(const models::SkeletonOptions& skeleton) {
  std::string channels;
  for (const models::LayerPlan& plan : models::plan_layers(skeleton))
    channels += fmt::format("{}{}", channels.empty() ? "" : "-", plan.channels.out);
  return {{"group", skeleton.group},
          {"side", skeleton.side},
          {"kernel", skeleton.kernel},
          {"channels", channels},
          {"strict", skeleton.strict},
          {"head", std::string(skeleton.head == models::CloningHead::invariant ? "invariant" : "flatten")}};
}

const std::vector<std::string>& granularity_names() {
  static const std::vector<std::string> names{"layer", "block", "logit"};
  return names;
}

void check_clone_settings(const CloneSettings& settings) {
  if (std::ranges::find(granularity_names(), settings.granularity) == granularity_names().end())
    nn::fail_unknown_name(op, "granularity", settings.granularity, granularity_names());
  const models::CloneMode mode = models::clone_mode_by_name(settings.mode);
  const models::StudentKind kind = models::student_by_name(settings.student);
  require(settings.granularity != "logit" || settings.source != "orbit_augmented", op,
          "logits are cloned on noise or on digits. Take the input source noise, dataset or dataset_noise.");
  (void)models::input_source_by_name(settings.source);
  require(mode != models::CloneMode::marginal, op,
          "a marginal clone is one map for all channels and cannot carry a network. Take conditional or fixed_tau; "
          "orbitgrad reproduce symmetry-cloning measures the marginal mode.");
  const bool sees_tau = kind == models::StudentKind::concatenating || kind == models::StudentKind::hyper_linear;
  require(sees_tau == (mode == models::CloneMode::conditional), op,
          "the student {} does not fit the clone mode {}. Take {}.", settings.student, settings.mode,
          mode == models::CloneMode::conditional ? "hyper_linear or concatenating" : "linear, linear_relu or relu_mlp");
  const bool bends = kind == models::StudentKind::concatenating || kind == models::StudentKind::relu_mlp;
  require(!settings.include_activation || !bends, op,
          "the student {} learns nothing below its ReLU, where channels are summed and biases added. Leave out "
          "--include-activation, or take {}.",
          settings.student, sees_tau ? "hyper_linear" : "linear_relu");
}

std::filesystem::path clone_file(const models::SkeletonOptions& skeleton, const CloneSettings& settings,
                                 const Tensor& images, const std::filesystem::path& cache) {
  return cache / fmt::format("clone-{}.safetensors", hash_of(identity_of(skeleton, settings, images)));
}

Clones make_clones(const models::SkeletonOptions& skeleton, const CloneSettings& settings, const Tensor& images,
                   const std::filesystem::path& cache, Progress& progress) {
  check_clone_settings(settings);
  const RandomKey key = RandomKey{settings.seed}.split("students");
  Clones clones{
      .students = models::fresh_students(skeleton, models::student_by_name(settings.student),
                                         {.hidden = settings.width(), .rectified = settings.include_activation}, key),
      .layers = {}};
  std::filesystem::create_directories(cache);
  const std::string text = identity_of(skeleton, settings, images);
  const std::filesystem::path file = cache / fmt::format("clone-{}.safetensors", hash_of(text));
  if (std::filesystem::exists(file)) {
    try {
      load(file, text, clones);
    } catch (const Error& error) {
      fail(op, "{} does not hold the clones of its name: {} Remove it, and they are made anew.", file.string(),
           error.what());
    }
    return clones;
  }
  const auto begin = std::chrono::steady_clock::now();
  const auto plan = models::plan_layers(skeleton);
  if (settings.granularity != "layer")
    clones.layers.assign(plan.size(), clone_together(skeleton, settings, clones.students, images, progress));
  for (std::size_t i = 0; i < plan.size() && settings.granularity == "layer"; ++i) {
    const Tensor rows = reads_images(settings)
                            ? rows_for_layer(skeleton, images, i, settings.mode != "conditional", key.split("rows"))
                            : Tensor();
    clones.layers.push_back(clone_one(*clones.students[i], plan[i], settings, rows, i, progress));
  }
  clones.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  save(file, text, clones);
  return clones;
}

}  // namespace orbitgrad::experiments
