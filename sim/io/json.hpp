#pragma once
// JSON as the simulator reads and writes it: located errors, non-finite numbers as "inf", "-inf", "nan".
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "sim/io/error.hpp"

namespace rto::sim {

using json = nlohmann::json;
/// Keeps the order in which fields were written: for the files a person reads.
using ordered_json = nlohmann::ordered_json;

/// Parses `text`; `name` is the file's name for messages.
/// \throws user_error `name: line 3, column 7: ...`
json parse_json(std::string_view text, const std::string& name);
ordered_json parse_ordered_json(std::string_view text, const std::string& name);

/// Reads and parses a file. \throws user_error when it is missing, unreadable or malformed.
json read_json(const std::filesystem::path& file);
ordered_json read_ordered_json(const std::filesystem::path& file);

/// A number as JSON: itself when finite, otherwise "inf", "-inf" or "nan".
json number(double x);

/// The number that a JSON value stands for; accepts "inf", "-inf", "nan". \throws field_error naming `place`.
double to_number(const json& value, const std::string& place);

/// True for a JSON number and for the three non-finite strings.
bool is_number(const json& value);

/// Replaces every non-finite float inside `value` by its string, so that `dump` cannot turn it into null.
void encode_non_finite(json& value);
void encode_non_finite(ordered_json& value);

/// A short description of a value for messages: `3.5`, `"abc"`, `a list of 4`, `an object`, `null`.
std::string describe(const json& value);

}  // namespace rto::sim
