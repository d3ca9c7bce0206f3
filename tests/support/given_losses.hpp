#pragma once

// The losses of tests/data/llm/losses.json (values and gradients computed elsewhere, margins up to thousands of nats)
// by name, written once for every array type.

#include <cstdint>
#include <fstream>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <rto/rto.hpp>

namespace rto::test {

inline nlohmann::json given_losses() {
  std::ifstream file(std::string(RTO_TEST_DATA) + "/llm/losses.json");
  return nlohmann::json::parse(file);
}

/// The inputs of a case by name: [n, 1] each.
template <class A> using given_inputs = std::function<A(const std::string&)>;

/// The losses of a case by name, one of each pair: those of answers by the log-probability of whole answers.
template <class A> A given_pair_loss(const std::string& name, const given_inputs<A>& x, const nlohmann::json& o) {
  const auto option = [&](const char* key) { return o.at("params").at(key).template get<double>(); };
  const auto ratio = [&](const char* of) -> A {
    return x(of + std::string("_chosen")) - x(of + std::string("_rejected"));
  };
  const auto mean = [&](const char* of, const char* which) -> A {
    return x(std::string(of) + "_" + which) / x(std::string(which) + "_len");
  };
  const auto mean_ratio = [&](const char* of) -> A { return mean(of, "chosen") - mean(of, "rejected"); };
  const auto reward = [&](const char* which, double beta) -> A {
    return implicit_reward(x(std::string("policy_") + which), x(std::string("ref_") + which), beta);
  };
  const auto length_difference = [&]() -> A { return x("chosen_len") - x("rejected_len"); };
  using entry = std::pair<const char*, std::function<A()>>;
  const std::vector<entry> all{
      {"sigmoid", [&] { return dpo_loss(ratio("policy"), ratio("ref"), {.beta = option("beta")}); }},
      {"sigmoid_smoothed_cdpo",
       [&] {
         return dpo_loss(ratio("policy"), ratio("ref"),
                         {.beta = option("beta"), .label_smoothing = option("label_smoothing")});
       }},
      {"robust",
       [&] {
         return robust_dpo_loss(ratio("policy"), ratio("ref"),
                                {.beta = option("beta"), .flip_rate = option("label_smoothing")});
       }},
      {"hinge", [&] { return hinge_dpo_loss(ratio("policy"), ratio("ref"), {.beta = option("beta")}); }},
      {"ipo_length_averaged_trl",
       [&] { return ipo_loss(mean_ratio("policy"), mean_ratio("ref"), {.beta = option("beta")}); }},
      {"ipo_summed_paper", [&] { return ipo_loss(ratio("policy"), ratio("ref"), {.beta = option("beta")}); }},
      {"sigmoid_norm", [&] { return dpo_loss(mean_ratio("policy"), mean_ratio("ref"), {.beta = option("beta")}); }},
      {"apo_zero", [&] { return apo_zero_loss(reward("chosen", option("beta")), reward("rejected", option("beta"))); }},
      {"nca_pair", [&] { return nca_pair_loss(reward("chosen", option("beta")), reward("rejected", option("beta"))); }},
      {"sppo_hard",
       [&] { return sppo_hard_loss(reward("chosen", 1), reward("rejected", 1), {.beta = option("beta")}); }},
      {"simpo",
       [&] {
         return simpo_loss(mean("policy", "chosen"), mean("policy", "rejected"),
                           {.beta = option("beta"), .gamma = option("gamma")});
       }},
      {"cpo_sigmoid_reference_free",
       [&] {
         return cpo_loss(ratio("policy"), mean("policy", "chosen"), {.beta = option("beta"), .nll_coefficient = 0});
       }},
      {"rdpo_plus_derived",
       [&] {
         return r_dpo_loss(ratio("policy"), ratio("ref"), length_difference(),
                           {.beta = option("beta"), .alpha = option("alpha")});
       }},
      {"rdpo_minus_as_some_report",
       [&] {
         return r_dpo_loss(ratio("policy"), ratio("ref"), A(-length_difference()),
                           {.beta = option("beta"), .alpha = option("alpha")});
       }},
      {"orpo_odds_ratio_term",
       [&] {
         return odds_ratio_loss(mean("policy", "chosen"), mean("policy", "rejected"), {.lambda = option("lambda")});
       }},
      {"tdpo1",
       [&] {
         return tdpo1_loss(ratio("policy"), ratio("ref"), x("chosen_position_kl"), x("rejected_position_kl"),
                           {.beta = option("beta")});
       }},
      {"tdpo2",
       [&] {
         return tdpo2_loss(ratio("policy"), ratio("ref"), x("chosen_position_kl"), x("rejected_position_kl"),
                           {.beta = option("beta"), .alpha = option("alpha")});
       }},
      {"rm", [&] { return reward_model_loss(x("reward_chosen"), x("reward_rejected"), A(x("margin") - x("margin"))); }},
      {"rm_margin", [&] { return reward_model_loss(x("reward_chosen"), x("reward_rejected"), x("margin")); }},
      {"rm_centered_0.01", [&] {
         return reward_model_loss(x("reward_chosen"), x("reward_rejected"), A(x("margin") - x("margin")),
                                  {.centering = 0.01});
       }}};
  for (const auto& [key, loss] : all)
    if (name == key) return loss();
  throw std::out_of_range("no loss of the name " + name);
}

/// The same, and KTO: the good answers' losses above the bad ones'.
template <class A> A given_loss(const std::string& name, const given_inputs<A>& x, const nlohmann::json& o) {
  if (!name.starts_with("kto")) return given_pair_loss<A>(name, x, o);
  const auto option = [&](const char* key) { return o.at("params").at(key).template get<double>(); };
  const auto loss = [&](const char* which, double label) -> A {
    const A policy = x(std::string("policy_") + which);
    return kto_loss(policy, x(std::string("ref_") + which), A(array::full_like(policy, label)), option("kl"),
                    {.beta = option("beta"),
                     .desirable_weight = option("desirable_weight"),
                     .undesirable_weight = option("undesirable_weight")});
  };
  const std::vector<A> both{loss("chosen", 1), loss("rejected", 0)};
  return array::stack_rows(both[0], both);
}

/// What a case expects of a loss, in the order in which given_loss has it; empty where only the mean is given.
inline std::vector<double> given_values(const nlohmann::json& o) {
  if (o.contains("per_pair")) return o.at("per_pair").get<std::vector<double>>();
  if (!o.contains("chosen")) return {};
  std::vector<double> all = o.at("chosen").get<std::vector<double>>();
  for (const auto& v : o.at("rejected")) all.push_back(v.get<double>());
  return all;
}

/// The expected gradients of the mean, by input.
inline std::map<std::string, std::vector<double>> given_gradients(const nlohmann::json& o) {
  std::map<std::string, std::vector<double>> all;
  for (const auto& [key, value] : o.items()) {
    if (!key.starts_with("grad_")) continue;
    const std::string of = key.substr(5);
    all[of == "chosen" || of == "rejected" ? "reward_" + of : of] = value.get<std::vector<double>>();
  }
  return all;
}

/// Every entry to 1e-10 relative and 1e-12 absolute, the tolerance that the file states.
inline bool as_given(const std::vector<double>& got, const std::vector<double>& want) {
  if (got.size() != want.size()) return false;
  for (std::size_t i = 0; i < want.size(); ++i)
    if (!(std::abs(got[i] - want[i]) <= 1e-12 + 1e-10 * std::abs(want[i]))) return false;
  return true;
}

}  // namespace rto::test
