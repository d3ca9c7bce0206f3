#include "sim/fit/roles.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <initializer_list>

#include "sim/data/utf8.hpp"
#include "sim/io/error.hpp"

namespace rto::sim {

namespace {

// Lower case, and runs of anything but letters and digits as one underscore: "Home.Team" -> "home_team".
std::string normalised(const std::string& name) {
  std::string plain;
  for (const char c : name) {
    const auto u = static_cast<unsigned char>(c);
    if (std::isalnum(u) != 0 || u >= 0x80) {
      plain += static_cast<char>(std::tolower(u));
    } else if (!plain.empty() && plain.back() != '_') {
      plain += '_';
    }
  }
  return plain;
}

class role_finder {
 public:
  role_finder(const std::string& file, const std::vector<std::string>& columns, const std::vector<bool>& numeric)
      : file_(file), columns_(columns), numeric_(numeric) {}

  bool has(const std::string& column) const {
    return std::find(columns_.begin(), columns_.end(), column) != columns_.end();
  }
  void require(const std::string& column, const char* option) const {
    if (!column.empty() && !has(column))
      fail(fmt::format("{}: expected the name of a column, found \"{}\"", option, printable(column)));
  }
  // The first column with one of these names; "" when there is none.
  std::string find(std::initializer_list<const char*> names) const {
    for (const char* name : names) {
      for (const std::string& column : columns_) {
        if (normalised(column) == name) return column;
      }
    }
    return {};
  }
  void fill(std::string& role, std::initializer_list<const char*> names) const {
    if (role.empty()) role = find(names);
  }
  bool all_numeric() const { return std::find(numeric_.begin(), numeric_.end(), false) == numeric_.end(); }
  const std::vector<std::string>& columns() const { return columns_; }

  [[noreturn]] void fail(const std::string& message) const {
    throw user_error(fmt::format("{}: {} (columns: {})", file_, message, printable(listed(), 200)));
  }

 private:
  std::string listed() const { return fmt::format("{}", fmt::join(columns_, ", ")); }

