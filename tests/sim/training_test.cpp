#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <span>
#include <stdexcept>
#include <utility>
#include <vector>

#include <boost/random/normal_distribution.hpp>

#include <rto/mdp/occupancy.hpp>
#include <rto/mdp/policy.hpp>
#include <rto/planning/kl_regularized_planning.hpp>
#include <rto/planning/policy_evaluation.hpp>

#include "sim/training/policy_optimization.hpp"
#include "sim/training/preference_training.hpp"
#include "sim/training/rollout.hpp"
#include "sim/training/world_evaluation.hpp"
#include "support/catch.hpp"
#include "support/tolerance.hpp"

using namespace rto::sim;
using rto::test::close;
using rto::test::distance;

namespace {

constexpr double identity = rto::test::tolerance<double>::identity;
constexpr double gradient = rto::test::tolerance<double>::gradient;
constexpr double standard_errors = rto::test::tolerance<double>::statistical;

token_world small_world(std::uint64_t seed = 1, std::int64_t tokens = 3, std::int64_t horizon = 3,
                        double deviation = 0.8) {
  stream rng(seed);
  return make_token_world(
      {.tokens = tokens, .horizon = horizon, .prompts = 2, .reward_deviation = deviation, .unexplained = 0.3}, rng);
}

edge_table random_log_policy(const token_world& world, stream& rng) {
  boost::random::normal_distribution<double> normal;
  edge_table logits(world.tree.states(), world.tree.actions());
  for (std::int64_t i = 0; i < logits.size(); ++i) logits.data()[i] = normal(rng);
  return rto::log_softmax(logits);
}

void move_randomly(softmax_policy& policy, stream& rng) {
  boost::random::normal_distribution<double> normal;
  for (std::int64_t i = 0; i < policy.weights().size(); ++i) policy.weights().set(i, 0.5 * normal(rng));
}

indexed_features tabular_edges(const token_world& world) {
  return tabular_features(world.tree.states(), world.tree.actions());
}

std::size_t prompt_of(const token_world& world, std::size_t answer) {
  std::size_t k = 0;
  while (world.first_answer[k + 1] <= static_cast<std::int64_t>(answer)) ++k;
  return k;
}

// Frequencies within four standard errors of probabilities.
void check_frequencies(const std::vector<double>& counts, const std::vector<double>& probabilities, double n) {
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const double p = probabilities[i];
    CAPTURE(i, p, counts[i]);
    CHECK(std::abs(counts[i] / n - p) <= standard_errors * std::sqrt(p * (1 - p) / n));
  }
}

reward_tables tables(const token_world& world, const edge_table* log_dpo = nullptr) {
  return {.log_reference = &world.log_pretrained, .log_dpo = log_dpo, .score = &world.reward};
}

}  // namespace

TEST_CASE("a token world lists every answer once, by prompt, and knows its path, length and reward") {
  const token_world world = small_world();
  const std::int64_t actions = world.tree.actions();
  REQUIRE(world.leaves() == 2 * (1 + 2 + 4 * 3));  // ended after one token, after two, at the third
  std::vector<std::int64_t> seen = world.answers;
  std::sort(seen.begin(), seen.end());
  CHECK(std::adjacent_find(seen.begin(), seen.end()) == seen.end());
  const std::vector<double> sums = answer_sums(world, world.reward);
  std::vector<std::int64_t> edges;
  for (std::size_t i = 0; i < world.answers.size(); ++i) {
    answer_edges(world, static_cast<std::int64_t>(i), edges);
    REQUIRE(static_cast<std::int64_t>(edges.size()) == world.answer_length[i]);
    std::int64_t state = world.tree.roots()[prompt_of(world, i)];
    double sum = 0;
    for (const std::int64_t edge : edges) {
      CHECK(edge / actions == state);
      CHECK(world.prompt[static_cast<std::size_t>(state)] == static_cast<std::int64_t>(prompt_of(world, i)));
      sum += world.reward.data()[edge];
      state = world.tree.child(state, edge % actions);
    }
    CHECK(state == rto::token_trie::ended);
    CHECK(edges.back() == world.answers[i]);
    CHECK(close(sums[i], sum, identity));
    CHECK(world.answer_reward[i] == sums[i]);
  }
}

