// orbitgrad convert IN OUT --map FILE [--dtype T]: a state under other names, for instance one that PyTorch saved as
// safetensors.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <optional>

#include "engine/io/file.hpp"
#include "engine/io/safetensors.hpp"
#include "experiments/commands/commands.hpp"
#include "experiments/commands/usage.hpp"
#include "experiments/name_map.hpp"
#include "experiments/table.hpp"

namespace orbitgrad::experiments {

namespace {

struct Options {
  std::string in, out, map, dtype;
};

DType floating_dtype(const std::string& text) {
  const std::vector<DType> types{DType::float32, DType::float64, DType::bfloat16, DType::float16};
  std::vector<std::string> names;
  for (const DType dtype : types) names.emplace_back(name(dtype));
  check_choice("orbitgrad convert", "dtype", text, names);
  return types[static_cast<std::size_t>(std::ranges::find(names, text) - names.begin())];
}

void convert(const Options& options) {
  const std::optional<DType> dtype =
      options.dtype.empty() ? std::nullopt : std::optional(floating_dtype(options.dtype));
  const NameMap map(read_file(options.map));
  SafeTensors content = load_safetensors(options.in);
  content.tensors = map.rename(content.tensors);
  if (dtype)
    for (auto& [name, tensor] : content.tensors)
      if (is_floating(tensor.dtype())) tensor = tensor.to(*dtype);
  Table table({"tensor", "dtype", "shape"});
  for (const auto& [name, tensor] : content.tensors)
    table.add({name, std::string(orbitgrad::name(tensor.dtype())), tensor.shape().to_string()});
  save_safetensors(options.out, content);
  fmt::print("{}", table.to_string());
}

}  // namespace

Action convert_command(CLI::App& app) {
  const auto options = std::make_shared<Options>();
  app.add_option("IN", options->in, "The safetensors file to read")->required();
  app.add_option("OUT", options->out, "The safetensors file to write")->required();
  app.add_option("--map", options->map,
                 "File of rules, one a line: old -> new, where * stands for any text, or old -> - to leave it out")
      ->required();
  app.add_option("--dtype", options->dtype,
                 "float32, float64, bfloat16 or float16: of all floating tensors (default: as they are)");
  return [options] { convert(*options); };
}

}  // namespace orbitgrad::experiments
