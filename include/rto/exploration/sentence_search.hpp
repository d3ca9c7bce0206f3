// The sentence-level learners of Proposition 3.2: S1 queries everything, S2 stops when too little mass is unseen.
#pragma once

#include <boost/random/uniform_int_distribution.hpp>
#include <cmath>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>
#include <unordered_map>

#include <rto/exploration/feedback.hpp>
#include <rto/exploration/search_result.hpp>

namespace rto {

namespace detail {

/// A^H as a 64-bit integer. \throws std::domain_error when it does not fit
inline std::int64_t countable_responses(const char* function, int actions, int horizon) {
  std::int64_t count = 1;
  for (int h = 0; h < horizon; ++h) {
    if (count > std::numeric_limits<std::int64_t>::max() / actions)
      throw std::domain_error(std::string("rto::") + function + ": A^H below 2^63, got A = " + std::to_string(actions) +
                              ", H = " + std::to_string(horizon));
    count *= actions;
  }
  return count;
}

/// Draws 0, ..., n-1 without replacement, uniformly: a Fisher-Yates shuffle of which only the moved entries are kept.
class sampling_without_replacement {
 public:
  explicit sampling_without_replacement(std::int64_t count) : count_(count) {}

  template <class URBG> std::int64_t operator()(URBG& rng) {
    const std::int64_t chosen = boost::random::uniform_int_distribution<std::int64_t>(drawn_, count_ - 1)(rng);
    const std::int64_t value = entry(chosen);
    if (chosen != drawn_) moved_[chosen] = entry(drawn_);
    moved_.erase(drawn_++);
    return value;
  }

 private:
  std::int64_t entry(std::int64_t position) const {
    const auto found = moved_.find(position);
    return found == moved_.end() ? position : found->second;
  }

  std::int64_t count_;
  std::int64_t drawn_ = 0;
  std::unordered_map<std::int64_t, std::int64_t> moved_;
};

}  // namespace detail

/// S1: query all A^H responses in lexicographic order and keep the best.
/// \source Zhong et al. 2024 (arXiv 2404.18922), Proposition 3.2, sentence level
/// \param observer  is called after every query and may stop the search
/// \returns status found (or stopped); ties go to the first in lexicographic order
/// \throws std::domain_error when a reward is NaN
/// \cost A^H queries; memory O(H). For the count alone use rto::sentence_query_count
template <SentenceFeedback F, QueryObserver Observer = no_observer>
search_result exhaustive_sentence_search(F& feedback, Observer&& observer = {}) {
  const int actions = feedback.action_count();
  search_result result;
  std::vector<int> response(static_cast<std::size_t>(feedback.horizon()), 0);
  const int length = feedback.horizon();
  for (int h = length; h >= 0;) {
    const double reward = feedback.sentence_reward(response);
    if (std::isnan(reward))
      throw std::domain_error("rto::exhaustive_sentence_search: rewards that are numbers, got NaN");
    ++result.queries;
    if (result.best_response.empty() || reward > result.log_probability) {
      result.best_response = response;
      result.log_probability = reward;
    }
    if (!observer(query_view{result.queries, response, {&reward, 1}, length, true})) {
      result.status = search_status::stopped;
      return result;
    }
    for (h = length - 1; h >= 0 && ++response[static_cast<std::size_t>(h)] == actions; --h)
      response[static_cast<std::size_t>(h)] = 0;
  }
  result.status = search_status::found;
  return result;
}

/// S2: query responses in uniformly random order until the mass of the unseen ones is below tau.
/// \source mathematics.md 11.5; uses sum_y p(y) = 1, which the paper's count A^H does not
/// \param log_threshold log tau (nats)  \param rng uniform random bits  \param observer  is called after every query
/// \returns status no_heavy_leaf when the best response seen has less than tau
/// \throws std::domain_error when A^H does not fit 64 bits, log_threshold or a reward is NaN, or a reward is positive
/// \cost at most A^H queries; memory O(queries)
template <SentenceFeedback F, class URBG, QueryObserver Observer>
search_result residual_mass_sentence_search(F& feedback, double log_threshold, URBG& rng, Observer&& observer) {
  detail::require_log_threshold("residual_mass_sentence_search", log_threshold);
  const int actions = feedback.action_count();
  const int length = feedback.horizon();
  const std::int64_t responses = detail::countable_responses("residual_mass_sentence_search", actions, length);
  detail::sampling_without_replacement draw(responses);
  search_result result;
  std::vector<int> response(static_cast<std::size_t>(length), 0);
  double unseen = 1, lost = 0;  // compensated: unseen - lost is the mass
  while (result.queries < responses) {
    std::int64_t index = draw(rng);
    for (int h = length - 1; h >= 0; --h, index /= actions)
      response[static_cast<std::size_t>(h)] = static_cast<int>(index % actions);
    const double reward = feedback.sentence_reward(response);
    if (!(reward <= log_mass_tolerance))
      throw std::domain_error("rto::residual_mass_sentence_search: log-probabilities <= 0, got " +
                              std::to_string(reward));
    ++result.queries;
    if (result.best_response.empty() || reward > result.log_probability) {
      result.best_response = response;
      result.log_probability = reward;
    }
    const double mass = std::exp(reward) + lost;
    const double next = unseen - mass;
    lost = (next - unseen) + mass;
    unseen = next;
    if (!observer(query_view{result.queries, response, {&reward, 1}, length, true})) {
      result.status = search_status::stopped;
      return result;
    }
    const double rounding = 4 * std::numeric_limits<double>::epsilon();  // of exp: below it nothing can be concluded
    if (unseen > rounding ? !at_least_mass(std::log(unseen), log_threshold)
                          : !at_least_mass(std::log(rounding), log_threshold))
      break;
  }
  result.status =
      at_least_mass(result.log_probability, log_threshold) ? search_status::found : search_status::no_heavy_leaf;
  return result;
}

/// The same, watching nothing.
template <SentenceFeedback F, class URBG>
search_result residual_mass_sentence_search(F& feedback, double log_threshold, URBG& rng) {
  return residual_mass_sentence_search(feedback, log_threshold, rng, no_observer{});
}

}  // namespace rto
