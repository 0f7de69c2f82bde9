#include "kernels/gather_axis/check_index.hpp"
#include "tests/kernels/device_versions.hpp"

namespace orbitgrad::kernels::testing {
namespace {

TEST(CheckIndexDevice, HasThePositionsOfTheCpuAndNotesAFault) {
  for (const std::int64_t count : {0, 1, 300}) {
    for (const std::int64_t lowest : {-5, 0}) {
      const CheckIndexProblem problem{.count = count, .lowest = lowest, .length = 5, .op = "test"};
      std::vector<std::int64_t> index(static_cast<std::size_t>(count)), expected(index.size());
      for (std::size_t i = 0; i < index.size(); ++i) index[i] = static_cast<std::int64_t>(i * 7 % 13) - 6;
      IndexFault of_cpu;
      cpu::check_index(problem, index.data(), expected.data(), &of_cpu);
      const auto run = [&](const auto& version) {
        DeviceArray<std::int64_t> positions(version.device, std::span<const std::int64_t>(index));
        DeviceArray<std::int64_t> checked(version.device, index.size());
        version.launch(problem, positions.data(), checked.data(), index_fault_of(version.device));
        const auto fault = take_index_fault(version.device);
        EXPECT_EQ(fault.has_value(), of_cpu.found != 0);
        if (fault) {
          EXPECT_EQ(fault->value, index[static_cast<std::size_t>(fault->place)]);
          EXPECT_FALSE(is_in_range(problem, fault->value));
          EXPECT_EQ(fault->problem.op, "test");
          EXPECT_EQ(fault->problem.length, 5);
        }
        EXPECT_FALSE(take_index_fault(version.device)) << "it is told once";
        return checked.to_host();
      };
      check_every_version<CheckIndex>(problem, run, expected, 0);
    }
  }
}

}  // namespace
}  // namespace orbitgrad::kernels::testing