TEST_CASE("answer probabilities of any policy sum to one for each prompt, and the reward has the deviation asked for") {
  stream rng(2);
  for (const double deviation : {0.25, 2.0}) {
    const token_world world = small_world(3, 4, 4, deviation);
    for (const edge_table& log_policy : {world.log_pretrained, random_log_policy(world, rng)}) {
      const std::vector<double> p = answer_probabilities(world, log_policy);
      std::vector<double> total(2, 0.0);
      for (std::size_t i = 0; i < p.size(); ++i) total[prompt_of(world, i)] += p[i];
      CHECK(distance(total, {1, 1}) <= identity);
    }
    const std::vector<double> p = answer_probabilities(world, world.log_pretrained);
    std::vector<double> mean(2, 0.0);
    double variance = 0;
    for (std::size_t i = 0; i < p.size(); ++i) mean[prompt_of(world, i)] += p[i] * world.answer_reward[i];
    for (std::size_t i = 0; i < p.size(); ++i)
      variance += p[i] * std::pow(world.answer_reward[i] - mean[prompt_of(world, i)], 2) / 2;
    CHECK(close(std::sqrt(variance), deviation, identity));
  }
}

TEST_CASE("where nothing is unexplained, edges with the same features pay the same, and else they do not") {
  for (const double unexplained : {0.0, 0.5}) {
    stream rng(4);
    const token_world world =
        make_token_world({.tokens = 3, .horizon = 4, .prompts = 2, .unexplained = unexplained}, rng);
    std::map<std::vector<std::int32_t>, std::vector<double>> alike;
    const indexed_features edges = number_features(world.edge_features);
    for (std::int64_t item = 0; item < edges.items; ++item) {
      const auto of = edges.of(item);
      alike[{of.begin(), of.end()}].push_back(world.reward.data()[item]);
    }
    double spread = 0;
    for (const auto& [features, rewards] : alike)
      for (const double r : rewards) spread = std::max(spread, std::abs(r - rewards.front()));
    CHECK(alike.size() < static_cast<std::size_t>(edges.items));
    CHECK((spread == 0) == (unexplained == 0));
  }
}

TEST_CASE("sampled answers have the frequencies of their probabilities and walk the tree") {
  const token_world world = small_world();
  stream rng(5);
  softmax_policy policy(world.log_pretrained, world.edge_features);
  move_randomly(policy, rng);
  const edge_table log_policy = policy.log_policy();
  const std::vector<double> p = answer_probabilities(world, log_policy);
  answer_sampler sampler(world);
  std::map<std::int64_t, std::size_t> place;
  for (std::size_t i = 0; i < world.answers.size(); ++i) place[world.answers[i]] = i;

  std::vector<double> counts(p.size(), 0.0), expected;
  for (const double x : p) expected.push_back(x / 2);
  constexpr std::int64_t batch = 20000;
  for (int round = 0; round < 2; ++round) {  // the second round reuses what the first has laid out
    const sampled_answers answers = sampler.sample(policy, batch, rng);
    CHECK(distance(answers.along(log_policy), answers.log_policy) <= identity);
    bool walks = true;
    for (std::int64_t b = 0; b < batch; ++b) {
      std::int64_t state = answers.state[answers.at(b, 0)], last = -1;
      for (std::int64_t t = 0; t < answers.time; ++t) {
        const std::int64_t token = answers.token[answers.at(b, t)];
        if (state == rto::token_trie::ended) {
          walks &= answers.mask(b, t) == 0 && answers.state[answers.at(b, t)] == -1 && token == -1;
          continue;
        }
        walks &= answers.mask(b, t) == 1 && answers.state[answers.at(b, t)] == state;
        last = state * world.tree.actions() + token;
        state = world.tree.child(state, token);
      }
      ++counts[place.at(last)];
    }
    CHECK(walks);
  }
  check_frequencies(counts, expected, 2.0 * batch);

  softmax_policy other(world.log_pretrained, world.edge_features);  // nothing of one policy is left for the next
  const sampled_answers answers = sampler.sample(other, 100, rng);
  CHECK(distance(answers.along(world.log_pretrained), answers.log_policy) <= identity);
}

