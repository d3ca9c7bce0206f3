#pragma once
// Which column is what: what the user named, and otherwise what well-known headers mean.
#include <string>
#include <vector>

#include "sim/fit/options.hpp"

namespace rto::sim {

/// How the rows of a table give the result of a contest.
enum class result_form {
  counts,   // wins_1, wins_2 and maybe ties
  scores,   // score_1, score_2
  winners,  // winner, loser and maybe count
  outcome,  // item_1, item_2, outcome and maybe count
};

struct table_roles {
  data_kind kind = data_kind::contests;
  result_form form = result_form::counts;
  column_roles columns;  // those in use are named, the others empty
};

/// Completes the roles that were given from the names of the columns.
/// \param numeric whether every field of a column in the first record is a number
/// \throws user_error `file: ...` for a name that is no column, and where the roles cannot be told: with the columns
/// and the options that name them
table_roles find_roles(const std::string& file, const std::vector<std::string>& columns,
                       const std::vector<bool>& numeric, const fit_options& options);

/// One sentence: which columns were taken for what.
std::string describe(const table_roles& roles);

}  // namespace rto::sim
