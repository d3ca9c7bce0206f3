#include "llm/text/pre_tokenizer.hpp"

#include "llm/text/code_point.hpp"
#include "llm/text/nesting.hpp"
#include "llm/text/normalizer.hpp"
#include "sim/io/reader.hpp"

namespace rto::llm {
namespace {

bool flag_or(const sim::reader& fields, const char* name, bool otherwise) {
  return fields.has(name) ? fields.flag(name) : otherwise;
}

}  // namespace

prepend_scheme read_prepend_scheme(const sim::json& metaspace, const std::string& place) {
  const sim::reader fields(metaspace, place);
  if (!fields.has("prepend_scheme"))  // as older files have it
    return flag_or(fields, "add_prefix_space", true) ? prepend_scheme::always : prepend_scheme::never;
  const std::string scheme = fields.text("prepend_scheme");
  if (scheme == "always") return prepend_scheme::always;
  if (scheme == "first") return prepend_scheme::first;
  if (scheme == "never") return prepend_scheme::never;
  fields.fail("prepend_scheme", "expected always, first or never, found \"" + scheme + '"');
}

pre_tokenizer::pre_tokenizer(const sim::json& value, const std::string& place) {
  add(value, place);
  find_only_rule();
}

void pre_tokenizer::add(const sim::json& value, const std::string& place) {
  require_shallow(place);
  const sim::reader fields(value, place);
  const std::string type = fields.text("type");
  if (byte_level_ && type != "Sequence") fields.fail("type", '"' + type + "\" after ByteLevel is not supported");
  if (type == "Sequence") {
    const sim::json& list = fields.at("pretokenizers");
    if (!list.is_array()) fields.fail("pretokenizers", "expected a list, found " + sim::describe(list));
    for (std::size_t i = 0; i < list.size(); ++i)
      add(list[i], fields.place_of("pretokenizers") + "[" + std::to_string(i) + "]");
  } else if (type == "ByteLevel") {
    byte_level_ = true;
    steps_.emplace_back(byte_level_step{flag_or(fields, "add_prefix_space", true), flag_or(fields, "use_regex", true)});
  } else if (type == "Split") {
    steps_.emplace_back(read_split(value, place));
  } else if (type == "Digits") {
    steps_.emplace_back(digits{flag_or(fields, "individual_digits", false)});
  } else if (type == "Metaspace") {
    metaspace marks{fields.text("replacement"), read_prepend_scheme(value, place), flag_or(fields, "split", true)};
    if (marks.replacement.empty() || code_point_at(marks.replacement, 0).length != marks.replacement.size())
      fields.fail("replacement", "expected one character, found \"" + marks.replacement + '"');
    steps_.emplace_back(std::move(marks));
  } else {
    fields.fail("type", "the pre-tokenizer \"" + type +
                            "\" is not supported (ByteLevel, Split, Digits, Metaspace and Sequence are)");
  }
}

pre_tokenizer::splitter pre_tokenizer::read_split(const sim::json& value, const std::string& place) {
  const sim::reader fields(value, place);
  splitter result{std::string(), behavior::isolated, flag_or(fields, "invert", false)};
  const std::string how = fields.text("behavior");
  if (how == "Removed")
    result.how = behavior::removed;
  else if (how == "Isolated")
    result.how = behavior::isolated;
  else if (how == "MergedWithPrevious")
    result.how = behavior::merged_with_previous;
  else if (how == "MergedWithNext")
    result.how = behavior::merged_with_next;
  else if (how == "Contiguous")
    result.how = behavior::contiguous;
  else
    fields.fail("behavior", "\"" + how + "\" is not a way to split");
  const sim::reader what = fields.object("pattern");
  if (what.has("String")) {
    result.what = what.text("String");
    if (std::get<std::string>(result.what).empty()) what.fail("String", "is empty");
  } else {
    const std::string expression = what.text("Regex");
    if (const auto rule = word_rule::of_pattern(expression))
      result.what = *rule;
    else
      result.what = pattern(expression, what.place_of("Regex"));
  }
  return result;
}

// A rule's words cover the text, so that whether words are kept apart or what is no word is removed comes to the same.
void pre_tokenizer::find_only_rule() {
  if (!byte_level_ || steps_.size() > 2) return;
  const auto& last = std::get<byte_level_step>(steps_.back());
  if (last.add_prefix_space) return;
  if (steps_.size() == 1) {
    if (last.use_rule) only_rule_ = word_rule::gpt2();
    return;
  }
  const auto* first = std::get_if<splitter>(&steps_.front());
  if (first == nullptr || last.use_rule) return;
  const auto* rule = std::get_if<word_rule>(&first->what);
  if (rule != nullptr && (first->how == behavior::isolated || (first->how == behavior::removed && first->invert)))
    only_rule_ = *rule;
}

std::vector<std::string_view> pre_tokenizer::split(std::string_view text, bool at_start,
                                                   std::deque<std::string>& made) const {
  std::vector<std::string_view> words{text}, next;
  for (const step& s : steps_) {
    next.clear();
    for (std::size_t k = 0; k < words.size(); ++k) {
      if (!words[k].empty()) apply(s, words[k], at_start && k == 0, made, next);
    }
    words.swap(next);
  }
  std::erase_if(words, [](std::string_view word) { return word.empty(); });
  return words;
}

// Appends the parts of a text: matches, and what is between them, together or apart as `how` says.
template <class EachMatch>
void pre_tokenizer::append(std::string_view text, behavior how, bool invert, EachMatch&& each_match,
                           std::vector<std::string_view>& words) {
  std::vector<piece> pieces;
  std::size_t done = 0;
  each_match([&](const text_range& match) {
    if (match.begin > done) pieces.push_back({{done, match.begin}, invert});
    pieces.push_back({match, !invert});
    done = match.end;
  });
  if (done < text.size()) pieces.push_back({{done, text.size()}, invert});
  std::vector<text_range> parts;
  for (std::size_t k = 0; k < pieces.size(); ++k) {
    const piece& p = pieces[k];
    const bool follows_match = k > 0 && pieces[k - 1].match;
    bool joins = false;  // the part before it
    switch (how) {
      case behavior::removed:
        if (p.match) continue;
        break;
      case behavior::isolated:
        break;
      case behavior::contiguous:
        joins = k > 0 && follows_match == p.match;
        break;
      case behavior::merged_with_previous:
        joins = k > 0 && p.match && !follows_match;
        break;
      case behavior::merged_with_next:
        joins = k > 0 && !p.match && follows_match;
        break;
    }
    if (joins)
      parts.back().end = p.range.end;
    else
      parts.push_back(p.range);
  }
  for (const text_range& part : parts) words.push_back(text.substr(part.begin, part.end - part.begin));
}

void pre_tokenizer::apply(const step& s, std::string_view text, bool at_start, std::deque<std::string>& made,
                          std::vector<std::string_view>& words) {
  const auto all_words = [&](const word_rule& rule, auto&& f) {
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = rule.end_of_word(text, at);
      f(text_range{at, end});
      at = end;
    }
  };
  const auto all_of = [&](std::string_view what, auto&& f) {
    for (std::size_t at = text.find(what); at != std::string_view::npos; at = text.find(what, at + what.size()))
      f(text_range{at, at + what.size()});
  };
  if (const auto* bytes = std::get_if<byte_level_step>(&s)) {
    if (bytes->add_prefix_space && text.front() != ' ') text = made.emplace_back(" ").append(text);
    if (!bytes->use_rule)
      words.push_back(text);
    else
      all_words(word_rule::gpt2(),
                [&](const text_range& r) { words.push_back(text.substr(r.begin, r.end - r.begin)); });
  } else if (const auto* marks = std::get_if<metaspace>(&s)) {
    std::string marked = replace_all(text, " ", marks->replacement);
    const bool wanted = marks->scheme == prepend_scheme::always || (marks->scheme == prepend_scheme::first && at_start);
    if (wanted && !marked.starts_with(marks->replacement)) marked.insert(0, marks->replacement);
    text = made.emplace_back(std::move(marked));
    if (!marks->split)
      words.push_back(text);
    else
      append(
          text, behavior::merged_with_next, false, [&](auto&& f) { all_of(marks->replacement, f); }, words);
  } else if (const auto* numbers = std::get_if<digits>(&s)) {
    const auto each_digit = [&](auto&& f) {
      for (std::size_t at = 0; at < text.size();) {
        const code_point c = code_point_at(text, at);
        if (classify(c.value) == character_class::number) f(text_range{at, at + c.length});
        at += c.length;
      }
    };
    append(text, numbers->individual ? behavior::isolated : behavior::contiguous, false, each_digit, words);
  } else {
    const auto& [what, how, invert] = std::get<splitter>(s);
    const auto each_match = [&, &what = what](auto&& f) {
      if (const auto* rule = std::get_if<word_rule>(&what))
        all_words(*rule, f);
      else if (const auto* expression = std::get_if<pattern>(&what))
        expression->each_match(text, f);
      else
        all_of(std::get<std::string>(what), f);
    };
    append(text, how, invert, each_match, words);
  }
}

}  // namespace rto::llm
