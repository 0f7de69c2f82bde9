// The transform over the group axis on a device, a thread per result. The tables lie in host memory and become device
// tables.
#include <cmath>
#include <span>

#include "kernels/cuda/device.hpp"
#include "kernels/device_table.hpp"
#include "kernels/fibre_transform/fibre_transform.hpp"

namespace orbitgrad::kernels {
namespace {

class TablesOnDevice {
 public:
  explicit TablesOnDevice(const FibreTransformProblem& p) : problem_(p) {
    table_ = device_table(this_device, std::span<const double>(p.table, static_cast<std::size_t>(p.values * p.order)));
    rows_ = device_table(this_device, std::span<const FibreRow>(p.rows, static_cast<std::size_t>(p.values)));
    problem_.table = table_.get();
    problem_.rows = rows_.get();
  }
  /// The same problem, for a kernel.
  const FibreTransformProblem& problem() const { return problem_; }

 private:
  FibreTransformProblem problem_;
  std::shared_ptr<const double> table_;
  std::shared_ptr<const FibreRow> rows_;
};

/// Neighbouring threads write neighbouring places of one row of the table, so that they read neighbours of x.
template <class T>
__global__ void transform(FibreTransformProblem p, const T* x, T* spectrum) {
  const std::int64_t unit = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (unit >= p.spectrum_size()) return;
  const std::int64_t position = unit % p.positions, c = unit / p.positions % p.fields;
  const std::int64_t n = unit / (p.positions * p.fields) % p.batch, r = unit / (p.positions * p.fields * p.batch);
  const T* function = x + fibre_function_offset(p, n, c, position);
  T sum = 0;
  for (std::int64_t h = 0; h < p.order; ++h)
    sum = std::fma(static_cast<T>(p.table[r * p.order + h]), function[h * p.positions], sum);
  spectrum[fibre_spectrum_offset(p, p.rows[r], n * p.positions + position, c)] = sum;
}

template <class T>
__global__ void transform_back(FibreTransformProblem p, const T* spectrum, T* x) {
  const std::int64_t unit = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (unit >= p.function_size()) return;
  const std::int64_t position = unit % p.positions, h = unit / p.positions % p.order;
  const std::int64_t c = unit / (p.positions * p.order) % p.fields, n = unit / (p.positions * p.order * p.fields);
  T sum = 0;
  for (std::int64_t r = 0; r < p.values; ++r)
    sum = std::fma(static_cast<T>(p.table[r * p.order + h]),
                   spectrum[fibre_spectrum_offset(p, p.rows[r], n * p.positions + position, c)], sum);
  x[unit] = sum;
}

template <class T>
void launch_forward(const FibreTransformProblem& p, const T* x, T* spectrum) {
  if (p.spectrum_size() == 0) return;
  const TablesOnDevice tables(p);
  launch("fibre_transform.forward", transform<T>, {.grid = blocks_for(p.spectrum_size(), 128), .block = 128},
         tables.problem(), x, spectrum);
}
template <class T>
void launch_adjoint(const FibreTransformProblem& p, const T* spectrum, T* x) {
  if (p.function_size() == 0) return;
  const TablesOnDevice tables(p);
  launch("fibre_transform.adjoint", transform_back<T>, {.grid = blocks_for(p.function_size(), 128), .block = 128},
         tables.problem(), spectrum, x);
}

const DeviceRegistration<FibreTransform> forward{"thread_per_value", launch_forward<float>, launch_forward<double>};
const DeviceRegistration<FibreTransformAdjoint> adjoint{"thread_per_value", launch_adjoint<float>,
                                                        launch_adjoint<double>};

}  // namespace
}  // namespace orbitgrad::kernels
