#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>

#include "sim/data/utf8.hpp"
#include "sim/fit/load.hpp"
#include "sim/io/error.hpp"

namespace rto::sim {

namespace {

std::size_t index_of(const std::vector<std::string>& columns, const std::string& name) {
  return static_cast<std::size_t>(std::find(columns.begin(), columns.end(), name) - columns.begin());
}

/// One row of the table.
struct contest {
  int first = 0, second = 0;
  double wins_first = 0, wins_second = 0, ties = 0;
};

struct contest_list {
  std::vector<std::string> items;
  std::vector<contest> contests;
};

class contest_reader {
 public:
  contest_reader(delimited_reader& table, const table_roles& roles)
      : table_(table), roles_(roles), first_(column(roles.columns.item_1)), second_(column(roles.columns.item_2)) {
    const column_roles& c = roles.columns;
    if (roles.form == result_form::winners) {
      first_ = column(c.winner);
      second_ = column(c.loser);
    }
    wins_first_ = column(roles.form == result_form::scores ? c.score_1 : c.wins_1);
    wins_second_ = column(roles.form == result_form::scores ? c.score_2 : c.wins_2);
    ties_ = column(c.ties);
    outcome_ = column(c.outcome);
    count_ = column(c.count);
  }

  contest_list read() {
    contest_list list;
    std::vector<std::string> fields;
    while (table_.next(fields)) {
      contest row;
      row.first = item(list, fields, *first_);
      row.second = item(list, fields, *second_);
      const double count = count_ ? count_field(table_, fields, *count_) : 1.0;
      switch (roles_.form) {
        case result_form::counts:
          row.wins_first = count_field(table_, fields, *wins_first_);
          row.wins_second = wins_second_ ? count_field(table_, fields, *wins_second_) : 0.0;
          row.ties = ties_ ? count_field(table_, fields, *ties_) : 0.0;
          break;
        case result_form::scores: {
          const double one = number_field(table_, fields, *wins_first_);
          const double two = number_field(table_, fields, *wins_second_);
          (one > two ? row.wins_first : one < two ? row.wins_second : row.ties) = 1.0;
          break;
        }
        case result_form::winners:
          row.wins_first = count;
          break;
        case result_form::outcome:
          (row.*outcome(fields)) = count;
          break;
      }
      list.contests.push_back(row);
    }
    return list;
  }

 private:
  std::optional<std::size_t> column(const std::string& name) const {
    if (name.empty()) return {};
    return index_of(table_.columns(), name);
  }

  int item(contest_list& list, const std::vector<std::string>& fields, std::size_t column) {
    const std::string& name = fields[column];
    if (name.find_first_not_of(" \t") == std::string::npos)
      table_.fail(column, "expected the name of an item, found nothing");
    const auto [at, is_new] = number_of_.try_emplace(name, static_cast<int>(list.items.size()));
    if (is_new) list.items.push_back(name);
    return at->second;
  }

  // "model_a" (the name of the item's column), the item's own name, or a usual word for it.
  double contest::*outcome(const std::vector<std::string>& fields) const {
    const std::string& result = fields[*outcome_];
    const auto is_one_of = [&](std::initializer_list<const char*> words) {
      return std::any_of(words.begin(), words.end(), [&](const char* word) { return result == word; });
    };
    // Names come before words: an item may well be called "A".
    if (result == fields[*first_] || result == roles_.columns.item_1) return &contest::wins_first;
    if (result == fields[*second_] || result == roles_.columns.item_2) return &contest::wins_second;
    if (is_one_of({"1", "a", "A", "first", "left", "home", "H"})) return &contest::wins_first;
    if (is_one_of({"2", "b", "B", "second", "right", "away"})) return &contest::wins_second;
    if (is_one_of({"0", "tie", "draw", "D", "both_bad"}) || result.substr(0, 4) == "tie ") return &contest::ties;
    table_.fail(*outcome_,
                fmt::format("expected \"{}\", \"{}\" or \"tie\" (also 1, 2, 0), found \"{}\"",
                            printable(roles_.columns.item_1), printable(roles_.columns.item_2), printable(result)));
  }

