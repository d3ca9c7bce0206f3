#include "sim/training/softmax_policy.hpp"

#include <cmath>
#include <numeric>
#include <vector>

#include <rto/mdp/policy.hpp>

namespace rto::sim {

void softmax_policy::log_probabilities(std::span<const std::int64_t> states, edge_table& out) const {
  const std::int64_t n = static_cast<std::int64_t>(states.size()), a = actions();
  out.resize(n, a);
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t token = 0; token < a; ++token) {
      const std::int64_t item = states[static_cast<std::size_t>(i)] * a + token;
      out(i, token) = base_->data()[item] + features_->value(weights_, item);
    }
  out = log_softmax(out);
}

edge_table softmax_policy::log_policy() const {
  std::vector<std::int64_t> all(static_cast<std::size_t>(base_->rows()));
  std::iota(all.begin(), all.end(), 0);
  edge_table out;
  log_probabilities(all, out);
  return out;
}

void softmax_policy::add_log_probability_gradient(std::int64_t state, std::int64_t token, double slope,
                                                  const double* pi) {
  const std::int64_t a = actions();
  for (std::int64_t b = 0; b < a; ++b)
    features_->add_gradient(weights_, state * a + b, slope * ((b == token ? 1.0 : 0.0) - pi[b]));
}

void softmax_policy::add_reference_kl_gradient(std::int64_t state, double slope, const double* pi,
                                               const double* log_reference) {
  const std::int64_t a = actions();
  for (std::int64_t b = 0; b < a; ++b)
    features_->add_gradient(weights_, state * a + b, slope * (pi[b] - std::exp(log_reference[b])));
}

}  // namespace rto::sim
