#pragma once
// The drawing of figure 2: a small tree, one panel per query.
#include <string>
#include <vector>

namespace rto::sim {

/// The needle instance that is drawn: its good token is always the last.
struct drawn_needle {
  int actions, horizon;
  double epsilon, tau;
};

struct drawn_query {
  std::vector<int> response;
  int dead_length = 0;      // of the prefix that is ruled out
  bool heavy_leaf = false;  // the response was read to its end
  double log_p = 0;         // of the prefix that is ruled out
};

/// Panels of T1's queries above, of S1's below, as one <svg> element. \param id makes the ids inside unique on a page
std::string search_drawing(const std::string& id, const drawn_needle& needle,
                           const std::vector<drawn_query>& token_queries,
                           const std::vector<drawn_query>& sentence_queries);

}  // namespace rto::sim