  delimited_reader& table_;
  const table_roles& roles_;
  std::optional<std::size_t> first_, second_, wins_first_, wins_second_, ties_, outcome_, count_;
  std::unordered_map<std::string, int> number_of_;
};

std::string rows_text(std::size_t n) { return n == 1 ? "1 row" : fmt::format("{} rows", n); }

// Drops what says nothing, splits the ties, and gives the notes on it.
void clean(contest_list& list, const fit_options& options, std::vector<std::string>& notes) {
  std::size_t selves = 0, empty = 0;
  double ties = 0;
  std::vector<contest> kept;
  for (contest& row : list.contests) {
    if (row.first == row.second) {
      ++selves;
      continue;
    }
    ties += row.ties;
    if (options.ties == tie_rule::half) {
      row.wins_first += 0.5 * row.ties;
      row.wins_second += 0.5 * row.ties;
    }
    if (row.wins_first + row.wins_second > 0) {
      kept.push_back(row);
    } else {
      ++empty;
    }
  }
  list.contests = std::move(kept);
  if (selves > 0) notes.push_back(fmt::format("{} dropped: an item against itself.", rows_text(selves)));
  if (ties > 0)
    notes.push_back(options.ties == tie_rule::half ? fmt::format("{} ties: half a win for each.", ties)
                                                   : fmt::format("{} ties dropped.", ties));
  if (empty > 0) notes.push_back(fmt::format("{} dropped: without any win.", rows_text(empty)));
}

// Adds up the rows of every unordered pair, in the order in which pairs appear.
void merge(contest_list& list, std::vector<std::string>& notes) {
  std::map<std::pair<int, int>, std::size_t> row_of;
  std::vector<contest> merged;
  for (const contest& row : list.contests) {
    const auto [at, is_new] = row_of.try_emplace(std::minmax(row.first, row.second), merged.size());
    if (is_new) {
      merged.push_back(row);
      continue;
    }
    contest& sum = merged[at->second];
    const bool same_order = sum.first == row.first;
    sum.wins_first += same_order ? row.wins_first : row.wins_second;
    sum.wins_second += same_order ? row.wins_second : row.wins_first;
  }
  if (merged.size() < list.contests.size())
    notes.push_back(fmt::format("{} merged into {} pairs of items.", rows_text(list.contests.size()), merged.size()));
  list.contests = std::move(merged);
}

struct item_predictors {
  std::vector<std::string> names;
  std::vector<std::vector<double>> of_item;  // empty for an item that occurs in no contest
};

item_predictors read_predictors(const fit_options& options, const std::vector<std::string>& items) {
  delimited_reader table(options.predictors,
                         {.separator = options.separator, .quotes = options.quotes, .header = options.header});
  const auto& columns = table.columns();
  const std::size_t key = options.key.empty() ? 0 : index_of(columns, options.key);
  if (key == columns.size())
    throw user_error(
        fmt::format("{}: --key: expected the name of a column, found \"{}\"", table.name(), printable(options.key)));
  std::vector<std::size_t> used;
  item_predictors predictors;
  for (const std::string& name : options.columns.features) {
    used.push_back(index_of(columns, name));
    if (used.back() == columns.size())
      throw user_error(
          fmt::format("{}: --columns: expected names of columns, found \"{}\"", table.name(), printable(name)));
  }
  if (used.empty()) {
    for (std::size_t k = 0; k < columns.size(); ++k) {
      if (k != key) used.push_back(k);
    }
  }
  if (used.empty()) throw user_error(fmt::format("{}: expected predictors beside the items, found none", table.name()));
  for (const std::size_t k : used) predictors.names.push_back(columns[k]);

  std::unordered_map<std::string, std::size_t> item_of;
  for (std::size_t i = 0; i < items.size(); ++i) item_of.emplace(items[i], i);
  predictors.of_item.resize(items.size());
  std::set<std::string> seen;
  std::vector<std::string> fields;
  while (table.next(fields)) {
    if (!seen.insert(fields[key]).second)
      table.fail(key, fmt::format("expected every item once, found \"{}\" again", printable(fields[key])));
    std::vector<double> row;
    for (const std::size_t k : used) row.push_back(feature_field(table, fields, k));
    const auto at = item_of.find(fields[key]);
    if (at != item_of.end()) predictors.of_item[at->second] = std::move(row);
  }
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (predictors.of_item[i].empty())
      throw user_error(fmt::format("{}: expected the item \"{}\" of the contests, found no row for it", table.name(),
                                   printable(items[i])));
  }
  return predictors;
}

// Numbers the items by name, the reference first.
void sort_items(contest_list& list, const std::string& file, const std::string& reference) {
  std::vector<int> order(list.items.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int>(i);
  std::sort(order.begin(), order.end(), [&](int a, int b) { return list.items[a] < list.items[b]; });
  if (!reference.empty()) {
    const auto at = std::find_if(order.begin(), order.end(), [&](int i) { return list.items[i] == reference; });
    if (at == order.end())
      throw user_error(
          fmt::format("{}: --reference: expected an item of the contests, found \"{}\"", file, printable(reference)));
    std::rotate(order.begin(), at, at + 1);
  }
  std::vector<int> rank(order.size());
  std::vector<std::string> items;
  for (std::size_t k = 0; k < order.size(); ++k) {
    rank[order[k]] = static_cast<int>(k);
    items.push_back(list.items[order[k]]);
  }
  list.items = std::move(items);
  for (contest& row : list.contests) {
    row.first = rank[row.first];
    row.second = rank[row.second];
  }
}

double log_binomial(double wins, double losses) {
  return std::lgamma(wins + losses + 1) - std::lgamma(wins + 1) - std::lgamma(losses + 1);
}

}  // namespace

comparison_model load_contests(delimited_reader& table, const table_roles& roles, const fit_options& options) {
  comparison_model model;
  model.kind = "contests";
  model.notes.push_back(describe(roles) + ".");
  contest_list list = contest_reader(table, roles).read();
  if (list.contests.empty())
    throw user_error(fmt::format("{}: expected at least one contest, found none", table.name()));
  if (list.items.size() < 2)
    throw user_error(
        fmt::format("{}: expected at least two items, found only \"{}\"", table.name(), printable(list.items.front())));
  clean(list, options, model.notes);
  if (list.contests.empty())
    throw user_error(
        fmt::format("{}: expected at least one comparison, found counts of 0, dropped ties and items "
                    "against themselves only",
                    table.name()));
  if (options.order_effect && options.merge.value_or(false))
    throw user_error("--merge: expected no --order-effect beside it (merged rows have no order), found both");
  if (!options.order_effect && options.merge.value_or(roles.form == result_form::winners)) merge(list, model.notes);
  sort_items(list, table.name(), options.reference);

  item_predictors predictors;
  const bool linear = !options.predictors.empty();
  if (linear) {
    predictors = read_predictors(options, list.items);
    model.parameters = predictors.names;
    model.notes.push_back(fmt::format("linear model of {} predictors per item.", predictors.names.size()));
  } else {
    model.parameters.assign(list.items.begin() + 1, list.items.end());
    model.notes.push_back(fmt::format("{} items; the ability of \"{}\" is 0.", list.items.size(), list.items[0]));
  }
  const auto order_column = static_cast<int>(model.parameters.size());
  if (options.order_effect) {
    std::string name = "order effect";
    while (std::find(model.parameters.begin(), model.parameters.end(), name) != model.parameters.end()) name += "'";
    model.parameters.push_back(name);
    model.notes.push_back("order effect: an advantage of the first item, the same for all.");
  }
  model.x.columns = model.parameters.size();
  model.items = list.items;
  for (const contest& row : list.contests) {
    std::vector<std::pair<int, double>> entries;
    if (linear) {
      for (std::size_t k = 0; k < predictors.names.size(); ++k)
        entries.emplace_back(static_cast<int>(k), predictors.of_item[row.first][k] - predictors.of_item[row.second][k]);
    } else {
      if (row.first > 0) entries.emplace_back(row.first - 1, 1.0);
      if (row.second > 0) entries.emplace_back(row.second - 1, -1.0);
    }
    if (options.order_effect) entries.emplace_back(order_column, 1.0);
    model.x.append(std::move(entries));
    const double total = row.wins_first + row.wins_second;
    model.label.push_back(row.wins_first / total);
    model.weight.push_back(total);
    model.pairs.emplace_back(row.first, row.second);
    model.log_binomial_constant += log_binomial(row.wins_first, row.wins_second);
  }
  return model;
}

}  // namespace rto::sim
