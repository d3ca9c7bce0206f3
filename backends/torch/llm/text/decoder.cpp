#include "llm/text/decoder.hpp"

#include "llm/text/byte_alphabet.hpp"
#include "llm/text/code_point.hpp"
#include "llm/text/normalizer.hpp"
#include "sim/data/utf8.hpp"
#include "sim/io/reader.hpp"

namespace rto::llm {
namespace {

constexpr std::string_view replacement_character = "\uFFFD";

// Appends the bytes that a token spells, or the token itself where it is not written in the byte alphabet.
void append_spelt_bytes(std::string_view token, std::string& bytes) {
  const std::size_t before = bytes.size();
  for (std::size_t at = 0; at < token.size();) {
    const code_point c = code_point_at(token, at);
    const auto byte = byte_of(c.value);
    if (!byte) {
      bytes.resize(before);
      bytes += token;
      return;
    }
    bytes += static_cast<char>(*byte);
    at += c.length;
  }
}

std::optional<char> byte_token(std::string_view token) {
  if (token.size() != 6 || !token.starts_with("<0x") || token[5] != '>') return std::nullopt;
  int value = 0;
  for (const char c : token.substr(3, 2)) {
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                             : -1;
    if (digit < 0) return std::nullopt;
    value = 16 * value + digit;
  }
  return static_cast<char>(value);
}

}  // namespace

decoder::decoder(const sim::json& value, const std::string& place) {
  const sim::reader fields(value, place);
  if (fields.text("type") != "Sequence") {
    add_step(value, place);
    return;
  }
  const sim::json& list = fields.at("decoders");
  if (!list.is_array()) fields.fail("decoders", "expected a list, found " + sim::describe(list));
  for (std::size_t i = 0; i < list.size(); ++i)
    add_step(list[i], fields.place_of("decoders") + "[" + std::to_string(i) + "]");
}

void decoder::add_step(const sim::json& value, const std::string& place) {
  const sim::reader fields(value, place);
  const std::string type = fields.text("type");
  const auto refuse_after = [&](bool there, const char* what) {
    if (there) fields.fail("type", '"' + type + "\" after " + what + " is not supported");
  };
  refuse_after(kind_ == kind::byte_level, "ByteLevel");
  if (type == "ByteLevel") {
    refuse_after(kind_ == kind::pieces, "another decoder");
    kind_ = kind::byte_level;
    return;
  }
  kind_ = kind::pieces;
  if (type == "Fuse") {
    fused_ = true;
  } else if (type == "ByteFallback") {
    refuse_after(fused_, "Fuse");
    byte_fallback_ = true;
  } else if (type == "Strip") {
    strip s{fields.text("content"), fields.size("start"), fields.size("stop")};
    if (s.content.empty() || code_point_at(s.content, 0).length != s.content.size())
      fields.fail("content", "expected one character, found \"" + s.content + '"');
    if (fused_) {
      refuse_after(whole_.has_value(), "Fuse and Strip");
      whole_ = std::move(s);
    } else {
      refuse_after(byte_fallback_, "ByteFallback");
      steps_.emplace_back(std::move(s));
    }
  } else if (type == "Replace" || type == "Metaspace") {
    refuse_after(fused_, "Fuse");
    refuse_after(byte_fallback_, "ByteFallback");
    if (type == "Metaspace") {
      metaspace m{fields.text("replacement"), read_prepend_scheme(value, place) != prepend_scheme::never};
      if (m.mark.empty()) fields.fail("replacement", "is empty");
      steps_.emplace_back(std::move(m));
      return;
    }
    steps_.emplace_back(replacement(value, place));
  } else {
    fields.fail("type",
                "the decoder \"" + type +
                    "\" is not supported (ByteLevel, Replace, Metaspace, ByteFallback, Fuse, Strip and Sequence are)");
  }
}

std::string decoder::piece(std::string_view token, bool first) const {
  std::string text(token);
  for (const step& s : steps_) {
    if (const auto* r = std::get_if<replacement>(&s)) {
      text = (*r)(text);
    } else if (const auto* m = std::get_if<metaspace>(&s)) {
      text = replace_all(text, m->mark, first && m->drops_first ? "" : " ");
    } else {
      const auto& [content, start, stop] = std::get<strip>(s);
      std::size_t begin = 0, end = text.size();
      for (std::size_t k = 0; k < start && text.compare(begin, content.size(), content) == 0; ++k)
        begin += content.size();
      for (std::size_t k = 0; k < stop && end >= begin + content.size() &&
                              text.compare(end - content.size(), content.size(), content) == 0;
           ++k)
        end -= content.size();
      text = text.substr(begin, end - begin);
    }
  }
  return text;
}

void decoder::add(std::string_view token, state& s, std::string& text) const {
  const bool first = !s.begun;
  s.begun = true;
  if (kind_ == kind::spaces_between) {
    if (!first) text += ' ';
    text += token;
  } else if (kind_ == kind::byte_level) {
    append_spelt_bytes(token, s.bytes);
    std::size_t at = 0;
    while (at < s.bytes.size()) {
      const sim::utf8_unit unit = sim::utf8_unit_at(s.bytes, at);
      if (unit.cut) break;
      text += unit.complete ? std::string_view(s.bytes).substr(at, unit.length) : replacement_character;
      at += unit.length;
    }
    s.bytes.erase(0, at);
  } else {
    const std::string p = piece(token, first);
    const auto byte = byte_fallback_ ? byte_token(p) : std::nullopt;
    if (byte) {
      s.bytes += *byte;
      return;
    }
    end_bytes(s, text);
    put(p, s, text);
  }
}

void decoder::finish(state& s, std::string& text) const {
  if (kind_ == kind::byte_level) {
    if (!s.bytes.empty()) text += replacement_character;  // what is left is the beginning of one character
  } else {
    end_bytes(s, text);
  }
  s = state{};
}

// A run of byte tokens is text as a whole or not at all.
void decoder::end_bytes(state& s, std::string& text) const {
  if (s.bytes.empty()) return;
  if (sim::first_invalid_utf8(s.bytes) == std::string_view::npos) {
    put(s.bytes, s, text);
  } else {
    for (std::size_t k = 0; k < s.bytes.size(); ++k) put(replacement_character, s, text);
  }
  s.bytes.clear();
}

void decoder::put(std::string_view piece, state& s, std::string& text) const {
  if (!whole_) {
    text += piece;
    return;
  }
  const auto& [content, start, stop] = *whole_;
  while (!s.text_begun && !piece.empty()) {
    if (s.stripped < start && piece.starts_with(content)) {
      piece.remove_prefix(content.size());
      ++s.stripped;
    } else {
      s.text_begun = true;
    }
  }
  s.text_end += piece;
  std::size_t kept = s.text_end.size();
  for (std::size_t k = 0; k < stop && std::string_view(s.text_end).substr(0, kept).ends_with(content); ++k)
    kept -= content.size();
  text.append(s.text_end, 0, kept);
  s.text_end.erase(0, kept);
}

}  // namespace rto::llm
