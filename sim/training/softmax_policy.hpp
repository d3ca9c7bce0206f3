#pragma once
// A softmax policy on a token tree, and a value function: tables or linear in features, trained by Adam.
#include <cstdint>
#include <span>
#include <vector>

#include "sim/training/indexed_features.hpp"
#include "sim/training/parameters.hpp"
#include "sim/training/token_world.hpp"

namespace rto::sim {

/// log pi(a|s) = log softmax_a(log base(a|s) + <w, f(s,a)>). With w = 0 it is the base policy.
class softmax_policy {
 public:
  /// \param base log-probabilities [N, A], held by reference  \param features of states, width A; by reference
  /// \throws std::invalid_argument unless the features give the numbers of `base`
  softmax_policy(const edge_table& base, const indexed_features& features);
  softmax_policy(edge_table&&, const indexed_features&) = delete;

  std::int64_t states() const { return base_->rows(); }
  std::int64_t actions() const { return base_->cols(); }

  /// log pi(.|s) and pi(.|s) of the states given. \param log_pi, pi [states, A]
  void evaluate(std::span<const std::int64_t> states, Eigen::Map<edge_table> log_pi, Eigen::Map<edge_table> pi) const;
  /// log pi [N, A].
  edge_table log_policy() const;

  /// Adds the gradient of a loss by the logits of one state. \param slope [A]
  void add_logit_gradient(std::int64_t state, const double* slope);
  /// One step of Adam. \returns the gradient's norm
  double step(double rate) { return weights_.step(rate); }
  const trainable_parameters& weights() const { return weights_; }
  trainable_parameters& weights() { return weights_; }

 private:
  const edge_table* base_;
  const indexed_features* features_;
  trainable_parameters weights_;
};

/// States in the order of their first mention, each once.
class distinct_states {
 public:
  /// \param states how many there are to choose from
  explicit distinct_states(std::int64_t states)
      : row_(static_cast<std::size_t>(states), -1), list_(static_cast<std::size_t>(states) + 1) {}

  /// The place of a state in the list, at its end where it is new. (No branch: no processor could predict it.)
  std::int64_t add(std::int64_t state) {
    std::int64_t& row = row_[static_cast<std::size_t>(state)];
    const bool is_new = row < 0;
    list_[size_] = state;
    row = is_new ? static_cast<std::int64_t>(size_) : row;
    size_ += is_new ? 1 : 0;
    return row;
  }
  std::span<const std::int64_t> list() const { return {list_.data(), size_}; }
  std::int64_t size() const { return static_cast<std::int64_t>(size_); }
  void clear() {
    for (const std::int64_t state : list()) row_[static_cast<std::size_t>(state)] = -1;
    size_ = 0;
  }

 private:
  std::vector<std::int64_t> row_;   // -1: not in the list
  std::vector<std::int64_t> list_;  // one place more than there are states: written to before it is known to be new
  std::size_t size_ = 0;
};

/// What a minibatch reads of a policy, and the gradient of its loss: a row for every distinct state, whose exponentials
/// are taken once however many tokens meet there.
class policy_rows {
 public:
  explicit policy_rows(softmax_policy& policy)
      : policy_(&policy),
        states_(policy.states()),
        log_pi_(policy.states(), policy.actions()),
        pi_(policy.states(), policy.actions()),
        taken_(policy.states(), policy.actions()),
        total_(static_cast<std::size_t>(policy.states())) {}

  /// Forgets all rows.
  void clear() { states_.clear(); }
  /// \returns the row of a state
  std::int64_t add(std::int64_t state) { return states_.add(state); }
  /// The states of the rows.
  std::span<const std::int64_t> states() const { return states_.list(); }
  /// Computes the rows from the policy as it is now; the gradient is 0.
  void evaluate();

  double log_probability(std::int64_t row, std::int64_t token) const { return log_pi_(row, token); }
  const double* log_probabilities(std::int64_t row) const { return &log_pi_(row, 0); }

  /// Adds slope * d log pi(token|s) / d logits.
  void add_log_probability_gradient(std::int64_t row, std::int64_t token, double slope) {
    taken_(row, token) += slope;
    total_[static_cast<std::size_t>(row)].add(slope);
  }
  /// Adds slope * d KL(reference(.|s) || pi(.|s)) / d logits, given log reference(.|s).
  void add_reference_kl_gradient(std::int64_t row, double slope, const double* log_reference);
  /// Adds the gradient of all rows to that of the policy's parameters. A row that only slopes of 0 have
  /// reached is not touched.
  void add_gradient_to_policy();

 private:
  softmax_policy* policy_;
  distinct_states states_;
  // The gradient by the logits is taken - total pi: that of log pi(a|s) is 1{a} - pi.
  edge_table log_pi_, pi_, taken_;  // [N, A], filled as far as there are rows
  struct row_total {
    double sum = 0;
    bool touched = false;  // opposite slopes add up to 0 as well
    void add(double slope) {
      sum += slope;
      touched |= slope != 0;
    }
  };
  std::vector<row_total> total_;  // [N]
};

/// V(s) = <v, g(s)>, or a reward model's score of an edge: a number of the features.
class linear_function {
 public:
  explicit linear_function(const indexed_features& features)
      : features_(number_features(features)), weights_(features.parameters()) {}
  double operator()(std::int64_t number) const {
    double sum = 0;
    features_.for_each_row(number, [&](std::int64_t k) { sum += weights_.row(k)[0]; });
    return sum;
  }
  void add_gradient(std::int64_t number, double slope) {
    features_.for_each_row(number, [&](std::int64_t k) { weights_.touch(k)[0] += slope; });
  }
  double step(double rate) { return weights_.step(rate); }

 private:
  indexed_features features_;  // width 1
  trainable_parameters weights_;
};

}  // namespace rto::sim
