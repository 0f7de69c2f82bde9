// Generated digits, 28 x 28, grey: the data set that needs no download. A digit is a few pen strokes in one of several
// writing styles, bent by a smooth warp, sheared, stretched, turned by up to 15 degrees and shifted, drawn with an
// anti-aliased pen; then specks, at times a stray stroke, and noise. Image i is a function of (seed, i, options) alone.
#pragma once

#include <cstdint>
#include <span>

#include "experiments/datasets/image_dataset.hpp"

namespace orbitgrad::experiments {

struct GlyphOptions {
  bool rotated = false;          // turn the whole drawing by rotation_angle(seed, index), about the centre (13.5, 13.5)
  bool clutter = true;           // specks and stray strokes
  bool noise = true;             // background level and pixel noise
  std::int64_t first_index = 0;  // index of the first image: ranges that do not meet give independent sets
};

inline constexpr std::int64_t glyph_side = 28;
inline constexpr int glyph_classes = 10;

/// Images first_index .. first_index + count - 1 as [count, 1, 28, 28] in [0, 1]. Every ten indices from 10 k on hold
/// each digit once, in random order. The same seed and index give the same digit upright and rotated. Error: count or
/// first_index is negative.
ImageDataset glyph_digits(std::int64_t count, std::uint64_t seed, const GlyphOptions& options = {});

/// The digit drawn at an index.
int glyph_label(std::uint64_t seed, std::int64_t index);

/// Draws one image into 28 x 28 pixels.
void draw_glyph_digit(std::uint64_t seed, std::int64_t index, const GlyphOptions& options, std::span<float> pixels);

}  // namespace orbitgrad::experiments
