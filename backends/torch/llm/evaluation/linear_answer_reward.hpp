#pragma once
// Algorithm 1's reward on a language model: linear in features of its hidden states, with a bonus for what the
// comparisons leave uncertain.
#include <span>
#include <vector>

#include <rto/reward/confidence_set.hpp>
#include <rto/reward/reward_estimate.hpp>
#include <rto/torch/array.hpp>

#include "llm/data/preference_sample.hpp"
#include "llm/model/language_model.hpp"
#include "sim/statistics/estimate.hpp"

namespace rto::llm {

/// phi(x, y) = (1/sqrt(hidden)) sum_t h_t over an answer's tokens, h_t the last hidden state after the token: the
/// feature of a trajectory whose tokens have rewards linear in h. \source arXiv 2404.18922, section 4.1
/// \param batch answers of one pass  \returns [answers, hidden] in double, on the model's device
at::Tensor answer_features(const language_model& model, std::span<const encoded_answer> answers, std::size_t batch);

struct linear_answer_reward_options {
  double bound = 10;  ///< B of (4.1), > 0: ||theta|| <= B, reward units
  double lambda = 1;  ///< of Sigma_D, > 0
};

/// theta_hat of (4.1) and Sigma_D of (4.2) from comparisons.
struct linear_answer_reward {
  reward_estimate<at::Tensor> estimate;
  regularized_covariance<at::Tensor> covariance;
  at::Tensor reference;  ///< [1, d], mean feature of the comparisons' answers: the vector that the bonus is taken from

  /// <theta_hat, phi> - radius ||phi - reference||_{Sigma_D^-1} of every row, (4.2) with a reference vector (theorem
  /// B.1). \param features [n, d]
  [[nodiscard]] std::vector<double> rewards(const at::Tensor& features, double radius) const;
};

/// \param chosen, rejected [pairs, d] features \throws std::invalid_argument for shapes, std::domain_error for options
linear_answer_reward fit_linear_answer_reward(const at::Tensor& chosen, const at::Tensor& rejected,
                                              const linear_answer_reward_options& options = {});

/// Held-out pairs whose bonus is about alike.
struct calibration_group {
  std::int64_t pairs = 0;
  double bonus = 0;        ///< mean of ||phi(chosen) - phi(rejected)||_{Sigma_D^-1}
  sim::estimate accuracy;  ///< of theta_hat, ties as half
  sim::estimate loss;      ///< -log sigma(<theta_hat, difference>)
};

/// The pairs in `groups` parts of about equal number, by ascending bonus: where the bonus tells what is uncertain, the
/// loss grows from part to part. \throws std::invalid_argument for fewer pairs than groups
std::vector<calibration_group> calibration(const linear_answer_reward& reward, const at::Tensor& chosen,
                                           const at::Tensor& rejected, std::size_t groups = 10,
                                           double confidence = 0.95);

}  // namespace rto::llm
