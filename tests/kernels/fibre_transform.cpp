// The transform over the group axis against its formula, with tables of random numbers and blocks of several sizes.
#include "kernels/fibre_transform/fibre_transform.hpp"
#include "tests/kernels/buffer.hpp"
#include "tests/kernels/device_versions.hpp"

namespace orbitgrad::testing {
namespace {

using kernels::FibreRow;
using kernels::FibreTransformProblem;
using kernels::testing::check_every_version;
using kernels::testing::DeviceArray;

template <class T>
class FibreTransformTest : public ::testing::Test {};
using Types = ::testing::Types<float, double>;
TYPED_TEST_SUITE(FibreTransformTest, Types);

struct Case {
  std::int64_t batch, fields, order, positions;
  std::vector<std::pair<std::int32_t, std::int32_t>> blocks;  // copies, degree
  std::vector<FibreRow> rows = {};
  std::vector<double> table = {};

  FibreTransformProblem problem() {
    rows.clear();
    for (const auto& [copies, degree] : blocks) {
      const auto first = static_cast<std::int32_t>(rows.size());
      for (std::int32_t a = 0; a < copies; ++a)
        for (std::int32_t j = 0; j < degree; ++j) rows.push_back({first, copies, degree, a, j});
    }
    const auto values = static_cast<std::int64_t>(rows.size());
    table = random_values<double>(values * order, 7);
    return {batch, fields, order, positions, values, table.data(), rows.data()};
  }
};

std::vector<Case> cases() {
  return {{3, 5, 4, 1, {{1, 1}, {1, 1}, {1, 2}}},
          {2, 40, 6, 1, {{1, 1}, {2, 2}}},
          {2, 3, 5, 13, {{3, 3}, {1, 4}}},
          {1, 33, 8, 9, {{2, 4}}},
          {1, 1, 1, 1, {{1, 1}}},
          {0, 2, 3, 4, {{1, 3}}},
          {2, 2, 3, 0, {{1, 3}}}};
}

template <class T>
std::vector<T> by_formula(const FibreTransformProblem& p, const std::vector<T>& in, bool adjoint) {
  std::vector<double> out(static_cast<std::size_t>(adjoint ? p.function_size() : p.spectrum_size()));
  for (std::int64_t n = 0; n < p.batch; ++n)
    for (std::int64_t c = 0; c < p.fields; ++c)
      for (std::int64_t position = 0; position < p.positions; ++position)
        for (std::int64_t r = 0; r < p.values; ++r)
          for (std::int64_t h = 0; h < p.order; ++h) {
            const FibreRow& row = p.rows[r];
            const std::int64_t place = n * p.positions + position, places = p.batch * p.positions;
            const auto spectrum =
                static_cast<std::size_t>(places * p.fields * row.first +
                                         ((place * row.copies + row.copy) * p.fields + c) * row.degree + row.column);
            const auto function = static_cast<std::size_t>(((n * p.fields + c) * p.order + h) * p.positions + position);
            const double factor = p.table[r * p.order + h];
            if (adjoint)
              out[function] += factor * static_cast<double>(in[spectrum]);
            else
              out[spectrum] += factor * static_cast<double>(in[function]);
          }
  return {out.begin(), out.end()};
}

TYPED_TEST(FibreTransformTest, EveryVersionComputesTheFormula) {
  using T = TypeParam;
  const double tolerance = std::is_same_v<T, float> ? 3e-6 : 1e-14;
  for (Case& c : cases()) {
    const FibreTransformProblem p = c.problem();
    const auto x = random_values<T>(p.function_size(), 1), spectrum = random_values<T>(p.spectrum_size(), 2);
    std::vector<T> forward(spectrum.size()), adjoint(x.size());
    kernels::cpu::fibre_transform(p, x.data(), forward.data());
    kernels::cpu::fibre_transform_adjoint(p, spectrum.data(), adjoint.data());
    kernels::testing::expect_near(forward, by_formula(p, x, false), tolerance, "forward");
    kernels::testing::expect_near(adjoint, by_formula(p, spectrum, true), tolerance, "adjoint");
    const auto on = [&p](const std::vector<T>& from, std::size_t size) {
      return [&p, &from, size](const auto& version) {
        DeviceArray<T> in(version.device, std::span(from)), out(version.device, size);
        version.launch(p, in.data(), out.data());
        return out.to_host();
      };
    };
    check_every_version<kernels::FibreTransform<T>>(p, on(x, spectrum.size()), forward, tolerance);
    check_every_version<kernels::FibreTransformAdjoint<T>>(p, on(spectrum, x.size()), adjoint, tolerance);
  }
}

}  // namespace
}  // namespace orbitgrad::testing