TEST_CASE("a softmax policy is its base at zero weights, and its gradients are those of differences") {
  const token_world world = small_world();
  stream rng(6);
  const indexed_features tabular = tabular_edges(world);
  const edge_table reference = random_log_policy(world, rng);
  for (const indexed_features* features : {&tabular, &world.edge_features}) {
    softmax_policy policy(world.log_pretrained, *features);
    CHECK(distance(policy.log_policy(), world.log_pretrained) <= identity);
    move_randomly(policy, rng);
    const edge_table log_pi = policy.log_policy();
    for (const std::int64_t s : {std::int64_t{0}, world.tree.states() / 2, world.tree.states() - 1})
      for (std::int64_t a = 0; a < world.tree.actions(); ++a) {
        softmax_policy of_token = policy, of_divergence = policy;
        policy_rows token_rows(of_token), divergence_rows(of_divergence);
        const double slope = 1.5 - static_cast<double>(a);
        for (policy_rows* rows : {&token_rows, &divergence_rows}) {
          rows->add(world.tree.states() / 3);  // a row that no slope reaches
          REQUIRE(rows->add(s) == 1);
          rows->evaluate();
          CHECK(rows->log_probability(1, a) == log_pi(s, a));
        }
        token_rows.add_log_probability_gradient(1, a, slope);
        token_rows.add_gradient_to_policy();
        divergence_rows.add_reference_kl_gradient(1, slope, &reference(s, 0));
        divergence_rows.add_gradient_to_policy();
        std::vector<double> got_token, want_token, got_kl, want_kl;
        constexpr double h = rto::test::tolerance<double>::step;
        for (std::int64_t i = 0; i < policy.weights().size(); ++i) {
          double log_p[2], kl[2];
          for (const int side : {0, 1}) {
            softmax_policy moved = policy;
            moved.weights().set(i, policy.weights()[i] + (side == 0 ? h : -h));
            const edge_table now = moved.log_policy();
            log_p[side] = now(s, a);
            kl[side] = (reference.row(s).exp() * (reference.row(s) - now.row(s))).sum();
          }
          got_token.push_back(of_token.weights().gradient(i));
          want_token.push_back(slope * (log_p[0] - log_p[1]) / (2 * h));
          got_kl.push_back(of_divergence.weights().gradient(i));
          want_kl.push_back(slope * (kl[0] - kl[1]) / (2 * h));
        }
        CHECK(distance(got_token, want_token) <= gradient);
        CHECK(distance(got_kl, want_kl) <= gradient);
        CHECK(*std::max_element(got_kl.begin(), got_kl.end()) > 0.01);
      }
  }
  const indexed_features numbers = tabular_features(world.log_pretrained.size());
  CHECK_THROWS_AS(softmax_policy(world.log_pretrained, numbers), std::invalid_argument);
}

TEST_CASE("tokens that meet in a state share its row, and their gradients add up") {
  const token_world world = small_world();
  stream rng(25);
  softmax_policy together(world.log_pretrained, world.edge_features);
  move_randomly(together, rng);
  softmax_policy apart = together;
  policy_rows rows(together);
  const std::vector<std::pair<std::int64_t, std::int64_t>> tokens{{4, 0}, {1, 2}, {4, 1}, {4, 0}, {0, 1}, {1, 2}};
  for (int round = 0; round < 2; ++round) {  // the second finds nothing of the first
    rows.clear();
    std::vector<std::int64_t> row;
    for (const auto& [state, token] : tokens) row.push_back(rows.add(state + round));
    CHECK(row == std::vector<std::int64_t>{0, 1, 0, 0, 2, 1});
    CHECK(std::vector<std::int64_t>(rows.states().begin(), rows.states().end()) ==
          std::vector<std::int64_t>{4 + round, 1 + round, round});
    rows.evaluate();
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      const double slope = std::sin(1.0 + static_cast<double>(i));
      rows.add_log_probability_gradient(row[i], tokens[i].second, slope);
      policy_rows alone(apart);
      alone.add(tokens[i].first + round);
      alone.evaluate();
      CHECK(
          close(alone.log_probability(0, tokens[i].second), rows.log_probability(row[i], tokens[i].second), identity));
      alone.add_log_probability_gradient(0, tokens[i].second, slope);
      alone.add_gradient_to_policy();
    }
    rows.add_gradient_to_policy();
    double largest = 0;
    for (std::int64_t i = 0; i < together.weights().size(); ++i) {
      CHECK(close(together.weights().gradient(i), apart.weights().gradient(i), identity));
      largest = std::max(largest, std::abs(together.weights().gradient(i)));
    }
    CHECK(largest > 0.1);
    CHECK(close(together.step(0.1), apart.step(0.1), identity));
  }
}

