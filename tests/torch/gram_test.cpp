// X^T diag(w) X of CPU tensors by stripes and halves against one product: sizes around both.
#include "torch/precompiled.hpp"

using namespace rto;
using namespace rto::test;

TEST_CASE(
    "Gram matrices by stripes of rows and halves of columns are those of one product, symmetric to the last bit") {
  for (const tensor_kind& kind : tensor_kinds())
    for (const auto& [n, d] :
         {std::pair<std::int64_t, std::int64_t>{1, 1}, {5, 64}, {300, 65}, {700, 131}, {1000, 257}}) {
      CAPTURE(kind.name, n, d);
      const at::Tensor x = tensor_of(kind, normal_sample(n, d, 1)), w = tensor_of(kind, normal_sample(n, 1, 2));
      const at::Tensor wide = x.to(at::kDouble);
      const double tier = conformance::tier(kind, tolerance<double>::cross_backend, tolerance<float>::cross_backend);
      const auto same = [&](const at::Tensor& got, const at::Tensor& want) {
        CHECK(distance(array::to_host(got), array::to_host(want)) <= tier);
        CHECK(at::equal(got, got.t()));
      };
      same(array::gram(x), at::mm(wide.t(), wide));
      same(array::weighted_gram(x, w), at::mm(wide.t(), wide * w.to(at::kDouble)));
      const at::Tensor leaf = x.clone().requires_grad_(true);  // autograd: by one product
      CHECK(array::weighted_gram(leaf, w).requires_grad());
      CHECK(array::gram(leaf).requires_grad());
    }
}
