// Every loss on every array type: values, derivatives, and what it refuses.
#include "torch/precompiled.hpp"

using namespace rto;
using namespace rto::test;

namespace {

const sample mask = prefix_mask({4, 2, 0}, 4);
sample tokens(unsigned seed, double scale = 1) { return with_padding(normal_sample(3, 4, seed, scale), mask); }
sample column_of(unsigned seed, double scale = 1) { return normal_sample(6, 1, seed, scale); }

}  // namespace

TEST_CASE("preference losses are the same formula on every array type") {
  const std::vector<sample> two{column_of(1), column_of(2)}, three{column_of(1), column_of(2), column_of(3)};
  conforms_entrywise(
      two, [](const auto& x) { return dpo_loss(x[0], x[1], {.beta = 0.3, .label_smoothing = 0.1}); },
      derivatives{.of = {0}, .constant = {1}});
  conforms_entrywise(
      two, [](const auto& x) { return hinge_dpo_loss(x[0], x[1], {.beta = 0.7}); }, derivatives{.of = {0}});
  conforms_entrywise(
      two, [](const auto& x) { return ipo_loss(x[0], x[1], {.beta = 0.7}); }, derivatives{.of = {0}});
  conforms_entrywise(
      two, [](const auto& x) { return robust_dpo_loss(x[0], x[1], {.flip_rate = 0.2}); }, derivatives{.of = {0}});
  conforms_entrywise(
      two, [](const auto& x) { return simpo_loss(x[0], x[1], {.gamma = 0.5}); }, derivatives{.of = {0, 1}});
  conforms_entrywise(
      three, [](const auto& x) { return r_dpo_loss(x[0], x[1], x[2], {.alpha = 0.3}); }, derivatives{.of = {0}});
  conforms_entrywise(
      two, [](const auto& x) { return apo_zero_loss(x[0], x[1]); }, derivatives{.of = {0, 1}});
  conforms_entrywise(
      two, [](const auto& x) { return nca_pair_loss(x[0], x[1]); }, derivatives{.of = {0, 1}});
  conforms_entrywise(
      two, [](const auto& x) { return sppo_hard_loss(x[0], x[1], {.beta = 0.7}); }, derivatives{.of = {0, 1}});
  conforms_entrywise(
      two, [](const auto& x) { return cpo_loss(x[0], x[1], {.beta = 0.3, .label_smoothing = 0.1}); },
      derivatives{.of = {0, 1}});
  conforms_entrywise(
      three, [](const auto& x) { return dpo_nll_loss(x[0], x[1], x[2], {.nll_coefficient = 0.2}); },
      derivatives{.of = {0, 2}, .constant = {1}});
  conforms_entrywise(
      three, [](const auto& x) { return reward_model_loss(x[0], x[1], x[2], {.centering = 0.05}); },
      derivatives{.of = {0, 1}, .constant = {2}});
  conforms_entrywise(
      {column_of(4)}, [](const auto& x) { return preference_loss(x[0], 0.2); }, derivatives{.of = {0}});
  conforms({column_of(5)}, [](const auto& x) { return preference_accuracy(x[0]); });
}

TEST_CASE("preference losses at the extremes: margins of 700, equal log-ratios") {
  const sample extreme{4, 1, {700, -700, 0, 80}}, zero{4, 1, {0, 0, 0, 0}};
  conforms_entrywise(
      {extreme, zero}, [](const auto& x) { return dpo_loss(x[0], x[1], {.beta = 1}); }, derivatives{.of = {0}});
  conforms_entrywise({extreme, zero}, [](const auto& x) { return robust_dpo_loss(x[0], x[1], {.beta = 1}); });
}

TEST_CASE("odds-ratio losses: probabilities near 0, about 1/2, near 1 and 1") {
  const sample preferred{4, 1, {-40, -3, -0.7, -0.69}}, other{4, 1, {-0.3, -0.2, -50, -0.7}};
  const sample near_one{4, 1, {-1e-5, -0.2, -3, -1e-9}}, mixed{4, 1, {-2, -1e-3, -1e-4, -1e-8}};
  conforms_entrywise({near_one, mixed}, [](const auto& x) { return orpo_loss(x[0], x[1], {.lambda = 0.3}); });
  conforms_entrywise(
      {preferred, other}, [](const auto& x) { return orpo_loss(x[0], x[1], {.lambda = 0.3}); },
      derivatives{.of = {0, 1}});
  conforms(
      {sample{3, 1, {0, -1e-15, -700}}}, [](const auto& x) { return log_odds(x[0]); },
      values{.single_precision = false});
}

