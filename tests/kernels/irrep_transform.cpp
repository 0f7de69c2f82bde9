// The transforms of irrep_transform.hpp are written out for speed; their rows are those that groups/irrep_frame.hpp
// makes from the irreps of the group.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <vector>

#include "groups/irrep_frame.hpp"
#include "groups/lattice_group.hpp"
#include "kernels/group_conv2d/irrep_transform.hpp"

namespace orbitgrad::testing {
namespace {

using Row = std::vector<double>;  // a linear function of the values of the group

/// The same for a row and its negative.
Row up_to_sign(Row row) {
  const auto first = std::find_if(row.begin(), row.end(), [](double entry) { return entry != 0; });
  if (first != row.end() && *first < 0)
    for (double& entry : row) entry = entry == 0 ? 0 : -entry;
  return row;
}

std::set<Row> rows_from_irreps(const groups::FiniteGroup& group) {
  std::set<Row> rows;
  for (const groups::IrrepFrame& frame : groups::irrep_frames(group))
    for (std::int64_t f = 0; f < frame.size; ++f)
      for (std::int64_t j = 0; j < frame.degree; ++j) {
        Row row(static_cast<std::size_t>(group.order()));
        for (std::size_t s = 0; s < row.size(); ++s)
          for (std::int64_t from = 0; from < frame.size; ++from) {
            const std::size_t at = frame.at(static_cast<std::int64_t>(s), from);
            if (frame.image[at] == f)
              row[s] += frame.sign[at] * frame.coordinates[static_cast<std::size_t>(from * frame.degree + j)];
          }
        rows.insert(up_to_sign(row));
      }
  return rows;
}

template <class Irreps>
std::vector<Row> written_rows() {
  constexpr int order = Irreps::order;
  std::vector<Row> rows(order, Row(order));
  for (int s = 0; s < order; ++s) {
    double values[order] = {};
    values[s] = 1;
    Irreps::transform(values);
    for (int i = 0; i < order; ++i) rows[static_cast<std::size_t>(i)][static_cast<std::size_t>(s)] = values[i];
  }
  return rows;
}

template <class Irreps>
void expect_rows_of(const char* name) {
  std::set<Row> written;
  for (const Row& row : written_rows<Irreps>()) written.insert(up_to_sign(row));
  EXPECT_EQ(written.size(), static_cast<std::size_t>(Irreps::order)) << name;
  EXPECT_EQ(written, rows_from_irreps(groups::lattice_group(name).group)) << name;
}

TEST(IrrepTransform, HasTheRowsOfTheIrreps) {
  expect_rows_of<kernels::TrivialIrreps>("p1");
  expect_rows_of<kernels::PairIrreps>("p2");
  expect_rows_of<kernels::PairIrreps>("pm");
  expect_rows_of<kernels::QuarterTurnIrreps>("p4");
  expect_rows_of<kernels::SquareIrreps>("p4m");
}

}  // namespace
}  // namespace orbitgrad::testing
