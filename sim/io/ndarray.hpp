#pragma once
// A dense row-major array as problem files hold it: {"shape": [..], "data": [..]}.
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "sim/io/json.hpp"

namespace rto::sim {

struct ndarray {
  std::vector<std::size_t> shape;
  std::vector<double> data;  // row-major, product(shape) entries
};

/// `[14,3]`
std::string shape_text(const std::vector<std::size_t>& shape);

/// {"shape": [..], "data": [..]}, non-finite entries as strings. \throws std::invalid_argument when data and shape
/// disagree.
json to_json(const ndarray& array);

/// The same from a shape and any contiguous row-major numbers.
json array_json(const std::vector<std::size_t>& shape, const double* data);

/// A plain list of numbers, non-finite entries as strings.
json list_json(const std::vector<double>& values);

/// Any length in a shape pattern.
inline constexpr std::int64_t any_length = -1;

}  // namespace rto::sim
