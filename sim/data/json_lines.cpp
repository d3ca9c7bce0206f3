#include "sim/data/json_lines.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "sim/data/utf8.hpp"

namespace rto::sim {

template <class Json> bool json_lines_reader::read(Json& object) {
  do {
    if (!lines_.next(line_)) return false;
  } while (line_.find_first_not_of(" \t\r") == std::string::npos);
  try {
    object = Json::parse(line_);
  } catch (const nlohmann::json::parse_error& error) {
    const std::size_t at = error.byte == 0 ? 0 : error.byte - 1;  // the byte it stumbled over
    if (at >= line_.size()) lines_.fail("expected a JSON object, found the end of the line inside it");
    lines_.fail(
        fmt::format("column {}: expected JSON, found '{}'", at + 1, printable(std::string_view(line_).substr(at), 12)));
  } catch (const nlohmann::json::out_of_range&) {
    lines_.fail("expected JSON with finite numbers, found one out of range");
  }
  if (!object.is_object()) lines_.fail(fmt::format("expected a JSON object, found {}", describe(object)));
  return true;
}

bool json_lines_reader::next(json& object) { return read(object); }
bool json_lines_reader::next(ordered_json& object) { return read(object); }

const std::string& json_lines_reader::text(const json& object, const std::string& field) const {
  const auto at = object.find(field);
  if (at == object.end()) {
    std::string fields;
    for (const auto& [key, value] : object.items()) fields += (fields.empty() ? "" : ", ") + printable(key);
    lines_.fail(fmt::format("field \"{}\": expected a text, found no such field (there are: {})", printable(field),
                            fields.empty() ? "none" : printable(fields, 200)));
  }
  if (!at->is_string())
    lines_.fail(fmt::format("field \"{}\": expected a text, found {}", printable(field), describe(*at)));
  return at->get_ref<const std::string&>();
}

}  // namespace rto::sim
