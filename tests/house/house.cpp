// Reads every source file of the project and fails on a broken rule; then plants violations, to see them caught.
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/house/rules.hpp"
#include "tests/places.hpp"

namespace orbitgrad::house {
namespace {

namespace fs = std::filesystem;

bool is_source(const fs::path& path) {
  const auto extension = path.extension();
  return extension == ".hpp" || extension == ".cpp" || extension == ".cu" || extension == ".cuh";
}

TEST(House, EveryFileKeepsTheRules) {
  const fs::path root = source_folder();
  int files = 0;
  for (const char* folder : {"kernels", "groups", "engine", "nn", "models", "experiments", "tests", "bench"}) {
    for (const auto& entry : fs::recursive_directory_iterator(root / folder)) {
      if (!entry.is_regular_file() || !is_source(entry.path())) continue;
      std::ostringstream text;
      text << std::ifstream(entry.path()).rdbuf();
      for (const auto& violation : violations(entry.path().lexically_relative(root).generic_string(), text.str()))
        ADD_FAILURE() << violation;
      ++files;
    }
  }
  EXPECT_GT(files, 10) << "the walk found hardly any file under " << root;
}

struct Planted {
  const char* name;
  const char* path;
  std::string text;
  int expected;
};
void PrintTo(const Planted& planted, std::ostream* out) { *out << planted.path << " <- " << planted.text; }

class PlantedViolation : public testing::TestWithParam<Planted> {};

TEST_P(PlantedViolation, IsCaughtAndNothingElseIs) {
  const auto found = violations(GetParam().path, GetParam().text);
  EXPECT_EQ(found.size(), static_cast<std::size_t>(GetParam().expected)) << fmt::format("{}", fmt::join(found, "\n"));
}

std::string including(std::string_view header) { return fmt::format("#include {}\n", header); }
std::string repeated(int count) {
  std::string text;
  for (int line = 0; line < count; ++line) text += "int x;\n";
  return text;
}

const Planted plants[] = {
    // Floors: up, sideways, down, own.
    {"EngineIncludesNn", "engine/tensor.cpp", including("\"nn/module.hpp\""), 1},
    {"KernelsIncludeEngine", "kernels/matmul/cpu.cpp", including("\"engine/tensor.hpp\""), 1},
    {"KernelsIncludeGroups", "kernels/a.cpp", including("\"groups/error.hpp\""), 1},
    {"GroupsIncludeKernels", "groups/a.cpp", including("\"kernels/view.hpp\""), 1},
    {"GroupsIncludeKernelsInBrackets", "groups/a.cpp", including("<kernels/view.hpp>"), 1},
    {"SpacesHideNothing", "groups/a.cpp", "  #  include  \"kernels/view.hpp\"  // why not\n", 1},
    {"ModelsIncludeExperiments", "models/a.cpp", including("\"experiments/a.hpp\""), 1},
    {"BenchIncludesTests", "bench/a.cpp", including("\"tests/house/rules.hpp\""), 1},
    {"ExperimentsIncludeTests", "experiments/a.cpp", including("\"tests/house/rules.hpp\""), 1},
    {"LibraryIncludesTheUmbrella", "nn/a.cpp", including("\"a.hpp\""), 1},
    {"NotRootRelative", "engine/ops/a.cpp", including("\"../tensor.hpp\""), 1},
    {"ModelsIncludeKernels", "models/a.cpp", including("\"kernels/view.hpp\"") + including("<vector>"), 0},
    {"OwnFloor", "groups/a.cpp", including("\"groups/error.hpp\""), 0},
    {"TestsSeeEverything", "tests/nn/a.cpp", including("\"experiments/a.hpp\""), 0},
    // CUDA.
    {"EngineKnowsCuda", "engine/tensor.cpp", including("<cuda_runtime.h>"), 1},
    {"KernelHeaderKnowsCuda", "kernels/a/a.hpp", "// a\n#pragma once\n#include <cuda_bf16.h>\n", 1},
    {"CpuKernelKnowsCublas", "kernels/a/cpu.cpp", including("<cublas_v2.h>"), 1},
    {"DeviceOfAnOp", "engine/ops/device_a.cpp", including("<cuda.h>"), 1},
    {"DeviceHeader", "engine/device.hpp", "// a\n#pragma once\n#include <cuda.h>\n", 1},
    {"CubAnywhere", "kernels/a/cuda.cu", including("<cub/cub.cuh>"), 1},
    {"CudaInAKernel", "kernels/a/cuda.cu", including("<cuda_runtime.h>"), 0},
    {"CudaInItsRoom", "kernels/cuda/error.hpp", "// a\n#pragma once\n#include <cuda_runtime.h>\n", 0},
    {"CudaInTheDeviceFile", "engine/device_cuda.cpp", including("<cuda_runtime_api.h>"), 0},
    // Files.
    {"TooLong", "nn/a.cpp", repeated(401), 1},
    {"LongEnough", "nn/a.cpp", repeated(400), 0},
    {"Unfinished", "nn/a.cpp", std::string("// TO") + "DO: all of it\n", 1},
    {"UnfinishedInCapitals", "nn/a.cpp", std::string("// FIX") + "ME\n", 1},
    {"NoGuard", "nn/a.hpp", "// a\nint x;\n", 1},
    {"NoOpeningComment", "nn/a.hpp", "#pragma once\n", 1},
    {"EmptyHeader", "nn/a.hpp", "", 2},
    {"GoodHeader", "nn/a.hpp", "// What it is.\n#pragma once\n", 0},
    // Ends of the process.
    {"Exit", "engine/a.cpp", "  std::exit(1);\n", 1},
    {"Abort", "engine/a.cpp", "if (bad) abort();\n", 1},
    {"ExitInMain", "experiments/main.cpp", "  std::exit(1);\n", 0},
    {"ExitInAComment", "engine/a.cpp", "// nothing calls exit() here\n", 0},
    {"ExitInAnotherName", "engine/a.cpp", "at_exit(1); on.exit(2);\n", 0},
};

INSTANTIATE_TEST_SUITE_P(House, PlantedViolation, testing::ValuesIn(plants),
                         [](const auto& planted) { return planted.param.name; });

}  // namespace
}  // namespace orbitgrad::house
