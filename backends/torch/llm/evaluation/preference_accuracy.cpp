#include "llm/evaluation/preference_accuracy.hpp"

#include <stdexcept>

#include <rto/array/scalar.hpp>
#include <rto/loss/preference_loss.hpp>

#include "sim/statistics/sample.hpp"

namespace rto::llm {
namespace {

judgement judged(double difference) {
  judgement j;
  j.preference = difference > 0 ? 1 : difference < 0 ? 0 : 0.5;
  return j;
}

}  // namespace

preference_summary summarize_preferences(std::span<const encoded_pair> pairs, const answer_scorer& reward,
                                         double confidence) {
  if (pairs.empty()) throw std::invalid_argument("rto::summarize_preferences: expected pairs, got none");
  std::vector<encoded_answer> answers;
  for (const encoded_pair& p : pairs) {
    answers.push_back(side_by_side(p.prompt, p.chosen, p.chosen_complete));
    answers.push_back(side_by_side(p.prompt, p.rejected, p.rejected_complete));
  }
  const std::vector<double> rewards = reward(answers);
  std::vector<double> margins, losses;
  std::vector<judgement> orders, lengths;
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    margins.push_back(rewards[2 * i] - rewards[2 * i + 1]);
    losses.push_back(preference_loss(margins.back()));
    orders.push_back(judged(margins.back()));
    lengths.push_back(
        judged(static_cast<double>(pairs[i].chosen.size()) - static_cast<double>(pairs[i].rejected.size())));
  }
  const win_rate order = raw_win_rate(orders, confidence);
  return {.pairs = order.count,
          .ties = order.ties,
          .accuracy = order.rate,
          .margin = sim::mean_interval(margins, confidence),
          .loss = sim::mean_interval(losses, confidence),
          .longer = raw_win_rate(lengths, confidence).rate};
}

}  // namespace rto::llm
