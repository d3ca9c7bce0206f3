// The Bradley-Terry model of pairwise preferences: probability, log-likelihood with derivatives, sampling.
#pragma once

#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include <boost/random/uniform_01.hpp>

#include <rto/array/array.hpp>
#include <rto/array/linear_algebra.hpp>
#include <rto/preference/comparison.hpp>

namespace rto {

/// Pr(tau1 > tau2) = sigma(R(tau1) - R(tau2)), element by element.
/// \source Bradley & Terry 1952; arXiv 2404.18922, eq. (3.1): R is the sum of token rewards, lengths may differ
/// \param first,second rewards (nats) of the two trajectories of each pair, any shape
/// \returns probability in [0, 1] that the first is preferred
/// \cost O(n)
template <Elementwise A, GoesWith<A> B>
[[nodiscard]] value_t<A> bradley_terry_probability(const A& first, const B& second) {
  return array::sigmoid(first - second);
}

/// l(z, y) = y log sigma(z) + (1 - y) log sigma(-z), element by element.
/// \param margin z = R(tau1) - R(tau2), finite  \param label y in [0, 1], soft labels and ties (1/2) allowed
/// \returns log-likelihood of each pair (nats), <= 0
/// \gradient dl/dz = bradley_terry_residual, -d^2l/dz^2 = bradley_terry_curvature
template <Elementwise A, GoesWith<A> B>
[[nodiscard]] value_t<A> bradley_terry_log_likelihood(const A& margin, const B& label) {
  return value_t<A>(label * array::log_sigmoid(margin) + (1.0 - label) * array::log_sigmoid(-margin));
}

/// dl/dz = y - sigma(z), as y sigma(-z) - (1 - y) sigma(z): to full relative accuracy where it is tiny.
template <Elementwise A, GoesWith<A> B>
[[nodiscard]] value_t<A> bradley_terry_residual(const A& margin, const B& label) {
  return value_t<A>(label * array::sigmoid(-margin) - (1.0 - label) * array::sigmoid(margin));
}

/// -d^2l/dz^2 = sigma'(z) = sigma(z) sigma(-z), in (0, 1/4].
template <Elementwise A> [[nodiscard]] value_t<A> bradley_terry_curvature(const A& margin) {
  return array::sigmoid(margin) * array::sigmoid(-margin);
}

/// l(theta) = sum_i w_i l(<x_i, theta>, y_i) of a comparison set, with derivatives on request.
template <class M> struct bradley_terry_evaluation {
  double log_likelihood = 0.0;  ///< nats
  M gradient;                   ///< [d, 1], sum_i w_i (y_i - p_i) x_i
  M information;                ///< [d, d], minus the Hessian: sum_i w_i p_i (1 - p_i) x_i x_i^T
};

namespace detail {

template <DesignMatrix X>
void require_parameter(const char* function, const comparison_set<X>& c, const dense_t<X>& t) {
  if (array::rows(t) != c.dimension() || array::cols(t) != 1)
    throw std::invalid_argument(std::string("rto::") + function + ": theta must be [" + std::to_string(c.dimension()) +
                                ", 1], got [" + std::to_string(array::rows(t)) + ", " + std::to_string(array::cols(t)) +
                                "]");
}

/// w * a, or a where the set has no weights.
template <DesignMatrix X>
[[nodiscard]] elementwise_t<dense_t<X>> weigh(const comparison_set<X>& c, const elementwise_t<dense_t<X>>& a) {
  if (!c.weighted()) return a;
  return array::elementwise(c.weight) * a;
}

}  // namespace detail

/// l(theta) = sum_i w_i [y_i log sigma(z_i) + (1 - y_i) log sigma(-z_i)], z_i = <x_i, theta>.
/// \source arXiv 2404.18922, eq. (4.1)
/// \param theta [d, 1]
/// \throws std::invalid_argument for shapes; entries are the caller's (see validate)
/// \cost O(n d); synchronises with a device
template <DesignMatrix X>
[[nodiscard]] double bradley_terry_log_likelihood(const comparison_set<X>& comparisons, const dense_t<X>& theta) {
  require_shapes("bradley_terry_log_likelihood", comparisons);
  detail::require_parameter("bradley_terry_log_likelihood", comparisons, theta);
  if (comparisons.size() == 0) return 0.0;
  const dense_t<X> margin = array::product(comparisons.features, theta);
  using E = elementwise_t<dense_t<X>>;
  const E terms = bradley_terry_log_likelihood(array::elementwise(margin), array::elementwise(comparisons.label));
  return array::item(array::sum(detail::weigh(comparisons, terms)));
}

/// Log-likelihood, gradient and observed information at theta.
/// \param theta [d, 1]
/// \returns gradient [d, 1] of l (not of -l) and information [d, d] = minus the Hessian of l, positive semi-definite
/// \throws std::invalid_argument for shapes
/// \cost O(n d^2); synchronises with a device
template <DesignMatrix X>
[[nodiscard]] bradley_terry_evaluation<dense_t<X>> evaluate_bradley_terry(const comparison_set<X>& comparisons,
                                                                          const dense_t<X>& theta) {
  require_shapes("evaluate_bradley_terry", comparisons);
  detail::require_parameter("evaluate_bradley_terry", comparisons, theta);
  using M = dense_t<X>;
  using E = elementwise_t<M>;
  const std::int64_t d = comparisons.dimension();
  bradley_terry_evaluation<M> result{0.0, array::full(theta, d, 1, 0.0), array::full(theta, d, d, 0.0)};
  if (comparisons.size() == 0) return result;
  const M margin = array::product(comparisons.features, theta);
  const E z = array::elementwise(margin);
  const E terms = bradley_terry_log_likelihood(z, array::elementwise(comparisons.label));
  const E residual = detail::weigh(comparisons, bradley_terry_residual(z, array::elementwise(comparisons.label)));
  const E curvature = detail::weigh(comparisons, bradley_terry_curvature(z));
  result.log_likelihood = array::item(array::sum(detail::weigh(comparisons, terms)));
  result.gradient = array::transposed_product(comparisons.features, M(array::matrix(residual)));
  result.information = array::weighted_gram(comparisons.features, M(array::matrix(curvature)));
  return result;
}

/// Draws preferences y_i ~ Bernoulli(sigma(R(tau_i^1) - R(tau_i^2))).
/// \param margin [n, 1] differences of rewards  \param rng uniform random bit generator
/// \returns [n, 1] of 0 and 1
/// \cost O(n), n draws in the order of the rows, on the host
template <LinearAlgebra M, class Urbg> [[nodiscard]] M sample_preferences(const M& margin, Urbg& rng) {
  const elementwise_t<M> z = array::elementwise(margin);
  const elementwise_t<M> p = array::sigmoid(z);
  std::vector<double> y = array::to_host(p);
  boost::random::uniform_01<double> uniform;
  for (double& v : y) v = uniform(rng) < v ? 1.0 : 0.0;
  return array::from_host(margin, std::span<const double>(y), array::rows(margin), array::cols(margin));
}

}  // namespace rto