TEST_CASE("what no slope has reached keeps its parameters and its moments") {
  const token_world world = small_world();
  const indexed_features tabular = tabular_edges(world);
  softmax_policy policy(world.log_pretrained, tabular);
  policy_rows rows(policy);
  const auto update = [&](double slope) {
    rows.clear();
    rows.add(2);
    rows.evaluate();
    rows.add_log_probability_gradient(0, 1, slope);
    rows.add_gradient_to_policy();
    policy.step(0.1);
    return policy.weights().row(2)[1];
  };
  const double once = update(1);
  CHECK(once < 0);
  CHECK(update(0) == once);  // momentum would have moved it
  CHECK(update(1) < once);

  // Opposite slopes of two tokens, as of a preferred and a rejected answer, add up to 0 and move both all the same.
  softmax_policy pulled(world.log_pretrained, tabular);
  policy_rows row(pulled);
  row.add(0);
  row.evaluate();
  row.add_log_probability_gradient(0, 0, -0.5), row.add_log_probability_gradient(0, 2, 0.5);
  row.add_gradient_to_policy();
  CHECK(pulled.weights().gradient(0) == -0.5);
  CHECK(pulled.weights().gradient(1) == 0);
  CHECK(pulled.weights().gradient(2) == 0.5);
}

TEST_CASE("a step is Adam's on the parameters that the gradient touches, each by its own clock") {
  trainable_parameters w(3);
  w.set(0, 1), w.set(1, -2), w.set(2, 5);
  struct adam {
    double value, m = 0, v = 0;
    int steps = 0;
    void step(double g, double rate) {
      ++steps;
      m = 0.9 * m + 0.1 * g;
      v = 0.999 * v + 0.001 * g * g;
      value -= rate * (m / (1 - std::pow(0.9, steps))) / (std::sqrt(v / (1 - std::pow(0.999, steps))) + 1e-8);
    }
  };
  std::vector<adam> want{{1}, {-2}, {5}};
  for (int k = 1; k <= 20; ++k) {
    const double rate = 0.1 / k, g = std::sin(k), h = 3 * std::cos(2 * k);
    w.touch(0)[0] += g / 4, w.touch(0)[0] += 3 * g / 4;
    want[0].step(g, rate);
    if (k % 3 == 0) {
      w.touch(1)[0] += h;
      want[1].step(h, rate);
    }
    CHECK(close(w.gradient(0), g, identity));
    CHECK(close(w.step(rate), k % 3 == 0 ? std::hypot(g, h) : std::abs(g), identity));
    for (std::int64_t i = 0; i < 3; ++i) {
      CHECK(close(w[i], want[static_cast<std::size_t>(i)].value, identity));
      CHECK(w.gradient(i) == 0);
    }
  }
  CHECK(w[2] == 5);
  CHECK(w.step(1) == 0);

  // A row of two is one clock, and each of its numbers is what it would be alone.
  trainable_parameters pairs(4, 2);
  std::vector<adam> of_row{{0}, {0}};
  for (int k = 1; k <= 5; ++k) {
    const double g = std::sin(k), h = k == 3 ? 0 : std::cos(k);
    pairs.touch(1)[0] += g, pairs.touch(1)[1] += h;
    of_row[0].step(g, 0.1), of_row[1].step(h, 0.1);
    CHECK(close(pairs.step(0.1), std::hypot(g, h), identity));
    for (std::size_t i = 0; i < 2; ++i) {
      CHECK(close(pairs.row(1)[i], of_row[i].value, identity));
      CHECK(pairs[static_cast<std::int64_t>(2 + i)] == pairs.row(1)[i]);
    }
  }
  CHECK(pairs[0] == 0);
  CHECK(pairs[1] == 0);
}

