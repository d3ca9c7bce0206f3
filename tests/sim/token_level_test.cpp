// What the families gae, ppo, dpo and token_rewards refuse or report, and what they still answer.
#include <cmath>

#include "sim/problem_input.hpp"

using namespace rto::sim;
using namespace rto::test;

namespace {

const json gae_input = {{"reward", array_of({2, 2}, {1, 2, 3, "nan"})},
                        {"value", array_of({2, 2}, {0.5, 0.5, 1, "nan"})},
                        {"mask", array_of({2, 2}, {1, 1, 1, 0})},
                        {"bootstrap", {0, 0}},
                        {"gamma", 1},
                        {"lam", 0.95},
                        {"eps", 1e-8}};
const json ppo_input = {{"logp", array_of({1, 2}, {-1, "nan"})},
                        {"logp_old", array_of({1, 2}, {-1.5, "nan"})},
                        {"adv", array_of({1, 2}, {2, "nan"})},
                        {"mask", array_of({1, 2}, {1, 0})},
                        {"clip", 0.2},
                        {"value", array_of({1, 2}, {0, "nan"})},
                        {"value_old", array_of({1, 2}, {0, "nan"})},
                        {"ret", array_of({1, 2}, {1, "nan"})},
                        {"value_clip", nullptr}};
const json dpo_input = [] {
  json input = {{"beta", 0.1}, {"label_smoothing", 0}};
  for (const char* side : {"w", "l"}) {
    input[std::string("policy_") + side] = array_of({1, 2, 2}, {0, 1, "nan", "nan"});
    input[std::string("ref_") + side] = array_of({1, 2, 2}, {0, 0, "nan", "nan"});
    input[std::string("tokens_") + side] = array_of({1, 2}, {1, -100});
    input[std::string("mask_") + side] = array_of({1, 2}, {1, 0});
  }
  return input;
}();
const json rewards_input = {{"logp_dpo", array_of({1, 2}, {-1, "nan"})},
                            {"logp_ref", array_of({1, 2}, {-2, "nan"})},
                            {"logp", array_of({1, 2}, {-1.5, "nan"})},
                            {"mask", array_of({1, 2}, {1, 0})},
                            {"r_seq", {3}},
                            {"token_scores", array_of({1, 2}, {1, "nan"})},
                            {"beta1", 0.1},
                            {"beta2", 0.03},
                            {"beta3", 1},
                            {"scale", 0.05},
                            {"reward_clip", 0.05}};

}  // namespace

TEST_CASE("the inputs of these tests are good, and padding may hold anything") {
  CHECK(solve("gae", gae_input)["adv"]["data"][3] == 0);
  CHECK(solve("ppo", ppo_input)["token_loss"]["data"][1] == 0);
  CHECK(solve("dpo", dpo_input)["accuracy"] == 0);
  CHECK(solve("token_rewards", rewards_input)["rto"]["data"][1] == 0);
}

TEST_CASE("what is not finite at a valid token is refused, in every family") {
  for (const char* bad : {"nan", "inf", "-inf"}) {
    CHECK(refused("gae", with(gae_input, "reward", array_of({2, 2}, {1, bad, 3, 0}))));
    CHECK(refused("gae", with(gae_input, "value", array_of({2, 2}, {1, 2, bad, 0}))));
    CHECK(refused("gae", with(gae_input, "bootstrap", {0, bad})));
    for (const char* field : {"logp", "logp_old", "adv", "value", "value_old", "ret"})
      CHECK(refused("ppo", with(ppo_input, field, array_of({1, 2}, {bad, 0}))));
    for (const char* field : {"logp_dpo", "logp_ref", "logp", "token_scores"})
      CHECK(refused("token_rewards", with(rewards_input, field, array_of({1, 2}, {bad, 0}))));
    CHECK(refused("token_rewards", with(rewards_input, "r_seq", {bad})));
  }
}

