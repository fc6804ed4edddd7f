// The wire's enums are the model's in the same order, one up: 0 is "not known" there. Pure.
#pragma once

#include <optional>

namespace oomtrail::publish {

template <typename Wire, typename Model>
constexpr Wire ToWire(Model value) {
  return static_cast<Wire>(static_cast<int>(value) + 1);
}

// Absent for 0, and for a value that came after `last`.
template <typename Model, typename Wire>
std::optional<Model> FromWire(Wire value, Wire last) {
  if (value < 1 || value > last) return std::nullopt;
  return static_cast<Model>(static_cast<int>(value) - 1);
}

}  // namespace oomtrail::publish
