// Learners that see only duels: knock-out among sentences, among siblings, and sibling log-odds against a threshold.
#pragma once

#include <algorithm>
#include <boost/random/uniform_01.hpp>
#include <cmath>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include <rto/array/scalar.hpp>
#include <rto/exploration/feedback.hpp>
#include <rto/exploration/search_result.hpp>

namespace rto {

/// Duels of full responses: `prefers(y, y')` is true with probability sigmoid(log p(y) - log p(y')).
/// \source Zhong et al. 2024 (arXiv 2404.18922), (3.1) with the rewards of (3.6); mathematics.md 11.6
template <class F>
concept SentencePreference = requires(F& feedback, const F& constant, std::span<const int> response) {
  { constant.action_count() } -> std::convertible_to<int>;
  { constant.horizon() } -> std::convertible_to<int>;
  { constant.duels() } -> std::convertible_to<std::int64_t>;
  { feedback.prefers(response, response) } -> std::convertible_to<bool>;
};

/// Duels of two tokens after the same prefix: `prefers(s, a, a')` is true with probability
/// sigmoid(r_t(s, a) - r_t(s, a')).
template <class F>
concept SiblingPreference = requires(F& feedback, const F& constant, std::span<const int> prefix, int token) {
  { constant.action_count() } -> std::convertible_to<int>;
  { constant.horizon() } -> std::convertible_to<int>;
  { constant.duels() } -> std::convertible_to<std::int64_t>;
  { feedback.prefers(prefix, token, token) } -> std::convertible_to<bool>;
};

namespace detail {

/// Bernoulli(sigmoid(x - y)); a fair coin between two rewards of minus infinity.
template <class URBG> bool duel(double x, double y, URBG& rng) {
  const double chance = x == y ? 0.5 : array::sigmoid(x - y);
  return boost::random::uniform_01<double>()(rng) < chance;
}

}  // namespace detail

/// \tparam M TokenLogProbabilityModel  \tparam URBG  both kept by reference
template <TokenLogProbabilityModel M, class URBG> class sentence_preference {
 public:
  sentence_preference(const M& model, URBG& rng) : first_(model), second_(model), rng_(&rng) {}

  int action_count() const { return first_.action_count(); }
  int horizon() const { return first_.horizon(); }
  std::int64_t duels() const { return first_.queries(); }

  bool prefers(std::span<const int> response, std::span<const int> other) {
    return detail::duel(first_.sentence_reward(response), second_.sentence_reward(other), *rng_);
  }

 private:
  sentence_feedback<M> first_, second_;  // two, so that each keeps the states of its own last response
  URBG* rng_;
};

/// \tparam M TokenLogProbabilityModel  \tparam URBG  both kept by reference
template <TokenLogProbabilityModel M, class URBG> class sibling_preference {
 public:
  sibling_preference(const M& model, URBG& rng) : model_(&model), rng_(&rng), state_(model.initial_state()) {}

  int action_count() const { return model_->action_count(); }
  int horizon() const { return model_->horizon(); }
  std::int64_t duels() const { return duels_; }

  bool prefers(std::span<const int> prefix, int token, int other) {
    ++duels_;
    if (!std::equal(prefix.begin(), prefix.end(), prefix_.begin(), prefix_.end())) {
      state_ = model_->initial_state();
      for (const int a : prefix) state_ = model_->append(state_, a);
      prefix_.assign(prefix.begin(), prefix.end());
    }
    return detail::duel(model_->log_probability(state_, token), model_->log_probability(state_, other), *rng_);
  }

 private:
  const M* model_;
  URBG* rng_;
  typename M::state_type state_;  // after prefix_
  std::vector<int> prefix_;
  std::int64_t duels_ = 0;
};

/// Result of a search by duels.
struct preference_search_result {
  search_status status = search_status::found;
  std::vector<int> best_response;     // [H]
  double log_probability = log_zero;  // as estimated (nats); NaN where duels give no scale
  std::int64_t duels = 0;
};

namespace detail {

inline void require_duels(const char* function, std::int64_t duels) {
  if (duels < 1)
    throw std::domain_error(std::string("rto::") + function + ": duels per comparison >= 1, got " +
                            std::to_string(duels));
}

/// How many of m duels the first wins.
template <class Duel> std::int64_t wins(std::int64_t m, Duel&& first_wins) {
  std::int64_t count = 0;
  for (std::int64_t i = 0; i < m; ++i) count += first_wins() ? 1 : 0;
  return count;
}

/// Knock-out among the tokens after a prefix: the winner of one majority after the other.
template <SiblingPreference F> int best_sibling(F& feedback, std::span<const int> prefix, std::int64_t m) {
  int champion = 0;
  for (int token = 1; token < feedback.action_count(); ++token)
    if (2 * wins(m, [&] { return feedback.prefers(prefix, token, champion); }) > m) champion = token;
  return champion;
}

}  // namespace detail

/// Sentence level: knock-out among all responses, each comparison the majority of m duels.
/// \source mathematics.md 11.6  \param m duels per comparison, see rto::duels_per_comparison
/// \throws std::domain_error when m < 1
/// \cost (A^H - 1) m duels; memory O(H)
template <SentencePreference F> preference_search_result sentence_knockout(F& feedback, std::int64_t m) {
  detail::require_duels("sentence_knockout", m);
  const auto length = static_cast<std::size_t>(feedback.horizon());
  std::vector<int> champion(length, 0), challenger(length, 0);
  while (true) {
    std::size_t h = length;  // the next response in lexicographic order
    while (h > 0 && ++challenger[h - 1] == feedback.action_count()) challenger[--h] = 0;
    if (h == 0) break;
    if (2 * detail::wins(m, [&] { return feedback.prefers(challenger, champion); }) > m) champion = challenger;
  }
  return {search_status::found, champion, std::nan(""), feedback.duels()};
}

/// Token level on needle instances: descend to the winner of a knock-out among siblings at every step. Finds the greedy
/// response, which is the best one where the likeliest token of every prefix leads to it.
/// \source mathematics.md 11.6  \param m duels per comparison
/// \throws std::domain_error when m < 1
/// \cost H m duels
template <SiblingPreference F> preference_search_result sibling_knockout_descent(F& feedback, std::int64_t m) {
  detail::require_duels("sibling_knockout_descent", m);
  std::vector<int> response;
  for (int h = 0; h < feedback.horizon(); ++h) response.push_back(detail::best_sibling(feedback, response, m));
  return {search_status::found, std::move(response), std::nan(""), feedback.duels()};
}

/// Token level in general: at every heavy node find the best sibling by knock-out, estimate the log-odds of the others
/// against it from m duels each (half a win added to both sides), normalise by sum_a p(a|s) = 1, and keep the children
/// whose estimated mass reaches tau. Returns the leaf of largest estimated mass.
/// \source mathematics.md 11.6
/// \param log_threshold log tau (nats)  \param m duels per pair
/// \returns status no_heavy_leaf when no leaf's estimate reaches tau
/// \throws std::domain_error when m < 1 or log_threshold is NaN
/// \cost 2 m duels per heavy inner node; memory O(A H)
template <SiblingPreference F>
preference_search_result sibling_odds_search(F& feedback, double log_threshold, std::int64_t m) {
  detail::require_duels("sibling_odds_search", m);
  detail::require_log_threshold("sibling_odds_search", log_threshold);
  preference_search_result result;
  result.status = search_status::no_heavy_leaf;
  std::vector<int> prefix;
  const auto visit = [&](const auto& self, double log_p) -> void {
    if (static_cast<int>(prefix.size()) == feedback.horizon()) {
      if (log_p > result.log_probability) {
        result.status = search_status::found;
        result.best_response = prefix;
        result.log_probability = log_p;
      }
      return;
    }
    const int best = detail::best_sibling(feedback, prefix, m);
    std::vector<double> odds(static_cast<std::size_t>(feedback.action_count()), 1.0);  // p(a|s) / p(best|s)
    double sum = 0;
    for (int token = 0; token < feedback.action_count(); ++token) {
      double& value = odds[static_cast<std::size_t>(token)];
      if (token != best) {
        const auto won = static_cast<double>(detail::wins(m, [&] { return feedback.prefers(prefix, token, best); }));
        value = (won + 0.5) / (static_cast<double>(m) - won + 0.5);
      }
      sum += value;
    }
    for (int token = 0; token < feedback.action_count(); ++token) {
      const double log_child = log_p + std::log(odds[static_cast<std::size_t>(token)] / sum);
      if (!at_least_mass(log_child, log_threshold)) continue;
      prefix.push_back(token);
      self(self, log_child);
      prefix.pop_back();
    }
  };
  visit(visit, 0.0);
  result.duels = feedback.duels();
  return result;
}

}  // namespace rto
