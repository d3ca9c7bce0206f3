#include "llm/text/vocabulary.hpp"

#include "llm/text/word_hash.hpp"

namespace rto::llm {

std::size_t vocabulary::place(std::string_view token, std::uint32_t& tag) const {
  const std::uint64_t hash = word_hash(token);
  tag = static_cast<std::uint32_t>(hash >> 32);
  std::size_t at = hash & (slots_.size() - 1);
  while (slots_[at].id >= 0 && (slots_[at].tag != tag || (*this)[slots_[at].id] != token))
    at = (at + 1) & (slots_.size() - 1);
  return at;
}

void vocabulary::reserve(std::size_t tokens) {
  tokens_.reserve(tokens);
  if (2 * tokens > slots_.size()) grow(tokens);
}

void vocabulary::grow(std::size_t tokens) {
  std::size_t size = slots_.size();
  while (size < 2 * tokens) size *= 2;
  slots_.assign(size, slot{});
  for (std::size_t id = 0; id < tokens_.size(); ++id) {
    if (!present_[id]) continue;
    std::uint32_t tag = 0;
    const std::size_t at = place(tokens_[id], tag);
    slots_[at] = {tag, static_cast<std::int32_t>(id)};
  }
}

bool vocabulary::add(std::string_view token, token_id id) {
  if (contains(id)) return false;
  if (2 * (count_ + 1) > slots_.size()) grow(2 * count_ + 2);
  std::uint32_t tag = 0;
  const std::size_t at = place(token, tag);
  if (slots_[at].id >= 0) return false;
  slots_[at] = {tag, static_cast<std::int32_t>(id)};
  const auto index = static_cast<std::size_t>(id);
  if (index >= tokens_.size()) {
    tokens_.resize(index + 1);
    present_.resize(index + 1);
  }
  tokens_[index] = token;
  present_[index] = true;
  ++count_;
  return true;
}

std::optional<token_id> vocabulary::find(std::string_view token) const {
  std::uint32_t tag = 0;
  const slot& found = slots_[place(token, tag)];
  if (found.id < 0) return std::nullopt;
  return found.id;
}

}  // namespace rto::llm
