// The report of the experiment symmetry-cloning: means and deviations over the seeds, the criteria that a reproduction
// has to meet, tables in Markdown and JSON, and plots by gnuplot.
#pragma once

#include <string>
#include <vector>

#include "experiments/record.hpp"
#include "experiments/symmetry_cloning/matrix.hpp"

namespace orbitgrad::experiments {

struct Statistic {
  double mean = 0, deviation = 0;  // of a sample; 0 for one value
  std::int64_t count = 0;
};
/// Of the records that have the number, as a number.
Statistic statistic_of(const std::vector<const Record*>& records, const std::string& name);

/// "12.34 ± 0.56", in percent; "-" without values.
std::string percent(const Statistic& value);
/// The settings that all cells share, in one sentence.
std::string setting_line(const CellOptions& cell, std::int64_t seeds);

/// What the seeds say of |mean| <= bound, by the 95 % interval of Student's t: "yes" and "no" where the whole interval
/// lies within the bound or beyond it, else "undecided", as one value alone always is.
std::string within_bound(const Statistic& value, double bound);
/// Half of that interval; infinite for one value.
double half_interval(const Statistic& value);

/// What must hold by the specification of the method: {what, measured, expected, holds}, `holds` "yes", "no" or
/// "undecided". A criterion whose cells did not run is left out.
std::vector<Record> judge(const std::vector<Record>& cells);

/// Writes results.md, results.json and the plots into options.out and prints results.md. Plots are left out, with a
/// note, where gnuplot is not to be had.
void write_report(const MatrixOptions& options, const std::vector<Record>& cells,
                  const std::vector<Record>& closed_forms);

}  // namespace orbitgrad::experiments
