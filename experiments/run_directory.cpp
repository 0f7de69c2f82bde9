#include "experiments/run_directory.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <set>

#include "engine/error.hpp"
#include "engine/io/crc32.hpp"

namespace orbitgrad::experiments {

namespace {

using Path = std::filesystem::path;

constexpr std::string_view op = "run";
constexpr std::string_view metrics_bytes_key = "metrics_bytes", metrics_checksum_key = "metrics_crc32";

Path metrics_file(const Path& run) { return run / "metrics.jsonl"; }
Path timing_file(const Path& run) { return run / "timing.jsonl"; }
Path event_file(const Path& run) { return run / "events.out.tfevents.0.orbitgrad"; }

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
         name.starts_with("events.out.tfevents.") || name.starts_with("config.json.unfinished-") ||
         name.starts_with("checkpoint.safetensors.unfinished-");
}

/// A run locks its folder before it writes anything: a file that is there without the lock belongs to somebody else.
void require_own_folder(const Path& folder) {
  if (is_there(checkpoint_file(folder))) return;
  std::vector<Path> files;
  std::error_code failed;
  for (std::filesystem::directory_iterator entry(folder, failed), end; !failed && entry != end; entry.increment(failed))
    files.push_back(entry->path());
  require(!failed, op, "{}: cannot list this folder: {}. Choose another --out or --name.", folder.string(),
          failed.message());
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

std::string checksum_text(std::uint32_t checksum) { return fmt::format("{:08x}", checksum); }

/// Of the first `bytes` bytes, or of all if there are fewer.
std::uint32_t checksum_of(const Path& file, std::int64_t bytes) {
  const std::string text = read_file(file, std::numeric_limits<std::int64_t>::max());
  return io::crc32(std::string_view(text).substr(0, static_cast<std::size_t>(bytes)));
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

std::vector<Record> read_metrics(const Path& run) {
  const Path file = metrics_file(run);
  require(is_there(file), op, "{}: this is not the folder of a run: it has no metrics.jsonl. Check the path.",
          run.string());
  const std::string text = read_file(file, std::numeric_limits<std::int64_t>::max());
  std::vector<Record> lines;
  for (std::size_t begin = 0, end; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1)
    lines.push_back(Record::from_json(std::string_view(text).substr(begin, end - begin), file.string()));
  return lines;
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
  metrics_checksum_ = checksum_of(metrics_file(path_), metrics_->bytes());
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

void RunDirectory::log(const Record& line) {
  if (events_ == nullptr) events_ = std::make_unique<EventLog>(event_file(path_), read_metrics(path_));
  const std::string text = line.to_json();
  metrics_->append(text);
  metrics_checksum_ = io::crc32("\n", io::crc32(text, metrics_checksum_));
  events_->add(line);
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
  content.metadata[std::string(metrics_checksum_key)] = checksum_text(metrics_checksum_);
  save_safetensors(checkpoint_file(path_), content);
}

void RunDirectory::cut_metrics(std::int64_t bytes, const std::string* expected_checksum) {
  const Path file = metrics_file(path_);
  const std::uint32_t checksum = checksum_of(file, bytes);
  require(bytes > metrics_->bytes() || expected_checksum == nullptr || checksum_text(checksum) == *expected_checksum,
          op,
          "{}: its first {} bytes are not those that the checkpoint was saved with: it was edited, or it is of another "
          "run. Put the file of this run back, or start a new run under another --name.",
          file.string(), bytes);
  metrics_->cut(bytes);
  metrics_checksum_ = checksum;
  events_.reset();
}

std::optional<SafeTensors> RunDirectory::load_checkpoint() {
  const Path file = checkpoint_file(path_);
  if (!is_there(file)) {
    cut_metrics(0);
    return std::nullopt;
  }
  SafeTensors content = load_safetensors(file);
  const auto checksum = content.metadata.find(std::string(metrics_checksum_key));  // older checkpoints have none
  cut_metrics(metrics_bytes_of(content, file), checksum == content.metadata.end() ? nullptr : &checksum->second);
  content.metadata.erase(std::string(metrics_bytes_key));
  content.metadata.erase(std::string(metrics_checksum_key));
  return content;
}

}  // namespace orbitgrad::experiments
