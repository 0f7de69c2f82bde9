#include "kernels/sparse_rows/sparse_rows.hpp"

#include "tests/kernels/buffer.hpp"
#include "tests/kernels/device_map.hpp"
#include "tests/kernels/strided_array.hpp"

namespace orbitgrad::kernels::testing {
namespace {

using orbitgrad::testing::random_values;
using orbitgrad::testing::tolerance;

/// Rows of very different lengths, the first of them empty; columns repeat.
struct Matrix {
  SparseRowsProblem problem;
  std::vector<std::int64_t> offset = {0}, column, slot;

  Matrix(std::int64_t outer, std::int64_t rows, std::int64_t columns, std::int64_t inner, std::int64_t longest)
      : problem{outer, rows, columns, inner, 0, false} {
    for (std::int64_t r = 0; r < rows; ++r) {
      const std::int64_t length = r == 0 && rows > 1 ? 0 : longest - r % 3;
      for (std::int64_t k = 0; k < length; ++k) column.push_back((r * 7 + k * k) % columns);
      offset.push_back(static_cast<std::int64_t>(column.size()));
    }
    problem.entries = offset.back();
    for (std::int64_t k = 0; k < problem.entries; ++k) slot.push_back(problem.entries - 1 - k);
  }
};

std::vector<Matrix> matrices() {
  return {{2, 5, 6, 1, 4}, {1, 4, 3, 130, 5}, {3, 2, 9, 2, 200}, {1, 1, 50, 1, 700}, {2, 0, 4, 3, 1}, {0, 3, 4, 3, 2}};
}

template <class T>
void check_product(const Matrix& m, bool weighted) {
  const SparseRowsProblem& p = m.problem;
  const auto x = random_values<T>(p.outer * p.columns * p.inner, 1), value = random_values<T>(p.entries, 2);
  std::vector<T> expected(static_cast<std::size_t>(p.output_count()));
  for (std::int64_t output = 0; output < p.output_count(); ++output) {
    const std::int64_t i = output % p.inner, r = output / p.inner % p.rows, o = output / p.inner / p.rows;
    double sum = 0;
    for (std::int64_t k = m.offset[static_cast<std::size_t>(r)]; k < m.offset[static_cast<std::size_t>(r) + 1]; ++k) {
      const auto entry = static_cast<std::size_t>(k);
      const auto from = static_cast<std::size_t>((o * p.columns + m.column[entry]) * p.inner + i);
      sum += (weighted ? static_cast<double>(value[static_cast<std::size_t>(m.slot[entry])]) : 1.0) *
             static_cast<double>(x[from]);
    }
    expected[static_cast<std::size_t>(output)] = static_cast<T>(sum);
  }
  const auto on_cpu = orbitgrad::testing::same_for_any_thread_count([&] {
    std::vector<T> y(expected.size());
    cpu::sparse_product(p, m.offset.data(), m.column.data(), m.slot.data(), weighted ? value.data() : nullptr, x.data(),
                        y.data());
    return y;
  });
  EXPECT_TRUE(same_bits(on_cpu, expected));
  const auto run = [&](const auto& version) {
    DeviceArray<std::int64_t> offset(version.device, std::span<const std::int64_t>(m.offset)),
        column(version.device, std::span<const std::int64_t>(m.column)),
        slot(version.device, std::span<const std::int64_t>(m.slot));
    DeviceArray<T> factor(version.device, std::span<const T>(value)), in(version.device, std::span<const T>(x));
    DeviceArray<T> out(version.device, expected.size());
    version.launch(p, offset.data(), column.data(), slot.data(), weighted ? factor.data() : nullptr, in.data(),
                   out.data());
    return out.to_host();
  };
  check_every_version<SparseProduct<T>>(p, run, expected, tolerance<T>);
}

TEST(SparseRowsDevice, ProductMatchesTheFormula) {
  for (const Matrix& m : matrices()) {
    check_product<float>(m, true);
    check_product<double>(m, false);
  }
}

TEST(SparseRowsDevice, ExtremesAreTheFirstWinners) {
  for (Matrix m : matrices())
    for (const bool minimum : {false, true}) {
      SparseRowsProblem& p = m.problem;
      p.minimum = minimum;
      const auto x = elements<float>(p.outer * p.columns * p.inner, 4, true);
      std::vector<std::int64_t> expected(static_cast<std::size_t>(p.output_count()), -1), on_cpu(expected.size());
      for (std::int64_t output = 0; output < p.output_count(); ++output) {
        const std::int64_t i = output % p.inner, r = output / p.inner % p.rows, o = output / p.inner / p.rows;
        const auto at = [&](std::int64_t column) {
          return x[static_cast<std::size_t>((o * p.columns + column) * p.inner + i)];
        };
        std::int64_t& best = expected[static_cast<std::size_t>(output)];
        for (std::int64_t k = m.offset[static_cast<std::size_t>(r)]; k < m.offset[static_cast<std::size_t>(r) + 1];
             ++k) {
          const std::int64_t column = m.column[static_cast<std::size_t>(k)];
          if (best < 0 || (!std::isnan(at(best)) &&
                           (std::isnan(at(column)) || (minimum ? at(column) < at(best) : at(column) > at(best)))))
            best = column;
        }
      }
      cpu::sparse_arg_extreme(p, m.offset.data(), m.column.data(), x.data(), on_cpu.data());
      EXPECT_EQ(on_cpu, expected);
      check_every_version<SparseArgExtreme<float>>(
          p,
          [&](const auto& version) {
            return map_on_device<std::int64_t>(version, p, expected.size(), m.offset, m.column, x);
          },
          expected, 0);
    }
}

template <class T>
void check_take(const TakeRowsProblem& p) {
  const auto x = elements<T>(p.outer * p.size * p.inner, 5, true);
  std::vector<std::int64_t> index;
  for (std::int64_t k = 0; k < p.picks; ++k) index.push_back(k % 5 == 3 ? -1 : k * k % p.size);
  std::vector<Stored<T>> expected(static_cast<std::size_t>(p.output_count())), on_cpu(expected.size());
  for (std::size_t output = 0; output < expected.size(); ++output) {
    const std::int64_t at = static_cast<std::int64_t>(output), row = at / p.inner;
    const std::int64_t pick = index[static_cast<std::size_t>(row % p.picks)];
    if (pick >= 0)
      expected[output] = x[static_cast<std::size_t>((row / p.picks * p.size + pick) * p.inner + at % p.inner)];
  }
  cpu::take_rows<T>(p, reinterpret_cast<const T*>(x.data()), index.data(), reinterpret_cast<T*>(on_cpu.data()));
  EXPECT_TRUE(same_bits(on_cpu, expected));
  const auto run = [&](const auto& version) {
    DeviceArray<Stored<T>> in(version.device, std::span<const Stored<T>>(x)), out(version.device, expected.size());
    DeviceArray<std::int64_t> positions(version.device, std::span<const std::int64_t>(index));
    version.launch(p, reinterpret_cast<const T*>(in.data()), positions.data(), reinterpret_cast<T*>(out.data()));
    return out.to_host();
  };
  check_every_version<TakeRows<T>>(p, run, expected, 0);
}

TEST(SparseRowsDevice, TakeCopiesRows) {
  for (const TakeRowsProblem& p : {TakeRowsProblem{1, 6, 9, 1}, {3, 4, 7, 50}, {2, 3, 0, 2}, {0, 3, 4, 2}}) {
    check_take<float>(p);
    check_take<double>(p);
    check_take<bool>(p);
    check_take<std::int32_t>(p);
    check_take<std::int64_t>(p);
  }
}

}  // namespace
}  // namespace orbitgrad::kernels::testing
