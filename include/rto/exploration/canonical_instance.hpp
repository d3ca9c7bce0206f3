// Canonical and needle instances of Proposition 3.2, as functions of the prefix.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>

#include <rto/exploration/token_log_probability_model.hpp>

namespace rto {

namespace detail {

/// splitmix64: a bijection of 64 bits whose output passes for random.
/// \source G. Steele, D. Lea, C. Flood 2014, "Fast splittable pseudorandom number generators"
inline std::uint64_t mixed_bits(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

/// The key of the node that `token` leads to from the node of `key`.
inline std::uint64_t child_key(std::uint64_t key, int token) {
  return mixed_bits(key ^ mixed_bits(static_cast<std::uint64_t>(token) + 1));
}

/// A word as a token in [0, A): the high bits, so that the bias is below A / 2^64.
inline int key_token(std::uint64_t key, int actions) {
  return static_cast<int>(((key >> 32) * static_cast<std::uint64_t>(actions)) >> 32);
}

}  // namespace detail

/// The canonical instance (A, H, k, epsilon): k uniform levels, then A^k chains whose good token has probability
/// 1 - epsilon, the other tokens epsilon/(A-1) each, and everything off the chain uniform. k = 0 is the needle
/// instance. With tau = A^{-k-1/2} the heavy nodes are the uniform levels and the chains: N_h = min(A^h, A^k). \source
/// mathematics.md 11.3 (needle) and 11.5 (canonical)
class canonical_instance {
 public:
  struct state_type {
    std::uint64_t key;
    std::int32_t depth;
    bool on_chain;  // no wrong token since depth k
  };

  /// \param actions A in [1, 2^31)  \param horizon H >= 1  \param uniform_levels k in [0, H]
  /// \param epsilon in [0, 1), chance of leaving the chain at each step
  /// \param seed places the good token of every chain and depth; without it the good token is always A - 1, the last
  /// that a learner in lexicographic order tries
  /// \throws std::domain_error
  canonical_instance(int actions, int horizon, int uniform_levels, double epsilon,
                     std::optional<std::uint64_t> seed = {})
      : actions_(actions), horizon_(horizon), uniform_levels_(uniform_levels), seed_(seed) {
    if (actions < 1 || horizon < 1)
      throw std::domain_error("rto::canonical_instance: A >= 1 and H >= 1, got A = " + std::to_string(actions) +
                              ", H = " + std::to_string(horizon));
    if (uniform_levels < 0 || uniform_levels > horizon)
      throw std::domain_error("rto::canonical_instance: k in [0, H], got " + std::to_string(uniform_levels));
    if (!(epsilon >= 0 && epsilon < 1))
      throw std::domain_error("rto::canonical_instance: epsilon in [0, 1), got " + std::to_string(epsilon));
    if (actions == 1) epsilon = 0;  // the only token has all the mass
    log_uniform_ = -std::log(static_cast<double>(actions));
    log_good_ = std::log1p(-epsilon);
    log_other_ = std::log(epsilon) - std::log(std::max(actions - 1, 1));
  }

  /// The largest power of two below what keeps the residual mass off the chains under tau / (2A):
  /// 1 - (1 - epsilon)^H < tau / (2A) at tau = A^{-k-1/2}.
  static double small_epsilon(int actions, int horizon, int uniform_levels) {
    const double limit = std::pow(actions, -uniform_levels - 1.5) / (2.0 * horizon);
    return std::exp2(std::floor(std::log2(limit)));
  }

  int action_count() const { return actions_; }
  int horizon() const { return horizon_; }
  int uniform_levels() const { return uniform_levels_; }
  state_type initial_state() const { return {seed_.value_or(0), 0, true}; }

  state_type append(const state_type& state, int token) const {
    const bool stays = state.on_chain && (state.depth < uniform_levels_ || token == good_token(state));
    return {seed_ ? detail::child_key(state.key, token) : 0, state.depth + 1, stays};
  }

  double log_probability(const state_type& state, int token) const {
    if (state.depth < uniform_levels_ || !state.on_chain) return log_uniform_;
    return token == good_token(state) ? log_good_ : log_other_;
  }

  /// The token of probability 1 - epsilon at a chain node.
  int good_token(const state_type& state) const {
    return seed_ ? detail::key_token(detail::mixed_bits(state.key), actions_) : actions_ - 1;
  }

  /// log p* = (H - k) log(1 - epsilon) - k log A.
  double log_best_probability() const {
    return (horizon_ - uniform_levels_) * log_good_ + uniform_levels_ * log_uniform_;
  }

 private:
  int actions_;
  int horizon_;
  int uniform_levels_;
  std::optional<std::uint64_t> seed_;
  double log_uniform_, log_good_, log_other_;
};

}  // namespace rto
