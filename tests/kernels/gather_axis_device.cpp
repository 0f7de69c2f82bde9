#include "kernels/gather_axis/gather_axis.hpp"

#include "tests/kernels/strided_array.hpp"

namespace orbitgrad::kernels::testing {
namespace {

const GatherAxisProblem problems[] = {{3, 5, 4, 1},   {2, 8, 1, 35}, {1, 8, 2, 300}, {7, 49, 300, 1}, {2, 9, 150, 6},
                                      {130, 3, 6, 1}, {0, 4, 2, 3},  {2, 3, 0, 5},   {2, 3, 4, 0},    {1, 1, 1, 1}};

/// Positions in [0, size), every seventh of them -1.
std::vector<std::int64_t> random_index(const GatherAxisProblem& problem, std::uint64_t key) {
  std::vector<std::int64_t> index(static_cast<std::size_t>(problem.output_count()));
  for (std::size_t i = 0; i < index.size(); ++i)
    index[i] = i % 7 == 3 ? -1 : static_cast<std::int64_t>(philox(key, i).word[0]) % problem.size;
  return index;
}

/// Runs a version of either kernel: `in` holds its input, `count` is the size of its output.
template <class T>
auto runner(const GatherAxisProblem& problem, const std::vector<Stored<T>>& in, const std::vector<std::int64_t>& index,
            std::int64_t count) {
  return [&, count](const auto& version) {
    DeviceArray<Stored<T>> input(version.device, std::span<const Stored<T>>(in));
    DeviceArray<std::int64_t> positions(version.device, std::span<const std::int64_t>(index));
    DeviceArray<Stored<T>> output(version.device, static_cast<std::size_t>(count));
    version.launch(problem, reinterpret_cast<const T*>(input.data()), positions.data(),
                   reinterpret_cast<T*>(output.data()));
    return output.to_host();
  };
}

template <class T>
void check_gather(const GatherAxisProblem& problem) {
  const auto x = elements<T>(problem.input_count(), 1, true);
  const auto index = random_index(problem, 2);
  std::vector<Stored<T>> expected(index.size());
  cpu::gather_axis<T>(problem, reinterpret_cast<const T*>(x.data()), index.data(),
                      reinterpret_cast<T*>(expected.data()));
  check_every_version<GatherAxis<T>>(problem, runner<T>(problem, x, index, problem.output_count()), expected, 0);
}

TEST(GatherAxisDevice, EveryTypeMatchesTheCpu) {
  for (const auto& problem : problems) {
    check_gather<float>(problem);
    check_gather<double>(problem);
    check_gather<bool>(problem);
    check_gather<std::int32_t>(problem);
    check_gather<std::int64_t>(problem);
  }
}

template <class T>
void check_scatter(const GatherAxisProblem& problem, const std::vector<std::int64_t>& index) {
  const auto dy = elements<T>(problem.output_count(), 3, false);
  std::vector<T> expected(static_cast<std::size_t>(problem.input_count()));
  cpu::scatter_add_axis<T>(problem, dy.data(), index.data(), expected.data());
  // Tolerance 0: contributions are added in the order of the cpu.
  check_every_version<ScatterAddAxis<T>>(problem, runner<T>(problem, dy, index, problem.input_count()), expected, 0);
}

TEST(GatherAxisDevice, ScatterAddHasTheBitsOfTheCpu) {
  for (const auto& problem : problems) {
    check_scatter<float>(problem, random_index(problem, 4));
    check_scatter<double>(problem, random_index(problem, 4));
  }
}

TEST(GatherAxisDevice, AllPicksMayMeetInOnePlace) {
  const GatherAxisProblem problem{2, 3, 400, 1};
  check_scatter<float>(problem, std::vector<std::int64_t>(800, 1));
}

TEST(GatherAxisDevice, BarriersAreNeeded) {
  const GatherAxisProblem problem{1, 20, 300, 1};
  const auto dy = elements<float>(problem.output_count(), 5, false);
  const auto index = random_index(problem, 6);
  check_barriers_are_needed<ScatterAddAxis<float>>(problem, runner<float>(problem, dy, index, problem.input_count()));
}

}  // namespace
}  // namespace orbitgrad::kernels::testing
