// orbitgrad op NAME: any op of the engine on npy files, in any version of its kernels, with its derivatives.
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <memory>
#include <set>

#include "engine/catalogue/evaluate.hpp"
#include "engine/catalogue/kernels_of.hpp"
#include "engine/io/npy.hpp"
#include "engine/kernel_versions.hpp"
#include "engine/ops/transfer.hpp"
#include "experiments/commands/commands.hpp"
#include "experiments/commands/usage.hpp"
#include "experiments/op_listing.hpp"
#include "experiments/table.hpp"

namespace orbitgrad::experiments {

namespace {

using catalogue::Op;
using catalogue::Tensors;

struct Options {
  std::string name, group, version, out, cotangent, device = "cpu";
  std::vector<std::string> inputs, settings, second;
  bool list = false, json = false, markdown = false;
};

constexpr std::string_view command = "orbitgrad op";

template <class List>
std::vector<std::string> names_of(const List& list) {
  std::vector<std::string> names;
  for (const auto& entry : list) names.push_back(entry.name);
  return names;
}

/// "x=x.npy" and the like as pairs. UsageError: no '=', or a name twice.
std::map<std::string, std::string> pairs(std::string_view option, const std::vector<std::string>& words) {
  std::map<std::string, std::string> result;
  for (const std::string& word : words) {
    const auto equals = word.find('=');
    if (equals == 0 || equals == word.npos)
      throw UsageError(fmt::format("[{}] {} takes NAME=VALUE, got '{}'. Put a name before it.", command, option, word));
    if (!result.emplace(word.substr(0, equals), word.substr(equals + 1)).second)
      throw UsageError(fmt::format("[{}] {} names {} twice. Give it once.", command, option, word.substr(0, equals)));
  }
  return result;
}

Tensor load(const Op& op, const std::string& argument, const std::string& file, DeviceKind device) {
  const Tensor tensor = load_npy(file);
  const catalogue::Elements elements = find_argument(op, argument)->elements;
  require(allows(elements, tensor.dtype()), op.name,
          "{} in {} is {}, which does not fit {}. Convert it: numpy.save(path, x.astype('{}')).", argument, file,
          name(tensor.dtype()), name(elements),
          elements == catalogue::Elements::index     ? "int64"
          : elements == catalogue::Elements::boolean ? "bool"
                                                     : "float32");
  return to_device(tensor, device);
}

/// check_choice for the arguments or settings of the op, which may have none.
template <class List>
void check_known(const Op& op, std::string_view what, const std::string& name, const List& known) {
  if (known.empty())
    throw UsageError(fmt::format("[{}] {} takes no {}s, got '{}'. Leave it out.", command, op.name, what, name));
  check_choice(command, what, name, names_of(known));
}

void check_argument(const Op& op, const std::string& name) {
  if (find_argument(op, name) == nullptr) check_known(op, "argument", name, op.arguments);
}

Tensors load_inputs(const Op& op, const Options& options, DeviceKind device) {
  Tensors tensors;
  for (const auto& [name, file] : pairs("--in", options.inputs)) {
    check_argument(op, name);
    tensors.emplace(name, load(op, name, file, device));
  }
  return tensors;
}

Tensors load_vectors(const Op& op, const Options& options, DeviceKind device) {
  Tensors vectors;
  for (const auto& [name, file] : pairs("--second", options.second)) {
    if (!name.starts_with('v'))
      throw UsageError(fmt::format("[{}] --second takes v and the name of an argument, got '{}'. Write it like v{}=.",
                                   command, name, op.arguments.empty() ? "x" : op.arguments.front().name));
    check_argument(op, name.substr(1));
    vectors.emplace(name.substr(1), to_device(load_npy(file), device));
  }
  return vectors;
}

catalogue::Settings read_settings(const Op& op, const Options& options) {
  catalogue::Settings settings = pairs("--set", options.settings);
  if (!options.group.empty() && !settings.emplace("group", options.group).second)
    throw UsageError(fmt::format("[{}] the group is given by --group and by --set. Give it once.", command));
  for (const auto& [name, text] : settings) {
    check_known(op, "setting", name, op.settings);
    const auto setting = std::ranges::find(op.settings, name, &catalogue::Setting::name);
    if (!setting->choices.empty()) check_choice(command, name, text, setting->choices);
  }
  return settings;
}

/// No kernel ran in the version that was asked for: says which ones there are.
[[noreturn]] void fail_version(const Op& op, const Options& options, DeviceKind device,
                               const std::vector<KernelVersions::Use>& uses) {
  std::set<std::string> names;
  for (const KernelVersions::Use& use : uses) names.insert(use.offered.begin(), use.offered.end());
  if (names.empty())
    throw UsageError(fmt::format("[{}] {} has one version only on {}. Leave --impl out.", command, op.name,
                                 orbitgrad::name(device)));
  for (const catalogue::KernelOfOp& kernel : kernels_of(op, device))
    if (std::ranges::find(kernel.versions, options.version) != kernel.versions.end() &&
        !names.contains(options.version))
      throw UsageError(
          fmt::format("[{}] the version '{}' of the kernel {} does not exist for this dtype, or the kernel "
                      "was not needed here. Convert the inputs, or give a --cotangent.",
                      command, options.version, kernel.kernel));
  check_choice(command, "implementation", options.version, {names.begin(), names.end()});
  throw UsageError(fmt::format("[{}] no kernel ran as '{}'. Leave --impl out.", command, options.version));
}

void write(const std::filesystem::path& folder, const Tensors& tensors, Table& table) {
  for (const auto& [name, tensor] : tensors) {
    const std::filesystem::path file = folder / (name + ".npy");
    save_npy(file, tensor);
    table.add({file.string(), std::string(orbitgrad::name(tensor.dtype())), tensor.shape().to_string()});
  }
}

void run(const Options& options) {
  check_choice(command, "op", options.name, names_of(catalogue::ops()));
  const Op& op = *catalogue::find_op(options.name);
  if (options.out.empty())
    throw UsageError(
        fmt::format("[{}] where shall the results go? Give --out DIR, or --list to read about {}.", command, op.name));
  const DeviceKind device = device_of_option(command, options.device);
  const catalogue::Settings settings = read_settings(op, options);
  const ScopedDefaultDevice on_device(device);
  const Tensors tensors = load_inputs(op, options, device), vectors = load_vectors(op, options, device);
  const Tensor cotangent = options.cotangent.empty() ? Tensor() : to_device(load_npy(options.cotangent), device);

  catalogue::Evaluation evaluation;
  std::vector<KernelVersions::Use> uses;
  bool was_forced = false;
  {
    const KernelVersions seen(options.version);
    evaluation = evaluate(op, tensors, settings, cotangent, vectors);
    uses = seen.uses();
    was_forced = seen.was_forced();
  }
  if (!options.version.empty() && !was_forced) fail_version(op, options, device, uses);
  std::error_code failed;
  std::filesystem::create_directories(options.out, failed);
  require(!failed, command, "{}: cannot make this folder: {}. Choose another one with --out.", options.out,
          failed.message());
  Table files({"file", "dtype", "shape"});
  for (const Tensors* part : {&evaluation.results, &evaluation.gradients, &evaluation.second})
    write(options.out, *part, files);
  fmt::print("{}", files.to_string());
  for (const KernelVersions::Use& use : uses)
    if (!use.version.empty()) fmt::print("{} by {}\n", use.kernel, use.version);
}

void list(const Options& options) {
  OpList ops;
  if (!options.name.empty()) check_choice(command, "op", options.name, names_of(catalogue::ops()));
  for (const Op& op : catalogue::ops())
    if (options.name.empty() || op.name == options.name) ops.push_back(&op);
  fmt::print("{}", options.json ? op_json(ops) : options.markdown ? op_page(ops) : op_lines(ops));
}

void act(const Options& options) {
  if (options.list) return list(options);
  if (options.json || options.markdown)
    throw UsageError(fmt::format("[{}] --json and --markdown are forms of --list. Add --list.", command));
  if (options.name.empty())
    throw UsageError(fmt::format("[{}] which op? Give its name, or --list to see all.", command));
  run(options);
}

}  // namespace

Action op_command(CLI::App& app) {
  const auto options = std::make_shared<Options>();
  const auto several = [&](const char* name, std::vector<std::string>& words, const char* text) {
    app.add_option(name, words, text)->expected(1, -1)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  };
  app.add_option("NAME", options->name, "The op");
  several("--in", options->inputs, "The arguments: x=x.npy w=w.npy ...");
  several("--set", options->settings, "The settings: padding=1 stride=2 ...");
  app.add_option("--group", options->group, "The group, the same as --set group=...");
  app.add_option("--impl", options->version, "Force the kernels that have a version of this name to take it");
  app.add_option("--out", options->out, "Folder for y.npy and the gradients");
  app.add_option("--cotangent", options->cotangent, "dy.npy: write the gradients of <dy, y> too, dx.npy ...");
  several("--second", options->second,
          "vx=vx.npy ...: write the gradients of <dx, vx> + ... too, g_dy.npy, g_x.npy ...");
  app.add_flag("--list", options->list, "List the ops, or all about the one named");
  app.add_flag("--json", options->json, "The list as JSON");
  app.add_flag("--markdown", options->markdown, "The list as docs/ops.md");
  add_device_option(app, options->device);
  add_threads_option(app);
  return [options] { act(*options); };
}

}  // namespace orbitgrad::experiments
