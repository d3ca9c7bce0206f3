#include "sim/training/preference_training.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <boost/random/uniform_01.hpp>

#include <rto/array/autodiff.hpp>
#include <rto/loss/dpo_loss.hpp>
#include <rto/loss/r_dpo_loss.hpp>
#include <rto/loss/simpo_loss.hpp>
#include <rto/loss/tdpo_loss.hpp>
#include <rto/mdp/policy.hpp>
#include <rto/preference/bradley_terry.hpp>

#include "sim/statistics/shuffle.hpp"

namespace rto::sim {
namespace {

// log pi of winner and loser, and their divergences from the reference: what a pair's loss is differentiated by.
using dual = Eigen::AutoDiffScalar<Eigen::Matrix<double, 4, 1>>;

struct answer_terms {
  std::vector<std::int64_t> edges;
  double log_policy = 0, log_reference = 0, kl = 0;
  double length() const { return static_cast<double>(edges.size()); }
};

dual pair_loss(const answer_terms& w, const answer_terms& l, const preference_options& o) {
  const dual log_w(w.log_policy, 4, 0), log_l(l.log_policy, 4, 1);
  const dual log_ratio = log_w - log_l;
  const dual reference(w.log_reference - l.log_reference);
  const dual kl_w(w.kl, 4, 2), kl_l(l.kl, 4, 3);
  switch (o.method) {
    case preference_method::r_dpo:
      return r_dpo_loss(log_ratio, reference, dual(w.length() - l.length()), {.beta = o.beta, .alpha = o.alpha});
    case preference_method::simpo:
      return simpo_loss(dual(log_w / w.length()), dual(log_l / l.length()), {.beta = o.beta, .gamma = o.gamma});
    case preference_method::tdpo:
      return tdpo2_loss(log_ratio, reference, kl_w, kl_l, {.beta = o.beta, .alpha = o.alpha});
    case preference_method::dpo:
      break;
  }
  return dpo_loss(log_ratio, reference, {.beta = o.beta});
}

// Calls step(pairs of the minibatch, rate) over epochs of shuffled minibatches.
template <class Step>
void run_epochs(const std::vector<answer_pair>& pairs, const preference_options& options, stream& rng, Step step) {
  std::vector<std::size_t> order(pairs.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto size = static_cast<std::size_t>(options.minibatch);
  const double all =
      static_cast<double>(options.epochs) * std::ceil(static_cast<double>(pairs.size()) / static_cast<double>(size));
  double done = 0;
  std::vector<answer_pair> part;
  for (std::int64_t epoch = 0; epoch < options.epochs; ++epoch) {
    if (size < pairs.size()) shuffle(order, rng);
    for (std::size_t from = 0; from < pairs.size(); from += size, ++done) {
      part.clear();
      for (std::size_t i = from; i < std::min(from + size, pairs.size()); ++i) part.push_back(pairs[order[i]]);
      step(part, options.rate * (1 - done / all));
    }
  }
}

double total_weight(const std::vector<answer_pair>& pairs) {
  double sum = 0;
  for (const answer_pair& pair : pairs) sum += pair.weight;
  return sum;
}

// The rows of all edges of answers, in their order.
void evaluate_rows(const std::vector<answer_terms>& answers, std::int64_t actions, policy_rows& rows,
                   std::vector<std::int64_t>& row) {
  rows.clear();
  row.clear();
  for (const answer_terms& answer : answers)
    for (const std::int64_t item : answer.edges) row.push_back(rows.add(item / actions));
  rows.evaluate();
}

}  // namespace

std::vector<answer_pair> draw_preferences(const token_world& world, const edge_table& log_policy,
                                          const preference_data_options& options, stream& rng) {
  std::vector<double> cumulative = answer_probabilities(world, log_policy);
  for (std::size_t k = 0; k + 1 < world.first_answer.size(); ++k)
    for (std::int64_t i = world.first_answer[k] + 1; i < world.first_answer[k + 1]; ++i)
      cumulative[static_cast<std::size_t>(i)] += cumulative[static_cast<std::size_t>(i - 1)];
  boost::random::uniform_01<double> uniform;
  const std::span<const double> rho = world.tree.start_distribution();
  std::vector<answer_pair> pairs;
  pairs.reserve(static_cast<std::size_t>(options.pairs));
  for (std::int64_t i = 0; i < options.pairs; ++i) {
    const std::int64_t prompt = draw_index(rho, rng);
    const auto from = cumulative.begin() + world.first_answer[static_cast<std::size_t>(prompt)];
    const auto to = cumulative.begin() + world.first_answer[static_cast<std::size_t>(prompt) + 1];
    const auto draw = [&] {
      const double u = uniform(rng) * *(to - 1);
      return static_cast<std::int64_t>(std::upper_bound(from, to - 1, u) - cumulative.begin());
    };
    const std::int64_t first = draw(), second = draw();
    const double margin =
        world.answer_reward[static_cast<std::size_t>(first)] - world.answer_reward[static_cast<std::size_t>(second)];
    const double p = (1 - options.label_noise) * array::sigmoid(margin) + options.label_noise * array::sigmoid(-margin);
    pairs.push_back(uniform(rng) < p ? answer_pair{first, second} : answer_pair{second, first});
  }
  return pairs;
}

std::vector<answer_pair> population_preferences(const token_world& world, const edge_table& log_policy) {
  const std::vector<double> p = answer_probabilities(world, log_policy);
  const std::span<const double> rho = world.tree.start_distribution();
  std::vector<answer_pair> pairs;
  for (std::size_t k = 0; k + 1 < world.first_answer.size(); ++k)
    for (std::int64_t i = world.first_answer[k]; i < world.first_answer[k + 1]; ++i)
      for (std::int64_t j = world.first_answer[k]; j < world.first_answer[k + 1]; ++j) {
        if (i == j) continue;
        const auto a = static_cast<std::size_t>(i), b = static_cast<std::size_t>(j);
        pairs.push_back({i, j, rho[k] * p[a] * p[b] * array::sigmoid(world.answer_reward[a] - world.answer_reward[b])});
      }
  return pairs;
}

void fine_tune(const token_world& world, softmax_policy& policy, const std::vector<answer_pair>& pairs,
               const preference_options& options, stream& rng) {
  policy_rows rows(policy);
  std::vector<std::int64_t> row;
  std::vector<answer_terms> answers;
  run_epochs(pairs, options, rng, [&](const std::vector<answer_pair>& part, double rate) {
    answers.resize(part.size());
    double tokens = 0;
    for (std::size_t i = 0; i < part.size(); ++i) {
      answer_edges(world, part[i].winner, answers[i].edges);
      tokens += answers[i].length();
    }
    evaluate_rows(answers, policy.actions(), rows, row);
    auto at = row.begin();
    for (const answer_terms& answer : answers)
      for (const std::int64_t item : answer.edges)
        rows.add_log_probability_gradient(*at++, item % policy.actions(), -1 / tokens);
    rows.add_gradient_to_policy();
    policy.step(rate);
  });
}

void optimize_preferences(const token_world& world, softmax_policy& policy, const edge_table& log_reference,
                          const std::vector<answer_pair>& pairs, const preference_options& options, stream& rng) {
  const std::int64_t actions = policy.actions();
  const bool divergence = options.method == preference_method::tdpo;
  policy_rows rows(policy);
  std::vector<std::int64_t> row;
  std::vector<answer_terms> answers;
  run_epochs(pairs, options, rng, [&](const std::vector<answer_pair>& part, double rate) {
    answers.resize(2 * part.size());
    for (std::size_t i = 0; i < part.size(); ++i) {
      answer_edges(world, part[i].winner, answers[2 * i].edges);
      answer_edges(world, part[i].loser, answers[2 * i + 1].edges);
    }
    evaluate_rows(answers, actions, rows, row);
    auto at = row.begin();
    for (answer_terms& answer : answers) {
      answer.log_policy = answer.log_reference = answer.kl = 0;
      for (const std::int64_t item : answer.edges) {
        answer.log_policy += rows.log_probability(*at, item % actions);
        answer.log_reference += log_reference.data()[item];
        if (divergence)
          for (std::int64_t a = 0; a < actions; ++a)
            answer.kl += kl_terms(log_reference(item / actions, a), rows.log_probability(*at, a));
        ++at;
      }
    }
    const double total = total_weight(part);
    at = row.begin();
    for (std::size_t i = 0; i < part.size(); ++i) {
      const auto slopes = pair_loss(answers[2 * i], answers[2 * i + 1], options).derivatives();
      for (const std::size_t side : {std::size_t{0}, std::size_t{1}}) {
        const double scale = part[i].weight / total;
        const double slope = scale * slopes(static_cast<Eigen::Index>(side)),
                     kl_slope = scale * slopes(static_cast<Eigen::Index>(2 + side));
        for (const std::int64_t item : answers[2 * i + side].edges) {
          rows.add_log_probability_gradient(*at, item % actions, slope);
          if (divergence) rows.add_reference_kl_gradient(*at, kl_slope, &log_reference(item / actions, 0));
          ++at;
        }
      }
    }
    rows.add_gradient_to_policy();
    policy.step(rate);
  });
}

edge_table fit_token_reward(const token_world& world, const indexed_features& features,
                            const std::vector<answer_pair>& pairs, const preference_options& options, stream& rng) {
  linear_function score(features);
  std::vector<std::int64_t> winner, loser;
  run_epochs(pairs, options, rng, [&](const std::vector<answer_pair>& part, double rate) {
    const double total = total_weight(part);
    for (const answer_pair& pair : part) {
      answer_edges(world, pair.winner, winner);
      answer_edges(world, pair.loser, loser);
      double margin = 0;
      for (const std::int64_t item : winner) margin += score(item);
      for (const std::int64_t item : loser) margin -= score(item);
      // bradley_terry_residual(margin, 1) = d log likelihood / d margin
      const double slope = -bradley_terry_residual(margin, 1.0) * pair.weight / total;
      for (const std::int64_t item : winner) score.add_gradient(item, slope);
      for (const std::int64_t item : loser) score.add_gradient(item, -slope);
    }
    score.step(rate);
  });
  edge_table reward(world.tree.states(), world.tree.actions());
  for (std::int64_t item = 0; item < reward.size(); ++item) reward.data()[item] = score(item);
  return reward;
}

}  // namespace rto::sim
