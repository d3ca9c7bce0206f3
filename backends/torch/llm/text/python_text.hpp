#pragma once
// The methods of Python's str that chat templates call, on UTF-8. All texts are well-formed UTF-8, and so are the
// results; positions and lengths are in code points.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rto::llm::python {

/// The code point at byte `at`, which moves behind it.
char32_t next_code_point(std::string_view text, std::size_t& at);

/// str.isspace of one character.
bool is_space(char32_t point);
/// Whether repr shows a character as it is.
bool is_printable(char32_t point);

enum class side { left, right, both };
/// str.strip, lstrip, rstrip: of white space, or of any of the characters `chars`.
std::string_view strip(std::string_view text, side where = side::both,
                       std::optional<std::string_view> chars = std::nullopt);

/// str.split and rsplit. \param separator not empty; none: runs of white space  \param most splits, -1: all
std::vector<std::string> split(std::string_view text, std::optional<std::string_view> separator = std::nullopt,
                               std::int64_t most = -1);
std::vector<std::string> split_from_right(std::string_view text, std::optional<std::string_view> separator,
                                          std::int64_t most);
std::vector<std::string> split_lines(std::string_view text, bool keep_ends = false);

/// Case by Unicode's simple mappings, and the expanding ones of the sharp s.
std::string upper(std::string_view text);
std::string lower(std::string_view text);
std::string title(std::string_view text);
std::string capitalize(std::string_view text);
bool is_cased(std::string_view text, bool wants_upper);                    // str.isupper, str.islower
bool all_of_category(std::string_view text, std::string_view categories);  // first letters: "L" letters, "N" numbers
bool is_digits(std::string_view text);

/// str.replace. \param most -1: all
std::string replace(std::string_view text, std::string_view from, std::string_view to, std::int64_t most = -1);
std::size_t count(std::string_view text, std::string_view part);                           // without overlap
std::int64_t find(std::string_view text, std::string_view part, bool from_right = false);  // -1: not there

/// repr of a str and of a float.
std::string repr(std::string_view text);
std::string repr(double x);

}  // namespace rto::llm::python
