#include <cmath>

#include <rto/loss/dpo_loss.hpp>
#include <rto/loss/tdpo_loss.hpp>

#include "support/array_types.hpp"
#include "support/catch.hpp"
#include "support/derivative.hpp"
#include "support/tolerance.hpp"

using namespace rto;
using namespace rto::test;

namespace {
double nll(double m) { return std::log1p(std::exp(-m)); }
}  // namespace

TEMPLATE_TEST_CASE("the sequential divergence by hand; padding is never read", "", RTO_ARRAY_TYPES) {
  // Two answers of 2 and 1 tokens over a vocabulary of 2. KL((1/2, 1/2) || (1/4, 3/4)) = log(4/3) / 2.
  const double x = not_a_number, l3 = std::log(3.0);
  const TestType mask = make<TestType>(2, {1, 1, 1, 0});
  const TestType reference = make<TestType>(4, {0, 0, 5, 5, 0, l3, x, x});
  const TestType policy = make<TestType>(4, {7, 7 + l3, 0, l3, -1, -1 + l3, x, x});
  CHECK(distance(entries(sequential_kl(reference, policy, mask)), {std::log(4.0 / 3), 0}) <=
        tolerance<TestType>::identity);
}

TEMPLATE_TEST_CASE(
    "forbidden tokens cost nothing where the reference forbids them, and everything where only the "
    "policy does",
    "", RTO_ARRAY_TYPES) {
  const TestType mask = column<TestType>({1, 1, 1, 1});
  const TestType reference = make<TestType>(4, {0, -infinity, 0, -infinity, 0, 0, 0, -1400});
  const TestType policy = make<TestType>(4, {0, 0, 3, -infinity, 0, -infinity, 0, 0});
  CHECK(distance(entries(sequential_kl(reference, policy, mask)), {std::log(2.0), 0, infinity, std::log(2.0)}) <=
        tolerance<TestType>::identity);
}

TEST_CASE("the gradient of the sequential divergence is pi - pi_ref at valid tokens, exact and by differences") {
  using A = eigen_array<double>;
  const A mask = make<A>(1, {1, 1, 0});
  A ref(3, 2), pol(3, 2);
  ref << 0.3, -1, -infinity, 0.5, not_a_number, not_a_number;
  pol << 1, 0.2, 0.4, -2, not_a_number, not_a_number;
  const A p = log_softmax(ref).exp(), q = log_softmax(pol).exp();
  const eigen_array<dual6> d = sequential_kl(constants<dual6>(ref), variables<dual6>(pol), constants<dual6>(mask));
  const eigen_array<dual6> constant =
      sequential_kl(variables<dual6>(ref), constants<dual6>(pol), constants<dual6>(mask));
  for (int k = 0; k < 6; ++k) {
    const double want = k < 4 ? q.data()[k] - p.data()[k] : 0;
    CHECK(close(d(0, 0).derivatives()(k), want, tolerance<double>::identity));
    CHECK(constant(0, 0).derivatives()(k) == 0);
    const auto moved = [&](double v) {
      A y = pol;
      y.data()[k] = v;
      return sequential_kl(ref, y, mask)(0, 0);
    };
    if (k < 4) CHECK(close(want, central_difference(moved, pol.data()[k]), tolerance<double>::gradient));
  }
}

TEMPLATE_TEST_CASE("TDPO by hand", "", RTO_ARRAY_TYPES) {
  const TestType policy = column<TestType>({3, -1}), reference = column<TestType>({1, 1});
  const TestType kl_w = column<TestType>({0.5, 2}), kl_l = column<TestType>({1.5, 0});
  // Delta = 2, -2; D_l - D_w = 1, -2
  const double tier = tolerance<TestType>::identity;
  CHECK(distance(entries(tdpo1_loss(policy, reference, kl_w, kl_l, {.beta = 0.5})), {nll(0.5), nll(0)}) <= tier);
  CHECK(distance(entries(tdpo2_loss(policy, reference, kl_w, kl_l, {.beta = 0.5, .alpha = 0.25})),
                 {nll(0.875), nll(-0.75)}) <= tier);
  CHECK(distance(entries(tdpo2_loss(policy, reference, kl_w, kl_l, {.beta = 0.5, .alpha = 1, .label_smoothing = 0.5})),
                 {0.5 * (nll(0.5) + nll(-0.5)), nll(0)}) <= tier);
}

