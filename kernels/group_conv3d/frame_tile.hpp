// The Fourier transform of groups/irrep_frame.hpp on a tile: every value of the program is a row of positions.
#pragma once

#include <utility>
#include <vector>

#include "kernels/gemm/workspace.hpp"
#include "kernels/group_conv3d/orbit_tables3d.hpp"
#include "kernels/group_conv3d/volume_tile.hpp"

namespace orbitgrad::kernels::cpu {

/// a + b + c with bits that do not depend on their order; a sum of negated terms is the negated sum.
template <class T>
[[gnu::always_inline]] inline Vector<T> symmetric_sum(Vector<T> a, Vector<T> b, Vector<T> c) {
  const auto sort = [](Vector<T>& low, Vector<T>& high) {
    const auto in_order = low < high;
    const Vector<T> first = in_order ? low : high, second = in_order ? high : low;
    low = first, high = second;
  };
  sort(a, b);
  sort(b, c);
  sort(a, b);
  return (a + c) + b;
}

/// Computes the values of all steps from the first `order` ones: values[i width + position].
template <class T>
void run_steps(const FrameTransform& transform, std::int64_t width, T* values) {
  T* to = values + transform.order * width;
  for (const FrameStep& step : transform.steps) {
    const T *a = values + step.a * width, *b = values + step.b * width;
    if (step.c < 0) {
      if (step.sign_b > 0)
        for (std::int64_t i = 0; i < width; i += lanes<T>) store(to + i, load(a + i) + load(b + i));
      else
        for (std::int64_t i = 0; i < width; i += lanes<T>) store(to + i, load(a + i) - load(b + i));
    } else {
      const T* c = values + step.c * width;
      const Vector<T> sign_b = broadcast(static_cast<T>(step.sign_b)), sign_c = broadcast(static_cast<T>(step.sign_c));
      for (std::int64_t i = 0; i < width; i += lanes<T>)
        store(to + i, symmetric_sum<T>(load(a + i), sign_b * load(b + i), sign_c * load(c + i)));
    }
    to += width;
  }
}

/// What leaves the program: each output is a short sum of its values. Flat, since it is read for every tap of a tile.
template <class T>
class FrameOutputs {
 public:
  /// Outputs [f][j] of a block: sum_f' P[f, f'] factors[f', j]; factors are its coordinates (for the input) or its gram
  /// matrix (for the gradient of the output).
  FrameOutputs(const FrameBlock& block, const std::vector<double>& factors) {
    for (std::int64_t f = 0; f < block.size; ++f)
      for (std::int64_t j = 0; j < block.degree; ++j) {
        first_.push_back(static_cast<std::int32_t>(terms_.size()));
        for (std::int64_t from = 0; from < block.size; ++from) {
          const double factor = factors[static_cast<std::size_t>(from * block.degree + j)];
          const auto sum = static_cast<std::size_t>(f * block.size + from);
          if (factor != 0) terms_.push_back({block.sum[sum], static_cast<T>(factor * block.sum_sign[sum])});
        }
      }
    first_.push_back(static_cast<std::int32_t>(terms_.size()));
  }

  /// Output i of values [..][width] into rows of tile_columns elements, `stride` apart.
  void write(std::size_t i, const T* values, std::int64_t width, T* to, std::int64_t stride) const {
    const Term *term = terms_.data() + first_[i], *end = terms_.data() + first_[i + 1];
    const T* from = values + term->value * width;
    const Vector<T> factor = broadcast(term->factor);
    for (std::int64_t column = 0; column < width; column += tile_columns<T>, to += stride)
      for (int half = 0; half < 2; ++half) {
        const std::int64_t at = column + half * lanes<T>;
        Vector<T> sum = factor * load(from + at);
        for (const Term* next = term + 1; next != end; ++next)
          sum = multiply_add(broadcast(next->factor), load(values + next->value * width + at), sum);
        store(to + half * lanes<T>, sum);
      }
  }

