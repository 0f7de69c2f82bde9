#include "experiments/run_directory.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "engine/error.hpp"

namespace orbitgrad::experiments {

namespace {

using Path = std::filesystem::path;

constexpr std::string_view op = "run";
constexpr std::string_view metrics_bytes_key = "metrics_bytes";

Path metrics_file(const Path& run) { return run / "metrics.jsonl"; }
Path timing_file(const Path& run) { return run / "timing.jsonl"; }

/// Without the exceptions of the standard library, whose text has no remedy.
bool is_there(const Path& file) {
  std::error_code ignored;
  return std::filesystem::exists(file, ignored);
}

void make_folder(const Path& folder) {
  std::error_code failed, ignored;
  std::filesystem::create_directories(folder, failed);
  require(std::filesystem::is_directory(folder, ignored), op,
          "{}: cannot make this folder: {}. Choose another --out or --name.", folder.string(),
          failed ? failed.message() : "a file of that name is in the way");
}

/// Files that a run has before its first checkpoint.
bool is_of_begun_run(const Path& file) {
  const std::string name = file.filename();
  return name == ".lock" || name == "config.json" || name == "metrics.jsonl" || name == "timing.jsonl" ||
         name.starts_with("config.json.unfinished-") || name.starts_with("checkpoint.safetensors.unfinished-");
}

/// A run locks its folder before it writes anything: a file that is there without the lock belongs to somebody else.
void require_own_folder(const Path& folder) {
  if (is_there(checkpoint_file(folder))) return;
  std::vector<Path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) files.push_back(entry.path());
  const bool was_locked = is_there(folder / ".lock");  // asked last: another process may be beginning
  for (const Path& file : files)
    require(was_locked && is_of_begun_run(file), op,
            "{}: the folder is not empty ({}) and holds no run. Choose another --name or --out.", folder.string(),
            file.filename().string());
}

std::string shown(const Value* value) { return value == nullptr ? "absent" : to_string(*value); }

std::int64_t metrics_bytes_of(const SafeTensors& checkpoint, const Path& file) {
  const auto found = checkpoint.metadata.find(std::string(metrics_bytes_key));
  std::int64_t bytes = -1;
  if (found != checkpoint.metadata.end())
    std::from_chars(found->second.data(), found->second.data() + found->second.size(), bytes);
  require(bytes >= 0, op, "{}: this is not the checkpoint of a run. Start a new run under another --name.",
          file.string());
  return bytes;
}

}  // namespace

Path config_file(const Path& run) { return run / "config.json"; }
Path checkpoint_file(const Path& run) { return run / "checkpoint.safetensors"; }

Record read_settings(const Path& run) {
  const Path file = config_file(run);
  require(is_there(file), op, "{}: this is not the folder of a run: it has no config.json. Check the path.",
          run.string());
  return Record::from_json(read_file(file, std::int64_t{1} << 20), file.string());
}

RunDirectory::RunDirectory(Path folder, const Record& settings, const RunOptions& options) : path_(std::move(folder)) {
  make_folder(path_);
  require_own_folder(path_);
  lock_ = std::make_unique<FolderLock>(path_);
  if (is_there(checkpoint_file(path_))) {
    require(options.resume, op,
            "{}: there is a run in this folder already. Continue it with --resume, or choose another --name or --out.",
            path_.string());
    check_settings(settings, options);
  } else {
    write_file_atomically(config_file(path_), settings.to_json(true) + "\n");
    std::filesystem::remove(timing_file(path_));
  }
  remove_unfinished_files(path_);
  metrics_ = std::make_unique<LineLog>(metrics_file(path_));
}

void RunDirectory::check_settings(const Record& settings, const RunOptions& options) const {
  const Record stored = read_settings(path_);
  std::vector<std::string> names, differences;
  for (const Record* record : {&stored, &settings})
    for (const auto& [name, value] : record->entries())
      if (std::ranges::find(names, name) == names.end()) names.push_back(name);
  for (const std::string& name : names) {
    if (std::ranges::find(options.free_settings, name) != options.free_settings.end()) continue;
    const Value *before = stored.find(name), *now = settings.find(name);
    if (before == nullptr || now == nullptr || *before != *now)
      differences.push_back(fmt::format("{}: {} there, {} now", name, shown(before), shown(now)));
  }
  require(
      differences.empty(), op,
      "{}: the run there has other settings ({}). Resume with its settings, or start a new run under another --name.",
      path_.string(), fmt::join(differences, "; "));
}

void RunDirectory::log_time(std::int64_t step, double seconds) {
  LineLog(timing_file(path_)).append(Record{{"step", step}, {"seconds", seconds}}.to_json());
}

double RunDirectory::seconds_at(std::int64_t step) const {
  if (!is_there(timing_file(path_))) return 0;
  const std::string text = read_file(timing_file(path_));
  double seconds = 0;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    try {
      const Record line = Record::from_json(std::string_view(text).substr(begin, end - begin), "timing.jsonl");
      if (line.integer("step") <= step) seconds = line.number("seconds");
    } catch (const Error&) {  // half a line of a killed process; the clock is no part of the result
    }
    begin = end + 1;
  }
  return seconds;
}

void RunDirectory::save_checkpoint(SafeTensors content) {
  metrics_->flush();
  content.metadata[std::string(metrics_bytes_key)] = std::to_string(metrics_->bytes());
  save_safetensors(checkpoint_file(path_), content);
}

std::optional<SafeTensors> RunDirectory::load_checkpoint() {
  const Path file = checkpoint_file(path_);
  if (!is_there(file)) {
    metrics_->cut(0);
    return std::nullopt;
  }
  SafeTensors content = load_safetensors(file);
  metrics_->cut(metrics_bytes_of(content, file));
  content.metadata.erase(std::string(metrics_bytes_key));
  return content;
}

}  // namespace orbitgrad::experiments