TEMPLATE_TEST_CASE("without divergences, or without weight on them, TDPO is DPO", "", RTO_ARRAY_TYPES) {
  const TestType policy = column<TestType>({1, -2, 700}), reference = column<TestType>({0.5, 1, -700});
  const TestType kl = column<TestType>({3, 0.1, 9}), zero = column<TestType>({0, 0, 0});
  const std::vector<double> dpo = entries(dpo_loss(policy, reference, {.beta = 0.3}));
  CHECK(entries(tdpo1_loss(policy, reference, zero, zero, {.beta = 0.3})) == dpo);
  CHECK(entries(tdpo2_loss(policy, reference, zero, kl, {.beta = 0.3, .alpha = 0})) == dpo);
  CHECK(distance(entries(tdpo1_loss(policy, reference, kl, kl, {.beta = 0.3})), dpo) <= tolerance<TestType>::identity);
}

TEST_CASE("TDPO's gradient goes through both divergences, that of TDPO 2 spares the preferred answer's") {
  const double beta = 0.5, alpha = 0.3, z = 0.7, ref = 0.2, kl_w = 0.4, kl_l = 1.1, eps = 0.1;
  using dual4 = Eigen::AutoDiffScalar<Eigen::Matrix<double, 4, 1>>;
  const dual4 a(z, 4, 0), b(ref, 4, 1), c(kl_w, 4, 2), d(kl_l, 4, 3);
  const auto slope = [&](double m) { return beta * (-(1 - eps) * array::sigmoid(-m) + eps * array::sigmoid(m)); };
  const double s1 = slope(beta * (z - ref - (kl_l - kl_w))), s2 = slope(beta * (z - ref - alpha * (kl_l - kl_w)));
  const auto entries_of = [](const dual4& x) {
    return std::vector<double>(x.derivatives().data(), x.derivatives().data() + 4);
  };
  const dual4 first = tdpo1_loss(a, b, c, d, {.beta = beta, .label_smoothing = eps});
  const dual4 second = tdpo2_loss(a, b, c, d, {.beta = beta, .alpha = alpha, .label_smoothing = eps});
  CHECK(distance(entries_of(first), {s1, 0, s1, -s1}) <= tolerance<double>::identity);
  CHECK(distance(entries_of(second), {s2, 0, 0, -alpha * s2}) <= tolerance<double>::identity);
  const auto of_other_kl = [&](double v) {
    return tdpo2_loss(z, ref, kl_w, v, {.beta = beta, .alpha = alpha, .label_smoothing = eps});
  };
  CHECK(close(-alpha * s2, central_difference(of_other_kl, kl_l), tolerance<double>::gradient));
}

TEMPLATE_TEST_CASE("tdpo losses and the sequential divergence refuse wrong shapes and parameters", "",
                   RTO_ARRAY_TYPES) {
  const TestType x = column<TestType>({1, 2}), y = column<TestType>({1, 2, 3});
  CHECK_THROWS_AS(tdpo1_loss(x, y, x, x), std::invalid_argument);
  CHECK_THROWS_AS(tdpo1_loss(x, x, y, x), std::invalid_argument);
  CHECK_THROWS_AS(tdpo1_loss(x, x, x, y), std::invalid_argument);
  CHECK_THROWS_AS(tdpo2_loss(x, x, y, x), std::invalid_argument);
  for (const double bad : {0.0, -1.0, infinity, not_a_number}) {
    CHECK_THROWS_AS(tdpo1_loss(x, x, x, x, {.beta = bad}), std::domain_error);
    CHECK_THROWS_AS(tdpo2_loss(x, x, x, x, {.beta = bad}), std::domain_error);
  }
  for (const double bad : {-0.1, infinity, not_a_number})
    CHECK_THROWS_AS(tdpo2_loss(x, x, x, x, {.alpha = bad}), std::domain_error);
  CHECK_THROWS_AS(tdpo1_loss(x, x, x, x, {.label_smoothing = 0.6}), std::domain_error);
  const TestType logits = make<TestType>(2, {0, 1, 2, 3});
  CHECK_THROWS_AS(sequential_kl(logits, make<TestType>(1, {0, 1}), column<TestType>({1, 1})), std::invalid_argument);
  CHECK_THROWS_AS(sequential_kl(logits, logits, make<TestType>(1, {1, 1, 1})), std::invalid_argument);
}
