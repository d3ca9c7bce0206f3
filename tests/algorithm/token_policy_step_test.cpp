#include <rto/algorithm/token_policy_step.hpp>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <rto/advantage/returns.hpp>

#include "support/array_types.hpp"
#include "support/catch.hpp"
#include "support/tolerance.hpp"

using namespace rto;
using namespace rto::test;

namespace {

using numbers = std::vector<double>;
constexpr double none = not_a_number;

// Answers of 3, 1 and 2 tokens and an empty row; NaN wherever nothing may be read.
constexpr std::size_t rows = 4, steps = 3, lengths[rows] = {3, 1, 2, 0};
const numbers mask_of{1, 1, 1, 1, 0, 0, 1, 1, 0, 0, 0, 0};
const numbers log_policy_of{-0.75, -1.5, -4, -1, none, none, -0.25, -2, none, none, none, none};
const numbers log_reference_of{-1, -2, -3, -3, none, none, -0.5, -1.25, none, none, none, none};
const numbers log_dpo_of{-0.5, -3, -1, -2.75, none, none, -0.125, -2.5, none, none, none, none};
const numbers sequence_of{1.5, -0.5, 0.75, none};
const numbers score_of{0.25, -1, 0.5, 2, none, none, -0.75, 1, none, none, none, none};
const numbers value_of{0.5, -0.25, 1, 0.125, none, none, -1, 0.375, none, none, none, none};

template <class A> token_batch<A> batch() {
  return {.reward = {.mask = make<A>(rows, mask_of),
                     .log_policy = make<A>(rows, log_policy_of),
                     .log_reference = make<A>(rows, log_reference_of),
                     .log_dpo = make<A>(rows, log_dpo_of),
                     .sequence_reward = column<A>(sequence_of),
                     .score = make<A>(rows, score_of)},
          .value = make<A>(rows, value_of)};
}

// Each algorithm with its token reward written out: answer b, token t.
struct algorithm {
  token_reward_recipe recipe;
  double (*reward)(std::size_t b, std::size_t t);
};
constexpr double beta_1 = 0.4, beta_2 = 0.15;
double charge(std::size_t i) { return beta_2 * (log_policy_of[i] - log_reference_of[i]); }
double implicit(std::size_t i) { return beta_1 * (log_dpo_of[i] - log_reference_of[i]); }
const std::vector<algorithm> algorithms{
    {ppo_reward(beta_2),
     [](std::size_t b, std::size_t t) { return (t + 1 == lengths[b] ? sequence_of[b] : 0) - charge(b * steps + t); }},
    {dppo_reward(beta_1, beta_2),
     [](std::size_t b, std::size_t t) {
       double total = 0;
       if (t + 1 == lengths[b])
         for (std::size_t j = 0; j <= t; ++j) total += implicit(b * steps + j);
       return total - charge(b * steps + t);
     }},
    {rto_reward(beta_1, beta_2),
     [](std::size_t b, std::size_t t) { return implicit(b * steps + t) - charge(b * steps + t); }},
    {tppo_reward(beta_2), [](std::size_t b, std::size_t t) { return score_of[b * steps + t] - charge(b * steps + t); }},
};

// Rewards, advantages by the sum A_t = sum_k (gamma lambda)^k delta_{t+k}, targets, and whitening, by the definitions.
struct by_hand {
  numbers reward = numbers(rows * steps, 0.0), raw = reward, target = reward, advantage = reward;
  double mean = 0, variance = 0;
  by_hand(const algorithm& of, const token_policy_options& o) {
    const auto [gamma, lambda] = o.advantage;
    double n = 0;
    for (std::size_t b = 0; b < rows; ++b)
      for (std::size_t t = 0; t < lengths[b]; ++t, ++n) {
        const std::size_t i = b * steps + t;
        reward[i] = of.reward(b, t);
        for (std::size_t k = t; k < lengths[b]; ++k) {
          const std::size_t j = b * steps + k;
          const double next = k + 1 < lengths[b] ? value_of[j + 1] : 0;
          raw[i] += std::pow(gamma * lambda, double(k - t)) * (of.reward(b, k) + gamma * next - value_of[j]);
        }
        target[i] = raw[i] + value_of[i];
        mean += raw[i];
      }
    mean /= n;
    for (std::size_t i = 0; i < raw.size(); ++i) variance += mask_of[i] * (raw[i] - mean) * (raw[i] - mean);
    const double sum_of_squares = variance;
    variance /= n;
    for (std::size_t i = 0; i < raw.size(); ++i) {
      advantage[i] = raw[i];
      if (!o.whitening || mask_of[i] == 0) continue;
      const double deviation = std::sqrt(sum_of_squares / (o.whitening->unbiased ? n - 1 : n) + o.whitening->epsilon);
      advantage[i] = (raw[i] - (o.whitening->center ? mean : 0)) / deviation;
    }
  }
};

std::vector<token_policy_options> several_options() {
  token_policy_options discounted, scaled, plain;
  discounted.advantage = {.gamma = 0.9, .lambda = 0.5};
  discounted.whitening = whitening_options{.unbiased = true, .epsilon = 0.25};
  scaled.advantage = {.gamma = 1, .lambda = 0};
  scaled.whitening = whitening_options{.center = false};
  plain.advantage = {.gamma = 1, .lambda = 1};
  plain.whitening = std::nullopt;
  return {{}, discounted, scaled, plain};
}

template <class A> numbers valid(const A& x) {  // 0 in the padding
  numbers entries_of = entries(x);
  for (std::size_t i = 0; i < entries_of.size(); ++i)
    if (mask_of[i] == 0) entries_of[i] = 0;
  return entries_of;
}

// A [2, 3] step away from all kinks, NaN in its padding: what six derivatives can cover. Log-ratios 0.05, 0.4, -0.5,
// 0.4, -0.5 against advantages of both signs; values inside, above and below the clip, on both sides of the target.
using table = eigen_array<double>;
const numbers small_mask{1, 1, 1, 1, 1, 0};
struct small_step {
  table mask = make<table>(2, small_mask), old = make<table>(2, {-1, -2, -0.5, -3, -1.5, none}),
        old_value = make<table>(2, {0.5, 0, -1, 2, 0.25, none}),
        advantage = make<table>(2, {1, 0.75, -1.5, -0.5, 2, none}), target = make<table>(2, {0.25, 1, -2, 1, 3, none}),
        log_policy = make<table>(2, {-0.95, -1.6, -1, -2.6, -2, none}),
        value = make<table>(2, {0.6, 0.5, -0.25, 1.25, -0.5, none});
  token_policy_targets<table> targets() const { return {mask, old, old_value, advantage, target}; }
};

template <class A> token_policy_targets<A> as_constants(const token_policy_targets<table>& t) {
  return {constants<typename A::Scalar>(t.mask), constants<typename A::Scalar>(t.old_log_policy),
          constants<typename A::Scalar>(t.old_value), constants<typename A::Scalar>(t.advantage),
          constants<typename A::Scalar>(t.value_target)};
}

std::vector<token_policy_options> aggregations() {
  std::vector<token_policy_options> all;
  for (const aggregation mode :
       {aggregation::token_mean, aggregation::seq_mean_token_mean, aggregation::seq_mean_token_sum})
    for (const std::optional<double> count : {std::optional<double>(), std::optional(7.0)})
      for (const std::optional<double> clip : {std::optional<double>(), std::optional(0.2)}) {
        token_policy_options o;
        o.aggregate = {.mode = mode, .global_count = count};
        o.value.clip = clip;
        all.push_back(o);
      }
  return all;
}

// The weight of the token i of the small step, by the definitions of the three means.
double weight(std::size_t i, const aggregation_options& how) {
  const double answers = how.global_count.value_or(2), length = i < 3 ? 3 : 2;
  if (small_mask[i] == 0) return 0;
  if (how.mode == aggregation::token_mean) return 1 / how.global_count.value_or(5);
  return how.mode == aggregation::seq_mean_token_mean ? 1 / (answers * length) : 1 / answers;
}

// A closed-form gradient against the derivatives of its loss: by autodiff, and by differences.
template <class Loss, class AutodiffLoss>
void check_gradient(const table& at, const table& gradient, Loss loss, AutodiffLoss autodiff_loss) {
  const dual6 with_slopes = autodiff_loss(variables<dual6>(at));
  CHECK(close(with_slopes.value(), loss(at), tolerance<table>::cross_backend));
  for (int k = 0; k < 6; ++k) {
    CAPTURE(k);
    CHECK(close(gradient.data()[k], with_slopes.derivatives()(k), tolerance<table>::identity));
    constexpr double h = tolerance<double>::step;
    table up = at, down = at;
    up.data()[k] += h, down.data()[k] -= h;
    CHECK(close(gradient.data()[k], (loss(up) - loss(down)) / (2 * h), tolerance<double>::gradient));
  }
}

}  // namespace

