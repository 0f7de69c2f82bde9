// What a reproduction has to show: the clone follows its teacher where the symmetry holds, and leaves the ceiling of
// invariance behind where it does not, the more so the less lambda holds it.
#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

#include "experiments/symmetry_cloning/report_plots.hpp"

namespace orbitgrad::experiments {

namespace {

class Judge {
 public:
  explicit Judge(const std::vector<Record>& cells) : cells_(cells), groups_(groups_of(cells)) {}

  /// Accuracy on moved digits, in percent; nothing if the cells did not run.
  std::optional<double> moved(const std::string& task, const std::string& mode, double lambda = 0) const {
    return measure(task, mode, lambda, "accuracy_moved", 100);
  }
  std::optional<double> measure(const std::string& task, const std::string& mode, double lambda,
                                const std::string& name, double unit) const {
    for (const Group& group : groups_) {
      const bool is_main = group.student.empty() || group.student == "hyper_linear";
      if (group.task != task || group.mode != mode || group.lambda != lambda || !is_main) continue;
      const Statistic value = statistic_of(cells_, group, name);
      if (value.count > 0) return unit * value.mean;
    }
    return {};
  }
  /// Accuracy of `mode` less that of `reference` on moved digits, in points, over the seeds that have both: they start
  /// from the same filters, biases and head and see the same batches.
  Statistic paired_difference(const std::string& task, const std::string& mode, const std::string& reference) const {
    std::map<std::int64_t, double> of_mode, of_reference;
    for (const Record& cell : cells_) {
      const bool is_main = !cloning_mode(cell.text("mode")).has_students || cell.text("student") == "hyper_linear";
      if (cell.text("experiment") != "cloning/" + task || !is_main || cell.number("lambda") != 0) continue;
      if (cell.text("mode") == mode) of_mode[cell.integer("seed")] = cell.number("accuracy_moved");
      if (cell.text("mode") == reference) of_reference[cell.integer("seed")] = cell.number("accuracy_moved");
    }
    std::vector<Record> pairs;
    for (const auto& [seed, accuracy] : of_mode)
      if (const auto found = of_reference.find(seed); found != of_reference.end())
        pairs.push_back({{"difference", 100 * (accuracy - found->second)}});
    std::vector<const Record*> all;
    for (const Record& pair : pairs) all.push_back(&pair);
    return statistic_of(all, "difference");
  }
  bool has(const char* setting) const {
    const Value* value = cells_.empty() ? nullptr : cells_.front().find(setting);
    return value != nullptr && *value == Value(true);
  }
  /// Whether the teacher is invariant under the moves of the task up to the last bit. Zero padding and pooling tell a
  /// shifted digit's place.
  bool is_exact(const CloningTask& task) const {
    if (task.group != "c4") return has("strict") && has("wrap");
    for (const Record& cell : cells_)
      if (cell.text("experiment") == "cloning/" + task.name && !cell.text("group").starts_with("p4")) return false;
    return true;
  }
  std::vector<double> lambdas(const std::string& task) const {
    std::vector<double> found;
    for (const Group& group : groups_)
      if (group.task == task && group.mode == "kl_weight" && group.student == "hyper_linear")
        found.push_back(group.lambda);
    std::ranges::sort(found);
    return found;
  }
  void add(const std::string& what, double measured, const std::string& expected, bool holds) {
    rows_.push_back({{"what", what}, {"measured", measured}, {"expected", expected}, {"holds", holds}});
  }
  std::vector<Record> rows() { return std::move(rows_); }