TEST_CASE("masks that are no prefix, not 0/1 or all empty are refused; a single empty row is fine") {
  for (const json& bad : {array_of({2, 2}, {0, 1, 1, 1}), array_of({2, 2}, {0, 0, 0, 0}),
                          array_of({2, 2}, {1, 0.5, 1, 0}), array_of({2, 2}, {1, "nan", 1, 0})})
    CHECK(refused("gae", with(gae_input, "mask", bad)));
  const json one_empty = solve("gae", with(gae_input, "mask", array_of({2, 2}, {1, 1, 0, 0})));
  CHECK(one_empty["adv"]["data"][2] == 0);
}

TEST_CASE("parameters out of their domain are refused") {
  for (const json& bad : {json(-0.1), json(1.5), json("nan")}) {
    CHECK(refused("gae", with(gae_input, "gamma", bad)));
    CHECK(refused("gae", with(gae_input, "lam", bad)));
  }
  CHECK(refused("gae", with(gae_input, "eps", -1)));
  for (const json& bad : {json(0), json(-0.2), json("inf"), json("nan")}) {
    CHECK(refused("ppo", with(ppo_input, "clip", bad)));
    CHECK(refused("ppo", with(ppo_input, "value_clip", bad)));
    CHECK(refused("dpo", with(dpo_input, "beta", bad)));
  }
  CHECK(refused("dpo", with(dpo_input, "label_smoothing", 0.6)));
  CHECK(refused("token_rewards", with(rewards_input, "beta1", -0.1)));
  CHECK(refused("token_rewards", with(rewards_input, "beta2", "inf")));
}

TEST_CASE("shapes that disagree are refused") {
  CHECK(refused("gae", with(gae_input, "value", array_of({1, 4}, {1, 2, 3, 4}))));
  CHECK(refused("gae", with(gae_input, "bootstrap", {0})));
  CHECK(refused("dpo", with(dpo_input, "ref_w", array_of({1, 2, 1}, {0, 0}))));
  CHECK(refused("token_rewards", with(rewards_input, "r_seq", {1, 2})));
}

TEST_CASE("tokens out of range, and observed tokens that a policy forbids, are refused") {
  CHECK(refused("dpo", with(dpo_input, "tokens_w", array_of({1, 2}, {2, 0}))));
  CHECK(refused("dpo", with(dpo_input, "tokens_l", array_of({1, 2}, {-1, 0}))));
  CHECK(refused("dpo", with(dpo_input, "ref_w", array_of({1, 2, 2}, {0, "-inf", 0, 0}))));
  CHECK(refused("dpo", with(dpo_input, "policy_l", array_of({1, 2, 2}, {0, "-inf", 0, 0}))));
  CHECK(refused("dpo", with(dpo_input, "policy_w", array_of({1, 2, 2}, {"nan", 0, 0, 0}))));
  CHECK(refused("dpo", with(dpo_input, "policy_w", array_of({1, 2, 2}, {"-inf", "-inf", 0, 0}))));
  CHECK_FALSE(refused("dpo", with(dpo_input, "ref_w", array_of({1, 2, 2}, {"-inf", 0, 0, 0}))));  // not observed
}

TEST_CASE("an infinite ratio is answered where the loss is finite and reported where it is not") {
  const json far = with(with(ppo_input, "logp", array_of({1, 2}, {0, 0})), "logp_old", array_of({1, 2}, {-2000, 0}));
  const json gain = solve("ppo", far);
  CHECK(std::abs(gain["loss"]["token_mean"].get<double>() + 1.2 * 2) < 1e-12);
  CHECK(gain["grad_logp"]["token_mean"]["data"][0] == 0);
  const json nothing = solve("ppo", with(far, "adv", array_of({1, 2}, {0, 0})));
  CHECK(nothing["loss"]["token_mean"] == 0);
  CHECK(nothing["grad_logp"]["token_mean"]["data"][0] == 0);
  CHECK_THROWS_AS(solve("ppo", with(far, "adv", array_of({1, 2}, {-1, 0}))), non_finite_result);
}
