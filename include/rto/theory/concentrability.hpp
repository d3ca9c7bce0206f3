// Coverage: how well the data cover what the optimal policy visits. The terms of Theorems 4.2 and B.1 that depend on
// the data, and the density ratio of the literature on partial coverage.
#pragma once

#include <limits>

#include <rto/array/array.hpp>
#include <rto/array/linear_algebra.hpp>
#include <rto/array/shape.hpp>
#include <rto/planning/suboptimality_gap.hpp>
#include <rto/reward/confidence_set.hpp>
#include <rto/reward/pessimism.hpp>

namespace rto {

/// E_{(s,a) ~ d^pi} ||phi(s,a)||_{Sigma_D^-1}, the coverage term of Theorem 4.2 (without 2 rho).
/// \source Zhong et al. 2024, arXiv 2404.18922v1, Theorem 4.2
/// \param occupancy d^pi(s, a) [states, actions]: total mass is the expected length, not 1
/// \param bonus ||phi(s, a)||_{Sigma_D^-1} [states, actions], >= 0 and finite
/// \throws std::invalid_argument for unequal shapes
/// \cost O(states x actions); synchronises with a device
template <Array A, GoesWith<A> B> [[nodiscard]] double expected_bonus(const A& occupancy, const B& bonus) {
  require_same_shape("expected_bonus", "occupancy", occupancy, "bonus", bonus);
  return array::item(expected_sum(occupancy, bonus));
}

/// E_{(s,a) ~ d^pi} phi(s,a), the expected trajectory feature.
/// \param occupancy d^pi(s, a) as a column [states x actions, 1], states outermost
/// \param features phi [states x actions, d]
/// \returns [d, 1]
/// \throws std::invalid_argument for unequal numbers of rows
/// \cost O(states x actions x d)
template <LinearAlgebra M> [[nodiscard]] value_t<M> expected_features(const M& occupancy, const M& features) {
  require_shape("expected_features", "occupancy", occupancy, array::rows(features), 1);
  return array::transposed_product(features, occupancy);
}

/// ||E_{d^pi} phi - v||_{Sigma_D^-1}, the coverage term of Theorem B.1 (without 2 rho). For v = 0 it is never larger
/// than that of Theorem 4.2 (Jensen).
/// \source Zhong et al. 2024, arXiv 2404.18922v1, Theorem B.1 (v = 0); the reference vector v is that of Zhu, Jiao,
///   Jordan 2023, arXiv 2301.11270
/// \param expected E_{d^pi} phi [d, 1]
/// \param reference v [d, 1]
/// \param covariance Sigma_D of dimension d
/// \throws std::invalid_argument for wrong shapes
/// \cost O(d^2); synchronises with a device
template <LinearAlgebra M>
[[nodiscard]] double value_coverage(const M& expected, const M& reference,
                                    const regularized_covariance<M>& covariance) {
  const auto d = array::rows(covariance.matrix);
  require_shape("value_coverage", "expected", expected, d, 1);
  require_shape("value_coverage", "reference", reference, d, 1);
  const M difference = expected - reference;
  return array::item(elliptical_norms(M(array::transpose(difference)), covariance));
}

/// max_{s,a} d^pi(s,a) / d^data(s,a), the single-policy concentrability coefficient: finite iff the data reach all that
/// the policy reaches. Theorem 4.2 does not need it; it is here to describe the coverage of a data set.
/// \source Uehara, Sun 2021, arXiv 2107.06226; Zhan et al. 2023, arXiv 2305.14816
/// \param occupancy d^pi(s, a) [states, actions]
/// \param data_occupancy d^data(s, a) [states, actions], >= 0
/// \returns in [0, infinity]
/// \throws std::invalid_argument for unequal shapes
/// \cost O(states x actions); synchronises with a device
template <Array A, GoesWith<A> B>
[[nodiscard]] double concentrability_coefficient(const A& occupancy, const B& data_occupancy) {
  require_same_shape("concentrability_coefficient", "occupancy", occupancy, "data_occupancy", data_occupancy);
  const value_t<A> covered = array::full_like(occupancy, 1.0);
  const value_t<A> denominator =
      array::where_le(data_occupancy, array::full_like(occupancy, 0.0), covered, data_occupancy);
  const value_t<A> beyond =
      array::where_le(occupancy, array::full_like(occupancy, 0.0), array::full_like(occupancy, 0.0),
                      array::full_like(occupancy, std::numeric_limits<double>::infinity()));
  const value_t<A> ratio = occupancy / denominator;
  const value_t<A> all = array::where_le(data_occupancy, array::full_like(occupancy, 0.0), beyond, ratio);
  return array::item(array::max_coeff(all));
}

}  // namespace rto
