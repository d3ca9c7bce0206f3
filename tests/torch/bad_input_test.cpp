// Tensors that do not go together, over the public functions: an error, never a result that is silently wrong.
#include <functional>

#include "torch/comparison_samples.hpp"

using namespace rto;
using namespace rto::test;

namespace {

using tensors = std::vector<at::Tensor>;

/// A public function and arguments that it accepts.
struct call {
  std::string name;
  tensors arguments;
  std::function<void(const tensors&)> run;
};

at::Tensor numbers(std::int64_t rows, std::int64_t cols, unsigned seed, double scale = 1) {
  return tensor_of(tensor_kinds()[0], normal_sample(rows, cols, seed, scale));
}
at::Tensor policy(std::int64_t rows, std::int64_t cols, unsigned seed) {
  return tensor_of(tensor_kinds()[0], policy_sample(rows, cols, seed));
}

const complete_token_tree tree(3, 3);

const std::vector<call>& calls() {
  const at::Tensor a = numbers(6, 1, 1), b = numbers(6, 1, 2), c = numbers(6, 1, 3), d = numbers(6, 1, 4);
  const at::Tensor log_p = -a.abs() - 0.1, log_q = -b.abs() - 0.1, label = at::gt(a, 0).to(at::kDouble);
  const at::Tensor x = numbers(3, 4, 5), y = numbers(3, 4, 6), z = numbers(3, 4, 7), column = numbers(3, 1, 8);
  const at::Tensor mask = tensor_of(tensor_kinds()[0], prefix_mask({4, 2, 1}, 4));
  const at::Tensor reference = policy(tree.states(), 3, 1), other = policy(tree.states(), 3, 2);
  const at::Tensor reward = numbers(tree.states(), 3, 3);
  const at::Tensor features = numbers(20, 3, 9), theta = numbers(3, 1, 10),
                   labels = at::gt(numbers(20, 1, 11), 0).to(at::kDouble);
  static const std::vector<call> all{
      {"dpo_loss", {a, b}, [](const tensors& t) { (void)dpo_loss(t[0], t[1]); }},
      {"ipo_loss", {a, b}, [](const tensors& t) { (void)ipo_loss(t[0], t[1]); }},
      {"hinge_dpo_loss", {a, b}, [](const tensors& t) { (void)hinge_dpo_loss(t[0], t[1]); }},
      {"robust_dpo_loss", {a, b}, [](const tensors& t) { (void)robust_dpo_loss(t[0], t[1], {.flip_rate = 0.1}); }},
      {"simpo_loss", {a, b}, [](const tensors& t) { (void)simpo_loss(t[0], t[1]); }},
      {"cpo_loss", {a, b}, [](const tensors& t) { (void)cpo_loss(t[0], t[1]); }},
      {"apo_zero_loss", {a, b}, [](const tensors& t) { (void)apo_zero_loss(t[0], t[1]); }},
      {"nca_pair_loss", {a, b}, [](const tensors& t) { (void)nca_pair_loss(t[0], t[1]); }},
      {"sppo_hard_loss", {a, b}, [](const tensors& t) { (void)sppo_hard_loss(t[0], t[1]); }},
      {"orpo_loss", {log_p, log_q}, [](const tensors& t) { (void)orpo_loss(t[0], t[1]); }},
      {"r_dpo_loss", {a, b, c}, [](const tensors& t) { (void)r_dpo_loss(t[0], t[1], t[2]); }},
      {"dpo_nll_loss", {a, b, log_p}, [](const tensors& t) { (void)dpo_nll_loss(t[0], t[1], t[2]); }},
      {"reward_model_loss", {a, b, c}, [](const tensors& t) { (void)reward_model_loss(t[0], t[1], t[2]); }},
      {"kto_loss", {a, b, label}, [](const tensors& t) { (void)kto_loss(t[0], t[1], t[2], 0.1); }},
      {"tdpo2_loss", {a, b, c, d}, [](const tensors& t) { (void)tdpo2_loss(t[0], t[1], t[2], t[3]); }},
      {"kl_estimates", {x, y}, [](const tensors& t) { (void)kl_estimates(t[0], t[1], kl_estimator::k3); }},
      {"clipped_surrogate_loss",
       {x, y, z, mask},
       [](const tensors& t) { (void)clipped_surrogate_loss(t[0], t[1], t[2], t[3]); }},
      {"clip_fraction", {x, y, z, mask}, [](const tensors& t) { (void)clip_fraction(t[0], t[1], t[2], t[3]); }},
      {"value_loss", {x, y, z, mask}, [](const tensors& t) { (void)value_loss(t[0], t[1], t[2], t[3]); }},
      {"sft_loss", {x, mask}, [](const tensors& t) { (void)sft_loss(t[0], t[1]); }},
      {"sequence_log_probability", {x, mask}, [](const tensors& t) { (void)sequence_log_probability(t[0], t[1]); }},
      {"mean_log_probability", {x, mask}, [](const tensors& t) { (void)mean_log_probability(t[0], t[1]); }},
      {"aggregate", {x, mask}, [](const tensors& t) { (void)aggregate(t[0], t[1]); }},
      {"generalized_advantage_estimates",
       {x, y, mask},
       [](const tensors& t) { (void)generalized_advantage_estimates(t[0], t[1], t[2]); }},
      {"generalized_advantage_estimates with bootstrap",
       {x, y, mask, column},
       [](const tensors& t) { (void)generalized_advantage_estimates(t[0], t[1], t[2], t[3], {}); }},
      {"discounted_returns", {x, mask}, [](const tensors& t) { (void)discounted_returns(t[0], t[1], 0.9); }},
      {"value_targets", {x, y, mask}, [](const tensors& t) { (void)value_targets(t[0], t[1], t[2]); }},
      {"whiten", {x, mask}, [](const tensors& t) { (void)whiten(t[0], t[1]); }},
      {"greedy_baseline_advantages",
       {x, column},
       [](const tensors& t) { (void)greedy_baseline_advantages(t[0], t[1]); }},
      {"at_every_token", {column, mask}, [](const tensors& t) { (void)at_every_token(t[0], t[1]); }},
      {"running_sum", {x, mask}, [](const tensors& t) { (void)running_sum(t[0], t[1]); }},
      {"implicit_reward", {x, y}, [](const tensors& t) { (void)implicit_reward(t[0], t[1], 0.1); }},
      {"kl_divergence", {reference, other}, [](const tensors& t) { (void)kl_divergence(t[0], t[1]); }},
      {"soft_bellman", {reference, reward}, [](const tensors& t) { (void)soft_bellman(t[0], t[1], 0.5); }},
      {"plan", {reference, reward}, [](const tensors& t) { (void)plan(tree, t[0], t[1], {.beta = 0.5}); }},
      {"evaluate_policy",
       {other, reference, reward},
       [](const tensors& t) { (void)evaluate_policy(tree, t[0], t[1], t[2], 0.5); }},
      {"linear_reward", {features, theta}, [](const tensors& t) { (void)linear_reward(t[0], t[1]); }},
      {"reward_mle",
       {features, labels},
       [](const tensors& t) {
         (void)reward_mle(comparison_set<at::Tensor>{t[0], t[1], {}});
       }},
      {"evaluate_bradley_terry",
       {features, labels, theta},
       [](const tensors& t) {
         (void)evaluate_bradley_terry(comparison_set<at::Tensor>{t[0], t[1], {}}, t[2]);
       }},
      {"elliptical_norms",
       {features, numbers(9, 3, 12)},
       [](const tensors& t) { (void)elliptical_norms(t[0], make_regularized_covariance(t[1], 1.0)); }},
  };
  return all;
}

/// The argument as it must not be: another type, another device (one without entries, which every machine has), shapes
/// that would fit by broadcasting, another rank.
std::vector<std::pair<std::string, at::Tensor>> spoiled(const at::Tensor& x) {
  std::vector<std::pair<std::string, at::Tensor>> bad{{"float", x.to(at::kFloat)},
                                                      {"on another device", x.to(at::kMeta)},
                                                      {"rank 3", x.unsqueeze(0)},
                                                      {"a row less", x.narrow(0, 1, x.size(0) - 1)},
                                                      {"a single row", x.narrow(0, 0, 1)}};
  if (x.size(1) > 1) bad.emplace_back("a single column", x.narrow(1, 0, 1));
  if (x.size(1) == 1) bad.emplace_back("two columns", x.expand({x.size(0), 2}));
  return bad;
}

}  // namespace

