// einsum against the sum over all indices, written out; outer, cross, triangles and diagonals.
#include "engine/ops/einsum.hpp"

#include <map>

#include "engine/ops/arithmetic.hpp"
#include "engine/ops/elementary.hpp"
#include "engine/ops/triangular.hpp"
#include "tests/engine/expect_error.hpp"
#include "tests/engine/op_checks.hpp"

namespace orbitgrad {
namespace {

using testing::expect_derivatives;
using testing::Inputs;
using testing::relative_difference;
using testing::smooth_input;

struct Sum {
  std::string inputs, output;  // without "...", inputs parted by commas
  std::vector<Shape> shapes;
  std::string equation;  // what einsum is given; empty: inputs->output
};

/// The definition: over all values of all letters, the product of the elements is added to its place.
Tensor summed(const Sum& sum, const std::vector<Tensor>& operands) {
  std::vector<std::string> terms(1);
  for (const char c : sum.inputs)
    if (c == ',')
      terms.emplace_back();
    else
      terms.back() += c;
  std::map<char, std::int64_t> length, at;
  for (std::size_t i = 0; i < terms.size(); ++i)
    for (std::size_t axis = 0; axis < terms[i].size(); ++axis) {
      std::int64_t& longest = length[terms[i][axis]];
      longest = std::max(longest, operands[i].size(static_cast<int>(axis)));
    }
  Shape shape;
  for (const char label : sum.output) shape.push_back(length[label]);
  std::vector<double> result(static_cast<std::size_t>(shape.numel()));
  std::vector<std::vector<double>> values;
  for (const Tensor& x : operands) values.push_back(x.to_vector<double>());
  std::int64_t all = 1;
  for (const auto& entry : length) all *= entry.second;
  for (std::int64_t number = 0; number < all; ++number) {
    std::int64_t rest = number;
    for (const auto& entry : length) {
      at[entry.first] = rest % entry.second;
      rest /= entry.second;
    }
    double product = 1;
    for (std::size_t i = 0; i < terms.size(); ++i) {
      std::int64_t place = 0;
      for (std::size_t axis = 0; axis < terms[i].size(); ++axis) {
        const std::int64_t size = operands[i].size(static_cast<int>(axis));
        place = place * size + (size == 1 ? 0 : at[terms[i][axis]]);
      }
      product *= values[i][static_cast<std::size_t>(place)];
    }
    std::int64_t place = 0;
    for (const char label : sum.output) place = place * length[label] + at[label];
    result[static_cast<std::size_t>(place)] += product;
  }
  return from_vector(result, shape);
}

std::vector<Sum> sums() {
  return {
      {"ij,jk", "ik", {{2, 3}, {3, 4}}, ""},
      {"ij,jk", "ik", {{2, 3}, {3, 4}}, "ij,jk"},
      {"ba", "ab", {{2, 3}}, " b a "},
      {"ij", "", {{2, 3}}, ""},
      {"ii", "i", {{3, 3}}, ""},
      {"ii", "", {{3, 3}}, "ii"},
      {"iji", "j", {{3, 2, 3}}, ""},
      {"iii", "i", {{2, 2, 2}}, ""},
      {"bij,bjk", "bik", {{2, 2, 3}, {2, 3, 2}}, ""},
      {"bij,bjk", "bik", {{2, 2, 3}, {1, 3, 2}}, ""},
      {"bij,bjk", "kib", {{2, 2, 3}, {2, 3, 2}}, ""},
      {"ij,jk", "ik", {{2, 1}, {3, 4}}, ""},
      {"i,j", "ji", {{2}, {3}}, ""},
      {"bi,bi", "b", {{2, 3}, {2, 3}}, ""},
      {"i,i", "", {{4}, {4}}, "i,i"},
      {"ijk,k", "i", {{2, 3, 2}, {2}}, ""},
      {"ij,jk,kl", "il", {{2, 3}, {3, 4}, {4, 2}}, ""},
      {"ijj,kl,lk", "ik", {{2, 3, 3}, {2, 3}, {3, 2}}, ""},
      {"abc,cd,be,ae", "d", {{2, 3, 2}, {2, 3}, {3, 2}, {2, 2}}, ""},
      {"xyij,xyjk", "xyik", {{2, 2, 2, 3}, {2, 2, 3, 2}}, "...ij,...jk->...ik"},
      {"xyij,yjk", "xyik", {{2, 3, 2, 3}, {3, 3, 2}}, "...ij,...jk"},
      {"xij,xji", "x", {{2, 2, 3}, {2, 3, 2}}, "...ij,...ji"},
      {"xyi", "ixy", {{2, 3, 2}}, "...i->i..."},
      {"xi,j", "jxi", {{2, 3}, {2}}, "...i,j->j...i"},
      {"ij,ij", "ij", {{2, 3}, {2, 3}}, ""},
      {"ijk,jl", "lki", {{2, 0, 3}, {0, 2}}, ""},
  };
}

TEST(Einsum, IsTheSumOverAllIndices) {
  for (const Sum& sum : sums()) {
    const std::string equation = sum.equation.empty() ? sum.inputs + "->" + sum.output : sum.equation;
    SCOPED_TRACE(equation);
    std::vector<Tensor> operands;
    for (const Shape& shape : sum.shapes) operands.push_back(smooth_input(shape, operands.size() + 1).detach());
    EXPECT_LE(relative_difference(einsum(equation, operands), summed(sum, operands)), 1e-14);
  }
  const Tensor whole = reshape(arange(6), {2, 3});
  EXPECT_EQ(einsum("ij,kj->ik", {whole, whole}).to_vector<std::int64_t>(), (std::vector<std::int64_t>{5, 14, 14, 50}));
}

TEST(Einsum, Derivatives) {
  std::vector<testing::GradientCase> cases;
  for (const auto& [equation, shapes] : std::vector<std::pair<std::string, std::vector<Shape>>>{
           {"bij,bjk->kib", {{2, 2, 3}, {1, 3, 2}}}, {"ii,ij,...j->...", {{2, 2}, {2, 3}, {2, 3}}}}) {
    std::vector<Tensor> operands;
    for (const Shape& shape : shapes) operands.push_back(smooth_input(shape, operands.size() + 1));
    cases.push_back({equation, [text = equation](const Inputs& x) { return einsum(text, x); }, operands});
  }
  expect_derivatives(cases);
}

TEST(Einsum, Errors) {
  const Tensor a = zeros({2, 3}), b = zeros({3, 4});
  EXPECT_ERROR(einsum("ij,jk", {a}), "2 terms for 1 operands");
  EXPECT_ERROR(einsum("ijk", {a}), "names 3 axes");
  EXPECT_ERROR(einsum("i->i", {a}), "names 1 axes");
  EXPECT_ERROR(einsum("ij,jk->iz", {a, b}), "is in no term");
  EXPECT_ERROR(einsum("ij->ii", {a}), "names an axis twice");
  EXPECT_ERROR(einsum("ij,ik", {a, b}), "length 2 in one operand and 3");
  EXPECT_ERROR(einsum("ii", {a}), "A diagonal needs equal ones");
  EXPECT_ERROR(einsum("i.j", {a}), "is not a term");
  EXPECT_ERROR(einsum("...i->i", {a}), "leaves out \"...\", which stands for 1 axes");
  EXPECT_ERROR(einsum("...->", {a}), "leaves out");
  EXPECT_EQ(einsum("...ij->ij", {a}).shape(), a.shape()) << "it stands for no axes";
  EXPECT_ERROR(einsum("i1", {a}), "is not a term");
  EXPECT_ERROR(einsum("", {}), "no operands");
  EXPECT_ERROR(einsum("ij,jk", {a, cast(b, DType::float64)}), "float64");
  EXPECT_ERROR(cross(a, zeros({2, 2})), "[2, 3]");
  EXPECT_ERROR(cross(zeros({2, 2}), zeros({2, 2})), "must have length 3");
}

TEST(Products, OuterAndCross) {
  const Tensor a = from_vector<double>({1, 2, 3}), b = from_vector<double>({4, 5, 7});
  EXPECT_EQ(cross(a, b).to_vector<double>(), (std::vector<double>{-1, 5, -3}));
  EXPECT_EQ(outer(narrow(a, 0, 0, 2), b).to_vector<double>(), (std::vector<double>{4, 5, 7, 8, 10, 14}));
  expect_derivatives({
      {"cross",
       [](const Inputs& x) { return cross(x[0], x[1], 0); },
       {smooth_input({3, 2}, 1), smooth_input({3, 1}, 2)}},
      {"outer", [](const Inputs& x) { return outer(x[0], x[1]); }, {smooth_input({2, 1}, 1), smooth_input({3}, 2)}},
  });
}

TEST(Triangular, TrianglesAndDiagonals) {
  const Tensor x = reshape(arange(12, DType::float64), {3, 4});
  EXPECT_EQ(tril(x).to_vector<double>(), (std::vector<double>{0, 0, 0, 0, 4, 5, 0, 0, 8, 9, 10, 0}));
  EXPECT_EQ(triu(x, 1).to_vector<double>(), (std::vector<double>{0, 1, 2, 3, 0, 0, 6, 7, 0, 0, 0, 11}));
  EXPECT_EQ(tril(x, -5).to_vector<double>(), std::vector<double>(12, 0.0));
  EXPECT_EQ(relative_difference(triu(x, std::numeric_limits<std::int64_t>::min()), x), 0);
  EXPECT_EQ(diagonal(x).to_vector<double>(), (std::vector<double>{0, 5, 10}));
  EXPECT_EQ(diagonal(x, 2).to_vector<double>(), (std::vector<double>{2, 7}));
  EXPECT_EQ(diagonal(transpose(x), 1).to_vector<double>(), (std::vector<double>{4, 9}));
  EXPECT_EQ(diagonal(x, -9).shape(), (Shape{0}));
  EXPECT_EQ(trace(x).item(), 15);
  EXPECT_EQ(embed_diagonal(from_vector<double>({1, 2}), 2, 3, 1).to_vector<double>(),
            (std::vector<double>{0, 1, 0, 0, 0, 2}));
  expect_derivatives({
      {"tril", [](const Inputs& t) { return square(tril(t[0], 1)); }, {smooth_input({2, 3, 3}, 1)}},
      {"triu", [](const Inputs& t) { return square(triu(t[0])); }, {smooth_input({3, 2}, 1)}},
      {"diagonal", [](const Inputs& t) { return square(diagonal(t[0], -1)); }, {smooth_input({2, 3, 3}, 1)}},
      {"embed_diagonal",
       [](const Inputs& t) { return square(embed_diagonal(t[0], 3, 2, -1)); },
       {smooth_input({2, 2}, 1)}},
  });
  EXPECT_ERROR(tril(zeros({3})), "takes matrices");
  EXPECT_ERROR(diagonal(zeros({3})), "takes matrices");
  EXPECT_ERROR(embed_diagonal(zeros({3}), 2, 2), "does not fill");
  EXPECT_ERROR(embed_diagonal(zeros({}), 2, 2), "scalar");
}

}  // namespace
}  // namespace orbitgrad
