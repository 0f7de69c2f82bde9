// The real Fourier transforms of the groups p1, p2, pm, p4 and p4m, and why they make a group convolution cheaper.
//
// With X[c,w,r] = x[c, r, o + h_r w], the value that group element r reads at the output position o for tap w, and the
// filter a[c,w,g] = w[c, g, h_g w], the convolution is a correlation on the group for each field c and tap w:
//   y[s] = sum_{c,w,g} a[c,w,g] X[c,w, s g].                                    order^2 products for all s
// Transform both with the irreducible representations rho, orthogonal matrices: X^ = sum_r X[r] rho(r). Since
// rho(s) = rho(s g) rho(g)^T,
//   y^ = sum_s y[s] rho(s) = sum_{c,w} X^[c,w] a^[c,w]^T                        d^3 products for each rho of size d
// and nothing joins different rho: that is Schur's lemma. The sum of d^2 is the order, so the values are as many as
// before, but the products fall from order^2 to the sum of d^3:
//   p2, pm  1 + 1 = 2 of 4.   p4m  1 + 1 + 1 + 1 + 2^3 = 12 of 64, 5.33 times fewer.
//   p4      1 + 1 and one complex number, 4 real products: 6 of 16, 2.67 times fewer.
// The entries of rho are 0 and +-1, so the transforms are additions; y[s] = sum_rho d/order <rho(s), y^> has powers of
// two for factors, and they go into the filter.
//
// Equivariance bit for bit: x transformed by h has X'[r] = X[h^-1 r] at the moved position, and X^' = rho(h) X^, a
// permutation of the rows with signs. Below, each sum has its terms in an order that h maps to itself but for the two
// arguments of one addition and for signs, and each output sums its products in the same order of filter entries; only
// so do the bits follow. The complex product of p4 is therefore four sums over all of (c, w), added once at the end.
//
// Cohen and Welling, "Group equivariant convolutional networks" (2016), section 4, has the groups; Diaconis, "Group
// representations in probability and statistics" (1988), chapter 2, the transform of a convolution.
#pragma once

#include "kernels/host_device.hpp"

namespace orbitgrad::kernels {

/// The transformed input `panel` is multiplied with the transformed filters `filter`, `filter` + 1, ... (`width` of
/// them) and added to the sums `out`, `out` + 1, ... In the filter gradient the panel is multiplied with the
/// transformed output gradients `image`, `image` + 1, ... and added to the filters.
struct IrrepProduct {
  int panel, out, image, filter, width;
};

// Each group has
//   order, products
//   sums, filters                  how many sums and transformed filters the products need
//   scale(i)                       d/order of value i, for the filter
//   element(s, t)                  index of h_s^-1 h_t in the numbering that the transform expects
//   transform(x), inverse(x)       in place, `order` values of a number or of a vector of numbers; the second is the
//                                  transpose of the first
//   spread(a)                      from `order` transformed values of the filter to `filters`
//   collect(a)                     the transpose of spread
//   join(y)                        from `sums` sums to `order` transformed values of the output
// on the host and on a device.

/// p1.
struct TrivialIrreps {
  static constexpr int order = 1, sums = 1, filters = 1;
  static constexpr IrrepProduct products[] = {{0, 0, 0, 0, 1}};
  ORBITGRAD_HOST_DEVICE static constexpr double scale(int) { return 1.0; }
  ORBITGRAD_HOST_DEVICE static constexpr int element(int, int) { return 0; }
  template <class V>
  ORBITGRAD_HOST_DEVICE static void transform(V*) {}
  template <class V>
  ORBITGRAD_HOST_DEVICE static void inverse(V*) {}
  template <class V>
  ORBITGRAD_HOST_DEVICE static void spread(V*) {}
  template <class V>
  ORBITGRAD_HOST_DEVICE static void collect(V*) {}
  template <class V>
  ORBITGRAD_HOST_DEVICE static void join(V*) {}
};

/// p2 and pm: the even and the odd part.
struct PairIrreps {
  static constexpr int order = 2, sums = 2, filters = 2;
  static constexpr IrrepProduct products[] = {{0, 0, 0, 0, 1}, {1, 1, 1, 1, 1}};
  ORBITGRAD_HOST_DEVICE static constexpr double scale(int) { return 0.5; }
  ORBITGRAD_HOST_DEVICE static constexpr int element(int s, int t) { return s ^ t; }
  template <class V>
  [[gnu::always_inline]] ORBITGRAD_HOST_DEVICE static void transform(V* x) {
    const V even = x[0] + x[1], odd = x[0] - x[1];
    x[0] = even, x[1] = odd;
  }
  template <class V>
  [[gnu::always_inline]] ORBITGRAD_HOST_DEVICE static void inverse(V* x) {
    transform(x);
  }
  template <class V>
  ORBITGRAD_HOST_DEVICE static void spread(V*) {}
  template <class V>
  ORBITGRAD_HOST_DEVICE static void collect(V*) {}
  template <class V>
  ORBITGRAD_HOST_DEVICE static void join(V*) {}
};

/// p4: the sums with the characters 1 and (-1)^r, then p = x0 - x2 and q = x1 - x3, the complex character i^r.
/// With a filter (alpha, beta) the output has P = alpha p + beta q and Q = alpha q - beta p.
struct QuarterTurnIrreps {
  static constexpr int order = 4, sums = 6, filters = 6;
  static constexpr IrrepProduct products[] = {{0, 0, 0, 0, 1}, {1, 1, 1, 1, 1}, {2, 2, 2, 2, 2}, {3, 4, 2, 4, 2}};
  ORBITGRAD_HOST_DEVICE static constexpr double scale(int i) { return i < 2 ? 0.25 : 0.5; }
  ORBITGRAD_HOST_DEVICE static constexpr int element(int s, int t) { return (t - s) & 3; }

