#pragma once
// JSON lines: one object per line.
#include <filesystem>
#include <string>

#include "sim/data/line_source.hpp"
#include "sim/io/json.hpp"

namespace rto::sim {

class json_lines_reader {
 public:
  /// \throws user_error as `line_source` does
  explicit json_lines_reader(const std::filesystem::path& file) : lines_(file) {}

  /// Reads the next object; lines of white space only are skipped. \returns false at the end of the file
  /// \throws user_error `file:line: ...` for what is not JSON or not an object
  bool next(json& object);
  /// The same with the order of fields kept.
  bool next(ordered_json& object);

  /// A text field of `object`. \throws user_error `file:line: field "chosen": expected a text, found ...`
  const std::string& text(const json& object, const std::string& field) const;

  const std::string& name() const { return lines_.name(); }
  std::string place() const { return lines_.place(); }

 private:
  template <class Json> bool read(Json& object);

  line_source lines_;
  std::string line_;
};

}  // namespace rto::sim
