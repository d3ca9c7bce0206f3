// The candidates of a class whose likelihood is close to the largest: a confidence set that needs no linear reward.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include <boost/math/distributions/chi_squared.hpp>

#include <rto/array/array.hpp>
#include <rto/array/linear_algebra.hpp>
#include <rto/array/shape.hpp>
#include <rto/preference/bradley_terry.hpp>
#include <rto/preference/comparison.hpp>

namespace rto {

/// {k : l_k >= max_j l_j - zeta} of a finite class, whatever its members are: rewards, transition kernels.
struct likelihood_confidence_set {
  std::vector<double> log_likelihood = {};  ///< l_k of every candidate, nats
  double zeta = 0;                          ///< width, nats
  std::int64_t best = 0;                    ///< the first maximiser: maximum likelihood over the class
  std::vector<std::int64_t> members = {};   ///< ascending, never empty

  [[nodiscard]] bool contains(std::int64_t candidate) const {
    return std::binary_search(members.begin(), members.end(), candidate);
  }
};

/// zeta = log(|C| / delta): with it a class that contains the truth has the truth in its confidence set with
/// probability at least 1 - delta.
///
/// E[e^(l_k - l_*)] <= 1 for every candidate k (a ratio of likelihoods under the truth), so that by Markov's inequality
/// l_k > l_* + zeta with probability at most e^-zeta; a union bound over the class does the rest.
/// \assumes hard labels (or transitions) drawn from the truth, which is in the class; the candidates do not depend on
///   the data
/// \param size |C| >= 1  \param delta failure probability in (0, 1)
/// \throws std::domain_error
[[nodiscard]] inline double finite_class_zeta(std::int64_t size, double delta) {
  require_domain(size >= 1, "finite_class_zeta", "a class of at least one candidate", static_cast<double>(size));
  require_domain(delta > 0 && delta < 1, "finite_class_zeta", "delta in (0, 1)", delta);
  return std::log(static_cast<double>(size) / delta);
}

/// zeta = chi^2_d(1 - delta) / 2: the width at which the set of a smooth class with d identified parameters contains
/// the truth with probability 1 - delta as data grow. \source Wilks 1938: 2 (max l - l(theta*)) is asymptotically
/// chi^2_d \param dimension d >= 1: the rank of the information, not the number of parameters, where some are not
/// identified \throws std::domain_error
[[nodiscard]] inline double smooth_class_zeta(std::int64_t dimension, double delta) {
  require_domain(dimension >= 1, "smooth_class_zeta", "dimension >= 1", static_cast<double>(dimension));
  require_domain(delta > 0 && delta < 1, "smooth_class_zeta", "delta in (0, 1)", delta);
  const boost::math::chi_squared_distribution<double> chi_squared(static_cast<double>(dimension));
  return 0.5 * boost::math::quantile(boost::math::complement(chi_squared, delta));
}

/// zeta = p log(1 + 2 B L n / p) + p + log(1/delta): the width at which the set {theta : l(theta) >= max l - zeta} of a
/// class of p parameters in a ball contains the truth with probability at least 1 - delta, for every n.
///
/// `finite_class_zeta` of a cover of the ball, plus what the likelihood can change between a point and its centre: a
/// cover of radius e has at most (1 + 2B/e)^p points, |dl/dz| <= 1 a comparison, and e = p / (n L). A maximum that is
/// not the global one only widens the set: the statement stays true.
/// \assumes hard labels drawn independently from the truth, which is in the class; |z_i(theta) - z_i(theta')| <= L
///   ||theta - theta'|| on the ball for the margins z_i
/// \param dimension p >= 1  \param bound B >= 0, of ||theta||  \param lipschitz L >= 0, of a margin
/// \param comparisons n >= 0, counted with their weights  \param delta failure probability in (0, 1)
/// \throws std::domain_error
[[nodiscard]] inline double lipschitz_class_zeta(std::int64_t dimension, double bound, double lipschitz,
                                                 double comparisons, double delta) {
  constexpr auto function = "lipschitz_class_zeta";
  require_domain(dimension >= 1, function, "dimension >= 1", static_cast<double>(dimension));
  require_domain(bound >= 0 && std::isfinite(bound), function, "bound >= 0 and finite", bound);
  require_domain(lipschitz >= 0 && std::isfinite(lipschitz), function, "lipschitz >= 0 and finite", lipschitz);
  require_domain(comparisons >= 0 && std::isfinite(comparisons), function, "comparisons >= 0 and finite", comparisons);
  require_domain(delta > 0 && delta < 1, function, "delta in (0, 1)", delta);
  const double p = static_cast<double>(dimension);
  return p * std::log1p(2.0 * bound * lipschitz * comparisons / p) + p - std::log(delta);
}

/// The confidence set of a finite class from the log-likelihoods of its candidates.
/// \source arXiv 2404.18922v1, Remark B.2 (for kernels; formula reconstructed)
/// \param log_likelihood l_k, nats; -inf (the candidate cannot have produced the data) excludes
/// \param zeta width >= 0, may be infinite: every candidate that is not excluded
/// \throws std::invalid_argument for an empty class; std::domain_error for zeta, for NaN or +inf, and where every
///   candidate is excluded
/// \cost O(|C|)
[[nodiscard]] inline likelihood_confidence_set make_likelihood_confidence_set(std::vector<double> log_likelihood,
                                                                              double zeta) {
  constexpr auto function = "make_likelihood_confidence_set";
  require_domain(zeta >= 0, function, "zeta >= 0", zeta);
  if (log_likelihood.empty())
    throw std::invalid_argument(std::string("rto::") + function + ": the class needs at least one candidate, got none");
  for (const double l : log_likelihood)
    require_domain(l < detail::infinity, function, "log-likelihoods below infinity", l);
  const auto best = std::max_element(log_likelihood.begin(), log_likelihood.end());
  require_domain(*best > -detail::infinity, function, "a candidate that can have produced the data, best likelihood",
                 *best);
  likelihood_confidence_set set{.zeta = zeta, .best = best - log_likelihood.begin()};
  for (std::size_t k = 0; k < log_likelihood.size(); ++k)
    if (log_likelihood[k] > -detail::infinity && log_likelihood[k] >= *best - zeta)
      set.members.push_back(static_cast<std::int64_t>(k));
  set.log_likelihood = std::move(log_likelihood);
  return set;
}

/// l_k = sum_i w_i [y_i log sigma(z_i) + (1 - y_i) log sigma(-z_i)], z_i = R_k(tau_i^1) - R_k(tau_i^2), of every reward
/// of a finite class.
/// \source arXiv 2404.18922v1, (4.1), for rewards that need not be linear
/// \param visits comparisons with one feature for every state and action: x_i counts how often the first trajectory
///   takes the action in the state, less the second (`compare_trajectories` with one-hot features)
/// \param rewards r_k, [states, actions] each, finite; states x actions = d
/// \throws std::invalid_argument for shapes, std::domain_error for entries
/// \cost O(|C| n d)
template <DesignMatrix X, Array A>
[[nodiscard]] std::vector<double> reward_log_likelihoods(const comparison_set<X>& visits, std::span<const A> rewards) {
  using M = dense_t<X>;
  validate(visits);
  std::vector<double> log_likelihood;
  log_likelihood.reserve(rewards.size());
  for (const A& reward : rewards) {
    require_shape("reward_log_likelihoods", "a reward", reward, array::rows(reward),
                  visits.dimension() / std::max<std::int64_t>(1, array::rows(reward)));
    if (!array::all_finite(reward))
      throw std::domain_error("rto::reward_log_likelihoods: need finite rewards, got an infinity or NaN");
    const A column = array::reshape(reward, visits.dimension(), 1);
    log_likelihood.push_back(bradley_terry_log_likelihood(visits, M(array::dense(array::matrix(column)))));
  }
  return log_likelihood;
}

}  // namespace rto