TEST_CASE("one argument of another type, device, shape or rank is an error in every function, whichever it is") {
  for (const call& f : calls()) {
    REQUIRE_NOTHROW(f.run(f.arguments));
    for (std::size_t k = 0; k < f.arguments.size(); ++k)
      for (const auto& [what, bad] : spoiled(f.arguments[k])) {
        // Other numbers of rows or columns are as good as any where nothing else counts them.
        const bool free_rows = (f.name == "linear_reward" && k == 0) || f.name == "elliptical_norms";
        const bool free_columns = (f.name == "greedy_baseline_advantages" && k == 0) ||
                                  (f.name == "at_every_token" && k == 1) || (f.name == "reward_mle" && k == 0);
        if (free_rows && (what == "a row less" || what == "a single row")) continue;
        if (free_columns && what == "a single column") continue;
        INFO(f.name << ", argument " << k << ": " << what);
        tensors arguments = f.arguments;
        arguments[k] = bad;
        CHECK_THROWS(f.run(arguments));
      }
  }
}

TEST_CASE("tensors that are not contiguous, and such as ask for gradients, give the same results") {
  const at::Tensor x = numbers(3, 4, 5), mask = tensor_of(tensor_kinds()[0], prefix_mask({4, 2, 1}, 4));
  const at::Tensor strided = at::stack({x, x}, 2).select(2, 1), wanted = x.clone().requires_grad_(true);
  REQUIRE_FALSE(strided.is_contiguous());
  const at::Tensor expected = generalized_advantage_estimates(x, x, mask);
  CHECK(at::equal(generalized_advantage_estimates(strided, strided, mask), expected));
  CHECK(at::equal(generalized_advantage_estimates(wanted, wanted, mask).detach(), expected));
  const at::Tensor reference = policy(tree.states(), 3, 1), reward = numbers(tree.states(), 3, 3);
  const auto best = plan(tree, reference, reward, {.beta = 0.5});
  const auto same = plan(tree, reference.t().contiguous().t(), reward.clone().requires_grad_(true), {.beta = 0.5});
  CHECK(distance(array::to_host(same.log_policy), array::to_host(best.log_policy)) <= tolerance<double>::identity);
}
