#include "sim/fit/load.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "sim/data/json_lines.hpp"
#include "sim/data/text_features.hpp"
#include "sim/data/utf8.hpp"
#include "sim/io/error.hpp"

namespace rto::sim {

namespace {

// JSON lines by their name, or else by their first character.
bool is_json_lines(const std::filesystem::path& file) {
  std::filesystem::path plain = file;
  if (plain.extension() == ".gz") plain.replace_extension();
  const std::string extension = plain.extension().string();
  if (extension == ".jsonl" || extension == ".ndjson") return true;
  if (extension == ".csv" || extension == ".tsv" || extension == ".tab") return false;
  std::error_code code;
  if (!std::filesystem::is_regular_file(file, code)) return false;  // a pipe can be read only once
  byte_source bytes(file);
  char start[256];
  const std::size_t count = bytes.read(start, sizeof start);
  const char* end = start + count;
  const char* first =
      std::find_if<const char*>(start, end, [](char c) { return c != ' ' && c != '\t' && c != '\r' && c != '\n'; });
  if (first != end && *first == '[')
    throw user_error(
        fmt::format("{}: expected JSON lines (one object a line) or a table, found a JSON list", bytes.name()));
  return first != end && *first == '{';
}

std::vector<std::pair<int, double>> ngram_entries(std::string_view text, const fit_options& options, double factor) {
  std::vector<std::pair<int, double>> entries;
  const std::vector<text_token> tokens = tokens_of(text);
  for (std::size_t t = 0; t < tokens.size(); ++t) {
    for (std::int64_t n = 1; n <= options.ngram; ++n) {
      const hashed_feature f =
          hashed_ngram(tokens, t, static_cast<std::size_t>(n), static_cast<std::size_t>(options.buckets));
      entries.emplace_back(f.column, factor * f.sign);
    }
  }
  return entries;
}

}  // namespace

comparison_model load_features(delimited_reader& table, const table_roles& roles, const fit_options& options) {
  comparison_model model;
  model.kind = "features";
  model.notes.push_back(describe(roles) + ".");
  const auto index = [&](const std::string& name) {
    const auto& columns = table.columns();
    return static_cast<std::size_t>(std::find(columns.begin(), columns.end(), name) - columns.begin());
  };
  const column_roles& c = roles.columns;
  std::vector<std::size_t> used;
  for (const std::string& name : c.features) used.push_back(index(name));
  model.parameters = c.features;
  if (options.order_effect) {
    model.parameters.push_back("order effect");
    model.notes.push_back("order effect: an advantage of the first, the same for all.");
  }
  model.x.columns = model.parameters.size();
  std::vector<std::string> fields;
  while (table.next(fields)) {
    std::vector<std::pair<int, double>> entries;
    for (std::size_t k = 0; k < used.size(); ++k)
      entries.emplace_back(static_cast<int>(k), feature_field(table, fields, used[k]));
    if (options.order_effect) entries.emplace_back(static_cast<int>(used.size()), 1.0);
    double label = 1, weight = 1;
    if (!c.label.empty()) {
      label = number_field(table, fields, index(c.label));
      if (label < 0 || label > 1)
        table.fail(index(c.label), fmt::format("expected a label in [0, 1], found {}", label));
    }
    if (!c.weight.empty()) weight = count_field(table, fields, index(c.weight));
    if (weight == 0) continue;
    model.x.append(std::move(entries));
    model.label.push_back(label);
    model.weight.push_back(weight);
    const double wins = weight * label, losses = weight - wins;
    model.log_binomial_constant += std::lgamma(weight + 1) - std::lgamma(wins + 1) - std::lgamma(losses + 1);
  }
  if (model.rows() == 0)
    throw user_error(fmt::format("{}: expected at least one comparison, found none", table.name()));
  return model;
}

comparison_model load_texts(const fit_options& options) {
  comparison_model model;
  model.kind = "text";
  const bool style = options.features == text_features::style;
  model.notes.push_back(
      fmt::format("text pairs: {} preferred to {}; {} of {}.", options.columns.chosen, options.columns.rejected,
                  style ? "six style features"
                        : fmt::format("token n-grams up to {} hashed into {} columns", options.ngram, options.buckets),
                  options.whole_text ? "the whole text" : "the last reply"));
  if (style) {
    model.parameters.assign(style_feature_names.begin(), style_feature_names.end());
  } else {
    for (std::int64_t k = 0; k < options.buckets; ++k) model.parameters.push_back(fmt::format("bucket {}", k));
  }
  model.x.columns = model.parameters.size();
  json_lines_reader lines(options.data);
  json object;
  std::size_t equal = 0;
  while (lines.next(object)) {
    const std::string& chosen = lines.text(object, options.columns.chosen);
    const std::string& rejected = lines.text(object, options.columns.rejected);
    equal += chosen == rejected ? 1 : 0;
    const auto part = [&](const std::string& text) {
      return options.whole_text ? std::string_view(text) : last_reply(text);
    };
    std::vector<std::pair<int, double>> entries;
    if (style) {
      const auto one = style_features(part(chosen)), two = style_features(part(rejected));
      for (std::size_t k = 0; k < one.size(); ++k) entries.emplace_back(static_cast<int>(k), one[k] - two[k]);
    } else {
      entries = ngram_entries(part(chosen), options, 1.0);
      const auto minus = ngram_entries(part(rejected), options, -1.0);
      entries.insert(entries.end(), minus.begin(), minus.end());
    }
    model.x.append(std::move(entries));
    model.label.push_back(1.0);
    model.weight.push_back(1.0);
  }
  if (model.rows() == 0) throw user_error(fmt::format("{}: expected at least one pair, found none", lines.name()));
  if (equal > 0) model.notes.push_back(fmt::format("{} pairs of equal texts: kept, they say nothing.", equal));
  return model;
}

comparison_model load_comparisons(const fit_options& options) {
  if (options.kind == data_kind::text || (options.kind == data_kind::automatic && is_json_lines(options.data)))
    return load_texts(options);
  delimited_reader table(options.data,
                         {.separator = options.separator, .quotes = options.quotes, .header = options.header});
  // Whether a column holds numbers is told by the first record.
  std::vector<bool> numeric(table.columns().size(), true);
  std::vector<std::string> first;
  if (!table.next(first))
    throw user_error(fmt::format("{}: expected at least one row, found only a header", table.name()));
  for (std::size_t k = 0; k < first.size(); ++k) numeric[k] = parse_number(first[k]).has_value();
  table.put_back(std::move(first));
  const table_roles roles = find_roles(table.name(), table.columns(), numeric, options);
  comparison_model model =
      roles.kind == data_kind::features ? load_features(table, roles, options) : load_contests(table, roles, options);
  if (!table.has_header()) model.notes.insert(model.notes.begin(), "no header line: columns are named c1, c2, ...");
  return model;
}

}  // namespace rto::sim
