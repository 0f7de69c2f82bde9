#include "groups/angular_momentum.hpp"

#include <algorithm>

#include "groups/linear_algebra.hpp"

namespace orbitgrad::groups {

namespace {

void require_order(std::string_view op, std::int64_t l) {
  require(l >= 0 && l <= max_angular_order, op, "order {}. Take 0 .. {}.", l, max_angular_order);
}

/// Rows real harmonics, columns |l, m>: Y_m = sqrt(2) Re, Im of Y_l|m| with the sign (-1)^m taken off.
ComplexMatrix real_from_complex(std::int64_t l) {
  const double half = std::sqrt(0.5);
  ComplexMatrix u(2 * l + 1, 2 * l + 1);
  u(l, l) = 1;
  for (std::int64_t m = 1; m <= l; ++m) {
    const double sign = m % 2 == 0 ? 1 : -1;
    u(l + m, l + m) = sign * half;
    u(l + m, l - m) = half;
    u(l - m, l + m) = Complex(0, sign * half);
    u(l - m, l - m) = Complex(0, -half);
  }
  return u;
}

std::array<Matrix, 3> make_generators(std::int64_t l) {
  const std::int64_t size = 2 * l + 1;
  ComplexMatrix jx(size, size), jy(size, size), jz(size, size);
  for (std::int64_t m = -l; m <= l; ++m) {
    jz(l + m, l + m) = static_cast<double>(m);
    if (m == l) continue;
    const double raise = std::sqrt(static_cast<double>(l * (l + 1) - m * (m + 1))) / 2;
    jx(l + m + 1, l + m) = jx(l + m, l + m + 1) = raise;
    jy(l + m + 1, l + m) = Complex(0, -raise);
    jy(l + m, l + m + 1) = Complex(0, raise);
  }
  const ComplexMatrix u = real_from_complex(l);
  const auto to_real = [&](const ComplexMatrix& j) { return real_part(u * scaled(j, Complex(0, -1)) * adjoint(u)); };
  return {to_real(jx), to_real(jy), to_real(jz)};
}

double factorial(std::int64_t n) { return std::tgamma(static_cast<double>(n) + 1); }

/// <l1 m1 l2 m2 | l3 m3> by Racah's sum.
double complex_coefficient(std::int64_t l1, std::int64_t m1, std::int64_t l2, std::int64_t m2, std::int64_t l3) {
  const std::int64_t m3 = m1 + m2;
  if (std::abs(m3) > l3) return 0;
  const double triangle = static_cast<double>(2 * l3 + 1) * factorial(l3 + l1 - l2) * factorial(l3 - l1 + l2) *
                          factorial(l1 + l2 - l3) / factorial(l1 + l2 + l3 + 1);
  const double weights = factorial(l3 + m3) * factorial(l3 - m3) * factorial(l1 - m1) * factorial(l1 + m1) *
                         factorial(l2 - m2) * factorial(l2 + m2);
  double sum = 0;
  for (std::int64_t k = 0; k <= l1 + l2 - l3; ++k) {
    const std::array<std::int64_t, 5> rest{l1 + l2 - l3 - k, l1 - m1 - k, l2 + m2 - k, l3 - l2 + m1 + k,
                                           l3 - l1 - m2 + k};
    if (std::ranges::any_of(rest, [](std::int64_t n) { return n < 0; })) continue;
    double term = k % 2 == 0 ? 1 : -1;
    for (const std::int64_t n : rest) term /= factorial(n);
    sum += term / factorial(k);
  }
  return std::sqrt(triangle) * std::sqrt(weights) * sum;
}

}  // namespace

const std::array<Matrix, 3>& rotation_generators(std::int64_t l) {
  require_order("rotation_generators", l);
  static const std::vector<std::array<Matrix, 3>> all = [] {
    std::vector<std::array<Matrix, 3>> list;
    for (std::int64_t order = 0; order <= max_angular_order; ++order) list.push_back(make_generators(order));
    return list;
  }();
  return all[static_cast<std::size_t>(l)];
}

Matrix wigner_d(std::int64_t l, const Matrix& rotation) {
  require_order("wigner_d", l);
  require(rotation.rows == 3 && rotation.cols == 3, "wigner_d", "[{}, {}] is no rotation. Give [3, 3].", rotation.rows,
          rotation.cols);
  require(largest_entry(rotation * transpose(rotation) - Matrix::identity(3)) < 1e-8 &&
              determinant(to_complex(rotation)).real() > 0,
          "wigner_d", "the matrix is no rotation. Give an orthogonal one of determinant 1.");
  // Euler angles: R = Rz(alpha) Ry(beta) Rz(gamma).
  const double sine = std::hypot(rotation(0, 2), rotation(1, 2));
  double alpha = 0, gamma = 0;
  const double beta = std::atan2(sine, rotation(2, 2));
  if (sine > 1e-10) {
    alpha = std::atan2(rotation(1, 2), rotation(0, 2));
    // What is left after Ry(-beta) Rz(-alpha) is a rotation about z, read off without loss for any beta.
    const double c = std::cos(alpha), s = std::sin(alpha);
    gamma = std::atan2(-s * rotation(0, 0) + c * rotation(1, 0), -s * rotation(0, 1) + c * rotation(1, 1));
  } else {
    gamma =
        rotation(2, 2) > 0 ? std::atan2(rotation(1, 0), rotation(0, 0)) : std::atan2(rotation(1, 0), rotation(1, 1));
  }
  const auto& [jx, jy, jz] = rotation_generators(l);
  return exponential(scaled(jz, alpha)) * exponential(scaled(jy, beta)) * exponential(scaled(jz, gamma));
}

std::vector<double> spherical_harmonics(std::int64_t l, const std::array<double, 3>& direction) {
  require_order("spherical_harmonics", l);
  const double size = std::hypot(direction[0], direction[1], direction[2]);
  require(std::abs(size - 1) < 1e-8, "spherical_harmonics", "the direction has length {}. Give a unit vector.", size);
  // The column m = 0 of D^l of a rotation that carries the z axis to the direction.
  const double alpha = std::atan2(direction[1], direction[0]);
  const double beta = std::atan2(std::hypot(direction[0], direction[1]), direction[2]);
  const auto& [jx, jy, jz] = rotation_generators(l);
  const Matrix d = exponential(scaled(jz, alpha)) * exponential(scaled(jy, beta));
  std::vector<double> result;
  for (std::int64_t i = 0; i <= 2 * l; ++i) result.push_back(std::sqrt(static_cast<double>(2 * l + 1)) * d(i, l));
  return result;
}

Matrix clebsch_gordan(std::int64_t l1, std::int64_t l2, std::int64_t l3) {
  for (const std::int64_t l : {l1, l2, l3}) require_order("clebsch_gordan", l);
  require(l3 >= std::abs(l1 - l2) && l3 <= l1 + l2, "clebsch_gordan", "{} x {} does not hold {}. Take {} .. {}.", l1,
          l2, l3, std::abs(l1 - l2), l1 + l2);
  ComplexMatrix coupling((2 * l1 + 1) * (2 * l2 + 1), 2 * l3 + 1);
  for (std::int64_t m1 = -l1; m1 <= l1; ++m1)
    for (std::int64_t m2 = -l2; m2 <= l2; ++m2)
      if (std::abs(m1 + m2) <= l3)
        coupling((l1 + m1) * (2 * l2 + 1) + l2 + m2, l3 + m1 + m2) = complex_coefficient(l1, m1, l2, m2, l3);
  ComplexMatrix in_real_basis =
      kronecker(real_from_complex(l1), real_from_complex(l2)) * coupling * adjoint(real_from_complex(l3));
  // The coupling is unique up to a phase, which is 1 or i here: the larger part is all of it.
  if ((l1 + l2 + l3) % 2 != 0) in_real_basis = scaled(std::move(in_real_basis), Complex(0, 1));
  Matrix result = real_part(in_real_basis);
  const auto first = std::ranges::find_if(result.values, [](double value) { return std::abs(value) > 1e-10; });
  return first != result.values.end() && *first < 0 ? scaled(std::move(result), -1.0) : result;
}

}  // namespace orbitgrad::groups
