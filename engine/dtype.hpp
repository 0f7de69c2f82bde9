// Element types: float32 to work, float64 to check, int64 and int32 for indices, boolean for masks, bfloat16 and
// float16 to store what is then computed in float32.
#pragma once

#include <cstdint>
#include <string_view>

#include "engine/error.hpp"
#include "kernels/half.hpp"

namespace orbitgrad {

enum class DType : std::uint8_t { float32, float64, int64, int32, boolean, bfloat16, float16 };

constexpr std::int64_t item_size(DType dtype) {
  switch (dtype) {
    case DType::float32:
      return 4;
    case DType::float64:
      return 8;
    case DType::int64:
      return 8;
    case DType::int32:
      return 4;
    case DType::boolean:
      return 1;
    case DType::bfloat16:
    case DType::float16:
      return 2;
  }
  return 0;
}

constexpr std::string_view name(DType dtype) {
  switch (dtype) {
    case DType::float32:
      return "float32";
    case DType::float64:
      return "float64";
    case DType::int64:
      return "int64";
    case DType::int32:
      return "int32";
    case DType::boolean:
      return "bool";
    case DType::bfloat16:
      return "bfloat16";
    case DType::float16:
      return "float16";
  }
  return "?";
}

constexpr bool is_half(DType dtype) { return dtype == DType::bfloat16 || dtype == DType::float16; }
constexpr bool is_floating(DType dtype) { return dtype == DType::float32 || dtype == DType::float64 || is_half(dtype); }

template <class T>
inline constexpr bool always_false = false;

/// The DType of a C++ element type.
template <class T>
constexpr DType dtype_of() {
  if constexpr (std::is_same_v<T, float>)
    return DType::float32;
  else if constexpr (std::is_same_v<T, double>)
    return DType::float64;
  else if constexpr (std::is_same_v<T, std::int64_t>)
    return DType::int64;
  else if constexpr (std::is_same_v<T, std::int32_t>)
    return DType::int32;
  else if constexpr (std::is_same_v<T, bool>)
    return DType::boolean;
  else if constexpr (std::is_same_v<T, kernels::Bfloat16>)
    return DType::bfloat16;
  else if constexpr (std::is_same_v<T, kernels::Float16>)
    return DType::float16;
  else
    static_assert(always_false<T>, "not an element type");
}

/// A type as a value: how the visitors below hand an element type to a generic lambda.
template <class T>
struct TypeTag {
  using type = T;
};

/// Calls function(TypeTag<T>{}) with the C++ type of the dtype, if it is one that is computed in: the half types are an
/// error. See visit_storage for those that only move elements, and ops/widening.hpp to compute with half tensors.
template <class Function>
decltype(auto) visit_dtype(DType dtype, Function&& function) {
  switch (dtype) {
    case DType::float32:
      return function(TypeTag<float>{});
    case DType::float64:
      return function(TypeTag<double>{});
    case DType::int64:
      return function(TypeTag<std::int64_t>{});
    case DType::int32:
      return function(TypeTag<std::int32_t>{});
    case DType::boolean:
      return function(TypeTag<bool>{});
    case DType::bfloat16:
    case DType::float16:
      break;
  }
  fail("dtype", "{} is a type to store numbers in, not one to compute in. Convert first: x.to(DType::float32).",
       name(dtype));
}

/// As visit_dtype for bfloat16 and float16; the dtype is known to be one of them.
template <class Function>
decltype(auto) visit_half(DType dtype, Function&& function) {
  if (dtype == DType::bfloat16) return function(TypeTag<kernels::Bfloat16>{});
  return function(TypeTag<kernels::Float16>{});
}

/// As visit_dtype for every type.
template <class Function>
decltype(auto) visit_storage(DType dtype, Function&& function) {
  if (is_half(dtype)) return visit_half(dtype, function);
  return visit_dtype(dtype, function);
}

/// As visit_dtype for every type but bool; it and the half types are errors of `op`.
template <class Function>
decltype(auto) visit_number(std::string_view op, DType dtype, Function&& function) {
  switch (dtype) {
    case DType::float32:
      return function(TypeTag<float>{});
    case DType::float64:
      return function(TypeTag<double>{});
    case DType::int64:
      return function(TypeTag<std::int64_t>{});
    case DType::int32:
      return function(TypeTag<std::int32_t>{});
    default:
      break;
  }
  fail(op, "takes float32, float64, int64 or int32, got {}. Convert it first: x.to(DType::float32).", name(dtype));
}

/// As visit_dtype for float32 and float64; anything else is an error of `op`.
template <class Function>
decltype(auto) visit_floating(std::string_view op, DType dtype, Function&& function) {
  switch (dtype) {
    case DType::float32:
      return function(TypeTag<float>{});
    case DType::float64:
      return function(TypeTag<double>{});
    default:
      break;
  }
  fail(op, "takes float32 or float64, got {}. Convert it first: x.to(DType::float32).", name(dtype));
}

}  // namespace orbitgrad
