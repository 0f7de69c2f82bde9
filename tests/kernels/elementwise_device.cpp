#include "kernels/elementwise/elementwise.hpp"
#include "kernels/elementwise/instances.hpp"
#include "kernels/elementwise/strided_loop.hpp"
#include "tests/kernels/strided_array.hpp"

namespace orbitgrad::kernels::testing {
namespace {

template <class T>
constexpr double tolerance = sizeof(T) == 4 ? 3e-6 : 1e-12;

/// Layouts of one shape: the output's, then the inputs'.
struct Layouts {
  Layout out, a, b, c;
};

/// Cases every formula runs: more elements than a block takes, and a broadcast against a transposed operand.
std::vector<Layouts> usual_layouts() {
  const Layout row = dense({1031});
  return {{row, row, row, row},
          {dense({5, 3, 7}), {{5, 3, 7}, {1, 5, 15}}, {{5, 3, 7}, {0, 1, 0}}, {{5, 3, 7}, {21, 0, 3}}}};
}

std::vector<Layouts> unusual_layouts() {
  const Layout scalar = dense({}), one = dense({1, 1}), empty = dense({3, 0, 2});
  const Layout window = {{4, 6}, {20, 2}, 7};     // a part of an array: the rest must stay as it is
  const Layout flipped = {{4, 6}, {-6, -1}, 23};  // negative strides
  const Layout constant = {{4, 6}, {0, 0}};
  const Layout full = dense({4, 6}), deep = dense({2, 3, 2, 1, 2, 3, 1, 2});
  const Layout crossed = {{2, 3, 2, 1, 2, 3, 1, 2}, {1, 2, 6, 5, 12, 24, 9, 72}};
  return {{scalar, scalar, scalar, scalar},  {one, one, one, one},           {empty, empty, empty, empty},
          {window, full, flipped, constant}, {full, window, constant, full}, {flipped, constant, window, flipped},
          {deep, crossed, deep, crossed},    {crossed, deep, crossed, deep}};
}

/// Stands for all kernels that differ in their formula alone: what follows is compiled once for each list of types.
template <class ProblemType, class LaunchType>
struct AnyFormula {
  using Problem = ProblemType;
  using Launch = LaunchType;
  static constexpr std::string_view name = "elementwise";
};

/// Gives the stand-in the versions of the kernel.
template <class Kernel, class StandIn = AnyFormula<typename Kernel::Problem, typename Kernel::Launch>>
void take_versions_of() {
  [[maybe_unused]] static const bool traced_versions_are_registered = (sim::Trace(), true);
  auto& versions = Registry<StandIn>::all();
  versions.clear();
  for (const auto& version : Registry<Kernel>::all())
    versions.push_back({version.name, version.device, version.supports, version.launch, version.preference});
}

/// Runs every version of the stand-in on (in..., out) and compares all of the output's array with what the CPU leaves.
template <class Out, class First, class... Rest>
void check_versions(void (*on_cpu)(View<const First>, View<const Rest>..., View<Out>), const Layout& out,
                    double relative, StridedArray<First> first, StridedArray<Rest>... rest) {
  using Kernel = AnyFormula<View<const First>, void(View<const First>, View<const Rest>..., View<Out>)>;
  const StridedArray<Out> before(out, 9);
  StridedArray<Out> expected = before;
  on_cpu(first.const_view(), rest.const_view()..., expected.view());
  const auto run = [&](const Implementation<Kernel>& version) {
    const auto launch = [&](auto result, auto... inputs) {
      version.launch(inputs.const_view()..., result.view());
      return result.array.to_host();
    };
    return launch(before.on(version.device), first.on(version.device), rest.on(version.device)...);
  };
  check_every_version<Kernel>(first.const_view(), run, expected.values, relative);
}

template <class Formula, class In, class Out>
void check_unary(const Layouts& layouts) {
  take_versions_of<Unary<Formula, In, Out>>();
  check_versions<Out, In>(cpu::unary<Formula, In, Out>, layouts.out, tolerance<Out>,
                          StridedArray<In>(layouts.a, 1, true));
}

template <class Formula, class In, class Out>
void check_binary(const Layouts& layouts) {
  take_versions_of<Binary<Formula, In, Out>>();
  check_versions<Out, In, In>(cpu::binary<Formula, In, Out>, layouts.out, tolerance<Out>,
                              StridedArray<In>(layouts.a, 1, true), StridedArray<In>(layouts.b, 2, true));
}

template <class T>
void check_where(const Layouts& layouts) {
  take_versions_of<WhereSelect<T>>();
  check_versions<T, bool, T, T>(cpu::where<T>, layouts.out, 0, StridedArray<bool>(layouts.a, 1),
                                StridedArray<T>(layouts.b, 2, true), StridedArray<T>(layouts.c, 3, true));
}

template <class From, class To>
void check_copy(const Layouts& layouts) {
  take_versions_of<Copy<From, To>>();
  check_versions<To, From>(cpu::copy<From, To>, layouts.out, 0, StridedArray<From>(layouts.a, 1, true));
}

TEST(ElementwiseDevice, EveryUnaryFormulaMatchesTheCpu) {
  for (const Layouts& layouts : usual_layouts()) {
#define CHECK(Formula, In, Out)             \
  {                                         \
    SCOPED_TRACE(#Formula " of " #In);      \
    check_unary<Formula, In, Out>(layouts); \
  }
    ORBITGRAD_UNARY_INSTANCES(CHECK)
#undef CHECK
  }
}

TEST(ElementwiseDevice, EveryBinaryFormulaMatchesTheCpu) {
  for (const Layouts& layouts : usual_layouts()) {
#define CHECK(Formula, In, Out)              \
  {                                          \
    SCOPED_TRACE(#Formula " of " #In);       \
    check_binary<Formula, In, Out>(layouts); \
  }
    ORBITGRAD_BINARY_INSTANCES(CHECK)
#undef CHECK
  }
}

TEST(ElementwiseDevice, EveryCopyAndWhereMatchesTheCpu) {
  for (const Layouts& layouts : usual_layouts()) {
#define CHECK(From, To)             \
  {                                 \
    SCOPED_TRACE(#From " to " #To); \
    check_copy<From, To>(layouts);  \
  }
    ORBITGRAD_COPY_INSTANCES(CHECK)
#undef CHECK
#define CHECK(T) check_where<T>(layouts);
    ORBITGRAD_ELEMENT_TYPES(CHECK)
#undef CHECK
  }
}

TEST(ElementwiseDevice, EveryLayout) {
  for (const Layouts& layouts : unusual_layouts()) {
    check_unary<Negate, float, float>(layouts);
    check_binary<Subtract, double, double>(layouts);
    check_binary<Less, std::int32_t, bool>(layouts);
    check_where<std::int64_t>(layouts);
    check_copy<float, float>(layouts);
    check_copy<bool, double>(layouts);
  }
}

TEST(ElementwiseDevice, LoopsAreSplitIntoPartsThatCoverThem) {
  const std::int64_t size[] = {3, 1, 5, 4}, stride[] = {-40, 7, 0, 2}, dense_stride[] = {20, 20, 4, 1};
  const StridedLoop<2> loop(4, size, {dense_stride, stride});
  for (const std::int64_t most : {1, 2, 3, 7, 19, 59, 60, 1000}) {
    std::vector<std::int64_t> read(60, -1);
    std::int64_t next = 0;
    loop.split(most, [&](const StridedLoop<2>& part, const std::array<std::int64_t, 2>& start) {
      EXPECT_LE(part.numel(), most);
      part.run_range(0, part.numel(), [&](const std::array<std::int64_t, 2>& offset, std::int64_t count) {
        for (std::int64_t i = 0; i < count; ++i) {
          const std::int64_t at = start[0] + offset[0] + i * part.inner_stride()[0];
          EXPECT_EQ(at, next++);
          read[static_cast<std::size_t>(at)] = start[1] + offset[1] + i * part.inner_stride()[1];
        }
      });
    });
    ASSERT_EQ(next, 60) << "parts of at most " << most;
    for (std::int64_t i = 0; i < 60; ++i)
      EXPECT_EQ(read[static_cast<std::size_t>(i)], i / 20 * -40 + i % 4 * 2) << "parts of at most " << most;
  }
}

// 40 and 33 are no multiples of a tile; the output is dense, or its last axis is not and the tiles do not apply.
const Layouts transpositions[] = {{dense({40, 33}), {{40, 33}, {1, 40}}, {}, {}},
                                  {dense({3, 17, 2, 19}), {{3, 17, 2, 19}, {646, 1, 323, 17}}, {}, {}},
                                  {{{2, 16, 18}, {400, 20, 1}, 5}, {{2, 16, 18}, {-300, 1, 16}, 300}, {}, {}},
                                  {{{16, 16}, {40, 2}}, {{16, 16}, {1, 16}}, {}, {}},
                                  {dense({20, 0, 16}), {{20, 0, 16}, {1, 20, 20}}, {}, {}}};

TEST(ElementwiseDevice, Transposition) {
  for (const Layouts& layouts : transpositions) {
    check_copy<float, float>(layouts);
    check_copy<double, double>(layouts);
    check_copy<bool, bool>(layouts);
    check_copy<std::int64_t, std::int64_t>(layouts);
    check_copy<Bfloat16, Bfloat16>(layouts);
  }
}

TEST(ElementwiseDevice, BarriersAreNeeded) {
  StridedArray<float> in(transpositions[0].a, 1);
  const StridedArray<float> before(transpositions[0].out, 2);
  check_barriers_are_needed<Copy<float, float>>(in.const_view(), [&](const auto& version) {
    auto source = in.on(version.device);
    auto target = before.on(version.device);
    version.launch(source.const_view(), target.view());
    return target.array.to_host();
  });
}

}  // namespace
}  // namespace orbitgrad::kernels::testing
