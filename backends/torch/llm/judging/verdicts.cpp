#include "llm/judging/verdicts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <unordered_map>
#include <utility>

#include "sim/data/json_lines.hpp"
#include "sim/engine/stream.hpp"
#include "sim/io/error.hpp"
#include "sim/io/file.hpp"

namespace rto::llm {
namespace {

using sim::json;
using sim::user_error;

std::string_view trimmed(std::string_view text) {
  const std::size_t from = text.find_first_not_of(" \t\r\n\"'*.`");
  if (from == std::string_view::npos) return {};
  return text.substr(from, text.find_last_not_of(" \t\r\n\"'*.`") - from + 1);
}

// Of the answer A: 1, 0, 1/2 or none. A judge that explains itself names its choice at the end of its last line.
std::optional<double> preference_of(std::string_view verdict) {
  verdict = trimmed(verdict);
  if (const std::size_t line = verdict.find_last_of('\n'); line != std::string_view::npos)
    verdict = trimmed(verdict.substr(line + 1));
  if (const std::size_t colon = verdict.find_last_of(':'); colon != std::string_view::npos)
    verdict = trimmed(verdict.substr(colon + 1));
  if (verdict == "A" || verdict == "a") return 1;
  if (verdict == "B" || verdict == "b") return 0;
  if (verdict == "tie" || verdict == "Tie" || verdict == "TIE" || verdict == "C") return 0.5;
  return std::nullopt;
}

// Two words that name a prompt's draws: they depend on the prompt and the seed alone.
sim::stream stream_of(std::uint64_t seed, const std::string& prompt) { return sim::stream(seed, sim::digest(prompt)); }

}  // namespace

answer_file read_answers(const std::filesystem::path& file, std::string name) {
  answer_file answers;
  answers.name = name.empty() ? file.stem().string() : std::move(name);
  sim::json_lines_reader lines(file);
  json object;
  while (lines.next(object)) {
    answers.prompts.push_back(lines.text(object, "prompt"));
    answers.responses.push_back(lines.text(object, object.contains("response") ? "response" : "text"));
  }
  if (answers.prompts.empty())
    throw user_error(fmt::format("{}: expected lines with \"prompt\" and \"text\", found none", file.string()));
  return answers;
}

std::string judge_prompt(judge_task task, const std::string& prompt, const std::string& a, const std::string& b) {
  if (task == judge_task::dialogue)
    return fmt::format(
        "For the following query to a chatbot, which response is more helpful?\n\nQuery: {}\n\nResponse A:\n{}\n\n"
        "Response B:\n{}\n\nFIRST, provide a one-sentence comparison of the two responses and explain which you feel "
        "is more helpful. SECOND, on a new line, state only \"A\" or \"B\" to indicate which response is more helpful. "
        "Your response should use the format:\nComparison: <one-sentence comparison and explanation>\n"
        "More helpful: <\"A\" or \"B\">",
        prompt, a, b);
  return fmt::format(
      "Which of the following summaries does a better job of summarizing the most important points in the given forum "
      "post, without including unimportant or irrelevant details? A good summary is both precise and concise.\n\n"
      "Post:\n{}\n\nSummary A:\n{}\n\nSummary B:\n{}\n\nFIRST, provide a one-sentence comparison of the two summaries, "
      "explaining which you prefer and why. SECOND, on a new line, state only \"A\" or \"B\" to indicate your choice. "
      "Your response should use the format:\nComparison: <one-sentence comparison and explanation>\n"
      "Preferred: <\"A\" or \"B\">",
      prompt, a, b);
}

std::vector<answer_pair> paired_answers(const answer_file& model, const answer_file& baseline, std::uint64_t seed,
                                        std::int64_t limit) {
  std::unordered_map<std::string, std::size_t> of_baseline;
  for (std::size_t i = 0; i < baseline.prompts.size(); ++i) of_baseline.emplace(baseline.prompts[i], i);
  std::vector<std::pair<std::uint64_t, answer_pair>> ranked;
  for (std::size_t i = 0; i < model.prompts.size(); ++i) {
    const auto found = of_baseline.find(model.prompts[i]);
    if (found == of_baseline.end()) continue;
    sim::stream draws = stream_of(seed, model.prompts[i]);
    const std::uint64_t rank = draws();
    ranked.push_back({rank, {i, found->second, (draws() >> 63) != 0}});
  }
  if (ranked.empty()) throw user_error(fmt::format("{} and {} have no prompt in common", model.name, baseline.name));
  if (limit > 0 && static_cast<std::size_t>(limit) < ranked.size()) {
    std::stable_sort(ranked.begin(), ranked.end(), [](const auto& x, const auto& y) { return x.first < y.first; });
    ranked.resize(static_cast<std::size_t>(limit));
    std::sort(ranked.begin(), ranked.end(),
              [](const auto& x, const auto& y) { return x.second.model < y.second.model; });
  }
  std::vector<answer_pair> pairs;
  for (const auto& [rank, pair] : ranked) pairs.push_back(pair);
  return pairs;
}

std::int64_t export_pairs(const answer_file& model, const answer_file& baseline, judge_task task, std::uint64_t seed,
                          std::int64_t limit, const std::filesystem::path& out) {
  const std::vector<answer_pair> pairs = paired_answers(model, baseline, seed, limit);
  std::string text;
  for (const answer_pair& e : pairs) {
    const std::string &first = model.responses[e.model], &second = baseline.responses[e.baseline];
    const std::string &a = e.swapped ? second : first, &b = e.swapped ? first : second;
    const sim::ordered_json line{{"id", e.model},
                                 {"order", e.swapped ? "ba" : "ab"},
                                 {"prompt", model.prompts[e.model]},
                                 {"a", a},
                                 {"b", b},
                                 {"ask", judge_prompt(task, model.prompts[e.model], a, b)}};
    text += line.dump() + "\n";
  }
  sim::write_file(out, text);
  return static_cast<std::int64_t>(pairs.size());
}

std::vector<judgement> import_verdicts(const std::filesystem::path& file, const std::string& model,
                                       const std::string& baseline) {
  std::vector<judgement> judgements;
  sim::json_lines_reader lines(file);
  json object;
  while (lines.next(object)) {
    const std::string& order = lines.text(object, "order");
    if (order != "ab" && order != "ba")
      throw user_error(
          fmt::format("{}: field \"order\": expected \"ab\" or \"ba\", found \"{}\"", lines.place(), order));
    if (!object.contains("verdict"))
      throw user_error(fmt::format(
          "{}: field \"verdict\": expected \"A\", \"B\", \"tie\" or a number in [0, 1], found none", lines.place()));
    const json& verdict = object["verdict"];
    std::optional<double> of_a;
    if (verdict.is_number())
      of_a = verdict.get<double>();
    else if (verdict.is_string())
      of_a = preference_of(verdict.get_ref<const std::string&>());
    if (!of_a || !(*of_a >= 0 && *of_a <= 1))
      throw user_error(
          fmt::format("{}: field \"verdict\": expected \"A\", \"B\", \"tie\" or a number in [0, 1], found {}",
                      lines.place(), sim::describe(verdict)));
    const answer_style a = style_of(lines.text(object, "a")), b = style_of(lines.text(object, "b"));
    const bool swapped = order == "ba";
    judgements.push_back({model, baseline, swapped ? 1 - *of_a : *of_a, swapped ? b : a, swapped ? a : b});
  }
  if (judgements.empty()) throw user_error(fmt::format("{}: expected verdicts, found none", file.string()));
  return judgements;
}

}  // namespace rto::llm
