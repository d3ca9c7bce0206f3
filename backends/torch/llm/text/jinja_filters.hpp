#pragma once
// The filters by name, in two tables.
#include <string_view>
#include <unordered_map>

#include "llm/text/jinja_interpreter.hpp"

namespace rto::llm::jinja {

using filter = value (*)(interpreter&, const value&, const arguments&);
using filter_table = std::unordered_map<std::string_view, filter>;

/// Of texts and numbers.
const filter_table& text_filters();
/// Of lists and dictionaries.
const filter_table& sequence_filters();

/// \throws template_error when it is undefined
const value& defined(const value& x);

}  // namespace rto::llm::jinja
