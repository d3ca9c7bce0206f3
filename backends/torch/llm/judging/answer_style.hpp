#pragma once
// What a judge may like about an answer besides what it says: how long it is and how much markdown it has.
#include <cstdint>
#include <string_view>

namespace rto::llm {

struct answer_style {
  std::int64_t characters = 0;  ///< code points
  std::int64_t headers = 0;     ///< lines that start with one to six # and a space
  std::int64_t list_items = 0;  ///< lines that start with -, * or + and a space, or with a number, a point and a space
  std::int64_t bold = 0;        ///< spans between ** and ** or __ and __ on one line
};

/// Counts outside of fenced blocks of code. \pre the text is UTF-8. \cost one pass
answer_style style_of(std::string_view answer);

}  // namespace rto::llm
