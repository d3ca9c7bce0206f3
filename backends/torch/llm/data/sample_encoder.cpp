#include "llm/data/sample_encoder.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "sim/io/error.hpp"

namespace rto::llm {
namespace {

constexpr std::size_t joint_trials = 200;

bool only_blanks(const std::string& text) { return text.find_first_not_of(" \t\r\n") == std::string::npos; }

void append(token_ids& ids, const token_ids& more) { ids.insert(ids.end(), more.begin(), more.end()); }

}  // namespace

sample_encoder::sample_encoder(const record_set& set, const text_coder& coder, const encoding_options& options)
    : set_(set), coder_(coder), options_(options), chat_(set, coder, options) {
  if (options.max_length < 2)
    throw sim::user_error(fmt::format("the longest sample: expected at least 2 tokens, found {}", options.max_length));
  report.name = set.name;
  report.format = name_of(set.format);
  report.conversational = set.conversational;
  report.records = set.records.size() + set.ties + set.without_prompt;
  report.ties = set.ties;
  report.without_prompt = set.without_prompt;
}

void sample_encoder::refuse(const char* wanted) const {
  throw sim::user_error(fmt::format("{}: expected {}, found {} ({})", set_.name, wanted, name_of(kind_of(set_.format)),
                                    name_of(set_.format)));
}

// Nothing where the sample is left out.
std::optional<sample_encoder::parts> sample_encoder::encode(const record& r,
                                                            const std::vector<const passage*>& answers) {
  const prompt_texts texts = chat_.texts(r, answers);
  parts p;
  p.prompt = prompt_ids(texts);
  for (const std::string& answer : texts.answers) {
    p.answers.push_back(answer_ids(answer, texts.templated));
    p.complete.push_back(true);
    try_joint(texts, answer);
    if (p.answers.back().empty()) {
      ++report.no_answer;
      return std::nullopt;
    }
  }
  if (!fit(p)) return std::nullopt;
  return p;
}

void sample_encoder::keep(const parts& p) {
  ++report.samples;
  report.prompt_lengths.push_back(p.prompt.size());
  for (std::size_t k = 0; k < p.answers.size(); ++k) {
    const token_ids& ids = p.answers[k];
    (k == 0 ? report.answer_lengths : report.rejected_lengths).push_back(ids.size());
    const bool ends = coder_.eos && ids.back() == *coder_.eos;
    report.without_end += p.complete[k] && !ends ? 1 : 0;
    report.empty_answers += ids.size() == 1 && ends ? 1 : 0;
  }
}

std::optional<encoded_answer> sample_encoder::encode_text(const record& r) {
  encoded_answer sample;
  if (is_conversation(r.answer)) {
    sample = encode_conversation(r);
  } else {
    sample.ids = coder_.before;
    append(sample.ids, coder_.encode(text_of(r.answer)));
    if (options_.end_texts && coder_.eos) sample.ids.push_back(*coder_.eos);
  }
  if (sample.ids.size() > options_.max_length) {
    if (options_.too_long == over_long::drop) {
      ++report.too_long;
      return std::nullopt;
    }
    sample.ids.resize(options_.max_length);
    if (!sample.loss_mask.empty()) sample.loss_mask.resize(options_.max_length);
    sample.complete = false;
    ++report.cut;
  }
  std::size_t learnt = 0;
  for (std::size_t t = 0; t < sample.ids.size(); ++t) learnt += sample.trained(t) ? 1 : 0;
  if (learnt == 0) {
    ++report.no_answer;
    return std::nullopt;
  }
  ++report.samples;
  const auto prompt = static_cast<std::size_t>(sample.prompt_length);
  report.prompt_lengths.push_back(prompt);
  report.answer_lengths.push_back(sample.ids.size() - prompt);
  report.without_end += sample.complete && !(coder_.eos && sample.ids.back() == *coder_.eos) ? 1 : 0;
  return sample;
}

token_ids sample_encoder::prompt_ids(const prompt_texts& texts) const {
  token_ids ids = texts.templated ? token_ids{} : coder_.before;
  append(ids, coder_.encode(texts.prompt));
  return ids;
}

// What a template writes after the end token (a line end, mostly) is never generated.
std::size_t sample_encoder::end_of_turn(const token_ids& ids) const {
  if (!coder_.eos) return ids.size();
  for (std::size_t end = ids.size(); end > 0; --end) {
    if (ids[end - 1] != *coder_.eos) continue;
    return only_blanks(coder_.decode(std::span(ids).subspan(end))) ? end : ids.size();
  }
  return ids.size();
}

token_ids sample_encoder::answer_ids(const std::string& answer, bool templated) const {
  token_ids ids = coder_.encode(answer);
  if (templated)
    ids.resize(end_of_turn(ids));
  else if (options_.end_texts && coder_.eos)
    ids.push_back(*coder_.eos);
  return ids;
}

void sample_encoder::try_joint(const prompt_texts& texts, const std::string& answer) {
  if (report.joint_tried >= joint_trials) return;
  ++report.joint_tried;
  token_ids apart = coder_.encode(texts.prompt);
  append(apart, coder_.encode(answer));
  report.joint_differs += apart != coder_.encode(texts.prompt + answer) ? 1 : 0;
}

encoded_answer sample_encoder::encode_conversation(const record& r) const {
  const conversation_text c = chat_.conversation(r);
  encoded_answer sample;
  if (c.learnt.empty()) return sample;
  if (!c.templated) {
    sample.ids = coder_.before;
    sample.loss_mask.assign(sample.ids.size(), 0);
  }
  const auto add = [&](std::size_t begin, std::size_t end, bool learnt, bool last) {
    token_ids ids = coder_.encode(std::string_view(c.text).substr(begin, end - begin));
    if (learnt && !c.templated && options_.end_texts && coder_.eos) ids.push_back(*coder_.eos);
    const std::size_t stop = learnt ? end_of_turn(ids) : 0;
    if (learnt && last) ids.resize(stop);
    append(sample.ids, ids);
    sample.loss_mask.insert(sample.loss_mask.end(), stop, 1);
    sample.loss_mask.resize(sample.ids.size(), 0);
  };
  std::size_t at = 0;
  for (std::size_t k = 0; k < c.learnt.size(); ++k) {
    if (c.learnt[k].begin > at) add(at, c.learnt[k].begin, false, false);
    if (k == 0) sample.prompt_length = static_cast<std::int64_t>(sample.ids.size());
    add(c.learnt[k].begin, c.learnt[k].end, true, k + 1 == c.learnt.size());
    at = c.learnt[k].end;
  }
  const auto first = sample.loss_mask.begin() + sample.prompt_length;
  if (std::find(first, sample.loss_mask.end(), 0) == sample.loss_mask.end()) sample.loss_mask.clear();  // one turn
  return sample;
}

bool sample_encoder::fit(parts& p) {
  std::size_t longest = p.answers.empty() ? 0 : 1;
  for (const token_ids& answer : p.answers) longest = std::max(longest, answer.size());
  const std::size_t room = options_.max_length - (p.answers.empty() ? 0 : 1);  // for the prompt
  const std::size_t allowed = options_.max_prompt_length > 0 ? std::min(room, options_.max_prompt_length) : room;
  bool cut = false;
  if (options_.too_long == over_long::cut_prompt) {
    if (longest >= options_.max_length) {
      ++report.too_long;
      return false;
    }
    const std::size_t size = std::min(allowed, options_.max_length - longest);
    cut = p.prompt.size() > size;
    if (cut && !cut_left(p.prompt, size)) {
      ++report.no_room;
      return false;
    }
  } else if (p.prompt.size() > allowed) {
    ++(p.answers.empty() ? report.too_long : report.no_room);
    return false;
  } else if (p.prompt.size() + longest > options_.max_length) {
    if (options_.too_long == over_long::drop) {
      ++report.too_long;
      return false;
    }
    for (std::size_t k = 0; k < p.answers.size(); ++k) {
      if (p.prompt.size() + p.answers[k].size() <= options_.max_length) continue;
      p.answers[k].resize(options_.max_length - p.prompt.size());
      p.complete[k] = false;
      cut = true;
    }
  }
  report.cut += cut ? 1 : 0;
  return true;
}

// Keeps the tokens before every text, then the end. \returns false where nothing of the prompt itself would be left
bool sample_encoder::cut_left(token_ids& prompt, std::size_t size) const {
  const bool marked =
      prompt.size() >= coder_.before.size() && std::equal(coder_.before.begin(), coder_.before.end(), prompt.begin());
  const std::size_t head = marked ? coder_.before.size() : 0;
  if (size <= head) return false;
  prompt.erase(prompt.begin() + static_cast<std::ptrdiff_t>(head),
               prompt.end() - static_cast<std::ptrdiff_t>(size - head));
  return true;
}

}  // namespace rto::llm
