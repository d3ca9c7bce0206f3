// Random policies as functions of the prefix: trees of any size of which nothing is stored.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <numeric>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <rto/exploration/canonical_instance.hpp>

namespace rto {

/// A symmetric-Dirichlet-like policy: pi*(a | s) = E_a^c / sum_b E_b^c with E_a independent standard exponential, drawn
/// from a hash of the prefix. c = 1 is exactly Dirichlet(1, ..., 1); larger c makes the policy more decided.
/// \cost a state O(A), for its normaliser
class random_instance {
 public:
  struct state_type {
    std::uint64_t key;
    double log_normalizer;
  };

  /// \param sharpness c > 0  \param seed names the tree  \throws std::domain_error
  random_instance(int actions, int horizon, double sharpness, std::uint64_t seed)
      : actions_(actions), horizon_(horizon), sharpness_(sharpness), seed_(detail::mixed_bits(seed)) {
    if (actions < 1 || horizon < 1)
      throw std::domain_error("rto::random_instance: A >= 1 and H >= 1, got A = " + std::to_string(actions) +
                              ", H = " + std::to_string(horizon));
    if (!(sharpness > 0) || std::isinf(sharpness))
      throw std::domain_error("rto::random_instance: a finite sharpness > 0, got " + std::to_string(sharpness));
  }

  int action_count() const { return actions_; }
  int horizon() const { return horizon_; }
  state_type initial_state() const { return state_of(seed_); }
  state_type append(const state_type& state, int token) const { return state_of(detail::child_key(state.key, token)); }
  double log_probability(const state_type& state, int token) const {
    // The product inside the logit may be fused with the subtraction and lack the rounding that the normalizer had.
    return std::min(0.0, logit(state.key, token) - state.log_normalizer);
  }

 private:
  double logit(std::uint64_t key, int token) const {
    const std::uint64_t bits = detail::mixed_bits(detail::child_key(key, token));
    const double uniform = (static_cast<double>(bits >> 11) + 0.5) * 0x1p-53;  // in (0, 1)
    return sharpness_ * std::log(-std::log(uniform));
  }
  state_type state_of(std::uint64_t key) const {
    double largest = logit(key, 0);
    for (int a = 1; a < actions_; ++a) largest = std::max(largest, logit(key, a));
    double sum = 0;
    for (int a = 0; a < actions_; ++a) sum += std::exp(logit(key, a) - largest);
    return {key, largest + std::log(sum)};
  }

  int actions_;
  int horizon_;
  double sharpness_;
  std::uint64_t seed_;
};

/// A policy of constant entropy per token, as language models have it: in every state the token probabilities are the
/// same list q, turned by a hash of the prefix. The best response has mass max(q)^H, so xi* = kappa H grows linearly
/// in H with kappa = -log_A max(q) (mathematics.md 11.3, end).
/// \cost a state O(1)
class constant_entropy_instance {
 public:
  struct state_type {
    std::uint64_t key;
    int shift;
  };

  /// \param token_probabilities q [A], >= 0, summing to one within 1e-9  \param horizon H >= 1  \param seed names the
  /// tree  \throws std::domain_error
  constant_entropy_instance(const std::vector<double>& token_probabilities, int horizon, std::uint64_t seed)
      : horizon_(horizon), seed_(detail::mixed_bits(seed)) {
    if (token_probabilities.empty() || horizon < 1)
      throw std::domain_error("rto::constant_entropy_instance: A >= 1 and H >= 1, got A = " +
                              std::to_string(token_probabilities.size()) + ", H = " + std::to_string(horizon));
    double sum = 0;
    for (const double q : token_probabilities) {
      if (!(q >= 0))
        throw std::domain_error("rto::constant_entropy_instance: probabilities >= 0, got " + std::to_string(q));
      sum += q;
      log_probabilities_.push_back(std::log(q));
    }
    if (!(std::abs(sum - 1) <= 1e-9))
      throw std::domain_error("rto::constant_entropy_instance: probabilities that sum to 1, got " +
                              std::to_string(sum));
  }

  int action_count() const { return static_cast<int>(log_probabilities_.size()); }
  int horizon() const { return horizon_; }
  state_type initial_state() const { return state_of(seed_); }
  state_type append(const state_type& state, int token) const { return state_of(detail::child_key(state.key, token)); }
  double log_probability(const state_type& state, int token) const {
    const int rank = token + state.shift;
    return log_probabilities_[static_cast<std::size_t>(rank < action_count() ? rank : rank - action_count())];
  }

  /// log p* = H log max(q).
  double log_best_probability() const {
    return horizon_ * *std::max_element(log_probabilities_.begin(), log_probabilities_.end());
  }

  /// N_0, ..., N_H at threshold tau, without walking the tree: the prefixes of one depth are grouped by the masses they
  /// can have, which are few when q has few distinct ratios, and are never more than the heavy nodes.
  /// \cost O(H A M log M), M the number of distinct heavy masses at a depth
  std::vector<double> heavy_counts(double log_threshold) const {
    std::vector<std::pair<double, double>> masses{{0.0, 1.0}};  // log p, number of prefixes; falling
    std::vector<double> counts;
    for (int h = 0;; ++h) {
      counts.push_back(std::accumulate(masses.begin(), masses.end(), 0.0,
                                       [](double sum, const auto& entry) { return sum + entry.second; }));
      if (h == horizon_) return counts;
      std::vector<std::pair<double, double>> next;
      for (const auto& [log_p, number] : masses)
        for (const double log_q : log_probabilities_)
          if (at_least_mass(log_p + log_q, log_threshold)) next.emplace_back(log_p + log_q, number);
      std::sort(next.begin(), next.end(), std::greater<>());
      masses.clear();
      for (const auto& entry : next) {
        if (!masses.empty() && masses.back().first - entry.first < log_mass_tolerance)
          masses.back().second += entry.second;
        else
          masses.push_back(entry);
      }
    }
  }

 private:
  state_type state_of(std::uint64_t key) const {
    return {key, detail::key_token(detail::mixed_bits(key), action_count())};
  }

  int horizon_;
  std::uint64_t seed_;
  std::vector<double> log_probabilities_;
};

}  // namespace rto