TEMPLATE_TEST_CASE("the targets are token rewards, advantages, value targets and whitening done by hand", "",
                   RTO_ARRAY_TYPES) {
  for (token_policy_options options : several_options())
    for (const algorithm& of : algorithms) {
      options.reward = of.recipe;
      const by_hand want(of, options);
      const auto got = estimate_token_advantages(batch<TestType>(), options);
      constexpr double tier = tolerance<TestType>::identity;
      CHECK(distance(entries(got.reward), want.reward) <= tier);
      CHECK(distance(entries(got.targets.advantage), want.advantage) <= tier);
      CHECK(distance(entries(got.targets.value_target), want.target) <= tier);
      CHECK(array::item(got.raw_advantage.count) == 6);
      CHECK(close(array::item(got.raw_advantage.mean), want.mean, tier));
      CHECK(close(array::item(got.raw_advantage.squared_deviations), 6 * want.variance, tier));
      CHECK(distance(entries(got.targets.mask), mask_of) == 0);
      CHECK(distance(entries(got.targets.old_log_policy), log_policy_of) <= tier);
      CHECK(distance(entries(got.targets.old_value), value_of) <= tier);
      CHECK(distance(entries(total_reward(got.terms)), entries(got.reward)) == 0);
    }
}

TEMPLATE_TEST_CASE("PPO, DPPO, RTO and TPPO differ in the recipe of the reward and in nothing else", "",
                   RTO_NUMBER_ARRAY_TYPES) {
  // Each one's reward, handed over as finished token scores, gives its targets.
  for (token_policy_options options : several_options())
    for (const algorithm& of : algorithms) {
      options.reward = of.recipe;
      const auto want = estimate_token_advantages(batch<TestType>(), options);
      token_batch<TestType> finished = batch<TestType>();
      finished.reward = {.mask = finished.reward.mask,
                         .log_policy = finished.reward.log_policy,
                         .log_reference = {},
                         .log_dpo = {},
                         .sequence_reward = {},
                         .score = want.reward};
      options.reward = tppo_reward(0);
      const auto got = estimate_token_advantages(finished, options);
      CHECK(distance(got.targets.advantage, want.targets.advantage) == 0);
      CHECK(distance(got.targets.value_target, want.targets.value_target) == 0);
      CHECK(distance(got.reward, want.reward) == 0);
    }
}