 private:
  const std::vector<Record>& cells_;
  std::vector<Group> groups_;
  std::vector<Record> rows_;
};

void judge_symmetric(Judge& judge, const std::string& task) {
  const auto frozen = judge.moved(task, "frozen"), init = judge.moved(task, "init"), mlp = judge.moved(task, "mlp"),
             random = judge.moved(task, "random");
  if (const Statistic gap = judge.paired_difference(task, "frozen", "teacher"); gap.count > 0) {
    // Rounding alone parts two trainings by points, so that a mean over seeds is known up to its standard error.
    const double chance = gap.count < 2 ? 0 : 2 * gap.deviation / std::sqrt(static_cast<double>(gap.count));
    judge.add(task + ": frozen clone minus teacher, moved, points, by seed", gap.mean,
              gap.count < 2 ? std::string("within 1")
                            : fmt::format("within 1 and two standard errors, {:.2f}, of {} pairs", chance, gap.count),
              std::abs(gap.mean) <= 1 + chance);
  }
  if (frozen && mlp)
    judge.add(task + ": frozen clone minus MLP, moved, points", *frozen - *mlp, "far above 0", *frozen - *mlp > 5);
  if (frozen && random)
    judge.add(task + ": frozen clone minus the same layers not cloned, moved, points", *frozen - *random, "above 0",
              *frozen > *random);
  if (frozen && init && random)
    judge.add(task + ": init without divergence, moved, %", *init,
              fmt::format("between {:.2f} (random) and {:.2f} (frozen)", *random, *frozen),
              std::min(*random, *frozen) <= *init && *init <= std::max(*random, *frozen));
}

void judge_breaking(Judge& judge, const std::string& task) {
  const auto ceiling = judge.measure(task, "frozen", 0, "ceiling", 100), teacher = judge.moved(task, "teacher");
  if (!ceiling) return;
  constexpr double sampling = 1;  // two deviations of the share of 10,000 moves
  const bool binds = judge.is_exact(cloning_task(task));
  for (const char* mode : {"frozen", "teacher"})
    if (const auto value = judge.moved(task, mode); value && binds)
      judge.add(fmt::format("{}: {}, moved, %", task, mode), *value,
                fmt::format("at most {:.2f}, within {:g}", *ceiling, sampling), *value <= *ceiling + sampling);
  const double bar = binds || !teacher ? *ceiling : std::max(*ceiling, *teacher);
  const std::string above =
      fmt::format("clearly above {:.2f}{}", bar, binds ? "" : " (ceiling or teacher; --strict has the exact ceiling)");
  const auto lambdas = judge.lambdas(task);
  if (const auto value = judge.moved(task, "init"))
    judge.add(task + ": init, moved, %", *value, above, *value > bar + 3);
  if (lambdas.empty()) return;
  if (const auto value = judge.moved(task, "kl_weight", lambdas.front()))
    judge.add(fmt::format("{}: kl_weight with lambda {:g}, moved, %", task, lambdas.front()), *value, above,
              *value > bar + 3);
  const auto falls = [&](const char* what, const std::string& name, double unit, double chance) {
    const auto first = judge.measure(task, "kl_weight", lambdas.front(), name, unit),
               last = judge.measure(task, "kl_weight", lambdas.back(), name, unit);
    if (lambdas.size() < 2 || !first || !last) return;
    judge.add(fmt::format("{}: change of {} from the smallest lambda to the largest", task, what), *last - *first,
              "below 0", *last < *first);
    double largest_rise = -1e9;
    for (std::size_t i = 0; i + 1 < lambdas.size(); ++i) {
      const auto low = judge.measure(task, "kl_weight", lambdas[i], name, unit),
                 high = judge.measure(task, "kl_weight", lambdas[i + 1], name, unit);
      if (low && high) largest_rise = std::max(largest_rise, *high - *low);
    }
    judge.add(fmt::format("{}: largest change of {} from one lambda to the next larger", task, what), largest_rise,
              fmt::format("below {:g}: it falls throughout{}", chance, chance > 0 ? ", up to chance" : ""),
              largest_rise < chance);
  };
  constexpr double of_answers = 0.5;  // points: a deviation of the difference of two shares of 10,000 answers
  falls("accuracy on moved digits, points", "accuracy_moved", 100, of_answers);
  falls("delta of layer 1", "delta_after_1", 1, 0);
}

}  // namespace

std::vector<Record> judge(const std::vector<Record>& cells) {
  Judge judge(cells);
  for (const CloningTask& task : cloning_tasks()) {
    if (task.breaks_symmetry())
      judge_breaking(judge, task.name);
    else
      judge_symmetric(judge, task.name);
  }
  return judge.rows();
}

}  // namespace orbitgrad::experiments
