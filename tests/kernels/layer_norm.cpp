#include "kernels/layer_norm/layer_norm.hpp"

#include "tests/kernels/buffer.hpp"

namespace orbitgrad::testing {
namespace {

using kernels::LayerNormProblem;
using Wide = std::vector<double>;

// One column has no variance; 5000 rows are several chunks of column sums; 33 columns leave a tail.
const LayerNormProblem problems[] = {{5, 10, 1e-5}, {3, 1, 1e-2}, {2, 129, 1e-5}, {5000, 33, 0.5}, {0, 7}, {4, 0}};

double at(const Wide& values, std::int64_t i) { return values[static_cast<std::size_t>(i)]; }

/// (x - mean) / sqrt(variance + epsilon) of each row, and that 1 / sqrt.
Wide normalised(const LayerNormProblem& p, const Wide& x, Wide& rstd) {
  Wide h(x);
  rstd.clear();
  for (std::int64_t row = 0; row < p.rows; ++row) {
    double* const values = h.data() + row * p.columns;
    double mean = 0, variance = 0;
    for (std::int64_t j = 0; j < p.columns; ++j) mean += values[j] / static_cast<double>(p.columns);
    for (std::int64_t j = 0; j < p.columns; ++j) values[j] -= mean;
    for (std::int64_t j = 0; j < p.columns; ++j) variance += values[j] * values[j] / static_cast<double>(p.columns);
    rstd.push_back(1 / std::sqrt(variance + p.epsilon));
    for (std::int64_t j = 0; j < p.columns; ++j) values[j] *= rstd.back();
  }
  return h;
}

template <class T>
class LayerNormTest : public ::testing::Test {};
using Types = ::testing::Types<float, double>;
TYPED_TEST_SUITE(LayerNormTest, Types);

TYPED_TEST(LayerNormTest, ForwardMatchesTheFormula) {
  for (const auto& p : problems)
    for (int given = 0; given < 4; ++given) {
      const auto x = random_values<TypeParam>(p.rows * p.columns, 1), weight = random_values<TypeParam>(p.columns, 2),
                 bias = random_values<TypeParam>(p.columns, 3);
      Wide rstd, expected = normalised(p, Wide(x.begin(), x.end()), rstd);
      const Wide w(weight.begin(), weight.end()), b(bias.begin(), bias.end());
      for (std::int64_t i = 0; i < p.rows * p.columns; ++i) {
        double& y = expected[static_cast<std::size_t>(i)];
        if (given & 1) y *= at(w, i % p.columns);
        if (given & 2) y += at(b, i % p.columns);
      }
      expect_near(same_for_any_thread_count([&] {
                    Guarded<TypeParam> y(p.rows * p.columns), mean(p.rows), variance(p.rows);
                    kernels::cpu::layer_norm_forward(p, x.data(), given & 1 ? weight.data() : nullptr,
                                                     given & 2 ? bias.data() : nullptr, mean.data(), variance.data(),
                                                     y.data());
                    return y.values();
                  }),
                  expected);
    }
}

TYPED_TEST(LayerNormTest, BackwardMatchesTheFormula) {
  for (const auto& p : problems)
    for (const bool weighted : {false, true}) {
      const std::int64_t count = p.rows * p.columns;
      const auto x = random_values<TypeParam>(count, 4), dy = random_values<TypeParam>(count, 5),
                 weight = random_values<TypeParam>(p.columns, 6);
      Wide rstd;
      const Wide h = normalised(p, Wide(x.begin(), x.end()), rstd), wide_dy(dy.begin(), dy.end()),
                 w(weight.begin(), weight.end());
      Wide dx(h.size()), dweight(w.size()), dbias(w.size());
      for (std::int64_t row = 0; row < p.rows; ++row) {
        const auto g = [&](std::int64_t j) { return at(wide_dy, row * p.columns + j) * (weighted ? at(w, j) : 1); };
        double mean = 0, slope = 0;
        for (std::int64_t j = 0; j < p.columns; ++j) {
          mean += g(j) / static_cast<double>(p.columns);
          slope += g(j) * at(h, row * p.columns + j) / static_cast<double>(p.columns);
          dweight[static_cast<std::size_t>(j)] += at(wide_dy, row * p.columns + j) * at(h, row * p.columns + j);
          dbias[static_cast<std::size_t>(j)] += at(wide_dy, row * p.columns + j);
        }
        for (std::int64_t j = 0; j < p.columns; ++j)
          dx[static_cast<std::size_t>(row * p.columns + j)] =
              at(rstd, row) * (g(j) - mean - at(h, row * p.columns + j) * slope);
      }
      Guarded<TypeParam> y(count), mean(p.rows), variance(p.rows);
      const TypeParam* const scale = weighted ? weight.data() : nullptr;
      kernels::cpu::layer_norm_forward<TypeParam>(p, x.data(), scale, nullptr, mean.data(), variance.data(), y.data());
      const auto run = [&](int which, std::int64_t size) {  // each output alone, so that each may be null
        return same_for_any_thread_count([&] {
          Guarded<TypeParam> result(size);
          TypeParam* targets[3] = {};
          targets[which] = result.data();
          kernels::cpu::layer_norm_backward(p, x.data(), dy.data(), mean.data(), variance.data(), scale, targets[0],
                                            targets[1], targets[2]);
          return result.values();
        });
      };
      expect_near(run(0, count), dx, tolerance<TypeParam>, 1);
      expect_near(run(1, p.columns), dweight, tolerance<TypeParam>, 1);
      expect_near(run(2, p.columns), dbias, tolerance<TypeParam>, 1);
    }
}

}  // namespace
}  // namespace orbitgrad::testing