TEST_CASE("with lambda = 1 RTO and DPPO have one advantage at the first token, and RTO's falls by what was paid") {
  token_policy_options options;
  options.advantage.lambda = 1;
  options.whitening = std::nullopt;
  options.reward = rto_reward(beta_1, beta_2);
  const table dense = estimate_token_advantages(batch<table>(), options).targets.advantage;
  options.reward = dppo_reward(beta_1, beta_2);
  const table late = estimate_token_advantages(batch<table>(), options).targets.advantage;
  for (std::size_t b = 0; b < rows; ++b)
    for (std::size_t t = 0; t < lengths[b]; ++t) {
      double paid = 0;
      for (std::size_t j = 0; j < t; ++j) paid += implicit(b * steps + j);
      const auto i = static_cast<Eigen::Index>(b), j = static_cast<Eigen::Index>(t);
      CHECK(close(late(i, j) - dense(i, j), paid, tolerance<table>::identity));
    }
}

TEMPLATE_TEST_CASE("halves of a batch with merged moments give the targets of the whole", "", RTO_NUMBER_ARRAY_TYPES) {
  const auto part = [](Eigen::Index from, Eigen::Index n) {
    token_batch<TestType> all = batch<TestType>();
    for (auto* x : {&all.reward.mask, &all.reward.log_policy, &all.reward.log_reference, &all.reward.log_dpo,
                    &all.reward.sequence_reward, &all.reward.score, &all.value})
      *x = TestType(x->middleRows(from, n));
    return all;
  };
  for (token_policy_options options : several_options())
    for (const algorithm& of : algorithms) {
      options.reward = of.recipe;
      const auto whole = estimate_token_advantages(batch<TestType>(), options);
      const auto first = estimate_token_advantages(part(0, 2), options).raw_advantage;
      const auto second = estimate_token_advantages(part(2, 2), options).raw_advantage;
      const auto with = [](const auto& other) { return [&](const auto& own) { return merge(own, other); }; };
      const auto upper = estimate_token_advantages(part(0, 2), options, with(second));
      const auto lower = estimate_token_advantages(part(2, 2), options, with(first));
      numbers joined = entries(upper.targets.advantage);
      for (const double x : entries(lower.targets.advantage)) joined.push_back(x);
      CHECK(distance(joined, entries(whole.targets.advantage)) <= tolerance<TestType>::identity);
      CHECK(upper.raw_advantage.count == 6);
      CHECK(close(lower.raw_advantage.mean, whole.raw_advantage.mean, tolerance<TestType>::identity));
    }
}

