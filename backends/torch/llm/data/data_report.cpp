#include "llm/data/data_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "llm/text/python_text.hpp"

namespace rto::llm {
namespace {

// The smallest length that at least a share q of the samples does not exceed.
std::size_t quantile(const std::vector<std::size_t>& sorted, double q) {
  const auto rank = static_cast<std::size_t>(std::ceil(q * static_cast<double>(sorted.size())));
  return sorted[std::clamp<std::size_t>(rank, 1, sorted.size()) - 1];
}

std::size_t sum(const std::vector<std::size_t>& lengths) {
  return std::accumulate(lengths.begin(), lengths.end(), std::size_t{0});
}

std::string lengths_line(const char* what, std::vector<std::size_t> lengths) {
  if (lengths.empty()) return "";
  std::sort(lengths.begin(), lengths.end());
  return fmt::format("  {:<9} {:>7} {:>7} {:>7} {:>7} {:>7} {:>9.1f}\n", what, lengths.front(), quantile(lengths, 0.5),
                     quantile(lengths, 0.9), quantile(lengths, 0.99), lengths.back(),
                     static_cast<double>(sum(lengths)) / static_cast<double>(lengths.size()));
}

constexpr std::size_t width = 110;

void append_tokens(std::string& out, const char* label, std::span<const token_id> ids, const token_decoder& decode) {
  std::string line = fmt::format("  {:<8}", label);
  const std::size_t margin = line.size();
  std::size_t used = margin;
  for (const token_id id : ids) {
    const std::string shown = fmt::format(" {}:{}", id, python::repr(decode(std::span(&id, 1))));
    if (used > margin && used + shown.size() > width) {
      out += line + '\n';
      line.assign(margin, ' ');
      used = margin;
    }
    line += shown;
    used += shown.size();
  }
  out += line + '\n';
}

// Runs of ids that are learnt, and of those that are not.
std::string annotated_runs(const encoded_answer& sample, const token_decoder& decode, const char* learnt) {
  std::string out;
  const std::span<const token_id> ids(sample.ids);
  for (std::size_t begin = 0; begin < ids.size();) {
    std::size_t end = begin + 1;
    while (end < ids.size() && sample.trained(end) == sample.trained(begin)) ++end;
    append_tokens(out, sample.trained(begin) ? learnt : "given", ids.subspan(begin, end - begin), decode);
    begin = end;
  }
  return out;
}

}  // namespace

std::size_t data_report::tokens() const { return sum(prompt_lengths) + sum(answer_lengths) + sum(rejected_lengths); }

std::string to_text(const data_report& r) {
  std::string out = fmt::format("{}: {}{}, {} records, {} samples, {} tokens\n", r.name, r.format,
                                r.conversational ? " (messages)" : "", r.records, r.samples, r.tokens());
  const auto note = [&](std::size_t count, const char* what) {
    if (count > 0) out += fmt::format("  {:>8} {}\n", count, what);
  };
  note(r.ties, "left out: no winner");
  note(r.without_prompt, "left out: the two answers have no common prompt");
  note(r.too_long, "left out: longer than allowed");
  note(r.no_room, "left out: the prompt leaves no room for an answer");
  note(r.no_answer, "left out: nothing to learn in it");
  note(r.repeated, "left out: a prompt that was there already");
  note(r.cut, "cut to the length allowed");
  note(r.equal_answers, "compare an answer with itself");
  note(r.empty_answers, "have an answer without any text");
  note(r.without_end, "have an answer that does not end in the end token: generation will not stop by it");
  if (r.joint_differs > 0)
    out += fmt::format("  {:>8} of {} would have other ids if prompt and answer were encoded as one text\n",
                       r.joint_differs, r.joint_tried);
  if (r.samples > 0) {
    out += fmt::format("  {:<9} {:>7} {:>7} {:>7} {:>7} {:>7} {:>9}\n", "tokens", "least", "median", "90 %", "99 %",
                       "most", "mean");
    out += lengths_line("prompt", r.prompt_lengths) +
           lengths_line(r.rejected_lengths.empty() ? "answer" : "chosen", r.answer_lengths) +
           lengths_line("rejected", r.rejected_lengths);
  }
  return out;
}

std::string annotated(const encoded_answer& sample, const token_decoder& decode) {
  return annotated_runs(sample, decode, "learnt") + (sample.complete ? "" : "  (cut: no end token)\n");
}

std::string annotated(const encoded_pair& sample, const token_decoder& decode) {
  std::string out;
  append_tokens(out, "prompt", sample.prompt, decode);
  append_tokens(out, "chosen", sample.chosen, decode);
  append_tokens(out, "rejected", sample.rejected, decode);
  if (sample.margin) out += fmt::format("  margin   {}\n", *sample.margin);
  return out;
}

std::string annotated(const labelled_answer& sample, const token_decoder& decode) {
  return annotated_runs(sample.answer, decode, sample.desirable ? "liked" : "disliked");
}

std::string annotated(const encoded_prompt& sample, const token_decoder& decode) {
  std::string out;
  append_tokens(out, "prompt", sample.ids, decode);
  return out;
}

}  // namespace rto::llm
