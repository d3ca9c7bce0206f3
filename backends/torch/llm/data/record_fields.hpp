#pragma once
// The fields of one JSON record, with complaints that say where.
#include <optional>
#include <string>

#include "llm/data/record.hpp"

namespace rto::llm {

class record_fields {
 public:
  record_fields(const sim::ordered_json& object, std::string place) : object_(object), place_(std::move(place)) {}

  bool has(const std::string& field) const { return object_.contains(field); }
  const std::string& place() const { return place_; }
  /// \throws sim::user_error for all of these
  const std::string& text(const std::string& field) const;
  passage text_or_messages(const std::string& field) const;
  bool flag(const std::string& field) const;
  std::int64_t integer(const std::string& field, std::int64_t from, std::int64_t to) const;
  std::optional<double> finite_number(const std::string& field) const;  // nothing where the field is absent or null
  record_fields object(const std::string& field) const;
  const sim::ordered_json& list(const std::string& field, std::size_t size) const;
  const sim::ordered_json& at(const std::string& field) const;
  std::string names() const;
  [[noreturn]] void fail(const std::string& field, const std::string& message) const;

 private:
  const sim::ordered_json& object_;
  std::string place_;
};

/// Messages, checked: a list of objects with a text role; content a text, null, absent or a list of parts.
/// \throws sim::user_error
void check_messages(const record_fields& fields, const std::string& field, const message_list& list);

}  // namespace rto::llm
