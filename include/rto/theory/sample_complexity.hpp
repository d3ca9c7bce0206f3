// Query counts and bounds of Proposition 3.2 (sentence-level against token-level feedback) as functions.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <stdexcept>
#include <string>

namespace rto {

namespace detail {

inline void require_tree(const char* function, int actions, int horizon) {
  if (actions < 1 || horizon < 1)
    throw std::domain_error(std::string("rto::") + function + ": A >= 1 and H >= 1, got A = " +
                            std::to_string(actions) + ", H = " + std::to_string(horizon));
}

inline void require_exponent(const char* function, double xi) {
  if (!(xi >= 0)) throw std::domain_error(std::string("rto::") + function + ": xi >= 0, got " + std::to_string(xi));
}

inline void require_noise(const char* function, double gap, double delta) {
  if (!(gap > 0)) throw std::domain_error(std::string("rto::") + function + ": gap > 0, got " + std::to_string(gap));
  if (!(delta > 0 && delta < 1))
    throw std::domain_error(std::string("rto::") + function + ": delta in (0, 1), got " + std::to_string(delta));
}

template <class Number> Number integer_power(int base, int exponent) {
  Number power = 1;
  for (int i = 0; i < exponent; ++i) power = power * Number(base);
  return power;
}

/// ceil(x) as a count. \throws std::domain_error when it does not fit
inline std::int64_t repetition_count(const char* function, double x) {
  if (!(x < 9e18))
    throw std::domain_error(std::string("rto::") + function + ": fewer than 2^63 repetitions, got " +
                            std::to_string(x));
  return std::max<std::int64_t>(1, static_cast<std::int64_t>(std::ceil(x)));
}

}  // namespace detail

/// Sentence level, without use of sum_y p(y) = 1: A^H queries.
/// \source Zhong et al. 2024 (arXiv 2404.18922), Proposition 3.2 (formula reconstructed)
/// \tparam Number double (infinite where it overflows) or an exact number type
/// \throws std::domain_error when A < 1 or H < 1
template <class Number = double> Number sentence_query_count(int actions, int horizon) {
  detail::require_tree("sentence_query_count", actions, horizon);
  return detail::integer_power<Number>(actions, horizon);
}

/// Sentence level with sum_y p(y) = 1, one response of mass above 1/2, N = A^H: to name it takes N - 1 queries in the
/// worst case, (N+1)/2 - 1/N on average in random order.
/// \source mathematics.md 11.3
template <class Number = double> struct sentence_identification { Number worst_case, mean; };
template <class Number = double>
sentence_identification<Number> sentence_identification_count(int actions, int horizon) {
  const Number n = sentence_query_count<Number>(actions, horizon);
  return {n - Number(1), (n + Number(1)) / Number(2) - Number(1) / n};
}

/// Token level as printed: A^{min(xi+1, H)}. Fails as a worst-case bound, see `corrected_token_query_bound`.
/// \source Zhong et al. 2024 (arXiv 2404.18922), Proposition 3.2 (formula reconstructed)
/// \param xi the exponent of Assumption 3.1: some response has p(y) >= A^{-xi}
/// \throws std::domain_error when A < 1, H < 1 or xi < 0
inline double printed_token_query_bound(int actions, int horizon, double xi) {
  detail::require_tree("printed_token_query_bound", actions, horizon);
  detail::require_exponent("printed_token_query_bound", xi);
  return std::pow(static_cast<double>(actions), std::min(xi + 1, static_cast<double>(horizon)));
}

/// Token level, corrected: 1 + (A-1) sum_{h<H} min(A^h, A^xi) queries suffice for T1, and at most (H - floor(xi))
/// A^{xi+1}.
/// \source mathematics.md 11.3 \assumes some response has p(y) >= A^{-xi}; xi known to the learner; noiseless r_t = log
/// pi* \throws std::domain_error when A < 1, H < 1 or xi < 0 \cost O(H)
inline double corrected_token_query_bound(int actions, int horizon, double xi) {
  detail::require_tree("corrected_token_query_bound", actions, horizon);
  detail::require_exponent("corrected_token_query_bound", xi);
  double parents = 0;
  for (int h = 0; h < horizon; ++h) parents += std::pow(static_cast<double>(actions), std::min<double>(h, xi));
  return 1 + (actions - 1) * parents;
}

/// Token level, needed in the worst case up to a constant: (H - ceil(log_A M)) M with M = max(1, ceil(A^xi) - 1).
/// \source mathematics.md 11.3 (M equal-mass subtrees, each a needle chain); 0 where the construction has no room
/// \throws std::domain_error when A < 1, H < 1 or xi < 0
inline double token_query_lower_bound(int actions, int horizon, double xi) {
  detail::require_tree("token_query_lower_bound", actions, horizon);
  detail::require_exponent("token_query_lower_bound", xi);
  if (actions == 1) return 0;
  const double subtrees = std::max(1.0, std::ceil(std::pow(static_cast<double>(actions), xi)) - 1);
  int uniform_levels = 0;
  for (double reach = 1; reach < subtrees && uniform_levels < horizon; reach *= actions) ++uniform_levels;
  return (horizon - uniform_levels) * (actions - 1.0) * subtrees;
}

/// What T1 makes on an instance: 1 + (A-1) sum_{h<H} N_h, N_h the number of heavy nodes at depth h.
/// \source mathematics.md 11.3
/// \param heavy_counts [H + 1] N_0, ..., N_H  \throws std::domain_error on overflow or a negative count
inline std::int64_t heavy_prefix_query_count(int actions, std::span<const std::int64_t> heavy_counts) {
  detail::require_tree("heavy_prefix_query_count", actions, static_cast<int>(heavy_counts.size()) - 1);
  std::int64_t parents = 0;
  for (const std::int64_t count : heavy_counts.first(heavy_counts.size() - 1)) {
    if (count < 0 || count > std::numeric_limits<std::int64_t>::max() / actions - parents - 1)
      throw std::domain_error("rto::heavy_prefix_query_count: counts >= 0 whose sum fits 63 bits, got " +
                              std::to_string(count));
    parents += count;
  }
  return 1 + (actions - 1) * parents;
}

/// Needle instances: queries an optimal adaptive token-level learner needs to name y*, and to have queried it.
/// \source mathematics.md 11.3 (brute-force game trees)
struct needle_query_counts {
  double named_worst_case, named_mean, queried_worst_case, queried_mean;
};
inline needle_query_counts needle_sample_complexity(int actions, int horizon) {
  detail::require_tree("needle_sample_complexity", actions, horizon);
  const double wrong = static_cast<double>(horizon) * (actions - 1.0);
  return {wrong, actions == 1 ? 0.0 : 1 + wrong / 2 - 1.0 / actions, wrong + 1, 1 + wrong / 2};
}

/// Closed forms on the canonical instance (A, H, k, epsilon), tau = A^{-k-1/2}, children tried in uniformly random
/// order. \source mathematics.md 11.5
template <class Number = double> struct canonical_query_counts {
  Number sentence_exhaustive;                               // S1
  Number sentence_mean, sentence_min, sentence_max;         // S2
  Number heavy_prefix;                                      // T1, every order
  Number token_mean, token_min, token_max, token_variance;  // T2
  Number printed_bound;                                     // A^{min(k+1, H)}
};

/// \param uniform_levels k in [0, H]  \tparam Number double or an exact rational
/// \throws std::domain_error
template <class Number = double>
canonical_query_counts<Number> canonical_sample_complexity(int actions, int horizon, int uniform_levels) {
  detail::require_tree("canonical_sample_complexity", actions, horizon);
  if (uniform_levels < 0 || uniform_levels > horizon)
    throw std::domain_error("rto::canonical_sample_complexity: k in [0, H], got " + std::to_string(uniform_levels));
  const Number responses = detail::integer_power<Number>(actions, horizon);
  const Number chains = detail::integer_power<Number>(actions, uniform_levels);
  const Number links = Number(horizon - uniform_levels);
  const Number wrong = Number(actions - 1) * links;
  const Number a = Number(actions);
  return {responses,
          chains * (responses + Number(1)) / (chains + Number(1)),
          chains,
          responses,
          chains * (Number(1) + wrong),
          chains * (Number(1) + wrong / Number(2)),
          chains,
          chains * (Number(1) + wrong),
          chains * links * (a * a - Number(1)) / Number(12),
          detail::integer_power<Number>(actions, std::min(uniform_levels + 1, horizon))};
}

/// Repetitions after which T1 on means of noisy token rewards decides every threshold rightly with probability
/// 1 - delta: m = ceil(2 H sigma^2 / Delta^2 log(2 n H / delta)).
/// \source mathematics.md 11.6 \assumes |log p(v) - log tau| >= Delta at all visited nodes; independent N(0, sigma^2)
/// noise \param queries n, of the noiseless T1  \param gap Delta > 0 (nats) \throws std::domain_error
inline std::int64_t noisy_token_repetitions(int horizon, double sigma, double gap, double queries, double delta) {
  detail::require_noise("noisy_token_repetitions", gap, delta);
  return detail::repetition_count(
      "noisy_token_repetitions", 2.0 * horizon * sigma * sigma / (gap * gap) * std::log(2 * queries * horizon / delta));
}

/// Repetitions per response after which the best of A^H means is the best response with probability 1 - delta:
/// m = ceil(8 sigma^2 / Delta^2 log(2 A^H / delta)).
/// \source mathematics.md 11.6 \assumes the best response leads by Delta  \throws std::domain_error
inline std::int64_t noisy_sentence_repetitions(int actions, int horizon, double sigma, double gap, double delta) {
  detail::require_tree("noisy_sentence_repetitions", actions, horizon);
  detail::require_noise("noisy_sentence_repetitions", gap, delta);
  return detail::repetition_count(
      "noisy_sentence_repetitions",
      8 * sigma * sigma / (gap * gap) * (horizon * std::log(actions) + std::log(2 / delta)));
}

/// Duels per comparison after which the majority is right in all N comparisons with probability 1 - delta:
/// m = ceil(log(N / delta) / (2 (sigmoid(Delta) - 1/2)^2)).
/// \source mathematics.md 11.6 \assumes log-masses of the compared differ by at least Delta
/// \param log_comparisons log N  \throws std::domain_error
inline std::int64_t duels_per_comparison(double log_comparisons, double gap, double delta) {
  detail::require_noise("duels_per_comparison", gap, delta);
  const double lead = 0.5 * std::tanh(gap / 2);  // sigmoid(Delta) - 1/2
  return detail::repetition_count("duels_per_comparison", (log_comparisons - std::log(delta)) / (2 * lead * lead));
}

}  // namespace rto
