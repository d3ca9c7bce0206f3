// Checks of probabilities: the start distribution rho_0, and how far a sum of probabilities may be from one.
#pragma once

#include <cmath>
#include <span>
#include <stdexcept>
#include <string>

#include <rto/array/array.hpp>
#include <rto/array/precision.hpp>
#include <rto/array/shape.hpp>

namespace rto {

/// How far probabilities may add up from one in arrays of the kind of `like`: 1e-9, or 1e-5 where the scalar type
/// cannot tell 1 + 1e-9 from 1.
template <Array A> [[nodiscard]] double probability_tolerance(const A& like) {
  return rounded(like, 1 + 1e-9) > 1 ? 1e-9 : 1e-5;
}

/// Throws unless `rho` is a probability distribution: entries in [0, 1], sum one.
/// \param function name of the caller, for the message
/// \param tolerance largest deviation of the sum from one
/// \throws std::invalid_argument when empty; std::domain_error otherwise
inline void validate_prompt_distribution(const char* function, std::span<const double> rho, double tolerance = 1e-9) {
  if (rho.empty())
    throw std::invalid_argument(std::string("rto::") + function +
                                ": the start distribution needs at least one entry, got none");
  double sum = 0;
  for (const double p : rho) {
    if (!(p >= 0 && p <= 1 + tolerance))
      throw std::domain_error(std::string("rto::") + function + ": need start probabilities in [0, 1], got " +
                              number_text(p));
    sum += p;
  }
  if (!(std::abs(sum - 1) <= tolerance))
    throw std::domain_error(std::string("rto::") + function + ": need start probabilities that sum to 1, got sum " +
                            number_text(sum));
}

}  // namespace rto
