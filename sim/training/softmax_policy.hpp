#pragma once
// A softmax policy on a token tree, and a value function: tables or linear in features, trained by Adam.
#include <cstdint>
#include <span>

#include "sim/training/token_world.hpp"

namespace rto::sim {

/// log pi(a|s) = log softmax_a(log base(a|s) + <w, f(s,a)>). With w = 0 it is the base policy.
class softmax_policy {
 public:
  /// \param base log-probabilities [N, A], held by reference  \param features of edges, item s A + a; by reference
  softmax_policy(const edge_table& base, const indexed_features& features)
      : base_(&base), features_(&features), weights_(features.parameters) {}
  softmax_policy(edge_table&&, const indexed_features&) = delete;

  std::int64_t actions() const { return base_->cols(); }

  /// log pi(.|s) of the states given. \param out [states, A]
  void log_probabilities(std::span<const std::int64_t> states, edge_table& out) const;
  /// log pi [N, A].
  edge_table log_policy() const;

  /// Adds slope * d log pi(token|s) / dw, given pi(.|s).
  void add_log_probability_gradient(std::int64_t state, std::int64_t token, double slope, const double* pi);
  /// Adds slope * d KL(reference(.|s) || pi(.|s)) / dw, given pi(.|s) and log reference(.|s).
  void add_reference_kl_gradient(std::int64_t state, double slope, const double* pi, const double* log_reference);

  /// One step of Adam. \returns the gradient's norm
  double step(double rate) { return weights_.step(rate); }
  const trainable_parameters& weights() const { return weights_; }
  trainable_parameters& weights() { return weights_; }

 private:
  const edge_table* base_;
  const indexed_features* features_;
  trainable_parameters weights_;
};

/// V(s) = <v, g(s)>, or a reward model's score of an edge.
class linear_function {
 public:
  explicit linear_function(const indexed_features& features) : features_(&features), weights_(features.parameters) {}
  double operator()(std::int64_t item) const { return features_->value(weights_, item); }
  void add_gradient(std::int64_t item, double slope) { features_->add_gradient(weights_, item, slope); }
  double step(double rate) { return weights_.step(rate); }

 private:
  const indexed_features* features_;
  trainable_parameters weights_;
};

}  // namespace rto::sim
