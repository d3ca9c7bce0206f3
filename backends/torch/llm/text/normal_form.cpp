#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <vector>

#include "llm/text/code_point.hpp"
#include "llm/text/normalizer.hpp"

namespace rto::llm {
namespace {

int options_of(normal_form form) {
  int options = UTF8PROC_STABLE | UTF8PROC_DECOMPOSE;
  if (form == normal_form::nfc || form == normal_form::nfkc) options = UTF8PROC_STABLE | UTF8PROC_COMPOSE;
  if (form == normal_form::nfkc || form == normal_form::nfkd) options |= UTF8PROC_COMPAT;
  return options;
}

int combining_class(utf8proc_int32_t c) { return utf8proc_get_property(c)->combining_class; }

// Appends the normal form of a text that is no part of a longer combining sequence. (utf8proc's own function sorts
// marks by exchanging neighbours, which a long run of them makes quadratic.)
void append_normalized(std::string_view text, normal_form form, std::string& result) {
  const auto options = static_cast<utf8proc_option_t>(options_of(form));
  std::vector<utf8proc_int32_t> points;
  std::array<utf8proc_int32_t, 32> parts{};
  for (std::size_t at = 0; at < text.size();) {
    const code_point c = code_point_at(text, at);
    int last_boundclass = 0;
    const auto count = utf8proc_decompose_char(static_cast<utf8proc_int32_t>(c.value), parts.data(),
                                               static_cast<utf8proc_ssize_t>(parts.size()), options, &last_boundclass);
    points.insert(points.end(), parts.begin(), parts.begin() + count);
    at += c.length;
  }
  for (auto begin = points.begin(); begin != points.end();) {
    if (combining_class(*begin) == 0) {
      ++begin;
      continue;
    }
    const auto end = std::find_if(begin, points.end(), [](utf8proc_int32_t c) { return combining_class(c) == 0; });
    std::stable_sort(begin, end, [](auto a, auto b) { return combining_class(a) < combining_class(b); });
    begin = end;
  }
  const auto length = utf8proc_normalize_utf32(points.data(), static_cast<utf8proc_ssize_t>(points.size()), options);
  for (utf8proc_ssize_t k = 0; k < length; ++k)
    append_code_point(result, static_cast<char32_t>(points[static_cast<std::size_t>(k)]));
}

// Characters that join others in today's Unicode, but are newer than the tables of Hugging Face's `tokenizers` (Unicode
// 9), where they are plain ones, as they were when today's models were trained.
constexpr code_point_range newer_than_tables[] = {
    {0x7FD, 0x7FD},     {0x898, 0x89F},     {0x8CA, 0x8D3},     {0x9FE, 0x9FE},     {0xC3C, 0xC3C},
    {0xD3B, 0xD3C},     {0xEBA, 0xEBA},     {0x1715, 0x1715},   {0x1ABF, 0x1ACE},   {0x1DF6, 0x1DFA},
    {0xA82C, 0xA82C},   {0x10D24, 0x10D27}, {0x10EAB, 0x10EAC}, {0x10EFD, 0x10EFF}, {0x10F46, 0x10F50},
    {0x10F82, 0x10F85}, {0x11070, 0x11070}, {0x1133B, 0x1133B}, {0x1145E, 0x1145E}, {0x11839, 0x1183A},
    {0x11930, 0x11930}, {0x1193D, 0x1193E}, {0x11943, 0x11943}, {0x119E0, 0x119E0}, {0x11A34, 0x11A34},
    {0x11A47, 0x11A47}, {0x11A99, 0x11A99}, {0x11D42, 0x11D42}, {0x11D44, 0x11D45}, {0x11D97, 0x11D97},
    {0x11F41, 0x11F42}, {0x16FF0, 0x16FF1}, {0x1E08F, 0x1E08F}, {0x1E130, 0x1E136}, {0x1E2AE, 0x1E2AE},
    {0x1E2EC, 0x1E2EF}, {0x1E4EC, 0x1E4EF}};

// Characters that NFC leaves alone and that never join the one before them: most of what is written. Not all such.
bool inert(char32_t c) {
  if (c < 0x300) return true;
  const auto within = [c](char32_t low, char32_t high) { return c >= low && c <= high; };
  return within(0x0391, 0x03CE) || within(0x0400, 0x0482) || within(0x048A, 0x052F) || within(0x05D0, 0x05EA) ||
         within(0x0621, 0x064A) || within(0x2010, 0x2027) || within(0x2030, 0x205E) || within(0x20A0, 0x20BF) ||
         within(0x2190, 0x2328) || within(0x2500, 0x2775) || within(0x3001, 0x3029) || within(0x3041, 0x3096) ||
         within(0x309D, 0x30FF) || within(0x3400, 0x4DBF) || within(0x4E00, 0x9FFF) || within(0xAC00, 0xD7A3) ||
         within(0xFF01, 0xFFEF) || within(0x1F300, 0x1FAFF) || contains(newer_than_tables, c);
}

// Where the first character stands that is not inert.
std::size_t first_not_inert(std::string_view text, std::size_t at) {
  while (at < text.size()) {
    if (static_cast<unsigned char>(text[at]) < 0xCC) {  // below U+0300; a whole character either way
      at += static_cast<unsigned char>(text[at]) < 0x80 ? 1 : 2;
      continue;
    }
    const code_point c = code_point_at(text, at);
    if (!inert(c.value)) break;
    at += c.length;
  }
  return at;
}

}  // namespace

std::string_view normalize(std::string_view text, normal_form form, std::string& buffer) {
  buffer.clear();
  if (form != normal_form::nfc) {
    append_normalized(text, form, buffer);
    return buffer;
  }
  std::size_t done = 0;
  for (std::size_t at = first_not_inert(text, 0); at < text.size(); at = first_not_inert(text, at)) {
    // From the inert character before it, which may take marks, to the next inert one, which takes nothing to itself.
    const code_point before = at == done ? code_point{0, 0} : code_point_before(text, at);
    const std::size_t begin = contains(newer_than_tables, before.value) ? at : at - before.length;
    while (at < text.size()) {
      const code_point c = code_point_at(text, at);
      if (inert(c.value)) break;
      at += c.length;
    }
    buffer.append(text.substr(done, begin - done));
    append_normalized(text.substr(begin, at - begin), form, buffer);
    done = at;
  }
  if (done == 0) return text;
  buffer.append(text.substr(done));
  return buffer;
}

}  // namespace rto::llm
