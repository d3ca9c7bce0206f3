// What a learner of Proposition 3.2 hands back, and how its queries are watched or limited.
#pragma once

#include <concepts>
#include <cstdint>
#include <limits>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include <rto/exploration/token_log_probability_model.hpp>

namespace rto {

enum class search_status {
  found,          // the best response is known
  no_heavy_leaf,  // no response has the mass tau that was promised: tau > p*
  stopped,        // the observer ended the search; the best response so far is returned
};

struct search_result {
  search_status status = search_status::no_heavy_leaf;
  std::vector<int> best_response;          // [H]; empty when nothing admissible was seen
  double log_probability = log_zero;       // of best_response, as read (nats)
  std::int64_t queries = 0;                // calls of the oracle; a noisy oracle multiplies them by its repetitions
  std::vector<std::int64_t> heavy_counts;  // [H + 1]: heavy nodes visited per depth, N_h for T1; token learners only
  std::int64_t frontier_size = 0;          // light nodes found below a heavy one, (3.7); token learners only
};

/// One query as an observer sees it. The spans are valid during the call only.
struct query_view {
  std::int64_t number = 0;                           // 1, 2, ...
  std::span<const int> response;                     // [H]
  std::span<const double> prefix_log_probabilities;  // [dead_length + 1]: log p(y_{1:h}) as far as it was read
  int dead_length = 0;                               // length of the prefix that this query kills
  bool heavy_leaf = false;                           // all prefixes were heavy: the response itself was read off
};

/// Called after every query; the search stops when it returns false.
template <class O>
concept QueryObserver = requires(O& observer, const query_view& query) {
  { observer(query) } -> std::convertible_to<bool>;
};

/// Watches nothing.
struct no_observer {
  bool operator()(const query_view&) const { return true; }
};

/// Stops after so many queries.
struct query_budget {
  std::int64_t maximum_queries;
  bool operator()(const query_view& query) const { return query.number < maximum_queries; }
};

/// Keeps every query.
struct query_trace {
  struct record {
    std::vector<int> response;
    std::vector<double> prefix_log_probabilities;
    int dead_length = 0;
    bool heavy_leaf = false;
  };
  std::vector<record> records;

  bool operator()(const query_view& query) {
    records.push_back({{query.response.begin(), query.response.end()},
                       {query.prefix_log_probabilities.begin(), query.prefix_log_probabilities.end()},
                       query.dead_length,
                       query.heavy_leaf});
    return true;
  }
};

namespace detail {

/// \throws std::domain_error when log tau is NaN or +inf
inline void require_log_threshold(const char* function, double log_threshold) {
  if (!(log_threshold <= std::numeric_limits<double>::max()))
    throw std::domain_error(std::string("rto::") + function + ": log tau below +inf, got " +
                            std::to_string(log_threshold));
}

}  // namespace detail

}  // namespace rto
