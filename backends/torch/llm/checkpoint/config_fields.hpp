#pragma once
// Reading a configuration with errors that name file and field; null counts as absent, as in transformers.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sim/io/json.hpp"

namespace rto::llm {

class config_fields {
 public:
  static constexpr std::int64_t large = std::int64_t{1} << 40;

  /// \param place "" or `rope_scaling.`, before the names of fields in messages. \throws sim::user_error for what is no
  ///   object
  config_fields(const sim::ordered_json& object, std::string file, std::string place);

  bool has(const std::string& field) const;
  /// True for null too.
  bool mentions(const std::string& field) const { return object_->contains(field); }
  std::string text(const std::string& field) const;
  std::vector<std::string> texts(const std::string& field) const;
  /// The text of a list of one.
  std::string one_text(const std::string& field) const;
  bool flag_or(const std::string& field, bool otherwise) const;
  /// Finite and in [least, most].
  double number(const std::string& field, double least, double most) const;
  double number_or(const std::string& field, double otherwise, double least, double most) const;
  std::int64_t integer(const std::string& field, std::int64_t least, std::int64_t most) const;
  std::int64_t integer_or(const std::string& field, std::int64_t otherwise, std::int64_t least,
                          std::int64_t most) const;
  /// One integer or a list of them.
  std::vector<std::int64_t> integers(const std::string& field, std::int64_t least, std::int64_t most) const;
  /// Number of members of an object or entries of a list, at least 1.
  std::int64_t size_of(const std::string& field) const;
  std::optional<config_fields> object(const std::string& field) const;

  /// \throws sim::user_error `config.json: rope_scaling.factor: message`
  [[noreturn]] void fail(const std::string& field, const std::string& message) const;

 private:
  const sim::ordered_json& at(const std::string& field) const;
  [[noreturn]] void expected(const std::string& field, const std::string& what, const sim::ordered_json& found) const;

  const sim::ordered_json* object_;
  std::string file_, place_;
};

}  // namespace rto::llm