  template <class V>
  [[gnu::always_inline]] ORBITGRAD_HOST_DEVICE static void transform(V* x) {  // 6 additions
    const V even = x[0] + x[2], odd = x[1] + x[3], p = x[0] - x[2], q = x[1] - x[3];
    x[0] = even + odd, x[1] = even - odd, x[2] = p, x[3] = q;
  }
  template <class V>
  [[gnu::always_inline]] ORBITGRAD_HOST_DEVICE static void inverse(V* x) {
    const V even = x[0] + x[1], odd = x[0] - x[1], p = x[2], q = x[3];
    x[0] = even + p, x[1] = odd + q, x[2] = even - p, x[3] = odd - q;
  }
  /// p meets alpha and -beta, q meets beta and alpha.
  template <class V>
  [[gnu::always_inline]] ORBITGRAD_HOST_DEVICE static void spread(V* a) {
    const V alpha = a[2], beta = a[3];
    a[3] = -beta, a[4] = beta, a[5] = alpha;
  }
  template <class V>
  [[gnu::always_inline]] ORBITGRAD_HOST_DEVICE static void collect(V* a) {
    const V alpha = a[2] + a[5], beta = a[4] - a[3];
    a[2] = alpha, a[3] = beta;
  }
  template <class V>
  [[gnu::always_inline]] ORBITGRAD_HOST_DEVICE static void join(V* y) {
    const V p = y[2] + y[4], q = y[5] + y[3];
    y[2] = p, y[3] = q;
  }
};

/// p4m: four characters from those of the rotations, even and odd in the mirror, then the 2x2 matrices h_s themselves,
/// X^ = sum_r X[r] h_r at 4 + 2 i + l for row i and column l. Output row i meets input row i alone:
/// y^[i, j] = sum_l X^[i, l] a^[j, l], and the filter has a^[j, l] at 4 + 2 l + j so that j runs with the fields.
struct SquareIrreps {
  static constexpr int order = 8, sums = 8, filters = 8;
  static constexpr IrrepProduct products[] = {{0, 0, 0, 0, 1}, {1, 1, 1, 1, 1}, {2, 2, 2, 2, 1}, {3, 3, 3, 3, 1},
                                              {4, 4, 4, 4, 2}, {5, 4, 4, 6, 2}, {6, 6, 6, 4, 2}, {7, 6, 6, 6, 2}};
  ORBITGRAD_HOST_DEVICE static constexpr double scale(int i) { return i < 4 ? 0.125 : 0.25; }
  /// (M^m R^r)^-1 is R^-r for m = 0 and itself for m = 1; R M = M R^-1.
  ORBITGRAD_HOST_DEVICE static constexpr int element(int s, int t) {
    const int m = t >> 2, r = s >> 2 != 0 ? s & 3 : -(s & 3);
    return 4 * ((s >> 2) ^ m) + (((m != 0 ? -r : r) + t) & 3);
  }

  template <class V>
  [[gnu::always_inline]] ORBITGRAD_HOST_DEVICE static void transform(V* x) {  // 20 additions
    QuarterTurnIrreps::transform(x);                                          // of the rotations
    QuarterTurnIrreps::transform(x + 4);                                      // of the mirrored rotations M R^r
    const V a = x[0] + x[4], b = x[0] - x[4], c = x[1] + x[5], d = x[1] - x[5];
    const V p0 = x[2], q0 = x[3], p1 = x[6],
            q1 = x[7];  // sum_r x R^r = [p -q; q p], and M changes the first row's sign
    x[0] = a, x[1] = b, x[2] = c, x[3] = d;
    x[4] = p0 - p1, x[5] = q1 - q0, x[6] = q0 + q1, x[7] = p0 + p1;
  }
  template <class V>
  [[gnu::always_inline]] ORBITGRAD_HOST_DEVICE static void inverse(V* x) {
    const V p0 = x[4] + x[7], q0 = x[6] - x[5], p1 = x[7] - x[4], q1 = x[5] + x[6];
    const V a = x[0] + x[1], b = x[2] + x[3], c = x[0] - x[1], d = x[2] - x[3];
    x[0] = a, x[1] = b, x[2] = p0, x[3] = q0;
    x[4] = c, x[5] = d, x[6] = p1, x[7] = q1;
    QuarterTurnIrreps::inverse(x);
    QuarterTurnIrreps::inverse(x + 4);
  }
  template <class V>
  [[gnu::always_inline]] ORBITGRAD_HOST_DEVICE static void spread(V* a) {
    const V first = a[5];
    a[5] = a[6], a[6] = first;
  }
  template <class V>
  [[gnu::always_inline]] ORBITGRAD_HOST_DEVICE static void collect(V* a) {
    spread(a);
  }
  template <class V>
  ORBITGRAD_HOST_DEVICE static void join(V*) {}
};

}  // namespace orbitgrad::kernels