TEST_CASE("losses of single answers: good, bad, and their reference point") {
  const sample label{6, 1, {1, 0, 0, 1, 1, 0}};
  for (const double z : {-0.3, 0.4})
    conforms_entrywise(
        {column_of(1, 5), column_of(2), label},
        [=](const auto& x) {
          return kto_loss(x[0], x[1], x[2], z, {.beta = 0.3, .desirable_weight = 1.3, .undesirable_weight = 0.8});
        },
        derivatives{.of = {0}, .constant = {1}});
  conforms({column_of(1), column_of(2)},
           [](const auto& x) { return together(kto_reference_point(x[0], x[1]), kto_reference_point(x[1], x[0])); });
}

TEST_CASE("token-level DPO losses, their divergences included") {
  const sample valid = prefix_mask({3, 1}, 3);
  const std::vector<sample> logits{normal_sample(6, 5, 1), normal_sample(6, 5, 2), valid};
  conforms(
      logits, [](const auto& x) { return sequential_kl(x[0], x[1], x[2]); }, derivatives{.of = {1}});
  const std::vector<sample> four{column_of(1), column_of(2), column_of(3, 0.3), column_of(4, 0.3)};
  conforms_entrywise(
      four, [](const auto& x) { return tdpo1_loss(x[0], x[1], x[2], x[3]); }, derivatives{.of = {0, 2, 3}});
  conforms_entrywise(
      four, [](const auto& x) { return tdpo2_loss(x[0], x[1], x[2], x[3], {.alpha = 0.4}); },
      derivatives{.of = {0, 3}, .constant = {1, 2}});
}

TEST_CASE("the clipped surrogate loss, its gradient and its clip fraction, with NaN in the padding") {
  const std::vector<sample> in{tokens(1, 0.3), tokens(2, 0.3), tokens(3), mask};
  const std::vector<sample> whole{normal_sample(3, 4, 1, 0.3), normal_sample(3, 4, 2, 0.3), normal_sample(3, 4, 3)};
  conforms_entrywise(
      whole, [](const auto& x) { return clipped_surrogate_token_loss(x[0], x[1], x[2], {.clip = 0.2}); },
      derivatives{.of = {0}, .constant = {1, 2}});
  conforms_entrywise(whole, [](const auto& x) { return clipped_surrogate_token_gradient(x[0], x[1], x[2]); });
  for (const auto mode : {aggregation::token_mean, aggregation::seq_mean_token_mean, aggregation::seq_mean_token_sum}) {
    conforms(
        in, [=](const auto& x) { return clipped_surrogate_loss(x[0], x[1], x[2], x[3], {}, {.mode = mode}); },
        derivatives{.of = {0}});
    conforms(
        in,
        [=](const auto& x) {
          return clipped_surrogate_loss(x[0], x[1], x[2], x[3], {}, {.mode = mode, .global_count = 11});
        },
        derivatives{.of = {0}});
  }
  conforms(in, [](const auto& x) { return clip_fraction(x[0], x[1], x[2], x[3]); });
}

TEST_CASE("value losses with and without a clip, with NaN in the padding") {
  const std::vector<sample> in{tokens(1, 0.3), tokens(2, 0.3), tokens(3), mask};
  const std::vector<sample> whole{normal_sample(3, 4, 1, 0.3), normal_sample(3, 4, 2, 0.3), normal_sample(3, 4, 3)};
  for (const std::optional<double> clip : {std::optional<double>(0.2), std::optional<double>()}) {
    conforms_entrywise(
        whole, [=](const auto& x) { return value_token_loss(x[0], x[1], x[2], {.clip = clip}); },
        derivatives{.of = {0}, .constant = {1, 2}});
    conforms_entrywise(whole, [=](const auto& x) { return value_token_gradient(x[0], x[1], x[2], {.clip = clip}); });
    conforms(
        in, [=](const auto& x) { return value_loss(x[0], x[1], x[2], x[3], {.clip = clip}); }, derivatives{.of = {0}});
  }
}

TEST_CASE("estimators of the divergence, supervised fine-tuning, sequence sums and means") {
  for (const auto which : {kl_estimator::k1, kl_estimator::k2, kl_estimator::k3})
    conforms_entrywise(
        {column_of(1), column_of(2)}, [=](const auto& x) { return kl_estimates(x[0], x[1], which); },
        derivatives{.of = {0, 1}});
  conforms(
      {tokens(1), mask}, [](const auto& x) { return sft_loss(x[0], x[1]); }, derivatives{.of = {0}});
  conforms(
      {tokens(1), mask}, [](const auto& x) { return sequence_log_probability(x[0], x[1]); }, derivatives{.of = {0}});
  conforms(
      {tokens(1), mask}, [](const auto& x) { return mean_log_probability(x[0], x[1]); }, derivatives{.of = {0}});
  for (const auto mode : {aggregation::token_mean, aggregation::seq_mean_token_mean, aggregation::seq_mean_token_sum})
    conforms({mask}, [=](const auto& x) { return aggregation_weights(x[0], {.mode = mode}); });
}

