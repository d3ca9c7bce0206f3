// A user's own model: balanced brackets. Five members make it a TokenMdp; nothing is ever stored, whatever its size.
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <vector>

#include <boost/random/mersenne_twister.hpp>

#include <rto/mdp/policy.hpp>
#include <rto/mdp/trajectory.hpp>
#include <rto/planning/depth_first_planning.hpp>

// What a prefix comes to: how many tokens, how many brackets are open, how deep it has been.
struct brackets_state {
  int length = 0, open = 0, deepest = 0;
};

class brackets {
 public:
  using state_type = brackets_state;
  explicit brackets(int tokens) : tokens_(tokens) {}

  std::int64_t horizon() const { return tokens_; }
  std::int64_t actions() const { return 2; }  // 0 opens, 1 closes
  std::vector<rto::start_state<brackets_state>> start_states() const { return {{brackets_state{}, 1.0}}; }
  brackets_state append(const brackets_state& s, std::int64_t token) const {
    const int open = s.open + (token == 0 ? 1 : -1);
    return {s.length + 1, open, open > s.deepest ? open : s.deepest};
  }
  bool is_terminal(const brackets_state& s) const { return s.length == tokens_; }

 private:
  int tokens_;
};
static_assert(rto::TokenMdp<brackets>);

int main() {
  const int tokens = 20;
  const brackets mdp(tokens);
  // Both tokens alike where both can still lead to a balanced text.
  const auto reference = [&](const brackets_state& s, std::int64_t token) {
    const bool can_open = s.open<tokens - s.length, can_close = s.open> 0;
    if (!(token == 0 ? can_open : can_close)) return -std::numeric_limits<double>::infinity();
    return can_open && can_close ? -std::log(2.0) : 0.0;
  };
  // One point for every new depth.
  const auto reward = [&](const brackets_state& s, std::int64_t token) {
    return token == 0 && s.open == s.deepest ? 1.0 : 0.0;
  };

  const auto value = rto::evaluate_policy(mdp, reference, reference, reward, 0.5);
  const auto best = rto::plan(mdp, reference, reward, {.beta = 0.5});
  std::printf("reference: mean depth %.4f over %lld prefixes\n", value.objective, static_cast<long long>(value.states));
  std::printf("optimum at beta = 0.5: J = %.4f\n", best.objective);

  boost::random::mt19937_64 rng(1);
  rto::log_policy_sampler sampler(mdp, reference);
  const auto path = rto::sample_trajectory(mdp, sampler, rng);
  for (const std::int64_t token : path.response.tokens) std::putchar(token == 0 ? '(' : ')');
  std::printf("   one draw of the reference\n");

  // The best text for the same points, planned from scratch at every prefix.
  for (brackets_state s; !mdp.is_terminal(s);) {
    const auto here = rto::plan_at(mdp, s, reference, reward, {.beta = 0.0});
    const std::int64_t token = here.log_policy[0] >= here.log_policy[1] ? 0 : 1;
    std::putchar(token == 0 ? '(' : ')');
    s = mdp.append(s, token);
  }
  std::printf("   the optimum at beta = 0\n");
  return best.objective >= value.objective ? 0 : 1;
}
