// Feedback oracles of Proposition 3.2: a query is a full response; the answer is one number or one number per token.
#pragma once

#include <algorithm>
#include <boost/random/normal_distribution.hpp>
#include <cmath>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include <rto/exploration/token_log_probability_model.hpp>

namespace rto {

/// Sentence-level feedback: the number r_s(y) of a full response.
/// \source Zhong et al. 2024 (arXiv 2404.18922), (3.6) and the protocol before Proposition 3.2
template <class F>
concept SentenceFeedback = requires(F& feedback, const F& constant, std::span<const int> response) {
  { constant.action_count() } -> std::convertible_to<int>;
  { constant.horizon() } -> std::convertible_to<int>;
  { constant.queries() } -> std::convertible_to<std::int64_t>;
  { feedback.sentence_reward(response) } -> std::convertible_to<double>;
};

/// Token-level feedback: the list (r_t(y_{<h}, y_h))_{h <= H} of a full response, valid until the next query.
/// \source Zhong et al. 2024 (arXiv 2404.18922), (3.6) and the protocol before Proposition 3.2
template <class F>
concept TokenFeedback = requires(F& feedback, const F& constant, std::span<const int> response) {
  { constant.action_count() } -> std::convertible_to<int>;
  { constant.horizon() } -> std::convertible_to<int>;
  { constant.queries() } -> std::convertible_to<std::int64_t>;
  { feedback.token_rewards(response) } -> std::convertible_to<std::span<const double>>;
};

namespace detail {

/// The token log-probabilities of a response. Keeps the states along the last one, so that the model is evaluated only
/// from the first token that differs.
template <TokenLogProbabilityModel M> class response_reader {
 public:
  explicit response_reader(const M& model) : model_(&model) {
    if (model.action_count() < 1 || model.horizon() < 1)
      throw std::invalid_argument("rto::response_reader: A >= 1 and H >= 1, got A = " +
                                  std::to_string(model.action_count()) + ", H = " + std::to_string(model.horizon()));
    const auto horizon = static_cast<std::size_t>(model.horizon());
    states_.reserve(horizon);
    states_.push_back(model.initial_state());
    last_.assign(horizon, -1);
    values_.assign(horizon, 0.0);
  }

  const M& model() const { return *model_; }

  std::span<const double> read(std::span<const int> response) {
    if (response.size() != last_.size())
      throw std::invalid_argument("rto::response_reader: a response of " + std::to_string(last_.size()) +
                                  " tokens, got " + std::to_string(response.size()));
    const auto differs = std::mismatch(response.begin(), response.end(), last_.begin()).first;
    for (auto h = static_cast<std::size_t>(differs - response.begin()); h < last_.size(); ++h) {
      const int token = response[h];
      if (token < 0 || token >= model_->action_count())
        throw std::invalid_argument("rto::response_reader: tokens in [0, A), got " + std::to_string(token));
      values_[h] = model_->log_probability(states_[h], token);
      last_[h] = token;
      if (h + 1 == last_.size()) break;
      if (states_.size() > h + 1)
        states_[h + 1] = model_->append(states_[h], token);
      else
        states_.push_back(model_->append(states_[h], token));
    }
    return values_;
  }

 private:
  const M* model_;
  std::vector<typename M::state_type> states_;  // states_[h]: after h tokens of last_
  std::vector<int> last_;
  std::vector<double> values_;
};

}  // namespace detail

/// r_s(y) = log p(y) = sum_h log pi*(y_h | y_{<h}), exact.
/// \cost H model evaluations a query at most; memory O(H)
template <TokenLogProbabilityModel M> class sentence_feedback {
 public:
  /// \param model is kept by reference
  explicit sentence_feedback(const M& model) : reader_(model) {}

  int action_count() const { return reader_.model().action_count(); }
  int horizon() const { return reader_.model().horizon(); }
  std::int64_t queries() const { return queries_; }

  double sentence_reward(std::span<const int> response) {
    ++queries_;
    double sum = 0;
    for (const double value : reader_.read(response)) sum += value;
    return sum;
  }

 private:
  detail::response_reader<M> reader_;
  std::int64_t queries_ = 0;
};

/// r_t(y_{<h}, y_h) = log pi*(y_h | y_{<h}), exact.
/// \cost H model evaluations a query at most, none for the tokens shared with the query before; memory O(H)
template <TokenLogProbabilityModel M> class token_feedback {
 public:
  /// \param model is kept by reference
  explicit token_feedback(const M& model) : reader_(model) {}

  int action_count() const { return reader_.model().action_count(); }
  int horizon() const { return reader_.model().horizon(); }
  std::int64_t queries() const { return queries_; }

  std::span<const double> token_rewards(std::span<const int> response) {
    ++queries_;
    return reader_.read(response);
  }

 private:
  detail::response_reader<M> reader_;
  std::int64_t queries_ = 0;
};

/// Every reading plus independent Gaussian noise, repeated `repetitions` times and averaged: the mean of m readings
/// r + N(0, sigma^2). One call costs m queries.
/// \source mathematics.md 11.6; for m see rto::noisy_token_repetitions and rto::noisy_sentence_repetitions
/// \tparam F SentenceFeedback or TokenFeedback, kept by reference  \tparam URBG kept by reference
template <class F, class URBG> class noisy_feedback {
 public:
  /// \param standard_deviation sigma of one reading (nats), finite and >= 0  \param repetitions m >= 1
  /// \throws std::domain_error
  noisy_feedback(F& exact, double standard_deviation, std::int64_t repetitions, URBG& rng)
      : exact_(&exact), rng_(&rng), sigma_(standard_deviation), repetitions_(repetitions) {
    if (!(standard_deviation >= 0) || std::isinf(standard_deviation))
      throw std::domain_error("rto::noisy_feedback: a finite standard deviation >= 0, got " +
                              std::to_string(standard_deviation));
    if (repetitions < 1)
      throw std::domain_error("rto::noisy_feedback: repetitions >= 1, got " + std::to_string(repetitions));
  }

  int action_count() const { return exact_->action_count(); }
  int horizon() const { return exact_->horizon(); }
  std::int64_t queries() const { return exact_->queries() * repetitions_; }

  double sentence_reward(std::span<const int> response) requires SentenceFeedback<F> {
    return mean_reading(exact_->sentence_reward(response));
  }

  std::span<const double> token_rewards(std::span<const int> response) requires TokenFeedback<F> {
    const std::span<const double> exact = exact_->token_rewards(response);
    values_.resize(exact.size());
    std::transform(exact.begin(), exact.end(), values_.begin(), [this](double r) { return mean_reading(r); });
    return values_;
  }

 private:
  double mean_reading(double exact) {
    double noise = 0;  // m separate draws: nothing is assumed of the mean's law
    for (std::int64_t i = 0; i < repetitions_; ++i) noise += normal_(*rng_);
    return exact + sigma_ * noise / static_cast<double>(repetitions_);
  }

  F* exact_;
  URBG* rng_;
  double sigma_;
  std::int64_t repetitions_;
  boost::random::normal_distribution<double> normal_;
  std::vector<double> values_;
};

}  // namespace rto
