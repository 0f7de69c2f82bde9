#include "kernels/elementwise/elementwise.hpp"

#include "kernels/reduce/reduce.hpp"
#include "tests/kernels/buffer.hpp"

namespace orbitgrad::testing {
namespace {

using kernels::View;

/// [planes, rows, columns] of data that is dense in the order (plane, row, column) or, transposed, (plane, column,
/// row).
template <class T>
View<T> matrices(T* data, std::int64_t planes, std::int64_t rows, std::int64_t columns, bool transposed) {
  View<T> view{data, 3, {planes, rows, columns}, {rows * columns, columns, 1}};
  if (transposed) view.stride[1] = 1, view.stride[2] = rows;
  return view;
}

template <class T>
void expect_transposed(std::int64_t planes, std::int64_t rows, std::int64_t columns, std::int64_t shift) {
  SCOPED_TRACE(::testing::Message() << planes << " " << rows << " " << columns << " shift " << shift);
  std::vector<T> x(static_cast<std::size_t>(planes * rows * columns));
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<T>(i % 8191);
  const auto y = same_for_any_thread_count([&] {
    Guarded<T> result(planes * rows * columns + shift);
    kernels::cpu::copy<T, T>(matrices<const T>(x.data(), planes, rows, columns, true),
                             matrices<T>(result.data() + shift, planes, rows, columns, false));
    return result.values();
  });
  std::int64_t wrong = 0;
  for (std::int64_t plane = 0; plane < planes; ++plane)
    for (std::int64_t i = 0; i < rows; ++i)
      for (std::int64_t j = 0; j < columns; ++j)
        wrong += y[static_cast<std::size_t>(shift + (plane * rows + i) * columns + j)] !=
                 x[static_cast<std::size_t>((plane * columns + j) * rows + i)];
  EXPECT_EQ(wrong, 0);
}

TEST(Elementwise, TransposedCopiesMoveEveryElement) {
  for (const std::int64_t shift : {0, 1}) {  // lines of the result aligned in memory or not
    expect_transposed<float>(1, 1088, 1024, shift);
    expect_transposed<double>(2, 520, 512, shift);
  }
  expect_transposed<float>(3, 37, 53, 0);
  expect_transposed<double>(2, 16, 65, 0);
  expect_transposed<std::int32_t>(2, 33, 64, 0);
  expect_transposed<float>(1, 1030, 1030, 0);
}

TEST(Elementwise, PiecesOfADenseLoopMeet) {
  for (const std::int64_t count : {0, 1, 63, 64, 65, 200}) {
    const auto x = random_values<float>(count, 1);
    Guarded<float> y(count);
    kernels::cpu::unary<kernels::Exp>(View<const float>{x.data(), 1, {count}, {1}},
                                      View<float>{y.data(), 1, {count}, {1}});
    std::vector<double> expected(x.begin(), x.end());
    for (double& value : expected) value = std::exp(value);
    expect_near(y.values(), expected, 2e-7);
  }
}

TEST(Reduce, ColumnsAndRowsAgreeWithASum) {
  for (const std::int64_t rows : {1, 3, 4, 9})
    for (const std::int64_t columns : {2, 15, 16, 70}) {
      const auto x = random_values<float>(rows * columns, 2);
      const View<const float> by_column{x.data(), 2, {columns, rows}, {1, columns}};
      std::vector<double> total(static_cast<std::size_t>(columns)), largest(total.size(), -2);
      for (std::size_t i = 0; i < x.size(); ++i) {
        const std::size_t j = i % total.size();
        total[j] += static_cast<double>(x[i]);
        largest[j] = std::max(largest[j], static_cast<double>(x[i]));
      }
      Guarded<float> sum(columns), maximum(columns);
      kernels::cpu::reduce<float, float>(kernels::Reduction::sum, by_column, 1, sum.data());
      kernels::cpu::reduce<float, float>(kernels::Reduction::maximum, by_column, 1, maximum.data());
      expect_near(sum.values(), total, 1e-7, 1);
      expect_near(maximum.values(), largest, 0);
    }
}

}  // namespace
}  // namespace orbitgrad::testing
