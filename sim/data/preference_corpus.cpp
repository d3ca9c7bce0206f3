#include "sim/data/preference_corpus.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "sim/data/json_lines.hpp"
#include "sim/data/utf8.hpp"
#include "sim/io/error.hpp"
#include "sim/io/reader.hpp"

namespace rto::sim {

namespace {

std::filesystem::path existing(const std::filesystem::path& folder, std::initializer_list<const char*> names) {
  std::error_code code;
  for (const char* name : names) {
    if (std::filesystem::exists(folder / name, code)) return folder / name;
  }
  throw user_error(fmt::format("{}: expected this file of the data folder (see docs/data.md), found none",
                               (folder / *names.begin()).string()));
}

// A token is wrong when it overlaps a span of code points [start, end).
std::vector<bool> mark_errors(const std::string& text, const std::vector<text_token>& tokens, const reader& feedback) {
  const std::vector<std::size_t> offsets = code_point_offsets(text);
  std::vector<bool> in_error(tokens.size(), false);
  for (const reader& span : feedback.objects("errors")) {
    const std::size_t start = span.size("start"), end = span.size("end");
    if (start > end || end >= offsets.size())
      span.fail("end", fmt::format("expected start <= end <= {}, found {} and {}", offsets.size() - 1, start, end));
    for (std::size_t t = 0; t < tokens.size(); ++t) {
      if (tokens[t].begin < offsets[end] && tokens[t].end > offsets[start]) in_error[t] = true;
    }
  }
  return in_error;
}

}  // namespace

preference_corpus load_harmless_base(const std::filesystem::path& folder) {
  preference_corpus corpus;
  json_lines_reader lines(
      existing(folder / "preference" / "hh-rlhf-harmless-base", {"test.public.jsonl.gz", "test.jsonl.gz"}));
  json object;
  while (lines.next(object)) {
    const auto first = static_cast<int>(corpus.responses.size());
    for (const char* field : {"chosen", "rejected"})
      corpus.responses.push_back({tokens_of(last_reply(lines.text(object, field))), {}});
    corpus.pairs.push_back({first, first + 1, corpus.clusters++});
  }
  return corpus;
}

preference_corpus load_qa_feedback(const std::filesystem::path& folder) {
  constexpr std::array<std::pair<int, int>, 6> order{{{0, 1}, {0, 2}, {0, 3}, {1, 2}, {1, 3}, {2, 3}}};
  const auto file =
      existing(folder / "preference" / "qa-feedback", {"dev_feedback.public.json.gz", "dev_feedback.json"});
  const json document = read_json(file);
  if (!document.is_array())
    throw user_error(fmt::format("{}: expected a list, found {}", file.string(), describe(document)));
  preference_corpus corpus;
  try {
    for (const json& entry : document) {
      const reader question(entry, fmt::format("{}: entry {}", file.string(), corpus.clusters));
      const auto first = static_cast<int>(corpus.responses.size());
      for (int k = 1; k <= 4; ++k)
        corpus.responses.push_back({tokens_of(question.text(fmt::format("prediction {}", k))), {}});
      corpus.responses[static_cast<std::size_t>(first)].in_error =
          mark_errors(question.text("prediction 1"), corpus.responses[static_cast<std::size_t>(first)].tokens,
                      question.object("feedback"));
      corpus.marked.push_back(first);
      corpus.marked_cluster.push_back(corpus.clusters);
      const std::vector<std::int64_t> preference = question.integers("preference", order.size());
      for (std::size_t k = 0; k < order.size(); ++k) {
        const auto [a, b] = order[k];
        if (preference[k] == 1) corpus.pairs.push_back({first + a, first + b, corpus.clusters});
        if (preference[k] == 2) corpus.pairs.push_back({first + b, first + a, corpus.clusters});
      }
      ++corpus.clusters;
    }
  } catch (const field_error& error) {
    throw user_error(error.what());
  }
  return corpus;
}

}  // namespace rto::sim
