#pragma once
// What `rto-sim fit` was asked to do.
#include <cstdint>
#include <filesystem>
#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace rto::sim {

enum class data_kind {
  automatic,  // told by the file's name and its columns
  contests,   // rows of two items and a result
  features,   // rows of features(first) - features(second)
  text,       // JSON lines with a chosen and a rejected text
};

enum class tie_rule {
  half,  // half a win for each
  drop,
};

enum class text_features {
  style,   // six numbers: length, words, question marks, apology, negations, word length
  ngrams,  // hashed token n-grams
};

/// Columns by name; empty = by detection.
struct column_roles {
  std::string item_1, item_2;
  std::string wins_1, wins_2, ties;  // counts per row
  std::string score_1, score_2;      // goals: the higher score wins
  std::string winner, loser;         // the row says who won
  std::string outcome;               // the row says which of item_1, item_2 won, or "tie"
  std::string count;                 // weight of a winner/loser or an outcome row
  std::vector<std::string> features;
  std::string label, weight;  // of a feature row: P(first preferred) in [0, 1], and how often it counts
  std::string chosen = "chosen", rejected = "rejected";
};

struct fit_options {
  std::filesystem::path data;
  std::filesystem::path predictors;  // per item: a linear model of the items' covariates
  std::filesystem::path out, csv, latex;

  data_kind kind = data_kind::automatic;
  column_roles columns;
  std::optional<char> separator;
  std::optional<bool> quotes, header;
  tie_rule ties = tie_rule::half;
  bool order_effect = false;
  std::optional<bool> merge;  // rows of one pair of items become one row; unset: yes for winner/loser rows
  std::string reference;      // the item whose ability is 0; empty = the first in alphabetical order
  std::string key;            // of the predictors file; empty = its first column

  text_features features = text_features::style;
  std::int64_t ngram = 2;          // longest n-gram, tokens
  std::int64_t buckets = 1 << 12;  // hashed features
  bool whole_text = false;         // else the last reply of a dialogue

  double bound = std::numeric_limits<double>::infinity();  // ||theta|| <= bound
  double lambda = 1;                                       // Sigma_D = Sigma + lambda I
  double delta = 0.05;                                     // the confidence radius holds with probability 1 - delta
  double level = 0.95;                                     // of the intervals
  bool likelihood_ratio = false;
  double holdout = 0;      // share of the rows held out, in [0, 1)
  std::int64_t folds = 0;  // of cross-validation; 0 = none
  std::uint64_t seed = 1;
  bool quiet = false;
};

/// Runs `rto-sim fit`. \returns 0 converged, 3 no finite maximum or not converged (the outputs say so)
/// \throws user_error for bad input
int run_fit(const fit_options& options);

}  // namespace rto::sim
