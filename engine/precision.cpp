#include "engine/precision.hpp"

#include "engine/ops/elementwise.hpp"
#include "groups/printable.hpp"

namespace orbitgrad {

namespace {

thread_local Precision current = Precision::float32;

template <Precision precision>
Tensor round_elements(const Tensor& x) {
  return elementwise::unary<kernels::RoundTo<precision>, float>("round", x);
}

}  // namespace

std::string_view name(Precision precision) {
  switch (precision) {
    case Precision::float32:
      return "float32";
    case Precision::tf32:
      return "tf32";
    case Precision::bfloat16:
      return "bf16";
    case Precision::float16:
      return "fp16";
  }
  return "?";
}

Precision parse_precision(std::string_view text) {
  for (const Precision precision : {Precision::float32, Precision::tf32, Precision::bfloat16, Precision::float16})
    if (text == name(precision)) return precision;
  if (text == "bfloat16") return Precision::bfloat16;
  if (text == "float16") return Precision::float16;
  fail("precision", "there is no precision '{}'. Choose one of float32, tf32, bf16, fp16.", printable(text));
}

Precision product_precision() { return current; }

ScopedPrecision::ScopedPrecision(Precision precision) : before_(current) { current = precision; }
ScopedPrecision::~ScopedPrecision() { current = before_; }

Precision precision_of(DType dtype) {
  if (dtype == DType::bfloat16) return Precision::bfloat16;
  if (dtype == DType::float16) return Precision::float16;
  return dtype == DType::float32 ? current : Precision::float32;
}

Tensor rounded(const Tensor& x, Precision precision) {
  if (x.dtype() != DType::float32) return x;
  switch (precision) {
    case Precision::float32:
      break;
    case Precision::tf32:
      return round_elements<Precision::tf32>(x);
    case Precision::bfloat16:
      return round_elements<Precision::bfloat16>(x);
    case Precision::float16:
      return round_elements<Precision::float16>(x);
  }
  return x;
}

}  // namespace orbitgrad
