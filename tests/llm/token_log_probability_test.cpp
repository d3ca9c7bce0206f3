#include "llm/model/token_log_probability.hpp"

#include "fixtures.hpp"

using namespace rto::llm;
using namespace rto::llm::test;
using rto::divergence_direction;
using rto::token_statistics;

namespace {

struct problem {
  at::Tensor hidden, weight, tokens, reference_hidden, reference_weight;
  problem() {
    auto g = at::make_generator<at::CPUGeneratorImpl>(3);
    const auto draw = [&](at::IntArrayRef shape) { return at::empty(shape).normal_(0, 1, g); };
    hidden = draw({13, 6});
    weight = draw({40, 6});
    reference_hidden = draw({13, 5});
    reference_weight = draw({40, 5});
    tokens = at::randint(0, 40, {13}, g, at::kLong);
  }
};

/// Statistics, and the gradients of a sum that weights every one of them differently.
std::vector<at::Tensor> all_of(const problem& p,
                               const std::function<token_statistics(const at::Tensor&, const at::Tensor&)>& f) {
  const at::Tensor h = p.hidden.clone().requires_grad_(true), w = p.weight.clone().requires_grad_(true);
  const token_statistics s = f(h, w);
  std::vector<at::Tensor> result;
  at::Tensor loss = at::zeros({});
  double factor = 1;
  for (const at::Tensor& t : {s.log_probability, s.entropy, s.divergence}) {
    if (!t.defined()) continue;
    result.push_back(t.detach());
    loss = loss + factor * (t * at::arange(1, 14).view({13, 1})).sum();
    factor *= -0.7;
  }
  loss.backward();
  result.push_back(h.grad());
  result.push_back(w.grad());
  return result;
}

}  // namespace

TEST_CASE("statistics of tokens and their gradients equal those of the whole logits, in pieces and at once") {
  const problem p;
  for (const auto direction : {divergence_direction::none, divergence_direction::policy_to_reference,
                               divergence_direction::reference_to_policy})
    for (const bool entropy : {false, true}) {
      const rto::token_statistics_options statistics{entropy, direction};
      const auto want = all_of(p, [&](const at::Tensor& h, const at::Tensor& w) {
        return rto::make_token_statistics(at::linear(h, w), p.tokens.unsqueeze(1),
                                          at::linear(p.reference_hidden, p.reference_weight), statistics);
      });
      // Kept whole; pieces of 3 rows; pieces of 3 rows whose logits are kept; row by row.
      for (const auto& [kept, piece] :
           {std::pair<std::int64_t, std::int64_t>{1 << 20, 1 << 20}, {0, 3 * 160}, {1 << 20, 3 * 160}, {0, 1}}) {
        const auto got = all_of(p, [&, kept = kept, piece = piece](const at::Tensor& h, const at::Tensor& w) {
          return token_log_probabilities({h, w}, p.tokens, {statistics, {}, kept, piece},
                                         {p.reference_hidden, p.reference_weight});
        });
        REQUIRE(got.size() == want.size());
        for (std::size_t i = 0; i < got.size(); ++i)
          CHECK(largest_difference(got[i], want[i]) <= 1e-5 * std::max(1.0, want[i].abs().max().item<double>()));
      }
    }
}

TEST_CASE("only what needs a gradient gets one, and without any the values are the same") {
  const problem p;
  const at::Tensor h = p.hidden.clone().requires_grad_(true);
  const token_statistics s = token_log_probabilities({h, p.weight}, p.tokens);
  s.log_probability.sum().backward();
  CHECK(h.grad().defined());
  CHECK_FALSE(p.weight.grad().defined());
  CHECK(at::equal(s.log_probability.detach(), token_log_probabilities({p.hidden, p.weight}, p.tokens).log_probability));
  CHECK(
      token_log_probabilities({p.hidden.narrow(0, 0, 0), p.weight}, p.tokens.narrow(0, 0, 0)).log_probability.size(0) ==
      0);
}

TEST_CASE("bf16 products give float statistics close to those of float, and gradients of the weights' type") {
  const problem p;
  const at::Tensor w = p.weight.clone().requires_grad_(true);
  const token_statistics s =
      token_log_probabilities({p.hidden, w}, p.tokens, {.compute = at::kBFloat16, .kept_bytes = 0, .piece_bytes = 300});
  CHECK(s.log_probability.scalar_type() == at::kFloat);
  CHECK(largest_difference(s.log_probability.detach(),
                           token_log_probabilities({p.hidden, p.weight}, p.tokens).log_probability) < 0.1);
  s.log_probability.sum().backward();
  CHECK(w.grad().scalar_type() == at::kFloat);
}

TEST_CASE("shapes, types and ids that do not fit are refused") {
  const problem p;
  CHECK_THROWS_AS(token_log_probabilities({p.hidden, p.reference_weight}, p.tokens), std::invalid_argument);
  CHECK_THROWS_AS(token_log_probabilities({p.hidden, p.weight}, p.tokens.narrow(0, 0, 3)), std::invalid_argument);
  CHECK_THROWS_AS(token_log_probabilities({p.hidden, p.weight}, p.tokens + 40), std::invalid_argument);
  CHECK_THROWS_AS(token_log_probabilities({p.hidden, p.weight}, p.tokens,
                                          {.statistics = {false, divergence_direction::reference_to_policy}}),
                  std::invalid_argument);
}
