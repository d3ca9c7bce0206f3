// The fused log-probability, entropy and divergence against the same from whole tensors of the size of the logits.
#include <c10/core/Allocator.h>
#include <c10/util/ThreadLocalDebugInfo.h>

#include "torch/precompiled.hpp"

using namespace rto;
using namespace rto::test;

namespace {

constexpr double no_number = std::numeric_limits<double>::quiet_NaN();

struct reference_statistics {
  at::Tensor log_probability, entropy, to_reference, from_reference;
};

// By log_softmax, in double.
reference_statistics by_log_softmax(const at::Tensor& logits, const at::Tensor& tokens, const at::Tensor& reference) {
  const at::Tensor p = at::log_softmax(logits.to(at::kDouble), 1), q = at::log_softmax(reference.to(at::kDouble), 1);
  const auto mean = [](const at::Tensor& log_p, const at::Tensor& x) {
    return at::where(log_p == -infinity, 0.0, log_p.exp() * x).sum(1, true);
  };
  return {p.gather(1, tokens), -mean(p, p), mean(p, p - q), mean(q, q - p)};
}

at::Tensor tokens_of(const at::Tensor& logits) {
  std::vector<std::int64_t> token;
  for (std::int64_t i = 0; i < logits.size(0); ++i) token.push_back((7 * i + 3) % logits.size(1));
  return array::index_from_host(logits, token, logits.size(0), 1);
}

double difference(const at::Tensor& x, const at::Tensor& y) { return distance(array::to_host(x), array::to_host(y)); }

}  // namespace

TEST_CASE("fused statistics of rows of logits are those of log_softmax, values and derivatives") {
  for (const tensor_kind& kind : tensor_kinds())
    for (const std::int64_t vocabulary : {1, 5, 1000, 300001}) {  // the last: many blocks of few rows
      CAPTURE(kind.name, vocabulary);
      const std::int64_t rows = vocabulary == 300001 ? 9 : 6;
      const at::Tensor logits = tensor_of(kind, normal_sample(rows, vocabulary, 1, 2)).clone().requires_grad_(true);
      const at::Tensor wide = logits.detach().to(at::kDouble).clone().requires_grad_(true);
      const at::Tensor reference = tensor_of(kind, normal_sample(rows, vocabulary, 2, 2));
      const at::Tensor tokens = tokens_of(logits);
      const double tier = conformance::tier(kind, tolerance<double>::cross_backend, tolerance<float>::cross_backend);
      const reference_statistics want = by_log_softmax(wide, tokens, reference);
      const at::Tensor weight = at::linspace(0.5, 1.5, rows, wide.options().requires_grad(false)).unsqueeze(1);
      for (const auto direction :
           {divergence_direction::policy_to_reference, divergence_direction::reference_to_policy}) {
        const at::Tensor& divergence =
            direction == divergence_direction::policy_to_reference ? want.to_reference : want.from_reference;
        const token_statistics got =
            make_token_statistics(logits, tokens, reference, {.entropy = true, .divergence = direction});
        CHECK(difference(got.log_probability, want.log_probability) <= tier);
        CHECK(difference(got.entropy, want.entropy) <= tier);
        CHECK(difference(got.divergence, divergence) <= tier);
        const auto gradient = [&](const at::Tensor& leaf, const at::Tensor& l, const at::Tensor& h,
                                  const at::Tensor& k) {
          leaf.mutable_grad() = at::Tensor();
          const at::Tensor w = weight.to(l.options());
          (w * (l + 0.3 * h - 0.7 * k)).sum().backward({}, /*retain_graph=*/true);
          return leaf.grad();
        };
        CHECK(difference(gradient(logits, got.log_probability, got.entropy, got.divergence),
                         gradient(wide, want.log_probability, want.entropy, divergence)) <= tier);
      }
      const token_statistics plain = make_token_statistics(logits.detach(), tokens);
      CHECK(difference(plain.log_probability, want.log_probability) <= tier);
      CHECK_FALSE(plain.entropy.defined());
      CHECK_FALSE(plain.divergence.defined());
    }
}

TEST_CASE("forbidden tokens: no NaN, an infinite divergence where the reference forbids what the policy allows") {
  for (const tensor_kind& kind : tensor_kinds()) {
    INFO(kind.name);
    const at::Tensor x = tensor_of(kind, {2, 3, {0, 1, -infinity, 2, 0, 1}}).clone().requires_grad_(true);
    const at::Tensor q = tensor_of(kind, {2, 3, {1, 0, 0, 1, -infinity, 0}});
    const token_statistics s =
        make_token_statistics(x, {}, q, {.entropy = true, .divergence = divergence_direction::reference_to_policy});
    CHECK(at::isfinite(s.entropy).all().item<bool>());
    CHECK(s.divergence[0].item<double>() == infinity);
    CHECK(std::isfinite(s.divergence[1].item<double>()));
    (s.entropy.sum() + s.divergence[1].sum()).backward();
    CHECK(at::isfinite(x.grad()).all().item<bool>());
    CHECK(x.grad()[0][2].item<double>() == 0);
  }
}

