// A token tree, a reference policy and a reward: the optimal policy, and how far another policy is from it.
#include <cmath>
#include <cstdio>

#include <rto/array/eigen.hpp>
#include <rto/mdp/occupancy.hpp>
#include <rto/mdp/token_trie_builder.hpp>
#include <rto/planning/kl_regularized_planning.hpp>
#include <rto/planning/policy_evaluation.hpp>
#include <rto/planning/suboptimality_gap.hpp>

int main() {
  using table = rto::eigen_array<double>;

  // Three tokens, at most three of them, token 2 ends the response; two prompts, the second twice as frequent.
  const rto::token_trie trie = rto::full_trie({.actions = 3, .horizon = 3, .eos = 2, .rho = {1.0 / 3, 2.0 / 3}});

  // One row a prefix, one column a token. The reference prefers to go on; token 1 is worth 1, an early end costs 0.5.
  table logits(trie.states(), 3), reward(trie.states(), 3);
  for (std::int64_t prefix = 0; prefix < trie.states(); ++prefix) {
    logits.row(prefix) << 0.5, 0.5, -1.0;
    reward.row(prefix) << 0.0, 1.0, trie.depth(prefix) == 0 ? -0.5 : 0.0;
  }
  const table reference = rto::policy_from_logits(logits);

  std::printf("   beta   J(optimum)  J(reference)        gap  as divergence  tokens\n");
  for (const double beta : {0.0, 0.1, 1.0, 10.0}) {
    const auto optimum = rto::plan(trie, reference, reward, {.beta = beta});
    const auto value = rto::evaluate_policy(trie, reference, reference, reward, beta);
    const double gap = rto::suboptimality_gap(optimum, value);
    // beta E KL(reference || optimum) is the same number, to rounding; at beta = 0 nothing is charged.
    const double divergence = beta > 0 ? rto::suboptimality_gap_divergence(trie, optimum, reference, beta) : gap;
    std::printf("%7.1f %12.6f %13.6f %10.6f %14.6f %7.3f\n", beta, optimum.objective, value.objective, gap, divergence,
                rto::occupancy(trie, optimum.log_policy).mass);
    if (std::abs(gap - divergence) > 1e-12) return 1;
  }

  const auto optimum = rto::plan(trie, reference, reward, {.beta = 0.5});
  std::printf("\nfirst token at beta = 0.5: reference %.3f %.3f %.3f, optimum %.3f %.3f %.3f\n",
              std::exp(reference(0, 0)), std::exp(reference(0, 1)), std::exp(reference(0, 2)),
              std::exp(optimum.log_policy(0, 0)), std::exp(optimum.log_policy(0, 1)),
              std::exp(optimum.log_policy(0, 2)));
}
