// The command line of `rto-sim fit`.
#include <fmt/format.h>

#include <cmath>
#include <cstdio>
#include <map>
#include <memory>

#include "sim/cli/command.hpp"
#include "sim/fit/load.hpp"
#include "sim/fit/result.hpp"
#include "sim/io/error.hpp"
#include "sim/io/file.hpp"

namespace rto::sim {

namespace {

void require(bool holds, const char* option, const char* expected, double found) {
  if (!holds) throw user_error(fmt::format("{}: expected {}, found {}", option, expected, found));
}

void check_options(const fit_options& o) {
  require(o.bound >= 0, "--bound", "a number >= 0 or inf", o.bound);
  require(o.lambda > 0 && std::isfinite(o.lambda), "--lambda", "a number > 0", o.lambda);
  require(o.delta > 0 && o.delta < 1, "--delta", "a number in (0, 1)", o.delta);
  require(o.level > 0 && o.level < 1, "--level", "a number in (0, 1)", o.level);
  require(o.holdout >= 0 && o.holdout < 1, "--holdout", "a share in [0, 1)", o.holdout);
  require(o.folds == 0 || o.folds >= 2, "--folds", "at least 2", static_cast<double>(o.folds));
  require(o.folds == 0 || o.holdout == 0, "--folds", "no --holdout beside it", static_cast<double>(o.folds));
  require(o.ngram >= 1 && o.ngram <= 16, "--ngram", "a length in [1, 16]", static_cast<double>(o.ngram));
  require(o.buckets >= 2 && o.buckets <= (std::int64_t{1} << 24), "--buckets", "a number in [2, 2^24]",
          static_cast<double>(o.buckets));
}

char separator_of(const std::string& text) {
  if (text == "tab" || text == "\\t") return '\t';
  if (text.size() != 1 || text == "\"" || text == "\n" || text == "\r")
    throw user_error(fmt::format("--separator: expected one character or \"tab\", found \"{}\"", text));
  return text[0];
}

// An option that takes one of a few words.
template <class T>
CLI::Option* add_choice(CLI::App& app, const std::string& name, T& target, std::map<std::string, T> choices,
                        const std::string& doc) {
  const auto chosen = [name, &target, choices](const std::string& word) {
    const auto at = choices.find(word);
    if (at == choices.end()) {
      std::string words;
      for (const auto& [choice, value] : choices) words += (words.empty() ? "" : ", ") + choice;
      throw CLI::ValidationError(name, fmt::format("expected one of {}, found \"{}\"", words, word));
    }
    target = at->second;
  };
  return app.add_option_function<std::string>(name, chosen, doc);
}

std::function<int()> set_up(CLI::App& app) {
  const auto o = std::make_shared<fit_options>();
  const auto separator = std::make_shared<std::string>();
  app.add_option("DATA", o->data, "Comparisons: CSV, TSV or JSON lines, plain or gzip")->required();
  app.add_option("--out", o->out, "Write all results as JSON")->type_name("FILE");
  app.add_option("--csv", o->csv, "Write the table of estimates as CSV")->type_name("FILE");
  app.add_option("--latex", o->latex, "Write the table of estimates as LaTeX (booktabs)")->type_name("FILE");
  app.add_flag("--quiet", o->quiet, "Print nothing but errors");

  const std::string roles = "Columns (by name; detected where not given)";
  add_choice<data_kind>(
      app, "--kind", o->kind,
      {{"contests", data_kind::contests}, {"features", data_kind::features}, {"text", data_kind::text}},
      "contests, features or text; told by the file where not given")
      ->type_name("KIND");
  column_roles& c = o->columns;
  app.add_option("--item1", c.item_1, "The first item of a contest (at home, where there is an order effect)")
      ->type_name("COLUMN")
      ->group(roles);
  app.add_option("--item2", c.item_2, "The second item")->type_name("COLUMN")->group(roles);
  app.add_option("--wins1", c.wins_1, "Number of wins of the first")->type_name("COLUMN")->group(roles);
  app.add_option("--wins2", c.wins_2, "Number of wins of the second")->type_name("COLUMN")->group(roles);
  app.add_option("--ties-column", c.ties, "Number of ties")->type_name("COLUMN")->group(roles);
  app.add_option("--score1", c.score_1, "Score of the first: the higher one wins")->type_name("COLUMN")->group(roles);
  app.add_option("--score2", c.score_2, "Score of the second")->type_name("COLUMN")->group(roles);
  app.add_option("--outcome", c.outcome, "Who won: the name of the item or of its column, 1, 2, or tie")
      ->type_name("COLUMN")
      ->group(roles);
  app.add_option("--winner", c.winner, "The item that won")->type_name("COLUMN")->group(roles);
  app.add_option("--loser", c.loser, "The item that lost")->type_name("COLUMN")->group(roles);
  app.add_option("--count", c.count, "How often (with --winner or --outcome)")->type_name("COLUMN")->group(roles);
  app.add_option("--columns", c.features, "Feature columns, or predictors: a,b,c")
      ->delimiter(',')
      ->type_name("COLUMNS")
      ->group(roles);
  app.add_option("--label", c.label, "Of a feature row: 1 first preferred, 0 second, or between")
      ->type_name("COLUMN")
      ->group(roles);
  app.add_option("--weight", c.weight, "Of a feature row: how often it counts")->type_name("COLUMN")->group(roles);
  app.add_option("--chosen", c.chosen, "Field of the preferred text")
      ->type_name("FIELD")
      ->capture_default_str()
      ->group(roles);
  app.add_option("--rejected", c.rejected, "Field of the other text")
      ->type_name("FIELD")
      ->capture_default_str()
      ->group(roles);

  const std::string format = "Table format";
  app.add_option("--separator", *separator, "One character, or tab")->type_name("CHAR")->group(format);
  app.add_flag_function(
         "--quotes,!--no-quotes", [o](std::int64_t given) { o->quotes = given > 0; },
         "Whether \"...\" quotes a field (default: except in TSV)")
      ->group(format);
  app.add_flag_function(
         "--header,!--no-header", [o](std::int64_t given) { o->header = given > 0; },
         "Whether the first line names the columns (default: unless numbers)")
      ->group(format);

  const std::string model = "Model";
  add_choice<tie_rule>(app, "--ties", o->ties, {{"half", tie_rule::half}, {"drop", tie_rule::drop}},
                       "half: half a win for each; drop")
      ->type_name("RULE")
      ->default_str("half")
      ->group(model);
  app.add_flag("--order-effect,--home", o->order_effect, "An advantage of the first item, the same for all")
      ->group(model);
  app.add_option("--reference", o->reference, "The item of ability 0 (default: the first by name)")
      ->type_name("ITEM")
      ->group(model);
  app.add_flag_function(
         "--merge,!--no-merge", [o](std::int64_t given) { o->merge = given > 0; },
         "Add up the rows of each pair of items (default: winner/loser rows without order effect)")
      ->group(model);
  app.add_option("--predictors", o->predictors, "Table of predictors of the items: a linear model of them")
      ->type_name("FILE")
      ->group(model);
  app.add_option("--key", o->key, "Column of the items in it (default: the first)")->type_name("COLUMN")->group(model);
  add_choice<text_features>(app, "--features", o->features,
                            {{"style", text_features::style}, {"ngrams", text_features::ngrams}},
                            "Of texts: style (six numbers) or ngrams (hashed)")
      ->type_name("KIND")
      ->default_str("style")
      ->group(model);
  app.add_option("--ngram", o->ngram, "Longest n-gram, tokens")->type_name("N")->capture_default_str()->group(model);
  app.add_option("--buckets", o->buckets, "Columns that n-grams are hashed into")
      ->type_name("N")
      ->capture_default_str()
      ->group(model);
  app.add_flag("--whole-text", o->whole_text, "Use whole texts instead of a dialogue's last reply")->group(model);

  const std::string inference = "Inference";
  app.add_option("--bound", o->bound, "B of ||theta|| <= B")->type_name("B")->default_str("inf")->group(inference);
  app.add_option("--lambda", o->lambda, "Ridge of Sigma_D = Sigma + lambda I")
      ->type_name("LAMBDA")
      ->capture_default_str()
      ->group(inference);
  app.add_option("--delta", o->delta, "The confidence radius holds with probability 1 - delta")
      ->type_name("DELTA")
      ->capture_default_str()
      ->group(inference);
  app.add_option("--level", o->level, "Level of the intervals")
      ->type_name("LEVEL")
      ->capture_default_str()
      ->group(inference);
  app.add_flag("--likelihood-ratio", o->likelihood_ratio, "Profile likelihood-ratio intervals too")->group(inference);
  app.add_option("--holdout", o->holdout, "Share of the rows held out to measure accuracy")
      ->type_name("SHARE")
      ->group(inference);
  app.add_option("--folds", o->folds, "Cross-validated accuracy with this many folds")
      ->type_name("K")
      ->group(inference);
  app.add_option("--seed", o->seed, "Of the split")->type_name("N")->capture_default_str()->group(inference);

  return [o, separator] {
    if (!separator->empty()) o->separator = separator_of(*separator);
    return run_fit(*o);
  };
}

const registered_command command{"fit", "Fit a Bradley-Terry or linear-reward model to comparisons", set_up, 5};

}  // namespace

int run_fit(const fit_options& options) {
  check_options(options);
  const comparison_model model = load_comparisons(options);
  const fit_result result = fit(model, options);
  if (!options.out.empty()) write_file(options.out, to_json(model, result, options).dump(1) + "\n");
  if (!options.csv.empty()) write_file(options.csv, to_csv(result));
  if (!options.latex.empty()) write_file(options.latex, to_latex(model, result, options));
  if (!options.quiet) {
    const std::string text = to_text(model, result, options);
    if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0)
      throw user_error("standard output: cannot be written");
  }
  return result.exit_status();
}

}  // namespace rto::sim
