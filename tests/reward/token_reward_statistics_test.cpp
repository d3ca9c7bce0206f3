#include <rto/reward/token_reward_statistics.hpp>

#include "support/array_types.hpp"
#include "support/catch.hpp"
#include "support/tolerance.hpp"

using namespace rto;
using namespace rto::test;

namespace {

// Answers of 2 and 1 tokens and an empty row. beta_1 = 2: implicit 1, -4, 2; kl (0.5) -0.5, 0, 0.5; sequence 12 -> 10
// and -3; a further term 1, 0, -1.
template <class A> token_reward_inputs<A> batch() {
  const double x = not_a_number;
  token_reward_inputs<A> in{};
  in.mask = make<A>(3, {1, 1, 1, 0, 0, 0});
  in.log_policy = make<A>(3, {-1, -2, -3, x, x, x});
  in.log_reference = make<A>(3, {-2, -2, -2, x, x, x});
  in.log_dpo = make<A>(3, {-1.5, -4, -1, x, x, x});
  in.sequence_reward = column<A>({12, -3, x});
  in.further.push_back({"length", make<A>(3, {1, 0, -1, x, x, x})});
  return in;
}

token_reward_recipe recipe() {
  return {.implicit = 2, .implicit_clip = 1.5, .sequence = 1, .sequence_clip = 10, .kl = 0.5};
}

}  // namespace

TEMPLATE_TEST_CASE("further components are added to the reward, without their padding", "", RTO_ARRAY_TYPES) {
  using A = TestType;
  auto in = batch<A>();
  const A with = token_reward(in, recipe());
  in.further.clear();
  const A without = token_reward(in, recipe());
  CHECK(distance(entries(A(with - without)), {1, 0, -1, 0, 0, 0}) <= tolerance<A>::identity);
}

TEMPLATE_TEST_CASE("further components are looked at as the others are", "", RTO_NUMBER_ARRAY_TYPES) {
  auto in = batch<TestType>();
  CHECK_NOTHROW(validate(in));
  in.further.front().value(0, 1) = typename TestType::Scalar(not_a_number);
  CHECK_THROWS_WITH(validate(in), rto::test::ContainsSubstring("length"));
  in.further.front().value = make<TestType>(1, {1, 2});
  CHECK_THROWS_AS(validate(in), std::invalid_argument);
  CHECK_THROWS_AS(token_reward(in, recipe()), std::invalid_argument);
}

TEMPLATE_TEST_CASE("means, shares and clip fractions of the components by hand", "", RTO_ARRAY_TYPES) {
  using A = TestType;
  const auto in = batch<A>();
  const auto terms = token_reward_components(in, recipe());
  const auto of = describe(in, terms, recipe());
  // Clipped: 1, -1.5, 1.5. Magnitudes: implicit 4, sequence 13, score 0, kl 1, length 2, of 20.
  const std::vector<std::string> names{"implicit", "sequence", "score", "kl", "length"};
  const std::vector<double> mean{0.5, 3.5, 0, 0, 0}, share{0.2, 0.65, 0, 0.05, 0.1};
  REQUIRE(of.terms.size() == names.size());
  for (std::size_t i = 0; i < names.size(); ++i) {
    INFO(names[i]);
    CHECK(of.terms[i].name == names[i]);
    CHECK(close(array::item(of.terms[i].mean), mean[i], tolerance<A>::identity));
    CHECK(close(array::item(of.terms[i].share), share[i], tolerance<A>::identity));
  }
  CHECK(close(array::item(of.implicit_clip_fraction), 2.0 / 3, tolerance<A>::identity));
  CHECK(close(array::item(of.sequence_clip_fraction), 0.5, tolerance<A>::identity));
}

TEMPLATE_TEST_CASE("a reward of nothing has shares 0, and no clip fraction where there is no such term", "",
                   RTO_ARRAY_TYPES) {
  auto in = batch<TestType>();
  in.further.clear();
  const token_reward_recipe nothing{};
  const auto of = describe(in, token_reward_components(in, nothing), nothing);
  for (const auto& term : of.terms) CHECK(array::item(term.share) == 0);
  CHECK(array::item(of.implicit_clip_fraction) == 0);
  CHECK(array::item(of.sequence_clip_fraction) == 0);
}