TEMPLATE_TEST_CASE("a minibatch selects and repeats answers, padding included", "", RTO_ARRAY_TYPES) {
  const auto targets = estimate_token_advantages(batch<TestType>(), {}).targets;
  const std::vector<std::int64_t> chosen{2, 0, 0, 3};
  const auto part = minibatch(targets, std::span<const std::int64_t>(chosen));
  const auto check = [&](const TestType& got, const TestType& all) {
    const numbers from = entries(all);
    numbers want;
    for (const std::int64_t row : chosen)
      for (std::size_t t = 0; t < steps; ++t) want.push_back(from[static_cast<std::size_t>(row) * steps + t]);
    CHECK(array::rows(got) == 4);
    CHECK(array::cols(got) == 3);
    CHECK(distance(entries(got), want) == 0);
  };
  check(part.mask, targets.mask);
  check(part.old_log_policy, targets.old_log_policy);
  check(part.old_value, targets.old_value);
  check(part.advantage, targets.advantage);
  check(part.value_target, targets.value_target);
  for (const std::int64_t bad : {-1, 4}) {
    const std::vector<std::int64_t> outside{0, bad};
    CHECK_THROWS_AS(minibatch(targets, std::span<const std::int64_t>(outside)), std::invalid_argument);
  }
}

TEMPLATE_TEST_CASE("a minibatch of consecutive answers is a view of them, and steps like its copy", "",
                   RTO_NUMBER_ARRAY_TYPES) {
  const auto targets = estimate_token_advantages(batch<TestType>(), {}).targets;
  for (const auto& [from, to] : {std::pair<std::int64_t, std::int64_t>{0, 4}, {1, 3}, {0, 1}}) {
    std::vector<std::int64_t> chosen(static_cast<std::size_t>(to - from));
    std::iota(chosen.begin(), chosen.end(), from);
    const auto want = minibatch(targets, std::span<const std::int64_t>(chosen));
    const auto part = minibatch(targets, from, to);
    CHECK(&part.mask.coeffRef(0, 0) == &targets.mask.coeffRef(from, 0));
    CHECK((part.mask == want.mask).all());
    CHECK((array::select(part.mask, part.advantage - want.advantage, 1.0) == 1 - want.mask).all());
    const TestType log_policy = want.old_log_policy + 0.3 * want.advantage;
    const TestType value = want.old_value - 0.5 * want.advantage;
    TestType slope, value_slope;
    token_policy_gradient(log_policy, part, {}, slope);
    token_value_gradient(value, part, {}, value_slope);
    constexpr double tier = tolerance<TestType>::identity;
    CHECK(distance(slope, token_policy_gradient(log_policy, want, {})) <= tier);
    CHECK(distance(value_slope, token_value_gradient(value, want, {})) <= tier);
    CHECK(close(token_policy_loss(log_policy, part, {}), token_policy_loss(log_policy, want, {}), tier));
    CHECK(close(token_value_loss(value, part, {}), token_value_loss(value, want, {}), tier));
    CHECK(close(diagnose(log_policy, part, {}).k3, diagnose(log_policy, want, {}).k3, tier));
    CHECK(slope.abs().maxCoeff() > 0);
  }
  for (const auto& [from, to] : {std::pair<std::int64_t, std::int64_t>{-1, 2}, {3, 2}, {0, 5}})
    CHECK_THROWS_AS(minibatch(targets, from, to), std::invalid_argument);
}

