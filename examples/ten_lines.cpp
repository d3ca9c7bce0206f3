// Comparisons in, policy out: Algorithm 1 on the tree of answers of two tokens.
#include <iostream>
#include <rto/rto.hpp>

int main() {
  using table = rto::eigen_array<double>;
  const rto::complete_token_tree tree(2, 2);  // 2 tokens, 2 steps: 3 prefixes, 6 edges
  const table reference = rto::policy_from_logits(table(table::Zero(3, 2)));
  const table features = table(Eigen::MatrixXd::Identity(6, 6));                              // phi(prefix, token)
  const std::vector<rto::trajectory_pair> pairs = {{{.tokens = {1, 1}}, {.tokens = {0, 0}}},  // the first was preferred
                                                   {{.tokens = {1, 0}}, {.tokens = {0, 1}}}};
  const auto answer =
      rto::pessimistic_reward_planning(tree, reference, features, pairs, {.beta = 0.5, .radius = 0.1, .bound = 1});
  std::cout << "the policy, a row per prefix:\n" << answer.plan.log_policy.exp() << '\n';
}