TEST_CASE("drawn preferences have the frequencies of Bradley-Terry, label noise included") {
  const token_world world = small_world(7, 2, 2, 1.5);  // three answers a prompt
  const std::vector<double> p = answer_probabilities(world, world.log_pretrained);
  const std::size_t answers = p.size();
  const auto beats = [&](std::size_t i, std::size_t j) {
    return 1 / (1 + std::exp(world.answer_reward[j] - world.answer_reward[i]));
  };
  for (const double noise : {0.0, 0.2}) {
    stream rng(8);
    const preference_data_options options{.pairs = 40000, .label_noise = noise};
    std::vector<double> counts(answers * answers, 0.0), expected(answers * answers, 0.0);
    for (const answer_pair& pair : draw_preferences(world, world.log_pretrained, options, rng)) {
      CHECK(pair.weight == 1);
      ++counts[static_cast<std::size_t>(pair.winner) * answers + static_cast<std::size_t>(pair.loser)];
    }
    for (std::size_t i = 0; i < answers; ++i)
      for (std::size_t j = 0; j < answers; ++j)
        if (prompt_of(world, i) == prompt_of(world, j))
          expected[i * answers + j] =
              p[i] * p[j] / 2 * (i == j ? 1 : 2 * ((1 - noise) * beats(i, j) + noise * beats(j, i)));
    check_frequencies(counts, expected, 40000);
  }
  // The population has a weight for every ordered pair of different answers: one order of drawing, P(i beats j).
  double total = 0;
  const auto pairs = population_preferences(world, world.log_pretrained);
  CHECK(pairs.size() == 2 * 3 * 2);
  for (const answer_pair& pair : pairs) {
    const auto i = static_cast<std::size_t>(pair.winner), j = static_cast<std::size_t>(pair.loser);
    REQUIRE(prompt_of(world, i) == prompt_of(world, j));
    CHECK(close(pair.weight, p[i] * p[j] / 2 * beats(i, j), identity));
    total += 2 * pair.weight;
  }
  double same = 0;
  for (const double x : p) same += x * x / 2;
  CHECK(close(total, 1 - same, identity));
}

TEST_CASE("win rates are those of brute force by both judges, and i beats j or j beats i") {
  token_world world = small_world(9, 4, 5, 1);  // 364 answers a prompt: more than points of interpolation
  for (double& r : world.answer_reward) r = std::round(4 * r) / 4;  // ties
  const auto [low, high] = std::minmax_element(world.answer_reward.begin(), world.answer_reward.end());
  REQUIRE(*high - *low > 2);  // several pieces
  stream rng(10);
  std::vector<std::vector<double>> p{answer_probabilities(world, world.log_pretrained)};
  for (int i = 0; i < 2; ++i) p.push_back(answer_probabilities(world, random_log_policy(world, rng)));
  for (const judge by : {judge::true_reward, judge::bradley_terry}) {
    const auto got = win_rates(world, p, by);
    for (std::size_t i = 0; i < 3; ++i)
      for (std::size_t j = 0; j < 3; ++j) {
        double want = 0;
        for (std::size_t k = 0; k < 2; ++k)
          for (std::int64_t a = world.first_answer[k]; a < world.first_answer[k + 1]; ++a)
            for (std::int64_t b = world.first_answer[k]; b < world.first_answer[k + 1]; ++b) {
              const auto x = static_cast<std::size_t>(a), y = static_cast<std::size_t>(b);
              const double margin = world.answer_reward[x] - world.answer_reward[y];
              const double verdict = by == judge::bradley_terry ? 1 / (1 + std::exp(-margin))
                                     : margin == 0              ? 0.5
                                                                : (margin > 0 ? 1 : 0);
              want += p[i][x] * p[j][y] * verdict / 2;
            }
        CHECK(close(got[i][j], want, identity));
        CHECK(close(got[i][j] + got[j][i], 1, identity));
      }
    CHECK(std::abs(got[0][1] - 0.5) > 1e-3);
  }
}

