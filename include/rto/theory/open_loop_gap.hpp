// Proposition C.2 in closed form: what seeing the state is worth in the problem of redrawn branches.
#pragma once

#include <cmath>
#include <cstdint>

#include <rto/array/shape.hpp>

namespace rto {

/// Optimal values of `redrawn_branches` with and without sight of the state.
struct open_loop_comparison {
  double markov = 0;     // reward units
  double open_loop = 0;  // reward units

  double gap() const { return markov - open_loop; }
};

/// With K branches, H steps and a uniform reference: markov = (H - 1) beta log((K - 1 + e^(1/beta)) / K), every action
/// sequence earns open_loop = (H - 1) / K. At beta = 0 the gap is (H - 1)(1 - 1/K), at beta = inf it is 0; for K = H =
/// 2 it is beta log cosh(1 / (2 beta)), from 1/2 down to 1 / (8 beta). \source Zhong et al. 2024 (arXiv 2404.18922),
/// Proposition C.2 (K = H = 2, beta = 0: 1 against 1/2); the general form
///   is mathematics.md, section 12, with any K and H under regularisation since steps are independent and all sequences
///   alike
/// \param beta KL coefficient in [0, inf], reward units a nat
/// \returns accurate to rounding; the gap to rounding of the values
/// \throws std::domain_error for K or H < 1, beta < 0 or NaN
[[nodiscard]] inline open_loop_comparison redrawn_branches_values(std::int64_t branches, std::int64_t horizon,
                                                                  double beta) {
  require_domain(branches >= 1, "redrawn_branches_values", "branches >= 1", static_cast<double>(branches));
  require_domain(horizon >= 1, "redrawn_branches_values", "horizon >= 1", static_cast<double>(horizon));
  require_domain(beta >= 0, "redrawn_branches_values", "beta >= 0", beta);
  const double k = static_cast<double>(branches), steps = static_cast<double>(horizon - 1);
  const auto matched = [&] {  // beta log E e^(r / beta) of one step, r = 1 with probability 1/K
    if (beta == detail::infinity) return 1 / k;
    if (beta >= 1) return beta * std::log1p(std::expm1(1 / beta) / k);
    return beta == 0 ? 1 : 1 + beta * (std::log1p((k - 1) * std::exp(-1 / beta)) - std::log(k));
  };
  return {.markov = steps * matched(), .open_loop = steps / k};
}

}  // namespace rto
