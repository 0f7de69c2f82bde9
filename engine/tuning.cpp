#include "engine/tuning.hpp"

#include <time.h>

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <sstream>
#include <vector>

#include "engine/error.hpp"
#include "engine/io/file.hpp"
#include "engine/machine.hpp"
#include "engine/ops/lattice_tables.hpp"
#include "groups/fnv_hash.hpp"
#include "kernels/single_thread.hpp"

namespace orbitgrad {

using kernels::GroupConv2dCell;
using kernels::GroupConv2dDirection;
using kernels::GroupConv2dProblem;
using kernels::GroupConv2dTuning;

namespace {

constexpr std::string_view op = "tuning";
constexpr std::string_view first_line = "orbitgrad group convolution 1";

/// Square maps of 8, 16 or 32 in a batch, with as many output positions as the cell says and padding that keeps the
/// size.
GroupConv2dProblem problem_of(const GroupConv2dCell& cell, const LatticeTables& tables) {
  const std::int64_t size = cell.positions <= 64 ? 8 : cell.positions <= 4096 ? 16 : 32;
  GroupConv2dProblem problem;
  problem.batch = cell.positions / (size * size);
  problem.in_height = problem.in_width = size;
  problem.in_fields = problem.out_fields = cell.fields;
  problem.order = cell.order, problem.in_order = cell.lifts ? 1 : cell.order;
  problem.kernel = cell.kernel, problem.padding = cell.kernel / 2;
  problem.matrices = tables.matrices.data(), problem.filter_element = tables.filter_element.data();
  return problem;
}

/// x, w and y of a problem, filled with numbers that are neither zero nor denormal.
struct Arrays {
  explicit Arrays(const GroupConv2dProblem& problem)
      : x(static_cast<std::size_t>(problem.x_size()), 0.5f),
        w(static_cast<std::size_t>(problem.w_size()), 0.25f),
        y(static_cast<std::size_t>(problem.y_size()), 0.75f) {}
  std::vector<float> x, w, y;
};

/// Of the calling thread, so that other programs do not count. Several threads would wait for one another, and a thread
/// that lost its core makes a loop of microseconds last milliseconds.
double processor_seconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

double seconds_of(const std::function<void()>& call, int calls) {
  const double begin = processor_seconds();
  for (int i = 0; i < calls; ++i) call();
  return (processor_seconds() - begin) / calls;
}

/// The shortest of seven samples of each, taken in turn: other programs can only make one look slower than it is.
std::vector<double> best_seconds(const std::vector<std::function<void()>>& calls) {
  constexpr double sample_seconds = 5e-4;
  std::vector<int> repetitions;
  for (const auto& call : calls) {
    call();
    repetitions.push_back(1 + static_cast<int>(sample_seconds / std::max(seconds_of(call, 1), 1e-7)));
  }
  std::vector<double> best(calls.size(), std::numeric_limits<double>::infinity());
  for (int round = 0; round < 7; ++round)
    for (std::size_t i = 0; i < calls.size(); ++i) best[i] = std::min(best[i], seconds_of(calls[i], repetitions[i]));
  return best;
}

/// Times the implementations of one direction. run(implementation, problem, arrays) calls it.
template <class Kernel, class Run>
void time_implementations(TunedCell& result, const GroupConv2dProblem& problem, Run&& run) {
  Arrays arrays(problem);
  std::vector<double*> places;
  std::vector<std::function<void()>> calls;
  const auto add = [&](std::string_view name, double& place) {
    GroupConv2dProblem forced = problem;
    forced.implementation = name;
    const auto* found = kernels::Registry<Kernel>::find(name, kernels::DeviceKind::cpu, forced);
    if (found == nullptr) return;
    places.push_back(&place);
    calls.emplace_back([forced, launch = found->launch, &arrays, &run] { run(launch, forced, arrays); });
  };
  add("orbit_gather", result.orbit_gather);
  add("irrep_blocks", result.irrep_blocks);
  if (result.cell.direction != GroupConv2dDirection::forward) add("expanded", result.expanded);
  const std::vector<double> seconds = best_seconds(calls);
  for (std::size_t i = 0; i < places.size(); ++i) *places[i] = seconds[i];
}

TunedCell time_cell(const GroupConv2dCell& cell, const GroupConv2dProblem& problem) {
  TunedCell result;
  result.cell = cell;
  switch (cell.direction) {
    case GroupConv2dDirection::forward:
      result.by_cost = kernels::cpu::choose_group_conv2d_forward<float>(problem);
      time_implementations<kernels::GroupConv2dForward<float>>(result, problem, [](auto* launch, auto& p, Arrays& a) {
        launch(p, a.x.data(), a.w.data(), nullptr, a.y.data());
      });
      break;
    case GroupConv2dDirection::input_gradient:
      result.by_cost = kernels::cpu::choose_group_conv2d_input_gradient<float>(problem);
      time_implementations<kernels::GroupConv2dInputGradient<float>>(
          result, problem, [](auto* launch, auto& p, Arrays& a) { launch(p, a.y.data(), a.w.data(), a.x.data()); });
      break;
    case GroupConv2dDirection::filter_gradient:
      result.by_cost = kernels::cpu::choose_group_conv2d_filter_gradient<float>(problem);
      time_implementations<kernels::GroupConv2dFilterGradient<float>>(
          result, problem, [](auto* launch, auto& p, Arrays& a) { launch(p, a.x.data(), a.y.data(), a.w.data()); });
      break;
  }
  return result;
}

char letter_of(std::string_view implementation) {
  return implementation == "irrep_blocks" ? GroupConv2dTuning::irrep_blocks
         : implementation == "expanded"   ? GroupConv2dTuning::expanded
                                          : GroupConv2dTuning::orbit_gather;
}

char letter_of(const TunedCell& timed) {
  std::string_view best = timed.by_cost;
  for (const std::string_view name : {"orbit_gather", "irrep_blocks", "expanded"})
    if (const double seconds = timed.seconds(name); seconds > 0 && seconds < 0.95 * timed.seconds(best)) best = name;
  return letter_of(best);
}

}  // namespace

double TunedCell::seconds(std::string_view implementation) const {
  return implementation == "irrep_blocks" ? irrep_blocks : implementation == "expanded" ? expanded : orbit_gather;
}

double TunedCell::best() const {
  double best = orbit_gather;
  for (const double seconds : {irrep_blocks, expanded})
    if (seconds > 0) best = std::min(best, seconds);
  return best;
}

GroupConv2dTuning measure_group_conv2d_tuning(
    double most_flops, const std::function<void(const TunedCell&, std::int64_t, std::int64_t)>& report) {
  const kernels::SingleThread scope;  // the choice never looks at the number of threads
  const GroupConv2dTuning* const before = kernels::use_group_conv2d_tuning(nullptr);  // compared with the costs
  GroupConv2dTuning tuning;
  for (std::int64_t index = 0; index < GroupConv2dTuning::cells; ++index) {
    const GroupConv2dCell cell = kernels::group_conv2d_cell(index);
    const auto group = groups::lattice_group(cell.order == 2 ? "p2" : cell.order == 4 ? "p4" : "p4m");
    const auto tables = lattice_tables(op, group);
    const GroupConv2dProblem problem = problem_of(cell, *tables);
    char& letter = tuning.choice[static_cast<std::size_t>(index)];
    if (problem.flops() > most_flops) {  // the cell before it is the same with fewer positions
      if (cell.positions > kernels::group_conv2d_cell(0).positions)
        letter = tuning.choice[static_cast<std::size_t>(index - 1)];
      continue;
    }
    const TunedCell timed = time_cell(cell, problem);
    letter = letter_of(timed);
    report(timed, index + 1, GroupConv2dTuning::cells);
  }
  kernels::use_group_conv2d_tuning(before);
  return tuning;
}

namespace {

/// The tables of a file by machine, each on a line: machine, tab, letters.
std::vector<std::pair<std::string, std::string>> lines_of(const std::filesystem::path& file) {
  std::vector<std::pair<std::string, std::string>> lines;
  std::error_code error;  // a folder that may not be entered has no table either
  if (!std::filesystem::exists(file, error)) return lines;
  std::istringstream text(read_file(file, 1 << 20));
  const auto damaged = [&](std::string_view what) {
    fail(op, "{} is no table of measured choices: {}. Delete it and run `orbitgrad tune`, or set ORBITGRAD_TUNING=off.",
         file.string(), what);
  };
  std::string row;
  if (!std::getline(text, row) || row != first_line) damaged("its first line is another");
  while (std::getline(text, row)) {
    const std::size_t tab = row.rfind('\t');
    if (tab == std::string::npos) damaged("a line has no tab");
    const std::string letters = row.substr(tab + 1);
    if (letters.size() != GroupConv2dTuning::cells || letters.find_first_not_of(".obe") != std::string::npos)
      damaged("a line has not one letter of '.obe' for each case");
    if (letters.find(GroupConv2dTuning::expanded) < GroupConv2dTuning::cells / 3)  // forward is the first third
      damaged("a forward case takes 'e', which is not equivariant bit for bit");
    lines.emplace_back(row.substr(0, tab), letters);
  }
  return lines;
}

}  // namespace

std::filesystem::path tuning_file() {
  if (const char* named = std::getenv("ORBITGRAD_TUNING"); named != nullptr && *named != '\0')
    return std::string_view(named) == "off" ? std::filesystem::path() : std::filesystem::path(named);
  return user_cache_folder() / "tuning.txt";
}

void save_tuning(const std::filesystem::path& file, const GroupConv2dTuning& tuning) {
  const std::string here = processor_name();
  std::string text = std::string(first_line) + '\n';
  for (const auto& [machine, letters] : lines_of(file))
    if (machine != here) text += machine + '\t' + letters + '\n';
  text += here + '\t' + std::string(tuning.choice.begin(), tuning.choice.end()) + '\n';
  std::error_code ignored;  // writing the file tells what is wrong
  std::filesystem::create_directories(file.parent_path(), ignored);
  write_file_atomically(file, text);
}

std::optional<GroupConv2dTuning> load_tuning(const std::filesystem::path& file) {
  const std::string here = processor_name();
  for (const auto& [machine, letters] : lines_of(file)) {
    if (machine != here) continue;
    GroupConv2dTuning tuning;
    std::ranges::copy(letters, tuning.choice.begin());
    return tuning;
  }
  return std::nullopt;
}

namespace {

std::optional<GroupConv2dTuning>& saved_tuning() {
  static std::optional<GroupConv2dTuning> tuning = [] {
    const std::filesystem::path file = tuning_file();
    return file.empty() ? std::nullopt : load_tuning(file);
  }();
  return tuning;
}

}  // namespace

void use_saved_tuning() {
  static const bool done = [] {
    if (saved_tuning()) kernels::use_group_conv2d_tuning(&*saved_tuning());
    return true;
  }();
  static_cast<void>(done);
}

std::string tuning_in_use() {
  if (!saved_tuning()) return "costs";
  return fmt::format("{:016x}", groups::fnv_hash({saved_tuning()->choice.data(), saved_tuning()->choice.size()}));
}

}  // namespace orbitgrad
