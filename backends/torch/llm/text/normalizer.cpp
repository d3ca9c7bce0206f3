#include "llm/text/normalizer.hpp"

#include "llm/text/nesting.hpp"
#include "sim/io/reader.hpp"

namespace rto::llm {

void normalizer::add(const sim::json& value, const std::string& place) {
  require_shallow(place);
  const sim::reader fields(value, place);
  const std::string type = fields.text("type");
  if (type == "Sequence") {
    const sim::json& list = fields.at("normalizers");
    if (!list.is_array()) fields.fail("normalizers", "expected a list, found " + sim::describe(list));
    for (std::size_t i = 0; i < list.size(); ++i)
      add(list[i], fields.place_of("normalizers") + "[" + std::to_string(i) + "]");
  } else if (type == "NFC") {
    steps_.emplace_back(normal_form::nfc);
  } else if (type == "NFD") {
    steps_.emplace_back(normal_form::nfd);
  } else if (type == "NFKC") {
    steps_.emplace_back(normal_form::nfkc);
  } else if (type == "NFKD") {
    steps_.emplace_back(normal_form::nfkd);
  } else if (type == "Prepend") {
    steps_.emplace_back(prepend{fields.text("prepend")});
  } else if (type == "Replace") {
    steps_.emplace_back(replacement(value, place));
  } else {
    fields.fail("type", "the normalizer \"" + type +
                            "\" is not supported (NFC, NFD, NFKC, NFKD, Prepend, Replace and Sequence are)");
  }
}

std::string normalizer::operator()(std::string_view text) const {
  std::string result(text);
  for (const step& s : steps_) result = apply(s, std::move(result));
  return result;
}

std::string normalizer::apply(const step& s, std::string text) {
  if (const auto* form = std::get_if<normal_form>(&s)) {
    std::string buffer;
    return normalize(text, *form, buffer).data() == text.data() ? text : buffer;
  }
  if (const auto* first = std::get_if<prepend>(&s)) return text.empty() ? text : first->content + text;
  return std::get<replacement>(s)(text);
}

replacement::replacement(const sim::json& value, const std::string& place) {
  const sim::reader fields(value, place);
  content_ = fields.text("content");
  const sim::reader what = fields.object("pattern");
  if (what.has("String")) {
    what_ = what.text("String");
    if (std::get<std::string>(what_).empty()) what.fail("String", "is empty");
  } else {
    what_ = pattern(what.text("Regex"), what.place_of("Regex"));
  }
}

std::string replacement::operator()(std::string_view text) const {
  if (const auto* literal = std::get_if<std::string>(&what_)) return replace_all(text, *literal, content_);
  std::string result;
  std::size_t done = 0;
  std::get<pattern>(what_).each_match(text, [&](const text_range& match) {
    result.append(text.substr(done, match.begin - done)).append(content_);
    done = match.end;
  });
  return result.append(text.substr(done));
}

std::string replace_all(std::string_view text, std::string_view what, std::string_view by) {
  std::string result;
  std::size_t done = 0;
  for (std::size_t at = text.find(what); at != std::string_view::npos; at = text.find(what, done)) {
    result.append(text.substr(done, at - done)).append(by);
    done = at + what.size();
  }
  return result.append(text.substr(done));
}

}  // namespace rto::llm