  const std::string& file_;
  const std::vector<std::string>& columns_;
  const std::vector<bool>& numeric_;
};

table_roles feature_roles(const role_finder& table, column_roles given) {
  table_roles roles{.kind = data_kind::features, .columns = {}};
  table.fill(given.label, {"label", "preference"});
  table.fill(given.weight, {"weight", "count"});
  roles.columns.label = given.label;
  roles.columns.weight = given.weight;
  roles.columns.features = given.features;
  if (given.features.empty()) {
    for (const std::string& column : table.columns()) {
      if (column != given.label && column != given.weight) roles.columns.features.push_back(column);
    }
  }
  if (roles.columns.features.empty()) table.fail("expected at least one feature column, found none");
  return roles;
}

// Items that are told by the columns' names; only where nothing was named by the user.
void find_items(const role_finder& table, column_roles& c) {
  constexpr std::pair<const char*, const char*> names[] = {{"item1", "item2"},         {"item_1", "item_2"},
                                                           {"item_a", "item_b"},       {"home_team", "away_team"},
                                                           {"home", "away"},           {"model_1", "model_2"},
                                                           {"model_a", "model_b"},     {"model1", "model2"},
                                                           {"player1", "player2"},     {"team1", "team2"},
                                                           {"player_1", "player_2"},   {"team_1", "team_2"},
                                                           {"player_a", "player_b"},   {"first", "second"},
                                                           {"left", "right"},          {"a", "b"},
                                                           {"response1", "response2"}, {"i", "j"}};
  for (const auto& [first, second] : names) {
    const std::string one = table.find({first}), two = table.find({second});
    if (one.empty() || two.empty()) continue;
    c.item_1 = one;
    c.item_2 = two;
    return;
  }
}

table_roles contest_roles(const role_finder& table, column_roles c) {
  table_roles roles{.kind = data_kind::contests, .columns = {}};
  const bool items_named = !c.item_1.empty() || !c.item_2.empty();
  const bool winners_named = !c.winner.empty() || !c.loser.empty();
  if (items_named && winners_named)
    table.fail("--winner and --loser say who the items are: expected them or --item1 and --item2, found both");
  if (!items_named && !winners_named) find_items(table, c);

  if (c.item_1.empty() && c.item_2.empty()) {
    table.fill(c.winner, {"winner", "cited", "chosen", "preferred"});
    table.fill(c.loser, {"loser", "citing", "rejected", "other"});
    if (c.winner.empty() || c.loser.empty())
      table.fail("expected two columns with the items: name them with --item1 and --item2, or --winner and --loser");
    table.fill(c.count, {"count", "n", "weight", "times"});
    roles.form = result_form::winners;
    roles.columns.winner = c.winner;
    roles.columns.loser = c.loser;
    roles.columns.count = c.count;
    return roles;
  }
  if (c.item_1.empty() || c.item_2.empty()) table.fail("expected both --item1 and --item2, found one");
  if (c.item_1 == c.item_2) table.fail("--item1 and --item2: expected two columns, found one");
  roles.columns.item_1 = c.item_1;
  roles.columns.item_2 = c.item_2;

  const bool counts_named = !c.wins_1.empty() || !c.wins_2.empty();
  const bool scores_named = !c.score_1.empty() || !c.score_2.empty();
  if (counts_named + scores_named + !c.outcome.empty() > 1)
    table.fail("expected one of --wins1/--wins2, --score1/--score2 and --outcome, found several");
  if (!scores_named && c.outcome.empty()) {
    table.fill(c.wins_1, {"wins1", "wins_1", "home_wins", "wins_a", "wins_first", "wins_left"});
    table.fill(c.wins_2, {"wins2", "wins_2", "away_wins", "wins_b", "wins_second", "wins_right"});
  }
  if (!c.wins_1.empty() || !c.wins_2.empty()) {
    if (c.wins_1.empty()) table.fail("expected --wins1 beside --wins2");
    table.fill(c.ties, {"ties", "tie", "draws", "draw"});
    roles.form = result_form::counts;
    roles.columns.wins_1 = c.wins_1;
    roles.columns.wins_2 = c.wins_2;
    roles.columns.ties = c.ties;
    return roles;
  }
  if (c.outcome.empty()) {
    table.fill(c.score_1, {"score1", "score_1", "home_goals", "home_score", "goals1", "goals_1", "score_a", "fthg"});
    table.fill(c.score_2, {"score2", "score_2", "away_goals", "away_score", "goals2", "goals_2", "score_b", "ftag"});
  }
  if (!c.score_1.empty() || !c.score_2.empty()) {
    if (c.score_1.empty() || c.score_2.empty()) table.fail("expected both --score1 and --score2, found one");
    roles.form = result_form::scores;
    roles.columns.score_1 = c.score_1;
    roles.columns.score_2 = c.score_2;
    return roles;
  }
  table.fill(c.outcome, {"outcome", "result", "winner", "label", "preferred"});
  table.fill(c.count, {"count", "weight"});
  roles.columns.count = c.count;
  if (c.outcome.empty())
    table.fail(
        "expected a column with the result: name it with --wins1 and --wins2, --score1 and --score2 or --outcome (or "
        "name the items with --winner and --loser)");
  roles.form = result_form::outcome;
  roles.columns.outcome = c.outcome;
  return roles;
}

}  // namespace

table_roles find_roles(const std::string& file, const std::vector<std::string>& columns,
                       const std::vector<bool>& numeric, const fit_options& options) {
  const role_finder table(file, columns, numeric);
  const column_roles& c = options.columns;
  const std::pair<const std::string*, const char*> named[] = {
      {&c.item_1, "--item1"},     {&c.item_2, "--item2"},   {&c.wins_1, "--wins1"},   {&c.wins_2, "--wins2"},
      {&c.ties, "--ties-column"}, {&c.score_1, "--score1"}, {&c.score_2, "--score2"}, {&c.winner, "--winner"},
      {&c.loser, "--loser"},      {&c.count, "--count"},    {&c.label, "--label"},    {&c.weight, "--weight"},
      {&c.outcome, "--outcome"},
  };
  bool contest_named = false;
  for (const auto& [column, option] : named) {
    table.require(*column, option);
    contest_named |= !column->empty() && column != &c.label && column != &c.weight;
  }
  for (const std::string& column : c.features) table.require(column, "--columns");

  data_kind kind = options.kind;
  if (kind == data_kind::automatic) {
    if (contest_named || !options.predictors.empty()) {
      kind = data_kind::contests;
    } else if (!c.features.empty() || !c.label.empty()) {
      kind = data_kind::features;
    } else {
      column_roles probe;
      find_items(table, probe);
      kind = probe.item_1.empty() && table.all_numeric() ? data_kind::features : data_kind::contests;
    }
  }
  return kind == data_kind::features ? feature_roles(table, c) : contest_roles(table, c);
}

std::string describe(const table_roles& roles) {
  const column_roles& c = roles.columns;
  const auto counted = [&] { return c.count.empty() ? std::string() : fmt::format(", counted by {}", c.count); };
  if (roles.kind == data_kind::features) {
    std::string text = fmt::format("feature rows, first minus second: {}", fmt::join(c.features, ", "));
    if (!c.label.empty()) text += fmt::format("; label {}", c.label);
    if (!c.weight.empty()) text += fmt::format("; weight {}", c.weight);
    return text + (c.label.empty() ? "; the first is the preferred one" : "");
  }
  switch (roles.form) {
    case result_form::counts:
      return fmt::format("contests: {} against {}; wins {} and {}{}", c.item_1, c.item_2, c.wins_1,
                         c.wins_2.empty() ? "(none)" : c.wins_2,
                         c.ties.empty() ? "" : fmt::format(", ties {}", c.ties));
    case result_form::scores:
      return fmt::format("contests: {} against {}; scores {} and {}", c.item_1, c.item_2, c.score_1, c.score_2);
    case result_form::outcome:
      return fmt::format("contests: {} against {}; result {}{}", c.item_1, c.item_2, c.outcome, counted());
    case result_form::winners:
      break;
  }
  return fmt::format("contests: {} won against {}{}", c.winner, c.loser, counted());
}

}  // namespace rto::sim
