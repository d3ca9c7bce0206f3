#include "llm/text/added_tokens.hpp"

#include <algorithm>
#include <numeric>

#include "llm/text/character_class.hpp"
#include "llm/text/code_point.hpp"
#include "llm/text/vocabulary.hpp"
#include "sim/io/reader.hpp"

namespace rto::llm {
namespace {

constexpr std::size_t longest_content = 4096;  // the matcher is as deep as its longest pattern

}  // namespace

added_token added_token::parse(const sim::json& value, const std::string& place, std::optional<token_id> id) {
  const sim::reader fields(value, place);
  added_token token;
  token.id = id ? *id : fields.integer("id");
  if (token.id < 0 || token.id >= vocabulary::largest_size)
    fields.fail("id", "expected an id from 0 to " + std::to_string(vocabulary::largest_size - 1) + ", found " +
                          std::to_string(token.id));
  token.content = fields.text("content");
  if (token.content.size() > longest_content)
    fields.fail("content", "expected at most " + std::to_string(longest_content) + " bytes, found " +
                               std::to_string(token.content.size()));
  const auto flag = [&](const char* name, bool otherwise) { return fields.has(name) ? fields.flag(name) : otherwise; };
  token.single_word = flag("single_word", false);
  token.lstrip = flag("lstrip", false);
  token.rstrip = flag("rstrip", false);
  token.special = flag("special", false);
  token.normalized = flag("normalized", !token.special);
  return token;
}

token_matcher::token_matcher(std::vector<entry> entries) : entries_(std::move(entries)) {
  std::erase_if(entries_, [](const entry& e) { return e.pattern.empty(); });
  std::vector<std::size_t> order(entries_.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return entries_[a].pattern < entries_[b].pattern; });
  for (const entry& e : entries_) begins_[static_cast<unsigned char>(e.pattern[0])] = true;
  build(0, order.size(), 0, order);
}

// The node of the patterns order[begin, end), which agree in their first `depth` bytes.
std::uint32_t token_matcher::build(std::size_t begin, std::size_t end, std::size_t depth,
                                   const std::vector<std::size_t>& order) {
  const auto at = static_cast<std::uint32_t>(nodes_.size());
  nodes_.emplace_back();
  const auto pattern = [&](std::size_t k) -> const std::string& { return entries_[order[k]].pattern; };
  if (begin < end && pattern(begin).size() == depth) nodes_[at].entry = static_cast<std::int32_t>(order[begin]);
  while (begin < end && pattern(begin).size() == depth) ++begin;
  const auto first = static_cast<std::uint32_t>(bytes_.size());
  std::vector<std::size_t> ends;
  for (std::size_t k = begin; k < end; ++k) {
    if (k + 1 == end || pattern(k + 1)[depth] != pattern(k)[depth]) {
      bytes_.push_back(pattern(k)[depth]);
      ends.push_back(k + 1);
    }
  }
  children_.resize(bytes_.size());
  nodes_[at].first = first;
  nodes_[at].count = static_cast<std::uint32_t>(ends.size());
  for (std::size_t child = 0; child < ends.size(); ++child) {
    children_[first + child] = build(begin, ends[child], depth + 1, order);
    begin = ends[child];
  }
  return at;
}

std::optional<token_matcher::match> token_matcher::find(std::string_view text, std::size_t from) const {
  for (std::size_t begin = from; begin < text.size(); ++begin) {
    if (!begins_[static_cast<unsigned char>(text[begin])]) continue;
    std::uint32_t at = 0;
    std::optional<match> longest;
    for (std::size_t end = begin;; ++end) {
      const node& here = nodes_[at];
      if (here.entry >= 0) longest = match{begin, end, static_cast<std::size_t>(here.entry)};
      if (end == text.size()) break;
      const auto first = bytes_.begin() + here.first, last = first + here.count;
      const auto child = std::find(first, last, text[end]);
      if (child == last) break;
      at = children_[static_cast<std::size_t>(child - bytes_.begin())];
    }
    if (longest) return longest;
  }
  return std::nullopt;
}

// What the token's flags make of a match; none when they forbid it. `done`: where the last token ended.
std::optional<token_matcher::match> token_matcher::extend(std::string_view text, match found, std::size_t done) const {
  const added_token& token = entries_[found.entry].token;
  if (token.single_word) {
    if (found.begin > 0 && is_word_character(code_point_before(text, found.begin).value)) return std::nullopt;
    if (found.end < text.size() && is_word_character(code_point_at(text, found.end).value)) return std::nullopt;
  }
  if (token.lstrip) {
    std::size_t begin = found.begin;
    while (begin > done) {
      const code_point c = code_point_before(text, begin);
      if (classify(c.value) != character_class::space) break;
      begin -= c.length;
    }
    found.begin = std::max(begin, done);
  }
  if (token.rstrip) {
    while (found.end < text.size()) {
      const code_point c = code_point_at(text, found.end);
      if (classify(c.value) != character_class::space) break;
      found.end += c.length;
    }
  }
  return found;
}

}  // namespace rto::llm