TEST_CASE("log-probabilities of tokens and entropies of rows of logits, forbidden tokens included") {
  const std::vector<std::int64_t> chosen{2, 0, 4, 1};
  const auto log_probability = [&](const auto& x) {
    return token_log_probability(x[0], array::index_from_host(x[0], chosen, 4, 1));
  };
  conforms({normal_sample(4, 5, 1, 3)}, log_probability, derivatives{.of = {0}});
  conforms(
      {normal_sample(4, 5, 1, 3)}, [](const auto& x) { return token_entropy(x[0]); }, derivatives{.of = {0}});
  sample forbidden = normal_sample(4, 5, 2);
  forbidden.entries[3] = forbidden.entries[5 + 2] = -infinity;
  conforms({forbidden}, log_probability, derivatives{.of = {0}});
  conforms(
      {forbidden}, [](const auto& x) { return token_entropy(x[0]); }, derivatives{.of = {0}});
  conforms({normal_sample(4, 5, 3, 300)}, log_probability);
  throws_alike({normal_sample(4, 5, 1)}, [](const auto& x) {
    const std::vector<std::int64_t> beyond{0, 1, 5, 2};
    return token_log_probability(x[0], array::index_from_host(x[0], beyond, 4, 1));
  });
}

TEST_CASE("losses refuse the same on every array type") {
  const std::vector<sample> shapes{column_of(1), normal_sample(1, 6, 2)};
  throws_alike(shapes, [](const auto& x) { return dpo_loss(x[0], x[1]); });
  throws_alike(shapes, [](const auto& x) { return kl_estimates(x[0], x[1], kl_estimator::k1); });
  throws_alike({column_of(1), column_of(2)}, [](const auto& x) { return dpo_loss(x[0], x[1], {.beta = 0}); });
  throws_alike({column_of(1), column_of(2)},
               [](const auto& x) { return robust_dpo_loss(x[0], x[1], {.flip_rate = 0.5}); });
  for (const double bad : {-0.1, infinity, not_a_number}) {
    throws_alike({column_of(1), column_of(2)}, [=](const auto& x) { return orpo_loss(x[0], x[1], {.lambda = bad}); });
    throws_alike({column_of(1), column_of(2)}, [=](const auto& x) { return cpo_loss(x[0], x[1], {.beta = bad}); });
    throws_alike({column_of(1), column_of(2)},
                 [=](const auto& x) { return sppo_hard_loss(x[0], x[1], {.beta = bad}); });
    throws_alike({column_of(1), column_of(2), column_of(3)},
                 [=](const auto& x) { return dpo_nll_loss(x[0], x[1], x[2], {.nll_coefficient = bad}); });
    throws_alike({column_of(1), column_of(2), column_of(3)},
                 [=](const auto& x) { return reward_model_loss(x[0], x[1], x[2], {.centering = bad}); });
    throws_alike({column_of(1), column_of(2), column_of(3)},
                 [=](const auto& x) { return kto_loss(x[0], x[1], x[2], 0, {.undesirable_weight = bad}); });
  }
  for (const double bad : {infinity, not_a_number})
    throws_alike({column_of(1), column_of(2), column_of(3)},
                 [=](const auto& x) { return kto_loss(x[0], x[1], x[2], bad); });
  throws_alike(shapes, [](const auto& x) { return apo_zero_loss(x[0], x[1]); });
  throws_alike(shapes, [](const auto& x) { return nca_pair_loss(x[0], x[1]); });
  throws_alike(shapes, [](const auto& x) { return odds_ratio_loss(x[0], x[1]); });
  throws_alike(shapes, [](const auto& x) { return kto_loss(x[0], x[0], x[1], 0); });
  throws_alike(shapes, [](const auto& x) { return reward_model_loss(x[0], x[0], x[1]); });
  throws_alike({tokens(1), tokens(2), tokens(3), prefix_mask({1, 1}, 4)},
               [](const auto& x) { return clipped_surrogate_loss(x[0], x[1], x[2], x[3]); });
  throws_alike({tokens(1), tokens(2), normal_sample(3, 1, 3), mask},  // would broadcast
               [](const auto& x) { return clipped_surrogate_loss(x[0], x[1], x[2], x[3]); });
  throws_alike({tokens(1), mask}, [](const auto& x) { return aggregate(x[0], x[1], {.global_count = 0}); });
}
