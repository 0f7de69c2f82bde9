// Element types: float32 to work, float64 to check, int64 and int32 for indices, boolean for masks.
#pragma once

#include <cstdint>
#include <string_view>

#include "engine/error.hpp"

namespace orbitgrad {

enum class DType : std::uint8_t { float32, float64, int64, int32, boolean };

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
  }
  return "?";
}

constexpr bool is_floating(DType dtype) { return dtype == DType::float32 || dtype == DType::float64; }

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
  else
    static_assert(always_false<T>, "not an element type");
}

/// A type as a value: how the visitors below hand an element type to a generic lambda.
template <class T>
struct TypeTag {
  using type = T;
};

/// Calls function(TypeTag<T>{}) with the C++ type of the dtype.
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
      break;
  }
  return function(TypeTag<bool>{});
}

/// As visit_dtype for every type but bool, which is an error of `op`.
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
    case DType::boolean:
      break;
  }
  fail(op, "takes numbers, got a bool tensor. Convert it first: x.to(DType::float32).");
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
