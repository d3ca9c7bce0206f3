// What the families npg and prop_c2 refuse, and what they answer beyond the example files.
#include "sim/problem_input.hpp"

using namespace rto::sim;
using namespace rto::test;

namespace {

// Two states that stay or swap with probability one half; action 1 earns 1 in state 1.
const json model = {{"S", 2},
                    {"A", 2},
                    {"H", 2},
                    {"P", array_of({2, 2, 2, 2}, std::vector<double>(16, 0.5))},
                    {"reward", array_of({2, 2, 2}, {0, 0, 0, 1, 0, 0, 0, 1})},
                    {"rho", {1, 0}},
                    {"ref_logits", array_of({2, 2, 2}, std::vector<double>(8, 0.0))}};

const json npg_input = with(with(with(model, "beta", 0.5), "etas", {1, 2}), "T", 3);

}  // namespace

TEST_CASE("npg answers every step size with T + 1 objectives, the last policy and the share eta beta") {
  const json result = solve("npg", npg_input);
  REQUIRE(result["runs"].size() == 2);
  CHECK(result["runs"][0]["eta_beta"] == 0.5);
  CHECK(result["runs"][1]["eta_beta"] == 1);
  CHECK(result["runs"][1]["J"]["data"].size() == 4);
  CHECK(result["runs"][1]["J"]["data"][2].get<double>() == Approx(result["J_star"].get<double>()));
  CHECK(solve("npg", with(npg_input, "T", 0))["runs"][0]["J"]["data"].size() == 1);
}

TEST_CASE("npg refuses steps beyond 1 / beta, coefficients out of their domain and other initial policies") {
  CHECK(refused("npg", with(npg_input, "etas", {2.01})));
  CHECK(refused("npg", with(npg_input, "etas", {0})));
  CHECK(refused("npg", with(npg_input, "etas", {"nan"})));
  CHECK(refused("npg", with(npg_input, "beta", -1)));
  CHECK(refused("npg", with(npg_input, "beta", "inf")));
  CHECK(refused("npg", with(npg_input, "T", -1)));
  CHECK(refused("npg", with(npg_input, "T", 1.5)));
  CHECK(refused("npg", with(npg_input, "init", "uniform")));
  CHECK_FALSE(refused("npg", with(with(npg_input, "beta", 0), "etas", {3, "inf"})));
}

TEST_CASE("prop_c2 lists sequences and answers the coefficients asked for") {
  const json result = solve("prop_c2", with(model, "betas", {0, 2}));
  CHECK(result["open_loop_returns"]["data"] == json({0.0, 0.5, 0.0, 0.5}));
  REQUIRE(result["values"].size() == 2);
  CHECK(result["values"][0]["gap"] == 0);  // the action that fits one state costs nothing in the other
  CHECK(result["values"][1]["gap"].get<double>() > 0);
  CHECK(solve("prop_c2", model)["values"].size() == 5);
}

TEST_CASE("prop_c2 refuses a reference that depends on the state, and negative coefficients") {
  const json seen = array_of({2, 2, 2}, {0, 0, 0, 0, 0, 0, 0, 1});
  CHECK(refused("prop_c2", with(model, "ref_logits", seen)));
  CHECK_FALSE(refused("npg", with(npg_input, "ref_logits", seen)));
  CHECK(refused("prop_c2", with(model, "betas", {-1})));
}

TEST_CASE("both refuse models that are none, and NaN") {
  for (const auto& [family, input] : {std::pair<std::string, json>{"npg", npg_input}, {"prop_c2", model}}) {
    CHECK(refused(family, with(input, "H", 0)));
    CHECK(refused(family, with(input, "rho", {0.5, 0.4})));
    CHECK(refused(family, with(input, "rho", {1})));
    CHECK(refused(family, with(input, "P", array_of({2, 2, 2, 2}, std::vector<double>(16, 0.4)))));
    CHECK(refused(family, with(input, "reward", array_of({2, 2, 2}, {0, 0, 0, "nan", 0, 0, 0, 1}))));
    CHECK(refused(family, with(input, "reward", array_of({2, 4}, {0, 0, 0, 0, 0, 0, 0, 1}))));
    CHECK(refused(family, with(input, "ref_logits", array_of({2, 2, 2}, {"-inf", "-inf", 0, 0, 0, 0, 0, 0}))));
  }
}