TEMPLATE_TEST_CASE("minibatches that share the count of the step add up to its losses and gradients", "",
                   RTO_NUMBER_ARRAY_TYPES) {
  const auto targets = estimate_token_advantages(batch<TestType>(), {}).targets;
  const TestType log_policy = targets.old_log_policy + 0.3 * targets.advantage;
  const TestType value = targets.old_value - 0.5 * targets.advantage;
  for (const auto& [mode, count] : {std::pair(aggregation::token_mean, 6.0),
                                    {aggregation::seq_mean_token_mean, 3.0},
                                    {aggregation::seq_mean_token_sum, 3.0}}) {
    token_policy_options whole, shared;
    whole.aggregate = {.mode = mode};
    shared.aggregate = {.mode = mode, .global_count = count};
    double policy_sum = 0, value_sum = 0;
    TestType slope = TestType::Zero(4, 3);
    for (const std::vector<std::int64_t>& part :
         {std::vector<std::int64_t>{1, 3}, std::vector<std::int64_t>{0}, std::vector<std::int64_t>{2}}) {
      const auto rows_of = std::span<const std::int64_t>(part);
      const auto some = minibatch(targets, rows_of);
      const auto now = minibatch<TestType>({targets.mask, log_policy, value, value, value}, rows_of);
      policy_sum += token_policy_loss(now.old_log_policy, some, shared);
      value_sum += token_value_loss(now.old_value, some, shared);
      const TestType g = token_policy_gradient(now.old_log_policy, some, shared);
      for (std::size_t k = 0; k < part.size(); ++k) slope.row(part[k]) = g.row(static_cast<Eigen::Index>(k));
    }
    CHECK(close(policy_sum, token_policy_loss(log_policy, targets, whole), tolerance<TestType>::identity));
    CHECK(close(value_sum, token_value_loss(value, targets, whole), tolerance<TestType>::identity));
    CHECK(distance(slope, token_policy_gradient(log_policy, targets, whole)) <= tolerance<TestType>::identity);
  }
}

TEST_CASE("the losses are the printed means of the printed token losses, and those of the loss functions") {
  const small_step s;
  for (const token_policy_options& o : aggregations()) {
    const auto targets = s.targets();
    double policy = 0, value = 0;
    for (std::size_t i = 0; i < 5; ++i) {
      const double rho = std::exp(s.log_policy.data()[i] - s.old.data()[i]), a = s.advantage.data()[i];
      policy -= weight(i, o.aggregate) * std::min(rho * a, std::clamp(rho, 0.8, 1.2) * a);
      const double v = s.value.data()[i], v_old = s.old_value.data()[i], r = s.target.data()[i];
      double worst = (v - r) * (v - r);
      if (o.value.clip) worst = std::max(worst, std::pow(std::clamp(v, v_old - 0.2, v_old + 0.2) - r, 2));
      value += weight(i, o.aggregate) * worst / 2;
    }
    CHECK(close(token_policy_loss(s.log_policy, targets, o), policy, tolerance<double>::identity));
    CHECK(close(token_value_loss(s.value, targets, o), value, tolerance<double>::identity));
    CHECK(token_policy_loss(s.log_policy, targets, o) ==
          clipped_surrogate_loss(s.log_policy, s.old, s.advantage, s.mask, o.surrogate, o.aggregate));
    CHECK(token_value_loss(s.value, targets, o) ==
          value_loss(s.value, s.old_value, s.target, s.mask, o.value, o.aggregate));
  }
}

