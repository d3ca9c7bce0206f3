#include "sim/data/delimited.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>

#include "sim/data/utf8.hpp"
#include "sim/io/error.hpp"

namespace rto::sim {

namespace {

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// The name without a last .gz decides the format.
std::string format_extension(std::filesystem::path file) {
  if (file.extension() == ".gz") file.replace_extension();
  return file.extension().string();
}

}  // namespace

void delimited_reader::choose_separator(const std::filesystem::path& file, const delimited_format& format,
                                        const std::string& line) {
  if (format.separator) {
    separator_ = *format.separator;
  } else {
    const std::string extension = format_extension(file);
    const auto occurrences = [&](char c) { return std::count(line.begin(), line.end(), c); };
    separator_ = extension == ".tsv" || extension == ".tab" ? '\t' : ',';
    if (occurrences(separator_) == 0 || (extension != ".csv" && extension != ".tsv" && extension != ".tab")) {
      for (const char candidate : {',', '\t', ';', '|'}) {
        if (occurrences(candidate) > occurrences(separator_)) separator_ = candidate;
      }
    }
  }
  quotes_ = format.quotes.value_or(separator_ != '\t');
}

delimited_reader::delimited_reader(const std::filesystem::path& file, const delimited_format& format) : lines_(file) {
  do {
    if (!lines_.next(line_)) throw user_error(fmt::format("{}: expected a table, found no line in it", name()));
  } while (line_.empty());
  choose_separator(file, format, line_);
  std::vector<std::string> first;
  split(first);
  const bool all_numbers = std::all_of(first.begin(), first.end(), [](const auto& f) { return parse_number(f); });
  has_header_ = format.header.value_or(!all_numbers);
  for (std::size_t k = 0; k < first.size(); ++k) {
    const std::string_view given = has_header_ ? trimmed(first[k]) : std::string_view{};
    columns_.push_back(given.empty() ? fmt::format("c{}", k + 1) : std::string(given));
  }
  std::set<std::string> seen;
  for (const std::string& column : columns_) {
    if (!seen.insert(column).second)
      throw user_error(
          fmt::format("{}: expected columns of different names, found \"{}\" twice", place(), printable(column)));
  }
  if (!has_header_) pending_ = std::move(first);
}

std::string delimited_reader::place() const { return fmt::format("{}:{}", name(), record_line_); }

void delimited_reader::fail(std::size_t column, const std::string& message) const {
  throw user_error(fmt::format("{}: column \"{}\": {}", place(), printable(columns_[column]), message));
}

bool delimited_reader::next(std::vector<std::string>& fields) {
  if (pending_) {
    fields = std::move(*pending_);
    pending_.reset();
    return true;
  }
  do {
    if (!lines_.next(line_)) return false;
  } while (line_.empty());
  split(fields);
  if (fields.size() != columns_.size())
    throw user_error(fmt::format("{}: expected {} fields, found {}", place(), columns_.size(), fields.size()));
  return true;
}

// Splits line_, and takes further lines while a quoted field goes on.
void delimited_reader::split(std::vector<std::string>& fields) {
  constexpr std::size_t longest_field = std::size_t{1} << 28;
  fields.clear();
  record_line_ = lines_.line_number();
  std::size_t at = 0;
  while (true) {
    std::string& field = fields.emplace_back();
    if (quotes_ && at < line_.size() && line_[at] == '"') {
      ++at;
      while (true) {
        const std::size_t quote = line_.find('"', at);
        if (quote == std::string::npos) {
          field.append(line_, at);
          field += '\n';
          if (field.size() > longest_field || !lines_.next(line_))
            throw user_error(fmt::format("{}: field {}: expected a closing '\"', found none", place(), fields.size()));
          at = 0;
          continue;
        }
        field.append(line_, at, quote - at);
        at = quote + 1;
        if (at >= line_.size() || line_[at] != '"') break;
        field += '"';
        ++at;
      }
      if (at < line_.size() && line_[at] != separator_)
        throw user_error(fmt::format("{}: field {}: expected '{}' after the closing '\"', found '{}'", place(),
                                     fields.size(), printable(std::string(1, separator_)),
                                     printable(std::string_view(line_).substr(at, 1))));
    } else {
      const std::size_t end = std::min(line_.find(separator_, at), line_.size());
      field.assign(line_, at, end - at);
      at = end;
    }
    if (at >= line_.size()) return;
    ++at;  // the separator; a field follows it, maybe an empty one
  }
}

std::optional<double> parse_number(std::string_view field) {
  field = trimmed(field);
  if (!field.empty() && field.front() == '+') field.remove_prefix(1);
  if (field.empty() || field.front() == '+') return {};
  double value = 0;
  const auto [end, code] = std::from_chars(field.data(), field.data() + field.size(), value);
  if (code != std::errc{} || end != field.data() + field.size() || !std::isfinite(value)) return {};
  return value;
}

double number_field(const delimited_reader& reader, const std::vector<std::string>& fields, std::size_t column) {
  const auto value = parse_number(fields[column]);
  if (!value) reader.fail(column, fmt::format("expected a finite number, found \"{}\"", printable(fields[column])));
  return *value;
}

double feature_field(const delimited_reader& reader, const std::vector<std::string>& fields, std::size_t column) {
  const double value = number_field(reader, fields, column);
  if (std::abs(value) > 1e100)
    reader.fail(column, fmt::format("expected a number between -1e100 and 1e100, found {}", printable(fields[column])));
  return value;
}

double count_field(const delimited_reader& reader, const std::vector<std::string>& fields, std::size_t column) {
  const double value = number_field(reader, fields, column);
  if (value < 0) reader.fail(column, fmt::format("expected a count >= 0, found {}", printable(fields[column])));
  if (value > 0x1p53)
    reader.fail(column, fmt::format("expected a count of at most 2^53, found {}", printable(fields[column])));
  return value;
}

}  // namespace rto::sim