TEST_CASE("the figures of a policy are those of policy evaluation and of its occupancy") {
  const token_world world = small_world(11, 3, 4);
  stream rng(12);
  for (int i = 0; i < 3; ++i) {
    const edge_table log_policy = random_log_policy(world, rng);
    const policy_figures got = figures_of(world, log_policy, world.log_pretrained);
    const auto visits = rto::occupancy(world.tree, log_policy);
    CHECK(close(got.reward, (visits.state_action_visits * world.reward).sum(), identity));
    CHECK(close(got.length, visits.mass, identity));
    CHECK(close(got.kl, (visits.visits * rto::kl_divergence(log_policy, world.log_pretrained)).sum(), identity));
    for (const double beta : {0.0, 0.3})
      CHECK(close(got.objective(beta),
                  rto::evaluate_policy(world.tree, log_policy, world.log_pretrained, world.reward, beta).objective,
                  identity));
    CHECK(close(expected_sum_along(world, log_policy, world.reward), got.reward, identity));
    CHECK(close(expected_sum_along(world, log_policy, edge_table::Ones(log_policy.rows(), log_policy.cols())),
                got.length, identity));
    const auto best = rto::plan(world.tree, world.log_pretrained, world.reward, {.beta = 0.3});
    const double optimum = optimal_objective(world, world.log_pretrained, 0.3);
    CHECK(close(optimum, figures_of(world, best.log_policy, world.log_pretrained).objective(0.3), identity));
    CHECK(got.objective(0.3) < optimum);
  }
}

TEST_CASE("every placement of a recipe adds up to the accruing reward along an answer") {
  const token_world world = small_world();
  stream rng(13);
  const edge_table log_dpo = random_log_policy(world, rng);
  softmax_policy policy(world.log_pretrained, world.edge_features);
  const sampled_answers answers = answer_sampler(world).sample(policy, 50, rng);
  const rto::token_reward_inputs<edge_table> in{.mask = answers.mask,
                                                .log_policy = answers.log_policy,
                                                .log_reference = answers.along(world.log_pretrained),
                                                .log_dpo = answers.along(log_dpo),
                                                .sequence_reward = rto::array::row_sum(answers.along(world.reward)),
                                                .score = answers.along(world.reward)};
  using rto::reward_placement;
  for (const rto::token_reward_recipe& recipe :
       {rto::rto_reward(0.3, 0), rto::dppo_reward(0.3, 0), rto::ppo_reward(0), rto::tppo_reward(0),
        rto::rto_terminal_reward(0.3, 0, 2), rto::rs_ppo_reward(0.3, 0),
        rto::token_reward_recipe{.implicit = 0.3, .implicit_clip = 0.1, .score = -0.5},
        rto::token_reward_recipe{.score = 1, .score_placement = reward_placement::shaping},
        rto::token_reward_recipe{.score = 1, .score_placement = reward_placement::last_token}}) {
    const edge_table paid = rto::token_reward(in, recipe),
                     accrues = answers.along(accruing_reward(tables(world, &log_dpo), recipe));
    const edge_table total = rto::array::row_sum(paid), want = rto::array::row_sum(accrues);
    CHECK(distance(total, want) <= identity);
  }
  CHECK_THROWS_AS(accruing_reward(tables(world), {.sequence = 1, .sequence_clip = 10}), std::invalid_argument);
}

