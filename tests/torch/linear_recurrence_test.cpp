// The native recurrence of tensors against its definition, by every way it is computed.
#include "torch/precompiled.hpp"

using namespace rto;
using namespace rto::test;

namespace {

// The definition, a step at a time, in operations that autograd knows.
at::Tensor by_definition(const at::Tensor& b, const at::Tensor& a) {
  std::vector<at::Tensor> y(static_cast<std::size_t>(b.size(1)));
  at::Tensor later;
  for (std::int64_t t = b.size(1); t-- > 0;) {
    later = later.defined() ? b.select(1, t) + a.select(1, t) * later : b.select(1, t);
    y[static_cast<std::size_t>(t)] = later;
  }
  return at::stack(y, 1);
}

double largest_difference(const at::Tensor& x, const at::Tensor& y) {
  return distance(array::to_host(x), array::to_host(y));
}

}  // namespace

TEST_CASE("the recurrence of tensors is its definition, for lengths around the blocks of every way to compute it") {
  for (const tensor_kind& kind : tensor_kinds())
    for (const std::int64_t rows : {1, 7, 9})
      for (const std::int64_t time : {1, 2, 31, 32, 33, 64, 100}) {
        CAPTURE(kind.name, rows, time);
        const at::Tensor b = tensor_of(kind, normal_sample(rows, time, 1)),
                         a = tensor_of(kind, normal_sample(rows, time, 2, 0.5));
        const at::Tensor want = by_definition(b, a);
        const double tier = conformance::tier(kind, tolerance<double>::identity, tolerance<float>::identity);
        CHECK(largest_difference(array::linear_recurrence(b, a), want) <= tier);
        CHECK(largest_difference(rto::detail::linear_recurrence_by_doubling(b, a), want) <= tier);
      }
}

TEST_CASE("nothing lies beyond the last step, whatever its factor; no steps and no rows are no trouble") {
  const at::Tensor b = at::ones({2, 3}, at::kDouble);
  const at::Tensor a = at::full({2, 3}, 0.5, at::kDouble);
  a.select(1, 2).fill_(not_a_number);
  const std::vector<double> want{1.75, 1.5, 1, 1.75, 1.5, 1};
  CHECK(array::to_host(array::linear_recurrence(b, a)) == want);
  CHECK(array::to_host(rto::detail::linear_recurrence_by_doubling(b, a)) == want);
  CHECK(array::linear_recurrence(b.narrow(1, 0, 0), a.narrow(1, 0, 0)).sizes() == at::IntArrayRef{2, 0});
  CHECK(array::linear_recurrence(b.narrow(0, 0, 0), a.narrow(0, 0, 0)).sizes() == at::IntArrayRef{0, 3});
  CHECK_THROWS_AS(array::linear_recurrence(b, a.narrow(1, 0, 2)), std::invalid_argument);
  CHECK_THROWS_AS(array::linear_recurrence(b, a.to(at::kFloat)), std::invalid_argument);
  const at::Tensor constant = array::full_like(b, 0.5);  // one number, seen at every place
  CHECK(array::to_host(array::linear_recurrence(b, constant)) == want);
}

TEST_CASE("derivatives of the recurrence, and theirs, are those of the definition") {
  for (const tensor_kind& kind : tensor_kinds()) {
    if (kind.options.dtype() != at::kDouble) continue;
    INFO(kind.name);
    const auto derivatives_of = [&](auto&& recurrence) {
      const at::Tensor b = tensor_of(kind, normal_sample(3, 7, 1)).clone().requires_grad_(true);
      const at::Tensor a = tensor_of(kind, normal_sample(3, 7, 2, 0.7)).clone().requires_grad_(true);
      const at::Tensor y = recurrence(b, a);
      (y * y * y).sum().backward({}, /*retain_graph=*/true, /*create_graph=*/true);
      const at::Tensor first_b = b.grad().clone(), first_a = a.grad().clone();
      b.mutable_grad() = at::Tensor();
      a.mutable_grad() = at::Tensor();
      (first_b * first_b + first_a * first_a * first_a).sum().backward();
      return std::vector<at::Tensor>{first_b.detach(), first_a.detach(), b.grad(), a.grad()};
    };
    const auto got =
        derivatives_of([](const at::Tensor& b, const at::Tensor& a) { return array::linear_recurrence(b, a); });
    const auto want = derivatives_of(by_definition);
    for (std::size_t k = 0; k < got.size(); ++k)
      CHECK(largest_difference(got[k], want[k]) <= tolerance<double>::cross_backend);
  }
}

TEST_CASE("bfloat16 is accumulated in float and rounded once") {
  const at::Tensor b = tensor_of(tensor_kinds()[1], normal_sample(4, 50, 1)).to(at::kBFloat16);
  const at::Tensor a = at::full({4, 50}, 0.9375, at::kBFloat16);
  const at::Tensor y = array::linear_recurrence(b, a);
  CHECK(y.scalar_type() == at::kBFloat16);
  const at::Tensor want = by_definition(b.to(at::kFloat), a.to(at::kFloat)).to(at::kBFloat16);
  CHECK(largest_difference(y, want) <= tolerance<float>::identity);
}