 private:
  struct Term {
    std::int32_t value;
    T factor;
  };
  std::vector<Term> terms_;
  std::vector<std::int32_t> first_;
};

/// From the sums of products back to the group: Z[f, f'] = sum_i Y[f, i] gram[f', i] of each block, then
/// y[s] = sum over blocks and f' of sign(s, f') Z[image(s, f'), f'].
template <class T>
class FrameInverse {
 public:
  explicit FrameInverse(const FrameTransform& transform) : blocks_(transform.blocks), order_(transform.order) {
    for (const FrameBlock& block : blocks_) pairs_ += block.size * block.size;
    for (std::int64_t s = 0; s < order_; ++s) {
      std::int64_t base = 0;
      for (const FrameBlock& block : blocks_) {
        for (std::int64_t f = 0; f < block.size; ++f) {
          const auto at = static_cast<std::size_t>(s * block.size + f);
          terms_.push_back(
              {static_cast<std::int32_t>(base + block.image[at] * block.size + f), static_cast<T>(block.sign[at])});
        }
        base += block.size * block.size;
      }
    }
  }

  std::int64_t pairs() const { return pairs_; }

  /// Z of one block from its rows Y [degree][size][width] of one field into pairs [size, size][width].
  static void pair(const FrameBlock& block, const T* rows, std::int64_t width, T* pairs) {
    for (std::int64_t f = 0; f < block.size; ++f)
      for (std::int64_t to = 0; to < block.size; ++to, pairs += width) {
        const double* gram = block.gram.data() + to * block.degree;
        for (std::int64_t i = 0; i < width; i += lanes<T>) {
          Vector<T> sum{};
          for (std::int64_t j = 0; j < block.degree; ++j)
            if (gram[j] != 0)
              sum =
                  multiply_add(broadcast(static_cast<T>(gram[j])), load(rows + (j * block.size + f) * width + i), sum);
          store(pairs + i, sum);
        }
      }
  }

  /// y[s] + bias at one vector of positions.
  Vector<T> element(std::int64_t s, const T* pairs, std::int64_t width, Vector<T> bias) const {
    const std::size_t count = terms_.size() / static_cast<std::size_t>(order_);
    const Term* term = terms_.data() + static_cast<std::size_t>(s) * count;
    Vector<T> sum{};
    for (std::size_t i = 0; i < count; ++i)
      sum = multiply_add(broadcast(term[i].sign), load(pairs + term[i].pair * width), sum);
    return sum + bias;
  }

 private:
  struct Term {
    std::int32_t pair;
    T sign;
  };
  const std::vector<FrameBlock>& blocks_;
  std::int64_t order_, pairs_ = 0;
  std::vector<Term> terms_;
};

/// The transform of a base filter is sparse: A[slot] = (sum over its entries of factor a[g]) / divisor[slot]. Slots are
/// [block][j][i]; the factors are whole numbers where the coordinates are, and then the division alone rounds.
struct FilterTransform {
  struct Entry {
    std::int32_t element, slot;
    double factor;
  };
  std::vector<Entry> entries;
  std::vector<double> divisor;
  std::int64_t slots = 0;

  explicit FilterTransform(const FrameTransform& transform) {
    for (const FrameBlock& block : transform.blocks) {
      for (std::int64_t g = 0; g < transform.order; ++g)
        for (std::int64_t j = 0; j < block.degree; ++j) {
          const auto moved = static_cast<std::size_t>(g * block.size + block.basis[static_cast<std::size_t>(j)]);
          for (std::int64_t i = 0; i < block.degree; ++i) {
            const double factor =
                block.sign[moved] * block.coordinates[static_cast<std::size_t>(block.image[moved] * block.degree + i)];
            if (factor != 0)
              entries.push_back(
                  {static_cast<std::int32_t>(g), static_cast<std::int32_t>(slots + j * block.degree + i), factor});
          }
        }
      slots += block.degree * block.degree;
      divisor.resize(static_cast<std::size_t>(slots), block.divisor);
    }
  }
};

/// The values X[w, sigma] of one field at a tile, transformed: values [order + steps][width].
template <class T>
void transform_field(const FrameTransform& transform, const VolumeWalk& walk, const VolumeTile<T>& tile,
                     const OrbitReads3d& reads, std::int64_t kernel, std::int64_t w, const T* field, T* values) {
  const std::int64_t plane = volume(walk.padded);
  for (std::int64_t s = 0; s < transform.order; ++s) {
    const auto at = static_cast<std::size_t>(w * transform.order + s);
    tile.read(field + reads.plane[at] * plane + walk.tap_offset(kernel, reads.tap[at]), values + s * tile.width(),
              tile_columns<T>);
  }
  run_steps(transform, tile.width(), values);
}

}  // namespace orbitgrad::kernels::cpu
