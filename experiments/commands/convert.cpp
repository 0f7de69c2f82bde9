// orbitgrad convert IN OUT --map FILE: a state under other names, for instance one that PyTorch saved as safetensors.
#include <CLI/CLI.hpp>
#include <memory>

#include "engine/io/file.hpp"
#include "engine/io/safetensors.hpp"
#include "experiments/commands/commands.hpp"
#include "experiments/name_map.hpp"
#include "experiments/table.hpp"

namespace orbitgrad::experiments {

namespace {

struct Options {
  std::string in, out, map;
};

void convert(const Options& options) {
  const NameMap map(read_file(options.map));
  SafeTensors content = load_safetensors(options.in);
  content.tensors = map.rename(content.tensors);
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
  return [options] { convert(*options); };
}

}  // namespace orbitgrad::experiments
