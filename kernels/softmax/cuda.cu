#include <limits>

#include "kernels/cuda/team.hpp"
#include "kernels/exponential.hpp"
#include "kernels/softmax/softmax.hpp"

namespace orbitgrad::kernels {
namespace {

/// The sum of term(j) over the row in double, to every thread of the team.
template <class Team, class Term>
__device__ double row_sum(std::int64_t columns, Term&& term) {
  double sum = 0;
  for (std::int64_t j = Team::rank(); j < columns; j += Team::size) sum += static_cast<double>(term(j));
  return Team::reduce(sum, SumOf{});
}

template <class Team, class T>
__device__ T row_maximum(std::int64_t columns, const T* x) {
  T maximum = -std::numeric_limits<T>::infinity();
  for (std::int64_t j = Team::rank(); j < columns; j += Team::size) maximum = MaximumOf{}(maximum, x[j]);
  return Team::reduce(maximum, MaximumOf{});
}

template <class Team, class T>
__global__ void forward(SoftmaxProblem p, const T* x, T* y) {
  for_each_team_row<Team>(p.rows, [=](std::int64_t row) {
    const T* in = x + row * p.columns;
    T* out = y + row * p.columns;
    const T maximum = row_maximum<Team>(p.columns, in);
    const T sum =
        static_cast<T>(row_sum<Team>(p.columns, [=](std::int64_t j) { return out[j] = exponential(in[j] - maximum); }));
    const T scale = T{1} / sum;
    for (std::int64_t j = Team::rank(); j < p.columns; j += Team::size) out[j] *= scale;
  });
}

template <class Team, class T>
__global__ void backward(SoftmaxProblem p, const T* y, const T* dy, T* dx) {
  for_each_team_row<Team>(p.rows, [=](std::int64_t row) {
    const T *output = y + row * p.columns, *gradient = dy + row * p.columns;
    const T inner_product = static_cast<T>(row_sum<Team>(
        p.columns, [=](std::int64_t j) { return static_cast<double>(output[j]) * static_cast<double>(gradient[j]); }));
    for (std::int64_t j = Team::rank(); j < p.columns; j += Team::size)
      dx[row * p.columns + j] = softmax_derivative(output[j], gradient[j], inner_product);
  });
}

template <class Team, class T>
__global__ void log_forward(SoftmaxProblem p, const T* x, T* z) {
  for_each_team_row<Team>(p.rows, [=](std::int64_t row) {
    const T* in = x + row * p.columns;
    const T maximum = row_maximum<Team>(p.columns, in);
    const double sum = row_sum<Team>(p.columns, [=](std::int64_t j) { return exponential(in[j] - maximum); });
    const T logarithm = static_cast<T>(std::log(sum));
    for (std::int64_t j = Team::rank(); j < p.columns; j += Team::size)
      z[row * p.columns + j] = in[j] - maximum - logarithm;
  });
}

template <class Team, class T>
__global__ void log_backward(SoftmaxProblem p, const T* z, const T* dz, T* dx) {
  for_each_team_row<Team>(p.rows, [=](std::int64_t row) {
    const T *output = z + row * p.columns, *gradient = dz + row * p.columns;
    const T sum = static_cast<T>(row_sum<Team>(p.columns, [=](std::int64_t j) { return gradient[j]; }));
    for (std::int64_t j = Team::rank(); j < p.columns; j += Team::size)
      dx[row * p.columns + j] = log_softmax_derivative(output[j], gradient[j], sum);
  });
}

bool is_empty(const SoftmaxProblem& p) { return p.rows == 0 || p.columns == 0; }

template <class Team, class T>
void launch_forward(const SoftmaxProblem& p, const T* x, T* y) {
  if (!is_empty(p)) launch("softmax.forward", forward<Team, T>, team_shape<Team>(p.rows), p, x, y);
}
template <class Team, class T>
void launch_backward(const SoftmaxProblem& p, const T* y, const T* dy, T* dx) {
  if (!is_empty(p)) launch("softmax.backward", backward<Team, T>, team_shape<Team>(p.rows), p, y, dy, dx);
}
template <class Team, class T>
void launch_log_forward(const SoftmaxProblem& p, const T* x, T* z) {
  if (!is_empty(p)) launch("log_softmax.forward", log_forward<Team, T>, team_shape<Team>(p.rows), p, x, z);
}
template <class Team, class T>
void launch_log_backward(const SoftmaxProblem& p, const T* z, const T* dz, T* dx) {
  if (!is_empty(p)) launch("log_softmax.backward", log_backward<Team, T>, team_shape<Team>(p.rows), p, z, dz, dx);
}

/// One version of the four kernels.
template <class Team>
struct Versions {
  DeviceRegistration<SoftmaxForward> forward;
  DeviceRegistration<SoftmaxBackward> backward;
  DeviceRegistration<LogSoftmaxForward> log_forward;
  DeviceRegistration<LogSoftmaxBackward> log_backward;

  Versions(std::string_view name, bool (*supports)(const SoftmaxProblem&))
      : forward(name, launch_forward<Team, float>, launch_forward<Team, double>, supports, supports),
        backward(name, launch_backward<Team, float>, launch_backward<Team, double>, supports, supports),
        log_forward(name, launch_log_forward<Team, float>, launch_log_forward<Team, double>, supports, supports),
        log_backward(name, launch_log_backward<Team, float>, launch_log_backward<Team, double>, supports, supports) {}
};

// The formula.
const Versions<ThreadTeam> thread_per_row{"thread_per_row", [](const SoftmaxProblem&) { return true; }};
// Neighbouring lanes read neighbouring columns.
const Versions<WarpTeam> warp_per_row{"warp_per_row", [](const SoftmaxProblem&) { return true; }};
// A long row has work for all warps of a block.
const Versions<BlockTeam> block_per_row{"block_per_row", [](const SoftmaxProblem& p) { return p.columns > 1024; }};

}  // namespace
}  // namespace orbitgrad::kernels