TEST_CASE("rows that nothing depends on have gradient 0, though they hold NaN: padding") {
  for (const tensor_kind& kind : tensor_kinds()) {
    INFO(kind.name);
    sample logits = normal_sample(4, 5, 1);
    for (std::size_t j = 0; j < 5; ++j) logits.entries[5 + j] = no_number;
    const at::Tensor x = tensor_of(kind, logits).clone().requires_grad_(true);
    const at::Tensor mask = tensor_of(kind, {4, 1, {1, 0, 1, 1}});
    const at::Tensor l = token_log_probability(x, tokens_of(x));
    array::sum(array::select(mask, l, 0.0)).backward();
    CHECK(at::isfinite(x.grad()).all().item<bool>());
    CHECK(x.grad()[1].abs().sum().item<double>() == 0);
    CHECK(x.grad()[0].abs().sum().item<double>() > 0);
  }
}

TEST_CASE("bfloat16 logits are accumulated in float: as good as the rounded logits themselves") {
  const at::Tensor x =
      tensor_of(tensor_kinds()[1], normal_sample(5, 2000, 1, 3)).to(at::kBFloat16).requires_grad_(true);
  const at::Tensor tokens = tokens_of(x);
  const at::Tensor wide = x.detach().to(at::kDouble).requires_grad_(true);
  const token_statistics s = make_token_statistics(x, tokens, {}, {.entropy = true});
  const reference_statistics want = by_log_softmax(wide, tokens, wide.detach());
  CHECK(s.log_probability.scalar_type() == at::kFloat);
  CHECK(difference(s.log_probability, want.log_probability) <= tolerance<float>::cross_backend);
  CHECK(difference(s.entropy, want.entropy) <= tolerance<float>::cross_backend);
  s.log_probability.sum().backward();
  want.log_probability.sum().backward();
  CHECK(x.grad().scalar_type() == at::kBFloat16);
  CHECK(difference(x.grad(), wide.grad()) <= 1.0 / 256);  // half a unit in the last place of bfloat16
}

TEST_CASE("the derivative of the fused gradient is that of log_softmax") {
  const at::Tensor x = tensor_of(tensor_kinds()[0], normal_sample(3, 6, 1)).requires_grad_(true);
  const at::Tensor y = x.detach().clone().requires_grad_(true),
                   q = tensor_of(tensor_kinds()[0], normal_sample(3, 6, 2));
  const auto twice = [](const at::Tensor& leaf, const at::Tensor& value) {
    value.backward({}, /*retain_graph=*/true, /*create_graph=*/true);
    const at::Tensor first = leaf.grad().clone();
    leaf.mutable_grad() = at::Tensor();
    (first * first * first).sum().backward();
    return leaf.grad();
  };
  const token_statistics s = make_token_statistics(
      x, tokens_of(x), q, {.entropy = true, .divergence = divergence_direction::policy_to_reference});
  const reference_statistics want = by_log_softmax(y, tokens_of(y), q);
  CHECK(difference(twice(x, (s.log_probability * s.entropy + s.divergence * s.divergence).sum()),
                   twice(y, (want.log_probability * want.entropy + want.to_reference * want.to_reference).sum())) <=
        tolerance<double>::cross_backend);
}

TEST_CASE("fused statistics refuse shapes, types and tokens that do not fit") {
  const at::Tensor x = at::zeros({3, 4}, at::kDouble), t = at::zeros({3, 1}, at::kLong);
  CHECK_THROWS_AS(make_token_statistics(x.select(0, 0), t), std::invalid_argument);
  CHECK_THROWS_AS(make_token_statistics(x, t.to(at::kInt)), std::invalid_argument);
  CHECK_THROWS_AS(make_token_statistics(x, t.narrow(0, 0, 2)), std::invalid_argument);
  CHECK_THROWS_AS(make_token_statistics(x, t + 4), std::invalid_argument);
  CHECK_THROWS_AS(make_token_statistics(x, t - 1), std::invalid_argument);
  const token_statistics_options with{.divergence = divergence_direction::policy_to_reference};
  CHECK_THROWS_AS(make_token_statistics(x, t, {}, with), std::invalid_argument);
  CHECK_THROWS_AS(make_token_statistics(x, t, x.to(at::kFloat), with), std::invalid_argument);
  CHECK(make_token_statistics(x.narrow(0, 0, 0), t.narrow(0, 0, 0)).log_probability.sizes() == at::IntArrayRef{0, 1});
}

TEST_CASE("no second tensor of the size of the logits: blocks going forward, the gradient alone going back") {
  struct memory_meter : c10::MemoryReportingInfoBase {
    std::int64_t now = 0, peak = 0;
    void reportMemoryUsage(void*, std::int64_t bytes, std::size_t, std::size_t, c10::Device) override {
      now += bytes;
      peak = std::max(peak, now);
    }
    bool memoryProfilingEnabled() const override { return true; }
  };
  const at::Tensor x = at::randn({4096, 4096}, at::kFloat).requires_grad_(true), tokens = tokens_of(x);
  const auto size = static_cast<double>(x.nbytes());
  const auto peak_of = [&](auto&& run) {
    const auto meter = std::make_shared<memory_meter>();
    const c10::DebugInfoGuard guard(c10::DebugInfoKind::PROFILER_STATE, meter);
    run();
    x.mutable_grad() = at::Tensor();
    return static_cast<double>(meter->peak) / size;
  };
  const auto fused = [&] { return make_token_statistics(x, tokens, {}, {.entropy = true}).log_probability; };
  CHECK(peak_of([&] { (void)fused(); }) <= 0.25);
  CHECK(peak_of([&] { fused().sum().backward(); }) <= 1.25);
  // The meter sees what it should: log_softmax keeps its result, and back come two more.
  CHECK(peak_of([&] { at::log_softmax(x, 1).gather(1, tokens).sum().backward(); }) >= 3);
}
