#include "llm/data/encoding.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>

#include "llm/data/chat_encoding.hpp"
#include "llm/text/tokenizer.hpp"
#include "sim/io/error.hpp"
#include "sim/io/file.hpp"

namespace rto::llm {
namespace {

constexpr std::size_t joint_trials = 200;

std::uint64_t digest_of(const token_ids& ids) {
  return sim::digest({reinterpret_cast<const char*>(ids.data()), ids.size() * sizeof(token_id)});
}

bool only_blanks(const std::string& text) { return text.find_first_not_of(" \t\r\n") == std::string::npos; }

// Encodes one record after the other and counts what happens.
class sample_encoder {
 public:
  sample_encoder(const record_set& set, const text_coder& coder, const encoding_options& options)
      : set_(set), coder_(coder), options_(options), chat_(set, coder, options) {
    if (options.max_length < 2)
      throw sim::user_error(
          fmt::format("the longest sample: expected at least 2 tokens, found {}", options.max_length));
    report.name = set.name;
    report.format = name_of(set.format);
    report.conversational = set.conversational;
    report.records = set.records.size() + set.ties + set.without_prompt;
    report.ties = set.ties;
    report.without_prompt = set.without_prompt;
  }

  [[noreturn]] void refuse(const char* wanted) const {
    throw sim::user_error(fmt::format("{}: expected {}, found {} ({})", set_.name, wanted,
                                      name_of(kind_of(set_.format)), name_of(set_.format)));
  }

  struct parts {
    token_ids prompt;
    std::vector<token_ids> answers;
    std::vector<bool> complete;
  };

