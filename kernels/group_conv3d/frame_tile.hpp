// The Fourier transform of groups/irrep_frame.hpp on a tile of positions: of the input, of the base filter, and back.
#pragma once

#include <optional>
#include <vector>

#include "kernels/group_conv3d/frame_kernel.hpp"
#include "kernels/group_conv3d/frame_panels.hpp"
#include "kernels/group_conv3d/frame_program.hpp"
#include "kernels/group_conv3d/orbit_tables3d.hpp"
#include "kernels/group_conv3d/volume_tile.hpp"

namespace orbitgrad::kernels::cpu {

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

  /// Z of one block at block_positions positions into pairs [size, size][width]. Row (f, j) of Y is row f size_of_f + j
  /// of `rows`.
  static void pair(const FrameBlock& block, const T* rows, std::int64_t size_of_f, std::int64_t width, T* pairs) {
    for (std::int64_t f = 0; f < block.size; ++f, rows += size_of_f * block_positions<T>)
      for (std::int64_t to = 0; to < block.size; ++to, pairs += width) {
        const double* gram = block.gram.data() + to * block.degree;
        Vector<T> low{}, high{};
        for (std::int64_t j = 0; j < block.degree; ++j) {
          if (gram[j] == 0) continue;
          const Vector<T> factor = broadcast(static_cast<T>(gram[j]));
          low = multiply_add(factor, load(rows + j * block_positions<T>), low);
          high = multiply_add(factor, load(rows + j * block_positions<T> + lanes<T>), high);
        }
        store(pairs, low);
        store(pairs + lanes<T>, high);
      }
  }

  /// Calls write(i, y[s]) for all vectors i of a row of pairs.
  template <class Write>
  void element(std::int64_t s, const T* pairs, std::int64_t width, Write&& write) const {
    std::int64_t i = 0;
    for (; i + 8 * lanes<T> <= width; i += 8 * lanes<T>) vectors<8>(s, pairs + i, width, i, write);
    for (; i < width; i += 2 * lanes<T>) vectors<2>(s, pairs + i, width, i, write);
  }

 private:
  struct Term {
    std::int32_t pair;
    T sign;
  };

  /// Side by side, so that no sum waits for its last term.
  template <int count, class Write>
  void vectors(std::int64_t s, const T* pairs, std::int64_t width, std::int64_t first, Write&& write) const {
    const std::size_t terms = terms_.size() / static_cast<std::size_t>(order_);
    const Term* const term = terms_.data() + static_cast<std::size_t>(s) * terms;
    Vector<T> sum[count] = {};
    for (std::size_t k = 0; k < terms; ++k) {
      const Vector<T> sign = broadcast(term[k].sign);
      const T* const row = pairs + term[k].pair * width;
#pragma GCC unroll 8
      for (int i = 0; i < count; ++i) sum[i] = multiply_add(sign, load(row + i * lanes<T>), sum[i]);
    }
#pragma GCC unroll 8
    for (int i = 0; i < count; ++i) write(first + i * lanes<T>, sum[i]);
  }
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

inline constexpr std::int64_t max_frame_order = 48;  // of Oh

/// Vectors of X[w, sigma] of one field at a tile through the program, into panels.
template <class T>
class FieldTransform {
 public:
  FieldTransform(const FrameTransform& transform, const VolumeWalk& walk, const OrbitReads3d& reads,
                 std::int64_t kernel)
      : kernel_(frame_kernel_of<T>(transform)), order_(transform.order) {
    if (kernel_ == nullptr) program_.emplace(transform, FrameProgram<T>::Factors::coordinates);
    const std::int64_t plane = volume(walk.padded);
    for (std::size_t i = 0; i < reads.plane.size(); ++i)
      offset_.push_back(reads.plane[i] * plane + walk.tap_offset(kernel, reads.tap[i]));
    for (std::int64_t i = 0; i < taps_of_a_run * order_; ++i) gathered_offset_.push_back(i * block_positions<T>);
  }

  /// Elements of scratch.
  std::int64_t scratch_size() const {
    return ((program_ ? program_->scratch_rows() : 0) + order_) * taps_of_a_run * block_positions<T>;
  }

  /// The taps first ... first + count of at most taps_at_a_time.
  void run(const VolumeTile<T>& tile, const T* field, std::int64_t first, std::int64_t count, const Panels<T>& panels,
           T* scratch) const {
    const std::int64_t* const offset = offset_.data() + first * order_;
    const std::int32_t* const places = tile.dense_places();
    if (places != nullptr && kernel_ != nullptr)
      return kernel_({field, offset, {places[0], places[1]}, count}, 0, panels.data);
    for (std::int64_t t = 0; t < count; t += taps_of_a_run) {
      ProgramInputs<T> inputs{field, offset + t * order_, {}, std::min(taps_of_a_run, count - t)};
      if (places != nullptr) {
        inputs.place[0] = places[0], inputs.place[1] = places[1];
      } else {
        tile.read_rows(field, inputs.offset, inputs.taps * order_, scratch);
        inputs.data = scratch, inputs.offset = gathered_offset_.data(), inputs.place[1] = lanes<T>;
      }
      if (kernel_ != nullptr)
        kernel_(inputs, t, panels.data);
      else
        program_->run(inputs, panels.rows.data(), t, scratch + taps_of_a_run * order_ * block_positions<T>);
    }
  }

 private:
  static constexpr std::int64_t taps_of_a_run = 3;  // where inputs or sums go through scratch
  FrameKernel<T>* kernel_;
  std::optional<FrameProgram<T>> program_;  // of a transform without a kernel
  std::int64_t order_;
  std::vector<std::int64_t> offset_, gathered_offset_;  // [w, sigma]
};

}  // namespace orbitgrad::kernels::cpu