TEST_CASE("with an exact critic dense and delayed rewards have one advantage, whatever lambda is") {
  const token_world world = small_world(14);
  stream rng(15);
  const edge_table log_dpo = random_log_policy(world, rng);
  const indexed_features features = tabular_edges(world);
  const auto train = [&](const rto::token_reward_recipe& recipe, double lambda, critic_kind critic) {
    softmax_policy policy(world.log_pretrained, features);
    policy_optimization_options options{.iterations = 2, .batch = 64, .critic = critic, .measure_advantages = true};
    options.step.reward = recipe;
    options.step.advantage.lambda = lambda;
    stream of_training(16);
    auto records = optimize_policy(world, policy, world.state_features, tables(world, &log_dpo), options, of_training);
    return std::pair(records, policy.log_policy());
  };
  for (const double lambda : {0.0, 0.5, 0.95, 1.0})
    for (const auto& [dense, late] : {std::pair(rto::rto_reward(0.5, 0.1), rto::dppo_reward(0.5, 0.1)),
                                      {rto::tppo_reward(0.1), rto::ppo_reward(0.1)}}) {
      CAPTURE(lambda);
      const auto [a, after_a] = train(dense, lambda, critic_kind::exact);
      const auto [b, after_b] = train(late, lambda, critic_kind::exact);
      CHECK(close(a[0].advantage_variance, b[0].advantage_variance, identity));
      CHECK(close(a[0].advantage_error, b[0].advantage_error, identity));
      CHECK(close(a[0].reward, b[0].reward, identity));
      CHECK(a[0].advantage_variance > 0.01);
      CHECK((a[0].advantage_error < identity) == (lambda == 0));  // one-step differences of V are the truth
      CHECK(distance(after_a, after_b) < 1e-8);  // roundings of the advantages, through 32 steps of Adam
      CHECK(distance(after_a, world.log_pretrained) > 0.01);
    }
  // A critic that knows nothing tells them apart.
  const auto dense = train(rto::rto_reward(0.5, 0.1), 0.5, critic_kind::learned).first;
  const auto late = train(rto::dppo_reward(0.5, 0.1), 0.5, critic_kind::learned).first;
  CHECK_FALSE(close(dense[0].advantage_variance, late[0].advantage_variance, identity));
  CHECK(dense[0].advantage_error > 0.001);
}

TEST_CASE("a run reports each rollout, begins each at ratio 1, and stops when the observer says so") {
  const token_world world = small_world(17);
  const indexed_features features = tabular_edges(world);
  for (const critic_kind critic : {critic_kind::exact, critic_kind::learned}) {
    softmax_policy policy(world.log_pretrained, features);
    policy_optimization_options options{.iterations = 5, .batch = 40, .critic = critic};  // a short last minibatch
    options.step.reward = rto::tppo_reward(0.1);
    stream rng(18);
    std::vector<std::int64_t> seen;
    const auto records = optimize_policy(world, policy, world.state_features, tables(world), options, rng,
                                         [&](std::int64_t samples, const softmax_policy&) {
                                           seen.push_back(samples);
                                           return true;
                                         });
    CHECK(seen == std::vector<std::int64_t>{0, 40, 80, 120, 160, 200});
    REQUIRE(records.size() == 5);
    for (std::size_t i = 0; i < 5; ++i) {
      CHECK(records[i].samples == static_cast<std::int64_t>(40 * i));
      CHECK(records[i].first_log_ratio <= identity);
      CHECK(records[i].length >= 1);
      CHECK(records[i].length <= 3);
      CHECK(records[i].explained_variance < 1);
    }
    CHECK(std::abs(records[0].kl) <= identity);
    CHECK(records[4].kl != records[0].kl);
    if (critic == critic_kind::learned) CHECK(std::abs(records[0].explained_variance) < 1);
    const auto stopped = optimize_policy(world, policy, world.state_features, tables(world), options, rng,
                                         [](std::int64_t samples, const softmax_policy&) { return samples < 80; });
    CHECK(stopped.size() == 2);
  }
}

