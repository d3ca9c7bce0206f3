#include "llm/text/character_class.hpp"

#include <utf8proc.h>

#include <algorithm>
#include <iterator>

#include "llm/text/code_point.hpp"

namespace rto::llm {
namespace {

bool is_space(char32_t c) {  // White_Space; it is stable
  return (c >= 0x09 && c <= 0x0D) || c == 0x20 || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

// Characters of Unicode 15.1 and 16 with a class, so that it does not depend on how new utf8proc is.
struct class_range {
  char32_t first, last;
  character_class kind;
};
constexpr auto letter = character_class::letter, number = character_class::number;
constexpr class_range newer_classes[] = {
    {0x1C89, 0x1C8A, letter},   {0xA7CB, 0xA7CD, letter},   {0xA7DA, 0xA7DC, letter},   {0x105C0, 0x105F3, letter},
    {0x10D40, 0x10D49, number}, {0x10D4A, 0x10D65, letter}, {0x10D6F, 0x10D85, letter}, {0x10EC2, 0x10EC4, letter},
    {0x11380, 0x11389, letter}, {0x1138B, 0x1138B, letter}, {0x1138E, 0x1138E, letter}, {0x11390, 0x113B5, letter},
    {0x113B7, 0x113B7, letter}, {0x113D1, 0x113D1, letter}, {0x113D3, 0x113D3, letter}, {0x116D0, 0x116E3, number},
    {0x11BC0, 0x11BE0, letter}, {0x11BF0, 0x11BF9, number}, {0x13460, 0x143FA, letter}, {0x16100, 0x1611D, letter},
    {0x16130, 0x16139, number}, {0x16D40, 0x16D6C, letter}, {0x16D70, 0x16D79, number}, {0x18CFF, 0x18CFF, letter},
    {0x1CCF0, 0x1CCF9, number}, {0x1E5D0, 0x1E5ED, letter}, {0x1E5F0, 0x1E5F0, letter}, {0x1E5F1, 0x1E5FA, number},
    {0x2EBF0, 0x2EE5D, letter}};
// Marks of the same versions.
constexpr code_point_range newer_marks[] = {
    {0x897, 0x897},     {0x10D69, 0x10D6D}, {0x10EFC, 0x10EFC}, {0x113B8, 0x113C0}, {0x113C2, 0x113C2},
    {0x113C5, 0x113C5}, {0x113C7, 0x113CA}, {0x113CC, 0x113D0}, {0x113D2, 0x113D2}, {0x113E1, 0x113E2},
    {0x11F5A, 0x11F5A}, {0x1611E, 0x1612F}, {0x1E5EE, 0x1E5EF}};

character_class newer_class(char32_t c) {
  const auto* found = std::partition_point(std::begin(newer_classes), std::end(newer_classes),
                                           [c](const class_range& r) { return r.last < c; });
  return found != std::end(newer_classes) && found->first <= c ? found->kind : character_class::other;
}

}  // namespace

character_class classify(char32_t c) {
  if (is_space(c)) return character_class::space;
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(c))) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
      return character_class::letter;
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
      return character_class::number;
    case UTF8PROC_CATEGORY_CN:
      return newer_class(c);
    default:
      return character_class::other;
  }
}

bool is_word_character(char32_t c) {
  if (classify(c) == character_class::letter) return true;
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(c))) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_PC:
      return true;
    case UTF8PROC_CATEGORY_CN:
      return newer_class(c) == character_class::number || contains(newer_marks, c);
    default:  // Join_Control, and the circled letters, which are alphabetic symbols
      return c == 0x200C || c == 0x200D || (c >= 0x24B6 && c <= 0x24E9) || (c >= 0x1F130 && c <= 0x1F149) ||
             (c >= 0x1F150 && c <= 0x1F169) || (c >= 0x1F170 && c <= 0x1F189);
  }
}

character_classes::character_classes() {
  for (std::size_t c = 0; c < table_.size(); ++c) table_[c] = classify(static_cast<char32_t>(c));
}

const character_classes& character_classes::get() {
  static const character_classes classes;
  return classes;
}

}  // namespace rto::llm
