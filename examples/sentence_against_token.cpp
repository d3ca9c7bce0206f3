// Proposition 3.2 on one policy: how many responses must be queried to find the best one, when the answer is one number
// per response, and when it is one number per token. Then the same search on a tree of 10^40 responses.
#include <boost/random/mersenne_twister.hpp>
#include <cmath>
#include <cstdio>

#include <rto/rto.hpp>

// A policy of one's own: any type with these six members. It likes to repeat the last token.
struct stuttering_policy {
  struct state_type {
    int last = 1;
  };
  int actions, length;

  int action_count() const { return actions; }
  int horizon() const { return length; }
  state_type initial_state() const { return {}; }
  state_type append(state_type, int token) const { return {token}; }
  double log_probability(state_type state, int token) const {
    return token == state.last ? std::log(0.9) : std::log(0.1 / (actions - 1));
  }
};
static_assert(rto::TokenLogProbabilityModel<stuttering_policy>);

int main() {
  boost::random::mt19937_64 rng(1);
  const stuttering_policy policy{.actions = 4, .length = 6};
  rto::sentence_feedback sentences(policy);
  rto::token_feedback tokens(policy);

  const rto::search_result all = rto::exhaustive_sentence_search(sentences);
  const double log_tau = all.log_probability;  // xi* is where Assumption 3.1 is just met
  const double xi = -log_tau / std::log(policy.actions);
  const rto::search_result some = rto::residual_mass_sentence_search(sentences, log_tau, rng);
  const rto::search_result t1 = rto::heavy_prefix_search(tokens, log_tau);
  const rto::search_result t2 = rto::residual_mass_token_search(tokens, log_tau, rto::random_order(rng));
  const rto::search_result t3 = rto::best_first_token_search(tokens);

  std::printf("best response of mass %.4f, xi* = %.3f\n", std::exp(all.log_probability), xi);
  std::printf("sentence level: S1 %lld, S2 %lld queries\n", static_cast<long long>(all.queries),
              static_cast<long long>(some.queries));
  std::printf("token level:    T1 %lld, T2 %lld, T3 %lld queries\n", static_cast<long long>(t1.queries),
              static_cast<long long>(t2.queries), static_cast<long long>(t3.queries));
  std::printf("A^min(xi+1,H) as printed %.1f, corrected %.1f\n",
              rto::printed_token_query_bound(policy.actions, policy.length, xi),
              rto::corrected_token_query_bound(policy.actions, policy.length, xi));

  const stuttering_policy large{.actions = 100, .length = 20};
  rto::token_feedback oracle(large);
  const rto::search_result found = rto::best_first_token_search(oracle);
  std::printf("%.0e responses: T3 finds one of mass %.4f in %lld queries\n",
              rto::sentence_query_count(large.actions, large.length), std::exp(found.log_probability),
              static_cast<long long>(found.queries));

  const bool right = t1.best_response == all.best_response && t2.best_response == all.best_response &&
                     t3.best_response == all.best_response && t1.queries < all.queries;
  return right ? 0 : 1;
}