TEST_CASE("the closed-form gradients are the derivatives of the losses, by autodiff and by differences") {
  const small_step s;
  const auto targets = s.targets();
  const auto fixed = as_constants<eigen_array<dual6>>(targets);
  for (const token_policy_options& o : aggregations()) {
    CAPTURE(int(o.aggregate.mode), o.aggregate.global_count.has_value(), o.value.clip.has_value());
    const table policy_slope = token_policy_gradient(s.log_policy, targets, o);
    check_gradient(
        s.log_policy, policy_slope, [&](const table& x) { return token_policy_loss(x, targets, o); },
        [&](const eigen_array<dual6>& x) { return token_policy_loss(x, fixed, o); });
    const table value_slope = token_value_gradient(s.value, targets, o);
    check_gradient(
        s.value, value_slope, [&](const table& x) { return token_value_loss(x, targets, o); },
        [&](const eigen_array<dual6>& x) { return token_value_loss(x, fixed, o); });
    CHECK(policy_slope(1, 2) == 0);  // padding
    CHECK(value_slope(1, 2) == 0);
    // By the definition: of the five, the second (up, A > 0) and the third (down, A < 0) are clipped.
    for (const std::size_t i : {std::size_t{0}, std::size_t{1}, std::size_t{2}, std::size_t{3}, std::size_t{4}}) {
      const double rho = std::exp(s.log_policy.data()[i] - s.old.data()[i]);
      const double want = i == 1 || i == 2 ? 0 : -rho * s.advantage.data()[i] * weight(i, o.aggregate);
      CHECK(close(policy_slope.data()[i], want, tolerance<double>::identity));
    }
  }
}

TEST_CASE("the closed-form gradients are those of autodiff at ties, at vanishing and at infinite ratios") {
  const volatile double clip = 0.2;  // read when run: the compiler's own log1p may round elsewhere than the library's
  const auto [low, high] = detail::log_clip("test", clip);
  const table mask = make<table>(2, {1, 1, 1, 1, 1, 0}), old = make<table>(2, {0, 0, 0, 0, -2000, none});
  const table values = make<table>(2, {0.2, -0.2, 1, 0.75, -1, none});
  const table old_value = make<table>(2, {0, 0, 0.9, 0.25, 1, none});
  const table r = make<table>(2, {3, -3, 1, 0.4, -5, none});
  for (const double sign : {1.0, 0.0, -1.0}) {
    const table log_policy = make<table>(2, {high, low, -700, sign < 0 ? 0.0 : 700, sign < 0 ? -2000.0 : 0, none});
    const table advantage = make<table>(2, {sign, sign, sign, sign, sign, none});
    const token_policy_targets<table> targets{mask, old, old_value, advantage, r};
    const auto fixed = as_constants<eigen_array<dual6>>(targets);
    for (const token_policy_options& o : aggregations()) {
      const dual6 policy = token_policy_loss(variables<dual6>(log_policy), fixed, o);
      const dual6 value = token_value_loss(variables<dual6>(values), fixed, o);
      const table policy_slope = token_policy_gradient(log_policy, targets, o);
      const table value_slope = token_value_gradient(values, targets, o);
      REQUIRE(std::isfinite(policy.value()));
      for (int k = 0; k < 6; ++k) {
        CAPTURE(sign, k);
        CHECK(close(policy_slope.data()[k], policy.derivatives()(k), tolerance<double>::identity));
        CHECK(close(value_slope.data()[k], value.derivatives()(k), tolerance<double>::identity));
      }
      // A tie belongs to the unclipped branch.
      CHECK(close(policy_slope(0, 0), -1.2 * sign * weight(0, o.aggregate), tolerance<double>::identity));
      CHECK(close(policy_slope(0, 1), -0.8 * sign * weight(1, o.aggregate), tolerance<double>::identity));
    }
  }
}

