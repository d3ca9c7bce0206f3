#include "llm/judging/win_rate.hpp"

#include <fmt/format.h>

#include <Eigen/Dense>
#include <algorithm>
#include <array>
#include <boost/random/uniform_int_distribution.hpp>
#include <cmath>
#include <map>
#include <stdexcept>

#include <rto/array/eigen_matrix.hpp>
#include <rto/array/scalar.hpp>
#include <rto/reward/inference.hpp>
#include <rto/reward/reward_mle.hpp>

#include "sim/engine/stream.hpp"
#include "sim/statistics/proportion.hpp"
#include "sim/statistics/sample.hpp"

namespace rto::llm {
namespace {

using Eigen::MatrixXd;
using Eigen::VectorXd;

using array::sigmoid;

void require_judgements(const std::vector<judgement>& judgements) {
  if (judgements.empty()) throw std::invalid_argument("win rate: there is no judgement");
  for (const judgement& j : judgements) {
    if (!(j.preference >= 0 && j.preference <= 1))
      throw std::domain_error(fmt::format("win rate: a preference is in [0, 1], got {}", j.preference));
    if (!(j.weight > 0) || std::isinf(j.weight))
      throw std::domain_error(fmt::format("win rate: a weight is finite and > 0, got {}", j.weight));
  }
}

comparison_set<MatrixXd> comparisons_of(const std::vector<judgement>& judgements, MatrixXd features) {
  const auto n = static_cast<Eigen::Index>(judgements.size());
  MatrixXd label(n, 1), weight(n, 1);
  for (Eigen::Index i = 0; i < n; ++i) {
    label(i, 0) = judgements[static_cast<std::size_t>(i)].preference;
    weight(i, 0) = judgements[static_cast<std::size_t>(i)].weight;
  }
  return {std::move(features), std::move(label), std::move(weight)};
}

// Each column divided by its root mean square about 0: a difference of styles has no preferred sign. A column of zeros
// stays.
VectorXd scale_columns(MatrixXd& x) {
  VectorXd scale(x.cols());
  for (Eigen::Index c = 0; c < x.cols(); ++c) {
    scale[c] = std::sqrt(x.col(c).squaredNorm() / static_cast<double>(std::max<Eigen::Index>(1, x.rows())));
    if (scale[c] > 0) x.col(c) /= scale[c];
  }
  return scale;
}

constexpr Eigen::Index controls = 4;

std::array<double, controls> style_difference(const answer_style& a, const answer_style& b) {
  const auto length_a = static_cast<double>(a.characters), length_b = static_cast<double>(b.characters);
  const auto density = [&](std::int64_t count, double length) {
    return static_cast<double>(count) / std::max(1.0, length);
  };
  const auto relative = [&](std::int64_t of_a, std::int64_t of_b) {
    const double x = density(of_a, length_a), y = density(of_b, length_b);
    return (x - y) / (x + y + 1);
  };
  return {(length_a - length_b) / std::max(1.0, length_a + length_b), relative(a.headers, b.headers),
          relative(a.list_items, b.list_items), relative(a.bold, b.bold)};
}

}  // namespace

win_rate raw_win_rate(const std::vector<judgement>& judgements, double confidence) {
  require_judgements(judgements);
  win_rate result;
  result.count = static_cast<std::int64_t>(judgements.size());
  double wins = 0, total = 0, squares = 0;
  bool counted = true;
  for (const judgement& j : judgements) {
    wins += j.weight * j.preference;
    total += j.weight;
    squares += j.weight * j.weight;
    result.ties += j.preference == 0.5;
    counted = counted && j.weight == 1 && (j.preference == 0 || j.preference == 1);
  }
  if (counted) {
    result.rate = sim::wilson_interval(static_cast<std::int64_t>(wins), result.count, confidence);
    return result;
  }
  const double mean = wins / total;
  double spread = 0;
  for (const judgement& j : judgements) spread += j.weight * (j.preference - mean) * (j.preference - mean);
  const double effective = total * total / squares;  // judgements of one weight that would say as much
  const double variance = effective > 1 ? spread / total * effective / (effective - 1) : 0;
  result.rate = sim::mean_interval(mean, variance, effective, confidence);
  result.rate.range = {std::max(0.0, result.rate.range.low), std::min(1.0, result.rate.range.high)};
  return result;
}

controlled_win_rate length_controlled_win_rate(const std::vector<judgement>& judgements, double confidence) {
  controlled_win_rate result;
  result.raw = raw_win_rate(judgements, confidence);
  result.controlled = result.raw;
  const auto n = static_cast<Eigen::Index>(judgements.size());
  std::vector<double> difference;
  for (const judgement& j : judgements)
    difference.push_back(static_cast<double>(j.style.characters - j.baseline_style.characters));
  const double spread = std::sqrt(std::max(0.0, n > 1 ? sim::variance(difference) : 0.0));
  const bool varied = spread > 0;  // equal differences say nothing about the length
  MatrixXd features = MatrixXd::Ones(n, varied ? 2 : 1);
  for (Eigen::Index i = 0; varied && i < n; ++i)
    features(i, 1) = std::tanh(difference[static_cast<std::size_t>(i)] / spread);
  const comparison_set<MatrixXd> comparisons = comparisons_of(judgements, features);
  const reward_estimate<MatrixXd> fit = reward_mle(comparisons);
  if (!fit.converged) {  // all judgements agree, or the length decides them: the counted rate and its interval stand
    result.separated = true;
    return result;
  }
  const wald_inference<MatrixXd> inference = make_wald_inference(comparisons, fit.theta);
  const coefficient_interval range = wald_interval(fit.theta(0, 0), inference.standard_error[0], confidence);
  result.controlled.rate = {sigmoid(fit.theta(0, 0)), {sigmoid(range.low), sigmoid(range.high)}};
  if (varied) {
    result.effect = fit.theta(1, 0);
    result.effect_error = inference.standard_error[1];
  }
  return result;
}

style_controlled_rates style_controlled_win_rates(const std::vector<judgement>& judgements, const std::string& baseline,
                                                  std::uint64_t seed, int rounds, double confidence) {
  require_judgements(judgements);
  std::map<std::string, Eigen::Index> column;
  for (const judgement& j : judgements)
    for (const std::string* name : {&j.model, &j.baseline}) column.emplace(*name, 0);
  if (!column.contains(baseline))
    throw std::invalid_argument(
        fmt::format("style-controlled win rate: no judgement has the baseline \"{}\"", baseline));
  style_controlled_rates result;
  result.models = {baseline};
  for (auto& [name, place] : column) {
    if (name == baseline) continue;
    place = static_cast<Eigen::Index>(result.models.size()) - 1;
    result.models.push_back(name);
  }
  const auto others = static_cast<Eigen::Index>(result.models.size()) - 1;
  const auto n = static_cast<Eigen::Index>(judgements.size());
  MatrixXd style(n, controls), strength = MatrixXd::Zero(n, others);
  for (Eigen::Index i = 0; i < n; ++i) {
    const judgement& j = judgements[static_cast<std::size_t>(i)];
    const auto difference = style_difference(j.style, j.baseline_style);
    for (Eigen::Index c = 0; c < controls; ++c) style(i, c) = difference[static_cast<std::size_t>(c)];
    if (j.model != baseline) strength(i, column.at(j.model)) += 1;
    if (j.baseline != baseline) strength(i, column.at(j.baseline)) -= 1;
  }
  scale_columns(style);
  MatrixXd features(n, others + controls);
  features << strength, style;

  // Bounded, so that a model that never loses, or a bootstrap draw without one model's losses, has a finite strength.
  const reward_mle_options bounded{.bound = 30};
  const comparison_set<MatrixXd> comparisons = comparisons_of(judgements, features);
  const reward_estimate<MatrixXd> fit = reward_mle(comparisons, bounded);
  std::vector<std::vector<double>> drawn(static_cast<std::size_t>(others));
  sim::stream rng(seed, 0x7374796cULL);
  const boost::random::uniform_int_distribution<Eigen::Index> row(0, n - 1);
  for (int round = 0; round < rounds; ++round) {
    comparison_set<MatrixXd> sample = comparisons;
    for (Eigen::Index i = 0; i < n; ++i) {
      const Eigen::Index from = row(rng);
      sample.features.row(i) = comparisons.features.row(from);
      sample.label(i, 0) = comparisons.label(from, 0);
      sample.weight(i, 0) = comparisons.weight(from, 0);
    }
    const MatrixXd theta = reward_mle(sample, bounded).theta;
    for (Eigen::Index m = 0; m < others; ++m) drawn[static_cast<std::size_t>(m)].push_back(sigmoid(theta(m, 0)));
  }
  result.rates.push_back({{0.5, {0.5, 0.5}}});
  for (Eigen::Index m = 0; m < others; ++m) {
    win_rate rate{{sigmoid(fit.theta(m, 0)), {}}};
    if (rounds > 0)
      rate.rate.range = {sim::quantile(drawn[static_cast<std::size_t>(m)], (1 - confidence) / 2),
                         sim::quantile(drawn[static_cast<std::size_t>(m)], (1 + confidence) / 2)};
    result.rates.push_back(rate);
  }
  for (Eigen::Index i = 0; i < n; ++i) {
    const judgement& j = judgements[static_cast<std::size_t>(i)];
    for (std::size_t m = 0; m < result.models.size(); ++m) {
      if (result.models[m] != j.model && result.models[m] != j.baseline) continue;
      ++result.rates[m].count;
      result.rates[m].ties += j.preference == 0.5;
    }
  }
  for (Eigen::Index c = 0; c < controls; ++c) result.effects.push_back(fit.theta(others + c, 0));
  return result;
}

}  // namespace rto::llm
