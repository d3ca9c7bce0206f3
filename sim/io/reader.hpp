#pragma once
// Reading the fields of a JSON object with errors that say where: `case "tree_plan/3": input.reward: expected shape
// [14,3], found [14,2]`.
#include <cstdint>
#include <string>
#include <vector>

#include "sim/io/json.hpp"
#include "sim/io/ndarray.hpp"

namespace rto::sim {

/// A view of one JSON object together with its place in the file. Does not own the object.
/// Every accessor throws `field_error` naming place and field when the field is absent or not what was asked for.
class reader {
 public:
  /// \param place how messages name the object, e.g. `case "tree_plan/3": input`
  reader(const json& object, std::string place);

  /// True when the field is there and not null.
  bool has(const std::string& field) const;
  /// The raw value. \throws field_error when absent (null is a value).
  const json& at(const std::string& field) const;
  const std::string& place() const { return place_; }
  /// `place.field`
  std::string place_of(const std::string& field) const;

  double number(const std::string& field) const;  // accepts "inf", "-inf", "nan"
  double number_or(const std::string& field, double otherwise) const;
  std::int64_t integer(const std::string& field) const;
  std::int64_t integer_or(const std::string& field, std::int64_t otherwise) const;
  /// An integer >= 0 that fits std::size_t.
  std::size_t size(const std::string& field) const;
  std::string text(const std::string& field) const;
  bool flag(const std::string& field) const;

  /// A plain list, or a one-dimensional {"shape","data"} array. A length of `any_length` accepts every length.
  std::vector<double> numbers(const std::string& field, std::int64_t length = any_length) const;
  std::vector<std::int64_t> integers(const std::string& field, std::int64_t length = any_length) const;
  std::vector<std::string> texts(const std::string& field) const;

  /// A {"shape","data"} array. `pattern` gives the shape that is expected, `any_length` for a free dimension; an empty
  /// pattern accepts any.
  ndarray array(const std::string& field, const std::vector<std::int64_t>& pattern = {}) const;
  /// The same with integer entries (child tables, tokens, masks).
  std::vector<std::int64_t> integer_array(const std::string& field, const std::vector<std::int64_t>& pattern) const;

  /// A nested object, and the objects of a list.
  reader object(const std::string& field) const;
  std::vector<reader> objects(const std::string& field) const;

  [[noreturn]] void fail(const std::string& field, const std::string& message) const;

 private:
  const json* object_;
  std::string place_;
};

}  // namespace rto::sim
