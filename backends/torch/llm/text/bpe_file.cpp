// How a model is read from a tokenizer file.
#include <fmt/format.h>

#include "llm/text/bpe.hpp"
#include "llm/text/byte_alphabet.hpp"
#include "llm/text/code_point.hpp"
#include "sim/data/utf8.hpp"
#include "sim/io/reader.hpp"

namespace rto::llm {
namespace {

using sim::json;

[[noreturn]] void fail(const std::string& place, const std::string& message) {
  throw sim::field_error(place + ": " + message);
}

// The bytes that a token spells; none where a character is not of the alphabet.
std::optional<std::string> spelt_bytes(std::string_view token) {
  std::string bytes;
  for (std::size_t at = 0; at < token.size();) {
    const code_point c = code_point_at(token, at);
    const auto byte = byte_of(c.value);
    if (!byte) return std::nullopt;
    bytes += static_cast<char>(*byte);
    at += c.length;
  }
  return bytes;
}

// "a b", or ["a", "b"] as newer files have it.
template <class Place> std::pair<std::string_view, std::string_view> read_merge(const json& merge, const Place& place) {
  if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string())
    return {merge[0].get_ref<const std::string&>(), merge[1].get_ref<const std::string&>()};
  if (!merge.is_string()) fail(place(), "expected two tokens, found " + sim::describe(merge));
  const std::string_view text = merge.get_ref<const std::string&>();
  const std::size_t space = text.find(' ');
  if (space == std::string_view::npos || text.find(' ', space + 1) != std::string_view::npos)
    fail(place(), "expected two tokens and one space between them, found " + sim::describe(merge));
  return {text.substr(0, space), text.substr(space + 1)};
}

}  // namespace

bpe::bpe(const json& model, const std::string& place, bool byte_level, vocabulary& tokens) : byte_level_(byte_level) {
  read_options(model, place);
  read_vocabulary(model, place, tokens);
  find_symbols(model, place, tokens);
  read_merges(model, place, tokens);
}

void bpe::read_options(const json& model, const std::string& place) {
  const sim::reader fields(model, place);
  const std::string type = fields.has("type") ? fields.text("type") : "BPE";
  if (type != "BPE")
    fields.fail("type", fmt::format("the model {} is not supported, only BPE is", sim::in_quotes(type)));
  if (fields.number_or("dropout", 0) != 0) fields.fail("dropout", "dropout of merges is not supported");
  for (const char* name : {"continuing_subword_prefix", "end_of_word_suffix"})
    if (fields.has(name) && !fields.text(name).empty()) fields.fail(name, "is not supported, only an empty one is");
  const auto flag = [&](const char* name) { return fields.has(name) && fields.flag(name); };
  fuse_unk_ = flag("fuse_unk");
  byte_fallback_ = flag("byte_fallback");
  ignore_merges_ = flag("ignore_merges");
  if (byte_fallback_ && byte_level_)
    fields.fail("byte_fallback", "is not supported together with a ByteLevel pre-tokenizer");
}

void bpe::read_vocabulary(const json& model, const std::string& place, vocabulary& tokens) {
  const sim::reader fields(model, place);
  const json& list = fields.at("vocab");
  if (!list.is_object()) fields.fail("vocab", "expected an object of tokens and ids, found " + sim::describe(list));
  tokens.reserve(list.size());
  for (const auto& [token, id] : list.items()) {
    const auto here = [&] { return fmt::format("{}[{}]", fields.place_of("vocab"), sim::in_quotes(token)); };
    if (!id.is_number_integer() || id < 0 || id >= vocabulary::largest_size)
      fail(here(),
           fmt::format("expected an id from 0 to {}, found {}", vocabulary::largest_size - 1, sim::describe(id)));
    const auto value = id.get<token_id>();
    if (!tokens.add(token, value))
      fail(here(), fmt::format("the id {} is that of {} too", value, sim::in_quotes(tokens[value])));
    if (!ignore_merges_) continue;
    if (!byte_level_)
      words_.add(token, value);
    else if (const auto bytes = spelt_bytes(token))
      words_.add(*bytes, value);
  }
  if (list.empty()) fields.fail("vocab", "is empty");
}

