#pragma once
// Comma-, tab- or otherwise separated tables (RFC 4180), record by record.
#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/data/line_source.hpp"

namespace rto::sim {

struct delimited_format {
  /// Field separator; unset: by the file's name (.csv comma, .tsv and .tab tab), and where that one does not occur in
  /// the first line, whichever of comma, tab, semicolon and bar occurs there most.
  std::optional<char> separator;
  /// Whether "..." quotes a field that holds separators, quotes (doubled) or line ends; unset: yes, but not in
  /// tab-separated files, which by custom do not quote.
  std::optional<bool> quotes;
  /// Whether the first record names the columns; unset: yes, unless all of its fields are numbers.
  std::optional<bool> header;
};

/// Reads a table. Lines without any character are skipped; every record has as many fields as the first.
class delimited_reader {
 public:
  /// Opens the file and reads the header; the columns are named c1, c2, ... where there is none.
  /// \throws user_error for a file without any record and for two columns of one name
  explicit delimited_reader(const std::filesystem::path& file, const delimited_format& format = {});

  const std::vector<std::string>& columns() const { return columns_; }
  bool has_header() const { return has_header_; }
  char separator() const { return separator_; }

  /// Reads the next record into `fields`. \returns false at the end of the file
  /// \throws user_error `file:line: ...` for a record with another number of fields, an unterminated quote, or text
  /// after a closing quote
  bool next(std::vector<std::string>& fields);

  /// Gives the last record again on the next call of `next`.
  void put_back(std::vector<std::string> fields) { pending_ = std::move(fields); }

  const std::string& name() const { return lines_.name(); }
  /// `file:12`, with the line on which the last record began.
  std::string place() const;
  /// \throws user_error `file:12: column "wins": message`
  [[noreturn]] void fail(std::size_t column, const std::string& message) const;

 private:
  void split(std::vector<std::string>& fields);
  void choose_separator(const std::filesystem::path& file, const delimited_format& format, const std::string& line);

  line_source lines_;
  char separator_ = ',';
  bool quotes_ = true;
  bool has_header_ = true;
  std::vector<std::string> columns_;
  std::optional<std::vector<std::string>> pending_;  // the next record, where it is read already
  std::string line_;
  std::size_t record_line_ = 0;
};

/// The finite number that a whole field spells (spaces around it allowed), or nothing.
std::optional<double> parse_number(std::string_view field);

/// Field `column` of the last record as a finite number. \throws user_error `file:12: column "wins": expected a finite
/// number, found "abc"`
double number_field(const delimited_reader& reader, const std::vector<std::string>& fields, std::size_t column);
/// The same for a feature: of magnitude at most 1e100, so that squares do not overflow.
double feature_field(const delimited_reader& reader, const std::vector<std::string>& fields, std::size_t column);
/// The same for a count: in [0, 2^53], where whole numbers are exact (half wins are allowed).
double count_field(const delimited_reader& reader, const std::vector<std::string>& fields, std::size_t column);

}  // namespace rto::sim
