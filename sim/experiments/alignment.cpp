#include "sim/experiments/alignment.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include <rto/mdp/policy.hpp>
#include <rto/planning/kl_regularized_planning.hpp>

namespace rto::sim {
namespace {

token_world_shape shape_of(const json& point) {
  return {.tokens = point["A"],
          .horizon = point["H"],
          .prompts = point["prompts"],
          .reward_deviation = point["reward_deviation"],
          .unexplained = point["unexplained"]};
}

critic_kind critic_of(const json& point) {
  return point["critic"] == "exact" ? critic_kind::exact : critic_kind::learned;
}

}  // namespace

const std::vector<alignment_method>& alignment_methods() {
  static const std::vector<alignment_method> methods{
      {"sft", "SFT"},
      {"dpo", "DPO"},
      {"dpo_matched", "DPO, matched β"},
      {"r-dpo", "R-DPO"},
      {"simpo", "SimPO"},
      {"tdpo", "TDPO"},
      {"ppo", "PPO", true},
      {"dppo", "DPPO", true},
      {"semi-rto", "Semi-RTO", true},
      {"rto", "RTO", true},
      {"rto_terminal", "RTO + MLE reward", true},
      {"rto_release", "RTO, released code", true},
      {"rs-ppo", "RS-PPO", true},
      {"tppo", "TPPO", true},
  };
  return methods;
}

const alignment_method& find_method(const std::string& id) {
  std::vector<std::string> known;
  for (const alignment_method& method : alignment_methods()) {
    if (method.id == id) return method;
    known.push_back(method.id);
  }
  throw user_error(fmt::format("unknown method \"{}\"; the methods are: {}", id, fmt::join(known, ", ")));
}

settings_schema alignment_settings(per_level<std::int64_t> iterations) {
  return {
      integer("A", "tokens; the last one ends the answer, token 0 is the delimiter", {5, 5, 5}, {3, 64}),
      integer("H", "largest length of an answer, tokens; 9 makes a million answers", {4, 5, 9}, {2, 12}),
      integer("prompts", "prompts", {3, 4, 4}, {1, 64}),
      real("reward_deviation", "standard deviation of the true reward over answers of the pretrained model",
           {0.5, 0.5, 0.5}, {1e-3, 100}),
      real("unexplained", "share of the token reward's variance that no feature explains", {0.3, 0.3, 0.3}, {0, 1}),
      integer("pairs", "preference pairs", {2000, 10000, 10000}, {1}),
      real("label_noise", "probability that a label is flipped, besides Bradley-Terry's own noise", {0, 0, 0},
           {0, 0.5}),
      real("coverage", "factor on the probability of token A - 2 in the preference data", {1, 1, 1}, {0, 1}),
      real("beta", "KL coefficient of DPO", {0.1, 0.1, 0.1}, {1e-4, 100}),
      real("beta_1", "coefficient of the implicit token reward", {0.1, 0.1, 0.1}, {1e-4, 100}),
      real("beta_3", "coefficient of the sequence reward of rto_terminal", {1, 1, 1}, {0, 100}),
      real("temperature", "common effective temperature: the KL coefficient of the objective J", {0.05, 0.05, 0.05},
           {1e-4, 100}),
      text("coefficients", "KL coefficients of the methods: matched to the common temperature, or as published",
           "matched", {"matched", "published"}),
      text("critic", "value function: exact, a table, or linear in features", "tabular",
           {"exact", "tabular", "linear"}),
      real("lambda", "lambda of GAE", {0.95, 0.95, 0.95}, {0, 1}),
      real("clip", "clip of the probability ratio", {0.2, 0.2, 0.2}, {1e-6, 100}),
      integer("iterations", "rollouts of a run", iterations, {1}),
      integer("batch", "answers a rollout", {256, 256, 256}, {1}),
      integer("minibatch", "answers an update", {16, 16, 16}, {1}),
      integer("epochs", "passes over a rollout", {2, 2, 2}, {1}),
      real("rate", "Adam's rate in policy optimisation, policy and critic", {0.03, 0.03, 0.03}, {1e-6, 10}),
      real("preference_rate", "Adam's rate in SFT, DPO and its kin, and the reward model", {0.1, 0.1, 0.1}, {1e-6, 10}),
      integer("preference_epochs", "passes over the preference pairs", {1, 1, 1}, {1}),
  };
}

json alignment_point(const settings& s) {
  json point;
  for (const setting& common : alignment_settings({1, 1, 1})) {
    const auto own = std::find_if(s.schema().begin(), s.schema().end(),
                                  [&](const setting& one) { return one.key == common.key && !one.list; });
    if (own == s.schema().end()) continue;  // a grid of the claim's own
    switch (common.type) {
      case setting_type::integer:
        point[common.key] = s.integer(common.key);
        break;
      case setting_type::real:
        point[common.key] = s.real(common.key);
        break;
      default:
        point[common.key] = s.text(common.key);
    }
  }
  return point;
}

alignment::alignment(const json& point, stream& rng)
    : preferences_{.beta = point["beta"], .epochs = point["preference_epochs"], .rate = point["preference_rate"]},
      training_{.iterations = point["iterations"],
                .batch = point["batch"],
                .minibatch = point["minibatch"],
                .epochs = point["epochs"],
                .policy_rate = point["rate"],
                .value_rate = point["rate"],
                .critic = critic_of(point)},
      linear_(point["parametrization"] == "linear"),
      linear_critic_(point["critic"] == "linear"),
      matched_(point["coefficients"] == "matched"),
      beta_(point["beta"]),
      beta_1_(point["beta_1"]),
      beta_3_(point["beta_3"]),
      temperature_(point["temperature"]),
      world_(make_token_world(shape_of(point), rng)),
      tabular_edges_(tabular_features(world_.tree.states(), world_.tree.actions())),
      tabular_states_(tabular_features(world_.tree.states())) {
  training_.step.advantage.lambda = point["lambda"];
  training_.step.surrogate.clip = point["clip"];
  edge_table log_data = world_.log_pretrained;  // of the policy whose answers were compared
  log_data.col(log_data.cols() - 2) += std::log(point["coverage"].get<double>());
  log_data = log_softmax(log_data);
  pairs_ = draw_preferences(world_, log_data, {.pairs = point["pairs"], .label_noise = point["label_noise"]}, rng);
  softmax_policy sft(world_.log_pretrained, edge_features());
  fine_tune(world_, sft, pairs_, preferences_, rng);
  reference_ = sft.log_policy();
  softmax_policy dpo(reference_, edge_features());
  optimize_preferences(world_, dpo, reference_, pairs_, preferences_, rng);
  dpo_ = dpo.log_policy();
  token_reward_ = fit_token_reward(world_, edge_features(), pairs_, preferences_, rng);
}

const indexed_features& alignment::edge_features() const { return linear_ ? world_.edge_features : tabular_edges_; }
const indexed_features& alignment::value_features() const {
  return linear_critic_ ? world_.state_features : tabular_states_;
}

token_reward_recipe alignment::recipe(const std::string& method) const {
  // In units of the true reward the implicit reward weighs beta_1 / beta, the reward model 1.
  const double implicit = beta_1_ / beta_;
  const auto beta_2 = [&](double scale, double published) { return matched_ ? temperature_ * scale : published; };
  if (method == "ppo") return ppo_reward(beta_2(1, 0.05));
  if (method == "tppo") return tppo_reward(beta_2(1, 0.05));
  if (method == "rs-ppo") return rs_ppo_reward(beta_1_, beta_2(1, 0.01));
  if (method == "dppo") return dppo_reward(beta_1_, beta_2(implicit, 0.05));
  if (method == "semi-rto") return semi_rto_reward(beta_1_, beta_2(implicit, 0.03));
  if (method == "rto_terminal") return rto_terminal_reward(beta_1_, beta_2(implicit + beta_3_, 0.01), beta_3_);
  if (method == "rto_release") {  // scale = clip, as in the published run: at most one nat a token
    const double scale = matched_ ? beta_1_ : 0.05;
    return rto_release_reward(scale, scale, beta_2(implicit + 1, 0.01));
  }
  return rto_reward(beta_1_, beta_2(implicit, 0.03));
}

policy_optimization_options alignment::options(const std::string& method) const {
  policy_optimization_options o = training_;
  o.step.reward = recipe(method);
  return o;
}

edge_table alignment::train(const std::string& method, stream& rng, const policy_observer& observer,
                            std::vector<rollout_record>* records) const {
  if (method == "sft") return reference_;
  if (method == "dpo") return dpo_;
  softmax_policy policy(reference_, edge_features());
  if (find_method(method).policy_optimization) {
    auto all = optimize_policy(world_, policy, value_features(), rewards(), options(method), rng, observer);
    if (records) *records = std::move(all);
    return policy.log_policy();
  }
  preference_options o = preferences_;
  if (method == "dpo_matched") o.beta = temperature_;
  if (method == "r-dpo") o.method = preference_method::r_dpo, o.alpha = 0.01;
  if (method == "tdpo") o.method = preference_method::tdpo;
  if (method == "simpo") o.method = preference_method::simpo, o.beta = 2, o.gamma = 1;
  optimize_preferences(world_, policy, reference_, pairs_, o, rng);
  return policy.log_policy();
}

double alignment::own_objective(const token_reward_recipe& recipe, const edge_table& log_policy) const {
  return expected_sum_along(world_, log_policy, accruing_reward(rewards(), recipe)) -
         recipe.kl * figures_of(world_, log_policy, reference_).kl;
}

edge_table alignment::own_optimum(const std::string& method) const {
  const token_reward_recipe r = recipe(method);
  return plan(world_.tree, reference_, accruing_reward(rewards(), r), {.beta = r.kl}).log_policy;
}

}  // namespace rto::sim
