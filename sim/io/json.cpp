#include "sim/io/json.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "sim/io/file.hpp"

namespace rto::sim {
namespace {

// Line and column (both from 1) of the byte at `offset`.
std::pair<std::size_t, std::size_t> position(std::string_view text, std::size_t offset) {
  offset = std::min(offset, text.size());
  const std::string_view before = text.substr(0, offset);
  const auto line = static_cast<std::size_t>(std::count(before.begin(), before.end(), '\n')) + 1;
  const std::size_t last = before.rfind('\n');
  return {line, last == std::string_view::npos ? offset + 1 : offset - last};
}

// The part of nlohmann's message that says what is wrong, on one line.
std::string reason(std::string message) {
  if (const auto bracket = message.find("] "); bracket != std::string::npos) message.erase(0, bracket + 2);
  if (message.starts_with("parse error")) {
    if (const auto colon = message.find(": "); colon != std::string::npos) message.erase(0, colon + 2);
  }
  for (const std::string_view lead : {"syntax error while parsing "}) {
    if (message.starts_with(lead)) message = "in " + message.substr(lead.size());
  }
  std::replace_if(
      message.begin(), message.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
  return message;
}

template <class Json> Json parse(std::string_view text, const std::string& name) {
  if (text.find_first_not_of(" \t\r\n") == std::string_view::npos)
    throw user_error(fmt::format("{}: expected JSON, found an empty file", name));
  try {
    return Json::parse(text);
  } catch (const nlohmann::json::parse_error& e) {
    const auto [line, column] = position(text, e.byte == 0 ? 0 : e.byte - 1);
    throw user_error(fmt::format("{}: line {}, column {}: malformed JSON: {}", name, line, column, reason(e.what())));
  } catch (const nlohmann::json::exception& e) {  // a number that no double holds
    throw user_error(fmt::format("{}: malformed JSON: {}", name, reason(e.what())));
  }
}

template <class Json> void encode(Json& value) {
  if (value.is_number_float()) {
    const double x = value.template get<double>();
    if (!std::isfinite(x)) value = std::isnan(x) ? "nan" : x > 0 ? "inf" : "-inf";
  } else if (value.is_structured()) {
    for (Json& entry : value) encode(entry);
  }
}

}  // namespace

json parse_json(std::string_view text, const std::string& name) { return parse<json>(text, name); }
ordered_json parse_ordered_json(std::string_view text, const std::string& name) {
  return parse<ordered_json>(text, name);
}
json read_json(const std::filesystem::path& file) { return parse_json(read_file(file), file.string()); }
ordered_json read_ordered_json(const std::filesystem::path& file) {
  return parse_ordered_json(read_file(file), file.string());
}

json number(double x) {
  if (std::isfinite(x)) return x;
  return std::isnan(x) ? "nan" : x > 0 ? "inf" : "-inf";
}

bool is_number(const json& value) {
  if (value.is_number()) return true;
  if (!value.is_string()) return false;
  const std::string& text = value.get_ref<const std::string&>();
  return text == "inf" || text == "-inf" || text == "nan";
}

double to_number(const json& value, const std::string& place) {
  if (value.is_number()) return value.get<double>();
  if (value.is_string()) {
    const std::string& text = value.get_ref<const std::string&>();
    if (text == "inf") return std::numeric_limits<double>::infinity();
    if (text == "-inf") return -std::numeric_limits<double>::infinity();
    if (text == "nan") return std::numeric_limits<double>::quiet_NaN();
  }
  throw field_error(fmt::format("{}: expected a number, found {}", place, describe(value)));
}

void encode_non_finite(json& value) { encode(value); }
void encode_non_finite(ordered_json& value) { encode(value); }

std::string describe(const json& value) {
  switch (value.type()) {
    case json::value_t::null:
      return "null";
    case json::value_t::object:
      return "an object";
    case json::value_t::array:
      return fmt::format("a list of {}", value.size());
    default: {
      std::string text = value.dump(-1, ' ', false, json::error_handler_t::replace);
      if (text.size() > 60) text = text.substr(0, 57) + "...";
      return text;
    }
  }
}

}  // namespace rto::sim