void bpe::find_symbols(const json& model, const std::string& place, const vocabulary& tokens) {
  const sim::reader fields(model, place);
  if (fields.has("unk_token")) {
    const std::string token = fields.text("unk_token");
    unk_ = tokens.find(token);
    if (!unk_) fields.fail("unk_token", sim::in_quotes(token) + " is not in the vocabulary");
  }
  const auto id_of = [&](std::string_view token) {
    const auto id = tokens.find(token);
    return id ? static_cast<std::uint32_t>(*id) : none;
  };
  for (std::size_t c = 0; c < 256; ++c) {
    std::string character;
    append_code_point(character, byte_level_ ? byte_alphabet()[c] : static_cast<char32_t>(c));
    low_[c] = id_of(character);
    bytes_[c] = byte_fallback_ ? id_of(fmt::format("<0x{:02X}>", c)) : none;
  }
  if (byte_level_) return;
  for (token_id id = 0; id < tokens.size(); ++id) {
    if (!tokens.contains(id) || tokens[id].empty()) continue;
    const code_point c = code_point_at(tokens[id], 0);
    if (c.length == tokens[id].size() && c.value >= 256) characters_.set(c.value, static_cast<std::uint64_t>(id));
  }
}

void bpe::read_merges(const json& model, const std::string& place, const vocabulary& tokens) {
  const sim::reader fields(model, place);
  const json& list = fields.at("merges");
  if (!list.is_array()) fields.fail("merges", "expected a list of pairs of tokens, found " + sim::describe(list));
  merges_ = flat_map(list.size());
  const auto is_special = [&](std::uint32_t id) {
    return (unk_ && id == *unk_) || (byte_fallback_ && std::find(bytes_.begin(), bytes_.end(), id) != bytes_.end());
  };
  std::string product;
  for (std::size_t rank = 0; rank < list.size(); ++rank) {
    const auto here = [&] { return fmt::format("{}[{}]", fields.place_of("merges"), rank); };
    const auto id_of = [&](std::string_view token) {
      const auto id = tokens.find(token);
      if (!id) fail(here(), fmt::format("the token {} is not in the vocabulary", sim::in_quotes(token)));
      return static_cast<std::uint32_t>(*id);
    };
    const auto [left, right] = read_merge(list[rank], here);
    product.assign(left).append(right);
    const std::uint32_t a = id_of(left), b = id_of(right);
    merges_.set(pair(a, b), (std::uint64_t{rank} << 32) | id_of(product));
    if (may_cut_ && (is_special(a) || is_special(b))) may_cut_ = false;
    if (may_cut_) add_joint(left, right);
  }
  if (byte_level_ || !may_cut_) return;
  // A character that is passed over would join what a cut keeps apart.
  const bool all_bytes = byte_fallback_ && std::find(bytes_.begin(), bytes_.end(), none) == bytes_.end();
  if (!unk_ && !all_bytes) return;
  const std::uint32_t space = symbol_of(U'\u2581');
  cut_at_spaces_ = space != none;
  const auto joins_space = [&](std::uint64_t symbol) {
    return symbol != space && joints_.contains((symbol << 32) | space);
  };
  for (token_id id = 0; id < tokens.size() && cut_at_spaces_; ++id)
    if (joins_space(static_cast<std::uint64_t>(id))) cut_at_spaces_ = false;
}

void bpe::add_joint(std::string_view left, std::string_view right) {
  if (left.empty() || right.empty()) return;
  const auto symbol = [&](char32_t c) {
    if (!byte_level_) return symbol_of(c);
    const auto byte = byte_of(c);
    return byte ? low_[*byte] : none;
  };
  const std::uint32_t a = symbol(code_point_before(left, left.size()).value);
  const std::uint32_t b = symbol(code_point_at(right, 0).value);
  if (a != none && b != none) joints_.set(pair(a, b), 1);
}

}  // namespace rto::llm
