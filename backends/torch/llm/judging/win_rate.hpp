#pragma once
// How often one model's answers are preferred to another's: as counted, and as it would be with answers of one length
// or one style.
#include <cstdint>
#include <string>
#include <vector>

#include "llm/judging/answer_style.hpp"
#include "sim/statistics/estimate.hpp"

namespace rto::llm {

/// One prompt, answered by two models and judged.
struct judgement {
  std::string model, baseline;  ///< their names
  double preference = 0.5;      ///< in [0, 1]: 1 where the model's answer was preferred, 1/2 for a tie
  answer_style style;           ///< of the model's answer
  answer_style baseline_style;  ///< of the baseline's
  double weight = 1.0;          ///< > 0: a decided judgement may count several times
};

struct win_rate {
  sim::estimate rate = {};  ///< in [0, 1], with the interval at the level that was asked for
  std::int64_t count = 0;   ///< judgements
  std::int64_t ties = 0;
};

/// The weighted mean preference. Interval: Wilson's where all weights are 1 and no preference is strictly between 0 and
/// 1 but 1/2 (a tie counts as half a win), otherwise of the mean (Student's t).
/// \throws std::invalid_argument without judgements, std::domain_error for a preference outside [0, 1]
win_rate raw_win_rate(const std::vector<judgement>& judgements, double confidence = 0.95);

struct controlled_win_rate {
  win_rate controlled;
  win_rate raw;
  double effect = 0;        ///< coefficient of the control (length), logits per unit of tanh
  double effect_error = 0;  ///< its standard error
  bool separated = false;   ///< the length alone decides all judgements: the controlled rate is not identified
};

/// The win rate if the model's answers were as long as the baseline's: sigma(theta_0) of the Bradley-Terry model
///   P(preferred) = sigma(theta_0 + theta_1 tanh(d / sd(d))),   d = difference of the lengths in characters,
/// fitted by maximum likelihood with soft labels; interval by Wald on theta_0.
/// \source Dubois et al. 2024 (arXiv 2404.04475), whose per-prompt difficulty (known for AlpacaEval's prompts only) and
///   L1 penalty are left out
/// \throws as raw_win_rate
controlled_win_rate length_controlled_win_rate(const std::vector<judgement>& judgements, double confidence = 0.95);

/// Strengths of several models with the style held fixed.
struct style_controlled_rates {
  std::vector<std::string> models;  ///< the baseline first
  std::vector<win_rate> rates;      ///< sigma(strength - baseline's), the baseline's own 1/2; of equal style
  std::vector<double> effects;      ///< of length, headers, list items, bold: logits per standard deviation
};

/// Bradley-Terry over all judgements: one strength a model (the baseline's is 0) and four differences of style, each
/// divided by its standard deviation: (length - length') / (length + length') and, for headers, list items and bold,
/// the same of their density (per character, plus 1 in the denominator as its source has it). Intervals by `rounds`
/// bootstrap draws of judgements, from `seed`. \source the style control of Arena-Hard (Li et al. 2024, arXiv
/// 2406.11939), Chiang et al. 2024 for Chatbot Arena \throws as raw_win_rate; std::invalid_argument when the baseline
/// is in no judgement or a model is not connected to it
style_controlled_rates style_controlled_win_rates(const std::vector<judgement>& judgements, const std::string& baseline,
                                                  std::uint64_t seed, int rounds = 100, double confidence = 0.9);

}  // namespace rto::llm