TEST_CASE("what the targets were made from is constant for the losses") {
  const small_step s;
  auto targets = as_constants<eigen_array<dual>>(s.targets());
  for (auto* x : {&targets.old_log_policy, &targets.old_value, &targets.advantage, &targets.value_target})
    for (Eigen::Index k = 0; k < x->size(); ++k) x->data()[k].derivatives()(0) = 1;
  for (const token_policy_options& o : aggregations()) {
    CHECK(token_policy_loss(constants<dual>(s.log_policy), targets, o).derivatives()(0) == 0);
    CHECK(token_value_loss(constants<dual>(s.value), targets, o).derivatives()(0) == 0);
  }
}

TEMPLATE_TEST_CASE("before the first update the ratio is 1, nothing is clipped and no divergence is seen", "",
                   RTO_NUMBER_ARRAY_TYPES) {
  const auto targets = estimate_token_advantages(batch<TestType>(), {}).targets;
  const auto got = diagnose(targets.old_log_policy, targets, {});
  CHECK(got.ratio == 1);
  CHECK(got.largest_log_ratio == 0);
  CHECK(got.clip_fraction == 0);
  CHECK(got.k1 == 0);
  CHECK(got.k2 == 0);
  CHECK(got.k3 == 0);
}

TEMPLATE_TEST_CASE("after an update the figures are their definitions", "", RTO_NUMBER_ARRAY_TYPES) {
  const auto targets = estimate_token_advantages(batch<TestType>(), {}).targets;
  const numbers moved{0.5, -0.5, 0.125, -0.25, none, none, 0.25, 1, none, none, none, none};
  const TestType log_policy = targets.old_log_policy + make<TestType>(rows, moved);
  const auto got = diagnose(log_policy, targets, {});
  const numbers advantage = entries(targets.advantage), target = valid(targets.value_target);
  double ratio = 0, clipped = 0, k1 = 0, k2 = 0, k3 = 0, mean = 0, miss = 0, spread = 0;
  for (std::size_t i = 0; i < moved.size(); ++i) {
    if (mask_of[i] == 0) continue;
    const double d = moved[i], rho = std::exp(d);
    ratio += rho / 6;
    clipped += (std::clamp(rho, 0.8, 1.2) * advantage[i] < rho * advantage[i] ? 1.0 : 0.0) / 6;
    k1 -= d / 6, k2 += d * d / 12, k3 += (rho - 1 - d) / 6;
    mean += target[i] / 6;
    miss += std::pow(target[i] - value_of[i], 2);
  }
  for (std::size_t i = 0; i < moved.size(); ++i) spread += mask_of[i] * std::pow(target[i] - mean, 2);
  constexpr double tier = tolerance<TestType>::identity;
  CHECK(clipped > 0);
  CHECK(clipped < 1);
  CHECK(close(got.ratio, ratio, tier));
  CHECK(close(got.largest_log_ratio, 1, tier));
  CHECK(close(got.clip_fraction, clipped, tier));
  CHECK(close(got.k1, k1, tier));
  CHECK(close(got.k2, k2, tier));
  CHECK(close(got.k3, k3, tier));
  CHECK(close(got.explained_variance, 1 - miss / spread, tier));
}

TEMPLATE_TEST_CASE("a perfect critic explains all of the variance of its targets, a constant one none", "",
                   RTO_NUMBER_ARRAY_TYPES) {
  token_policy_options options;
  options.advantage.lambda = 1;
  options.reward = rto_reward(beta_1, beta_2);
  auto in = batch<TestType>();
  const TestType to_come = discounted_returns(token_reward(in.reward, options.reward), in.reward.mask, 1.0);
  const auto explained = [&] {
    const auto targets = estimate_token_advantages(in, options).targets;
    return diagnose(targets.old_log_policy, targets, options).explained_variance;
  };
  in.value = to_come;
  CHECK(close(explained(), 1, tolerance<TestType>::identity));
  in.value = TestType::Constant(4, 3, masked_mean(to_come, in.reward.mask));
  CHECK(close(explained(), 0, tolerance<TestType>::identity));
  // Equal targets have no variance to explain: a number, not 0 / 0.
  options.reward = {};
  in.value = TestType::Zero(4, 3);
  CHECK(explained() == 1);
}

