// The token-level learners of Proposition 3.2 that are given tau: T1 (the paper's) and T2 (with residual masses).
#pragma once

#include <cmath>
#include <limits>
#include <stdexcept>
#include <vector>

#include <rto/exploration/child_order.hpp>
#include <rto/exploration/feedback.hpp>
#include <rto/exploration/search_result.hpp>

namespace rto {

namespace detail {

/// Depth-first form of T1 and T2: only the path to the node being expanded is kept. `Residual`: another token is tried
/// only while the mass not yet seen below the node reaches tau.
template <bool Residual, TokenFeedback F, ChildOrder Order, QueryObserver Observer>
search_result depth_first_token_search(F& feedback, double log_threshold, Order& order, Observer& observer) {
  const int actions = feedback.action_count();
  const int horizon = feedback.horizon();
  const auto at = [](int h) { return static_cast<std::size_t>(h); };
  search_result result;
  result.heavy_counts.assign(at(horizon) + 1, 0);
  std::vector<int> response(at(horizon), 0);
  std::vector<int> tried(at(horizon), 0);           // tokens tried at the node of each depth
  std::vector<double> untried(at(horizon), 1.0);    // its conditional mass not yet seen (Residual only)
  std::vector<double> log_p(at(horizon) + 1, 0.0);  // log p(y_{1:h}) of the current path
  order.start(actions, horizon);

  // Rounding of a sum of A probabilities: with less than this left nothing can be concluded, so the token is tried.
  const double rounding = 4.0 * actions * std::numeric_limits<double>::epsilon();
  const auto worth_another = [&](int h) {
    if (tried[at(h)] >= actions) return false;
    if constexpr (Residual) {
      if (untried[at(h)] > rounding) return at_least_mass(log_p[at(h)] + std::log(untried[at(h)]), log_threshold);
      return at_least_mass(log_p[at(h)] + std::log(rounding), log_threshold);
    } else {
      return true;
    }
  };
  const auto finish = [&](search_status status) {
    result.status = status;
    return result;
  };

  bool root_known = false;
  int depth = 0;
  while (true) {
    while (depth >= 0 && !worth_another(depth)) --depth;
    if (depth < 0) return finish(result.best_response.empty() ? search_status::no_heavy_leaf : search_status::found);
    response[at(depth)] = order.token(depth, tried[at(depth)]);
    for (int h = depth + 1; h < horizon; ++h) response[at(h)] = order.token(h, 0);
    const std::span<const double> rewards = feedback.token_rewards(response);
    query_view query;
    query.number = ++result.queries;
    query.response = response;

    if (!root_known) {  // p = 1 at the root, so it is light only where tau > 1
      root_known = true;
      if (!at_least_mass(0.0, log_threshold)) {
        result.frontier_size = 1;
        query.prefix_log_probabilities = std::span<const double>(log_p).first(1);
        observer(query);
        return finish(search_status::no_heavy_leaf);
      }
      result.heavy_counts[0] = 1;
    }
    int h = depth;
    for (;; ++h) {
      if (h > depth) {  // a heavy node met for the first time
        tried[at(h)] = 0;
        untried[at(h)] = 1.0;
      }
      const double reward = rewards[at(h)];
      if (std::isnan(reward)) throw std::domain_error("rto::token_search: token rewards that are numbers, got NaN");
      ++tried[at(h)];
      if constexpr (Residual) untried[at(h)] -= std::exp(reward);
      log_p[at(h) + 1] = log_p[at(h)] + reward;
      if (!at_least_mass(log_p[at(h) + 1], log_threshold)) {
        ++result.frontier_size;
        break;
      }
      ++result.heavy_counts[at(h) + 1];
      if (h + 1 == horizon) {
        query.heavy_leaf = true;
        if (result.best_response.empty() || log_p[at(horizon)] > result.log_probability) {
          result.best_response = response;
          result.log_probability = log_p[at(horizon)];
        }
        break;
      }
    }
    query.dead_length = h + 1;
    query.prefix_log_probabilities = std::span<const double>(log_p).first(at(h) + 2);
    if (!observer(query)) return finish(search_status::stopped);
    depth = h;
  }
}

}  // namespace detail

/// T1, the algorithm of the proof of Proposition 3.2: a node is heavy if p(y_{1:h}) >= tau; query a response with no
/// dead prefix, mark its first light prefix (or the heavy leaf itself) dead, until none is left. Makes exactly
/// 1 + (A-1) sum_{h<H} N_h queries, N_h the number of heavy nodes at depth h, in every order.
/// \source Zhong et al. 2024 (arXiv 2404.18922), proof of Proposition 3.2; mathematics.md 11.2, exact count 11.3
/// \param log_threshold log tau = -xi log A (nats). Needed as input, which the paper does not say; `-inf` visits all
/// \param order  of the tokens of a node  \param observer  is called after every query
/// \returns status no_heavy_leaf when tau > p*; heavy_counts = (N_h)_{h <= H}, frontier_size = size of (3.7)
/// \throws std::domain_error when log_threshold or a reward is NaN
/// \cost 1 + (A-1) sum_{h<H} N_h queries of H tokens; memory O(H), and O(A H) in random order
template <TokenFeedback F, ChildOrder Order = lexicographic_order, QueryObserver Observer = no_observer>
search_result heavy_prefix_search(F& feedback, double log_threshold, Order&& order = {}, Observer&& observer = {}) {
  detail::require_log_threshold("heavy_prefix_search", log_threshold);
  return detail::depth_first_token_search<false>(feedback, log_threshold, order, observer);
}

/// T2: T1 with residual masses. At a heavy node v it keeps res(v) = p(v) - sum over tried tokens of p(child) and tries
/// another token only while res(v) >= tau.
/// \source mathematics.md 11.5; uses sum_a pi*(a|s) = 1, which T1 does not
/// \param log_threshold,order,observer  as for heavy_prefix_search
/// \returns as heavy_prefix_search; heavy_counts and frontier_size count what was visited
/// \throws std::domain_error when log_threshold or a reward is NaN
/// \cost at most the queries of T1; on a needle half of them on average in random order
template <TokenFeedback F, ChildOrder Order = lexicographic_order, QueryObserver Observer = no_observer>
search_result residual_mass_token_search(F& feedback, double log_threshold, Order&& order = {},
                                         Observer&& observer = {}) {
  detail::require_log_threshold("residual_mass_token_search", log_threshold);
  return detail::depth_first_token_search<true>(feedback, log_threshold, order, observer);
}

}  // namespace rto