TEST_CASE("RTO's optimum is that of the true reward at beta beta_2 / beta_1, and training comes near it") {
  const token_world world = small_world(19, 3, 3, 1);
  const double beta = 0.4, beta_1 = 0.2, beta_2 = 0.1, effective = beta * beta_2 / beta_1;
  const auto preferred = rto::plan(world.tree, world.log_pretrained, world.reward, {.beta = beta});
  const auto optimum = rto::plan(world.tree, world.log_pretrained, world.reward, {.beta = effective});
  const reward_tables rewards = tables(world, &preferred.log_policy);
  const edge_table accruing = accruing_reward(rewards, rto::rto_reward(beta_1, beta_2));
  const auto of_rto = rto::plan(world.tree, world.log_pretrained, accruing, {.beta = beta_2});
  CHECK(distance(of_rto.log_policy, optimum.log_policy) <= 16 * identity);  // two plans, one after the other

  const auto objective = [&](const edge_table& log_policy) {
    return figures_of(world, log_policy, world.log_pretrained).objective(effective);
  };
  const double before = objective(world.log_pretrained);
  const indexed_features features = tabular_edges(world);
  for (const critic_kind critic : {critic_kind::exact, critic_kind::learned}) {
    softmax_policy policy(world.log_pretrained, features);
    policy_optimization_options options{.iterations = 60, .batch = 256, .minibatch = 64, .critic = critic};
    options.step.reward = rto::rto_reward(beta_1, beta_2);
    stream rng(20);
    std::vector<double> along;
    optimize_policy(world, policy, world.state_features, rewards, options, rng,
                    [&](std::int64_t, const softmax_policy& now) {
                      along.push_back(objective(now.log_policy()));
                      return true;
                    });
    const double left = (optimum.objective - along.back()) / (optimum.objective - before);
    const auto visits = rto::occupancy(world.tree, optimum.log_policy);
    const double away = (visits.visits * rto::kl_divergence(optimum.log_policy, policy.log_policy())).sum() /
                        (visits.visits * rto::kl_divergence(optimum.log_policy, world.log_pretrained)).sum();
    CAPTURE(before, along.back(), optimum.objective, left, away);
    CHECK(along[10] > before);
    CHECK(left > 0);
    CHECK(left < 0.02);
    CHECK(away < 0.05);
  }
}

TEST_CASE("DPO on the population finds the optimum at its beta, and a reward model the true margins") {
  const token_world world = small_world(21, 3, 2, 1);
  const auto pairs = population_preferences(world, world.log_pretrained);
  const indexed_features features = tabular_edges(world);
  const preference_options options{
      .beta = 0.5, .epochs = 1500, .minibatch = static_cast<std::int64_t>(pairs.size()), .rate = 0.05};
  stream rng(22);

  softmax_policy policy(world.log_pretrained, features);
  optimize_preferences(world, policy, world.log_pretrained, pairs, options, rng);
  const auto optimum = rto::plan(world.tree, world.log_pretrained, world.reward, {.beta = 0.5});
  CHECK(distance(policy.log_policy(), optimum.log_policy) < 1e-4);  // how far 1500 steps of Adam come
  CHECK(distance(world.log_pretrained, optimum.log_policy) > 0.1);

  const edge_table reward = fit_token_reward(world, features, pairs, options, rng);
  const std::vector<double> got = answer_sums(world, reward);
  for (const answer_pair& pair : pairs) {
    const auto i = static_cast<std::size_t>(pair.winner), j = static_cast<std::size_t>(pair.loser);
    CHECK(std::abs((got[i] - got[j]) - (world.answer_reward[i] - world.answer_reward[j])) < 1e-4);
  }
}

TEST_CASE("fine-tuning finds the frequencies of the preferred answers, whatever the others are") {
  const token_world world = small_world(23, 2, 2, 1);
  // Prompt 0 of three answers, found 2, 3 and 5 times; the other prompt is never seen.
  std::vector<answer_pair> pairs;
  const std::vector<int> times{2, 3, 5};
  for (std::size_t i = 0; i < 3; ++i)
    for (int k = 0; k < times[i]; ++k) pairs.push_back({static_cast<std::int64_t>(i), 0});
  const indexed_features features = tabular_edges(world);
  softmax_policy policy(world.log_pretrained, features);
  stream rng(24);
  fine_tune(world, policy, pairs, {.epochs = 1500, .minibatch = 10, .rate = 0.05}, rng);
  const std::vector<double> p = answer_probabilities(world, policy.log_policy());
  for (std::size_t i = 0; i < 3; ++i) CHECK(std::abs(p[i] - times[i] / 10.0) < 1e-4);
  const std::vector<double> untouched = answer_probabilities(world, world.log_pretrained);
  for (std::size_t i = 3; i < 6; ++i) CHECK(close(p[i], untouched[i], identity));
}