TEMPLATE_TEST_CASE("the step refuses absent inputs, wrong shapes and options out of their domain", "",
                   RTO_NUMBER_ARRAY_TYPES) {
  const auto refuses = [](auto change, const token_reward_recipe& recipe) {
    auto in = batch<TestType>();
    change(in);
    token_policy_options options;
    options.reward = recipe;
    CHECK_THROWS_AS(estimate_token_advantages(in, options), std::invalid_argument);
  };
  refuses([](auto& in) { in.value = TestType(); }, rto_reward(0.1, 0.1));
  refuses([](auto& in) { in.value = TestType(in.value.leftCols(2)); }, rto_reward(0.1, 0.1));
  refuses([](auto& in) { in.reward.log_policy = TestType(); }, {.score = 1});  // the losses need it
  refuses([](auto& in) { in.reward.log_dpo = TestType(); }, rto_reward(0.1, 0.1));
  refuses([](auto& in) { in.reward.log_dpo = TestType(); }, dppo_reward(0.1, 0.1));
  refuses([](auto& in) { in.reward.log_reference = TestType(); }, ppo_reward(0.1));
  refuses([](auto& in) { in.reward.sequence_reward = TestType(); }, ppo_reward(0.1));
  refuses([](auto& in) { in.reward.score = TestType(); }, tppo_reward(0.1));
  refuses([](auto&) {}, semi_rto_reward(0.1, 0.1));  // no segments given

  const auto out_of_domain = [](auto change) {
    token_policy_options options;
    change(options);
    CHECK_THROWS_AS(estimate_token_advantages(batch<TestType>(), options), std::domain_error);
  };
  out_of_domain([](auto& o) { o.advantage.gamma = 1.5; });
  out_of_domain([](auto& o) { o.advantage.lambda = -0.1; });
  out_of_domain([](auto& o) { o.reward = rto_reward(-1, 0); });
  out_of_domain([](auto& o) { o.whitening->epsilon = -1; });

  const auto targets = estimate_token_advantages(batch<TestType>(), {}).targets;
  const TestType narrow = TestType::Zero(4, 2), fine = TestType::Zero(4, 3);
  CHECK_THROWS_AS(token_policy_loss(narrow, targets, {}), std::invalid_argument);
  CHECK_THROWS_AS(token_policy_gradient(narrow, targets, {}), std::invalid_argument);
  CHECK_THROWS_AS(token_value_loss(narrow, targets, {}), std::invalid_argument);
  CHECK_THROWS_AS(token_value_gradient(narrow, targets, {}), std::invalid_argument);
  CHECK_THROWS_AS(diagnose(narrow, targets, {}), std::invalid_argument);
  token_policy_options bad;
  bad.surrogate.clip = 0, bad.value.clip = -1;
  CHECK_THROWS_AS(token_policy_loss(fine, targets, bad), std::domain_error);
  CHECK_THROWS_AS(token_policy_gradient(fine, targets, bad), std::domain_error);
  CHECK_THROWS_AS(token_value_loss(fine, targets, bad), std::domain_error);
  CHECK_THROWS_AS(token_value_gradient(fine, targets, bad), std::domain_error);
  bad = {};
  bad.aggregate.global_count = 0;
  CHECK_THROWS_AS(token_policy_gradient(fine, targets, bad), std::domain_error);
  CHECK_THROWS_AS(token_value_gradient(fine, targets, bad), std::domain_error);
}

TEMPLATE_TEST_CASE("validate accepts any padding and refuses what is not finite at a valid token", "",
                   RTO_NUMBER_ARRAY_TYPES) {
  using number = typename TestType::Scalar;
  CHECK_NOTHROW(validate(batch<TestType>()));
  const auto refuses = [](auto change) {
    auto in = batch<TestType>();
    change(in);
    CHECK_THROWS_AS(validate(in), std::invalid_argument);
  };
  refuses([](auto& in) { in.value(0, 2) = number(not_a_number); });
  refuses([](auto& in) { in.value(2, 1) = number(infinity); });
  refuses([](auto& in) { in.value = TestType(in.value.topRows(3)); });
  refuses([](auto& in) { in.reward.log_dpo(1, 0) = number(-infinity); });
  refuses([](auto& in) { in.reward.mask(0, 0) = 0; });  // no prefix
}