  // Nothing where the sample is left out.
  std::optional<parts> encode(const record& r, const std::vector<const passage*>& answers) {
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

  void keep(const parts& p) {
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

  std::optional<encoded_answer> encode_text(const record& r) {
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

  data_report report;

 private:
  static void append(token_ids& ids, const token_ids& more) { ids.insert(ids.end(), more.begin(), more.end()); }

  token_ids prompt_ids(const prompt_texts& texts) const {
    token_ids ids = texts.templated ? token_ids{} : coder_.before;
    append(ids, coder_.encode(texts.prompt));
    return ids;
  }

  // What a template writes after the end token (a line end, mostly) is never generated.
  std::size_t end_of_turn(const token_ids& ids, std::size_t begin) const {
    if (!coder_.eos) return ids.size();
    for (std::size_t end = ids.size(); end > begin; --end) {
      if (ids[end - 1] != *coder_.eos) continue;
      return only_blanks(coder_.decode(std::span(ids).subspan(end))) ? end : ids.size();
    }
    return ids.size();
  }

  token_ids answer_ids(const std::string& answer, bool templated) const {
    token_ids ids = coder_.encode(answer);
    if (templated)
      ids.resize(end_of_turn(ids, 0));
    else if (options_.end_texts && coder_.eos)
      ids.push_back(*coder_.eos);
    return ids;
  }

  void try_joint(const prompt_texts& texts, const std::string& answer) {
    if (report.joint_tried >= joint_trials) return;
    ++report.joint_tried;
    token_ids apart = coder_.encode(texts.prompt);
    append(apart, coder_.encode(answer));
    report.joint_differs += apart != coder_.encode(texts.prompt + answer) ? 1 : 0;
  }

  encoded_answer encode_conversation(const record& r) const {
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
      const std::size_t stop = learnt ? end_of_turn(ids, 0) : 0;
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

  bool fit(parts& p) {
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
  bool cut_left(token_ids& prompt, std::size_t size) {
    const bool marked =
        prompt.size() >= coder_.before.size() && std::equal(coder_.before.begin(), coder_.before.end(), prompt.begin());
    const std::size_t head = marked ? coder_.before.size() : 0;
    if (size <= head) return false;
    prompt.erase(prompt.begin() + static_cast<std::ptrdiff_t>(head),
                 prompt.end() - static_cast<std::ptrdiff_t>(size - head));
    return true;
  }

  const record_set& set_;
  const text_coder& coder_;
  const encoding_options& options_;
  chat_encoding chat_;
};

template <class Sample> encoded_data<Sample> finished(encoded_data<Sample> data, sample_encoder& encoder) {
  data.report = std::move(encoder.report);
  return data;
}

}  // namespace

text_coder coder_of(const tokenizer& t, const std::string& name) {
  text_coder coder;
  coder.encode = [t](std::string_view text) { return t.encode(text); };
  coder.decode = [t](std::span<const token_id> ids) { return t.decode(ids); };
  coder.eos = t.eos();
  const token_ids plain = t.encode("a"), whole = t.encode("a", true);
  const auto at = std::search(whole.begin(), whole.end(), plain.begin(), plain.end());
  coder.before.assign(whole.begin(), at);
  if (!t.chat_template().empty()) {
    std::vector<std::pair<std::string, std::string>> tokens;
    const auto add = [&](const char* role, std::optional<token_id> id) {
      if (id) tokens.emplace_back(role, t.token(*id));
    };
    add("bos_token", t.bos());
    add("eos_token", t.eos());
    add("pad_token", t.pad());
    add("unk_token", t.unk());
    coder.chat.emplace(t.chat_template(), tokens, name);
  }
  return coder;
}

encoded_data<encoded_pair> encode_pairs(const record_set& set, const text_coder& coder,
                                        const encoding_options& options) {
  sample_encoder encoder(set, coder, options);
  if (kind_of(set.format) != data_kind::preference) encoder.refuse("comparisons");
  encoded_data<encoded_pair> data;
  for (const record& r : set.records) {
    auto p = encoder.encode(r, {&r.answer, &r.rejected});
    if (!p) continue;
    encoder.keep(*p);
    encoder.report.equal_answers += p->answers[0] == p->answers[1] ? 1 : 0;
    data.prompts.push_back(digest_of(p->prompt));
    data.samples.push_back({std::move(p->prompt), std::move(p->answers[0]), std::move(p->answers[1]), r.margin,
                            p->complete[0], p->complete[1]});
  }
  return finished(std::move(data), encoder);
}

encoded_data<encoded_answer> encode_answers(const record_set& set, const text_coder& coder,
                                            const encoding_options& options) {
  sample_encoder encoder(set, coder, options);
  const data_kind kind = kind_of(set.format);
  if (kind == data_kind::prompt) encoder.refuse("texts, or prompts with answers");
  encoded_data<encoded_answer> data;
  for (const record& r : set.records) {
    std::optional<encoded_answer> sample;
    if (kind == data_kind::text) {
      sample = encoder.encode_text(r);
    } else if (kind == data_kind::labelled && !r.desirable) {
      ++encoder.report.no_answer;
    } else if (auto p = encoder.encode(r, {&r.answer})) {
      encoder.keep(*p);
      sample = side_by_side(p->prompt, p->answers[0], p->complete[0]);
    }
    if (!sample) continue;
    const auto prompt = sample->ids.begin() + sample->prompt_length;
    data.prompts.push_back(digest_of(sample->prompt_length > 0 ? token_ids(sample->ids.begin(), prompt) : sample->ids));
    data.samples.push_back(std::move(*sample));
  }
  return finished(std::move(data), encoder);
}

encoded_data<labelled_answer> encode_labelled(const record_set& set, const text_coder& coder,
                                              const encoding_options& options) {
  sample_encoder encoder(set, coder, options);
  const data_kind kind = kind_of(set.format);
  if (kind != data_kind::labelled && kind != data_kind::preference) encoder.refuse("labelled answers, or comparisons");
  encoded_data<labelled_answer> data;
  for (const record& r : set.records) {
    for (const bool chosen : {true, false}) {
      if (!chosen && kind == data_kind::labelled) break;
      const auto p = encoder.encode(r, {chosen ? &r.answer : &r.rejected});
      if (!p) continue;
      encoder.keep(*p);
      data.prompts.push_back(digest_of(p->prompt));
      data.samples.push_back(
          {side_by_side(p->prompt, p->answers[0], p->complete[0]), kind == data_kind::labelled ? r.desirable : chosen});
    }
  }
  return finished(std::move(data), encoder);
}

encoded_data<encoded_prompt> encode_prompts(const record_set& set, const text_coder& coder,
                                            const encoding_options& options) {
  sample_encoder encoder(set, coder, options);
  const bool conversations = kind_of(set.format) == data_kind::text && set.conversational;
  if (kind_of(set.format) == data_kind::text && !conversations) encoder.refuse("prompts");
  encoded_data<encoded_prompt> data;
  std::unordered_set<std::uint64_t> seen;
  for (const record& r : set.records) {
    record asked;
    if (conversations) {
      asked.prompt = chat_encoding::prompt_of_conversation(messages_of(r.answer));
      asked.tools = r.tools;
      asked.place = r.place;
    }
    if (conversations && messages_of(asked.prompt).empty()) {
      ++encoder.report.no_answer;
      continue;
    }
    auto p = encoder.encode(conversations ? asked : r, {});
    if (!p) continue;
    const std::uint64_t digest = digest_of(p->prompt);
    if (!seen.insert(digest).second) {
      ++encoder.report.repeated;
      continue;
    }
    encoder.keep(*p);
    data.prompts.push_back(digest);
    data.samples.push_back({std::move(p->prompt)});
  }
  return finished(std::move(data), encoder);
}

encoded_data<encoded_answer> encode_blocks(const record_set& set, const text_coder& coder, std::size_t length) {
  encoding_options options;
  options.max_length = length;
  sample_encoder encoder(set, coder, options);
  if (kind_of(set.format) != data_kind::text || set.conversational) encoder.refuse("texts");
  encoded_data<encoded_answer> data;
  token_ids block;
  const auto flush = [&] {
    if (block.size() < 2) return block.clear();  // a single id has nothing to be predicted from
    encoder.report.prompt_lengths.push_back(0);
    encoder.report.answer_lengths.push_back(block.size());
    ++encoder.report.samples;
    data.prompts.push_back(digest_of(block));
    data.samples.push_back({std::move(block), 0, {}, true});
    block = {};
  };
  for (const record& r : set.records) {
    token_ids ids = coder.before;
    const token_ids text = coder.encode(text_of(r.answer));
    ids.insert(ids.end(), text.begin(), text.end());
    if (coder.eos) ids.push_back(*coder.eos);
    for (const token_id id : ids) {
      block.push_back(id);
      if (block.size() == length) flush();
    }
  }
  flush();
  return finished(std::move(data), encoder);
}

}  // namespace rto::llm
