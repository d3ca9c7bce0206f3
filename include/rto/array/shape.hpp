// Shape and domain checks with one wording: `rto::function: requirement, got value`.
#pragma once

#include <charconv>
#include <concepts>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>
#include <type_traits>

#include <rto/array/array.hpp>

namespace rto {

namespace detail {
inline constexpr double infinity = std::numeric_limits<double>::infinity();
}

/// Anything that has rows and columns: an array, a matrix, a sparse design.
template <class A>
concept Shaped = requires(const std::remove_cvref_t<A>& x) {
  { array::rows(x) } -> std::convertible_to<std::int64_t>;
  { array::cols(x) } -> std::convertible_to<std::int64_t>;
};

/// "[rows, cols]" of an array, for messages.
template <Shaped A> [[nodiscard]] std::string shape_text(const A& x) {
  return "[" + std::to_string(array::rows(x)) + ", " + std::to_string(array::cols(x)) + "]";
}

/// A number for messages, in the fewest digits that give it back.
[[nodiscard]] inline std::string number_text(double x) {
  char digits[32];
  return {digits, std::to_chars(digits, digits + sizeof digits, x).ptr};
}

/// Where a library has one type for arrays of every scalar and device (its traits have the member `require_same_kind`),
/// throws std::invalid_argument unless `b` has those of `a`; elsewhere what does not go together does not compile.
template <Shaped A, Shaped B>
void require_same_kind(const char* function, const char* name_a, const A& a, const char* name_b, const B& b) {
  if constexpr (requires { traits_of<A>::require_same_kind(function, name_a, a, name_b, b); })
    traits_of<A>::require_same_kind(function, name_a, a, name_b, b);
}

/// Throws std::invalid_argument unless `b` has the shape and the kind of `a`. \cost O(1), no device synchronisation.
template <Shaped A, Shaped B>
void require_same_shape(const char* function, const char* name_a, const A& a, const char* name_b, const B& b) {
  require_same_kind(function, name_a, a, name_b, b);
  if (array::rows(a) != array::rows(b) || array::cols(a) != array::cols(b))
    throw std::invalid_argument(std::string("rto::") + function + ": " + name_b + " must have the shape of " + name_a +
                                " " + shape_text(a) + ", got " + shape_text(b));
}

/// Throws std::invalid_argument unless `x` is [rows, cols].
template <Shaped A>
void require_shape(const char* function, const char* name, const A& x, std::int64_t rows, std::int64_t cols) {
  if (array::rows(x) != rows || array::cols(x) != cols)
    throw std::invalid_argument(std::string("rto::") + function + ": " + name + " must be [" + std::to_string(rows) +
                                ", " + std::to_string(cols) + "], got " + shape_text(x));
}

/// Throws std::domain_error unless `ok` (write the condition so that NaN fails it).
inline void require_domain(bool ok, const char* function, const char* requirement, double got) {
  if (!ok)
    throw std::domain_error(std::string("rto::") + function + ": need " + requirement + ", got " + number_text(got));
}

}  // namespace rto
