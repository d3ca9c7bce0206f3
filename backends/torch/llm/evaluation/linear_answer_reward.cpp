#include "llm/evaluation/linear_answer_reward.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>

#include <rto/array/scalar.hpp>
#include <rto/loss/preference_loss.hpp>
#include <rto/reward/linear_reward.hpp>
#include <rto/reward/pessimism.hpp>
#include <rto/reward/reward_mle.hpp>

#include "llm/judging/win_rate.hpp"
#include "sim/statistics/sample.hpp"

namespace rto::llm {
namespace {

void require_pairs(const char* function, const at::Tensor& chosen, const at::Tensor& rejected) {
  if (chosen.dim() != 2 || chosen.sizes() != rejected.sizes() || chosen.size(0) == 0)
    throw std::invalid_argument(std::string("rto::") + function +
                                ": chosen and rejected must be [pairs, d] of one shape, with a pair");
}

}  // namespace

at::Tensor answer_features(const language_model& model, std::span<const encoded_answer> answers, std::size_t batch) {
  const at::NoGradGuard no_gradients;
  const double scale = 1 / std::sqrt(static_cast<double>(model.config().hidden));
  std::vector<at::Tensor> parts;
  for (std::size_t from = 0; from < answers.size(); from += batch) {
    const auto part = answers.subspan(from, std::min(batch, answers.size() - from));
    std::vector<token_ids> texts;
    std::vector<std::int64_t> row_of, token;
    std::int64_t start = 0;
    for (std::size_t i = 0; i < part.size(); ++i) {
      texts.push_back(part[i].ids);
      for (std::size_t t = 0; t < part[i].ids.size(); ++t)
        if (part[i].trained(t)) {
          row_of.push_back(static_cast<std::int64_t>(i));
          token.push_back(start + static_cast<std::int64_t>(t));
        }
      start += static_cast<std::int64_t>(part[i].ids.size());
    }
    const auto indices = [&](const std::vector<std::int64_t>& all) {
      return at::tensor(all, at::kLong).to(model.device());
    };
    const at::Tensor states = model.hidden_states(make_packed_rows(texts, model.device())).to(at::kDouble);
    parts.push_back(at::zeros({static_cast<std::int64_t>(part.size()), states.size(1)}, states.options())
                        .index_add(0, indices(row_of), states.index_select(0, indices(token))) *
                    scale);
  }
  if (parts.empty()) return at::zeros({0, model.config().hidden}, at::TensorOptions(model.device()).dtype(at::kDouble));
  return at::cat(parts);
}

linear_answer_reward fit_linear_answer_reward(const at::Tensor& chosen, const at::Tensor& rejected,
                                              const linear_answer_reward_options& options) {
  require_pairs("fit_linear_answer_reward", chosen, rejected);
  const at::Tensor differences = chosen - rejected;
  const at::Tensor ones = at::ones({differences.size(0), 1}, differences.options());
  return {.estimate = reward_mle(comparison_set<at::Tensor>{differences, ones, {}}, {.bound = options.bound}),
          .covariance = make_regularized_covariance(differences, options.lambda),
          .reference = at::cat({chosen, rejected}).mean(0, /*keepdim=*/true)};
}

std::vector<double> linear_answer_reward::rewards(const at::Tensor& features, double radius) const {
  const at::Tensor from_reference = features - reference;
  return array::to_host(pessimistic_reward(features, from_reference, estimate.theta, covariance, radius));
}

std::vector<calibration_group> calibration(const linear_answer_reward& reward, const at::Tensor& chosen,
                                           const at::Tensor& rejected, std::size_t groups, double confidence) {
  require_pairs("calibration", chosen, rejected);
  const at::Tensor differences = chosen - rejected;
  const std::vector<double> bonus = array::to_host(elliptical_norms(differences, reward.covariance)),
                            margin = array::to_host(linear_reward(differences, reward.estimate.theta));
  const std::size_t n = bonus.size();
  if (groups == 0 || n < groups) throw std::invalid_argument("rto::calibration: need a pair for every group");
  std::vector<std::size_t> order(n);
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return bonus[a] < bonus[b]; });
  std::vector<calibration_group> all;
  for (std::size_t g = 0; g < groups; ++g) {
    calibration_group group;
    std::vector<double> losses;
    std::vector<judgement> orders;
    for (std::size_t k = g * n / groups; k < (g + 1) * n / groups; ++k) {
      const double m = margin[order[k]];
      group.bonus += bonus[order[k]];
      losses.push_back(preference_loss(m));
      orders.emplace_back().preference = m > 0 ? 1 : m < 0 ? 0 : 0.5;
    }
    group.pairs = static_cast<std::int64_t>(losses.size());
    group.bonus /= static_cast<double>(losses.size());
    group.accuracy = raw_win_rate(orders, confidence).rate;
    group.loss = sim::mean_interval(losses, confidence);
    all.push_back(group);
  }
  return all;
}

}  // namespace rto::llm
