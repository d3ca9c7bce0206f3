// What tensors as arrays do by themselves: kinds of tensors that do not go together, ranks, memory, gradients.
#include "torch/precompiled.hpp"

using namespace rto;
using namespace rto::test;

namespace {

at::Tensor numbers(std::int64_t rows, std::int64_t cols, at::ScalarType type = at::kDouble) {
  return at::arange(rows * cols, at::TensorOptions().dtype(type)).reshape({rows, cols});
}

}  // namespace

TEST_CASE("at::Tensor models every tier of the vocabulary, and goes with nothing else") {
  STATIC_REQUIRE(Elementwise<at::Tensor>);
  STATIC_REQUIRE(Array<at::Tensor>);
  STATIC_REQUIRE(LinearAlgebra<at::Tensor>);
  STATIC_REQUIRE(DesignMatrix<at::Tensor>);
  STATIC_REQUIRE(GoesWith<at::Tensor, at::Tensor>);
  STATIC_REQUIRE_FALSE(GoesWith<at::Tensor, eigen_array<double>>);
}

TEST_CASE("tensors of different types do not mix: an error that names both, not a promotion") {
  const at::Tensor x = numbers(2, 3), y = x.to(at::kFloat), mask = at::ones({2, 3}, at::kDouble);
  CHECK_THROWS_WITH(dpo_loss(x, y),
                    "rto::dpo_margin: reference_log_ratio must hold the type of policy_log_ratio "
                    "(Double), got Float");
  CHECK_THROWS_AS(generalized_advantage_estimates(x, x, mask.to(at::kBool)), std::invalid_argument);
  CHECK_THROWS_AS(generalized_advantage_estimates(x.to(at::kLong), x, mask), std::invalid_argument);
  CHECK_THROWS_AS(aggregate(x, mask.to(at::kLong)), std::invalid_argument);
  const at::Tensor features = at::randn({5, 2}, at::kDouble), labels = at::ones({5, 1}, at::kFloat);
  CHECK_THROWS_AS(reward_mle(comparison_set<at::Tensor>{features, labels, {}}), std::invalid_argument);
}

TEST_CASE("ranks other than two are refused, single numbers are not") {
  const at::Tensor x = numbers(2, 3), row = x.select(0, 0), cube = x.unsqueeze(0);
  CHECK_THROWS_WITH(dpo_loss(row, row),
                    "rto: a tensor must have rank 2, or 0 for a single number, got [3]: a column is "
                    "[n, 1]");
  CHECK_THROWS_AS(dpo_loss(cube, cube), std::invalid_argument);
  const at::Tensor number = at::scalar_tensor(0.25, at::kDouble);
  CHECK(dpo_loss(number, number).item<double>() == Approx(std::log(2.0)));
  CHECK(array::rows(at::Tensor()) == 0);
  CHECK(array::cols(at::Tensor()) == 0);
}

TEST_CASE("shapes that only fit by broadcasting are refused") {
  const at::Tensor x = numbers(3, 3), column = numbers(3, 1), row = numbers(1, 3), mask = at::ones({3, 3}, at::kDouble);
  CHECK_THROWS_AS(dpo_loss(x, column), std::invalid_argument);
  CHECK_THROWS_AS(dpo_loss(column, row), std::invalid_argument);
  CHECK_THROWS_AS(kl_estimates(x, row, kl_estimator::k3), std::invalid_argument);
  CHECK_THROWS_AS(generalized_advantage_estimates(x, row, mask), std::invalid_argument);
  CHECK_THROWS_AS(clipped_surrogate_loss(x, x, x, column), std::invalid_argument);
  CHECK_THROWS_AS(value_loss(x, x, row, mask), std::invalid_argument);
}

TEST_CASE("arguments that carry no gradient may ask for one: nothing flows into them") {
  const at::Tensor policy = numbers(2, 2).requires_grad_(true), reference = numbers(2, 2).requires_grad_(true);
  dpo_loss(policy, reference).sum().backward();
  CHECK(policy.grad().defined());
  CHECK_FALSE(reference.grad().defined());
  const at::Tensor advantage = numbers(2, 2).requires_grad_(true), old = numbers(2, 2).requires_grad_(true);
  clipped_surrogate_loss(policy, old, advantage, at::ones({2, 2}, at::kDouble)).backward();
  CHECK_FALSE(advantage.grad().defined());
  CHECK_FALSE(old.grad().defined());
}

TEST_CASE("inputs are never written, results never share memory with them that a later step would write") {
  const at::Tensor x = numbers(3, 4), mask = at::ones({3, 4}, at::kDouble), before = x.clone();
  at::Tensor y = x;
  whiten(y, mask, moments(y, mask), {}, y);  // in place: binds the handle, leaves the memory
  CHECK(at::equal(x, before));
  CHECK_FALSE(at::equal(y, before));
  at::Tensor zero = array::full(x, 2, 2, 0.0);
  array::assign_rows(zero, 1, array::full(x, 1, 2, 3.0));
  CHECK(array::to_host(zero) == std::vector<double>{0, 0, 3, 3});
}

TEST_CASE("numbers beside float and half tensors are rounded to their type, beyond its range to infinity") {
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16, at::kHalf}) {
    const at::Tensor x = at::zeros({1, 2}, type);
    CHECK(array::full_like(x, 0.1).scalar_type() == type);
    CHECK(array::where_le(x, 1.0, 0.1, x).scalar_type() == type);
    CHECK(array::select(x + 1, 0.1, x).scalar_type() == type);
    CHECK(array::clamp(x, -1e300, 1e300).scalar_type() == type);
    CHECK(array::full_like(x, 1e300)[0][0].item<double>() == infinity);
    CHECK(array::where_le(x, std::numeric_limits<double>::lowest(), 0.0, x + 1)[0][0].item<double>() == 1);
  }
}

TEST_CASE("verbs of rank two on tensors: rows, recurrences, gathers, buffers") {
  for (const tensor_kind& kind : tensor_kinds()) {
    INFO(kind.name);
    const at::Tensor x = tensor_of(kind, {2, 3, {1, 2, 3, 4, 5, 6}});
    const auto entries_of = [](const at::Tensor& t) { return array::to_host(t); };
    using list = std::vector<double>;
    CHECK(array::rows(x) == 2);
    CHECK(array::cols(x) == 3);
    CHECK(entries_of(array::row_sum(x)) == list{6, 15});
    CHECK(entries_of(array::row_max(x)) == list{3, 6});
    CHECK(entries_of(array::broadcast_columns(array::row_sum(x), 2)) == list{6, 6, 15, 15});
    CHECK(entries_of(array::time_slice(x, 1, 3)) == list{2, 3, 5, 6});
    CHECK(entries_of(array::row_slice(x, 1, 2)) == list{4, 5, 6});
    CHECK(entries_of(array::next_step(x)) == list{2, 3, 0, 5, 6, 0});
    CHECK(entries_of(array::reverse_time(x)) == list{3, 2, 1, 6, 5, 4});
    CHECK(entries_of(array::reshape(x, 3, 2)) == list{1, 2, 3, 4, 5, 6});
    CHECK(entries_of(array::transpose(x)) == list{1, 4, 2, 5, 3, 6});
    const std::vector<at::Tensor> parts{x, array::row_slice(x, 0, 1)};
    CHECK(entries_of(array::stack_rows(x, parts)) == list{1, 2, 3, 4, 5, 6, 1, 2, 3});
    CHECK(entries_of(array::full(x, 1, 2, 0.5)) == list{0.5, 0.5});
    CHECK(array::full(x, 1, 2, 0.5).device() == x.device());
    CHECK(array::item(array::max_coeff(x)) == 6);
    CHECK(array::item(array::min_coeff(x)) == 1);
    CHECK(array::all_finite(x));
    CHECK_FALSE(array::all_finite(tensor_of(kind, {1, 2, {1, not_a_number}})));
    const std::vector<std::int64_t> columns{2, 0, 1, 1}, places{1, -1, 0, 2};
    CHECK(entries_of(array::gather(x, array::index_from_host(x, columns, 2, 2))) == list{3, 1, 5, 5});
    const at::Tensor v = tensor_of(kind, {3, 1, {10, 20, 30}});
    CHECK(entries_of(array::take(v, array::index_from_host(v, places, 2, 2))) == list{20, 0, 10, 30});
    CHECK_THROWS_AS(array::time_slice(x, 1, 4), std::exception);
    if (x.device().is_cpu()) {
      const std::vector<std::int64_t> beyond{3, 0};
      CHECK_THROWS_AS(array::gather(x, array::index_from_host(x, beyond, 2, 1)), std::invalid_argument);
      CHECK_THROWS_AS(array::take(v, array::index_from_host(v, beyond, 2, 1)), std::invalid_argument);
    }
    CHECK_THROWS_AS(array::from_host(x, list{1, 2, 3}, 2, 2), std::invalid_argument);
  }
  CHECK_THROWS_AS(array::full(at::Tensor(), 1, 1, 0.0), std::invalid_argument);
  CHECK_THROWS_AS(array::full(at::zeros({1, 1}, at::kLong), 1, 1, 0.0), std::invalid_argument);
}

TEST_CASE("linear algebra of tensors: products, factors, eigenvalues, blocks of rows") {
  for (const tensor_kind& kind : tensor_kinds()) {
    INFO(kind.name);
    const double tier = conformance::tier(kind, tolerance<double>::cross_backend, tolerance<float>::cross_backend);
    const sample s = normal_sample(6, 3, 1), w = prefix_mask({1, 0, 1, 1, 0, 1}, 1);
    const at::Tensor x = tensor_of(kind, s), weight = tensor_of(kind, w);
    const eigen_matrix<double> m = Eigen::Map<const eigen_array<double>>(s.entries.data(), 6, 3).matrix();
    const eigen_matrix<double> v = Eigen::Map<const eigen_array<double>>(w.entries.data(), 6, 1).matrix();
    const auto same = [&](const at::Tensor& got, const eigen_matrix<double>& want) {
      return distance(array::to_host(got), array::to_host(want)) <= tier;
    };
    CHECK(same(array::gram(x), array::gram(m)));
    CHECK(same(array::weighted_gram(x, weight), array::weighted_gram(m, v)));
    CHECK(same(array::row_squared_norms(x), array::row_squared_norms(m)));
    CHECK(same(array::scale_rows(x, weight), array::scale_rows(m, v)));
    CHECK(same(array::transposed_product(x, weight), m.transpose() * v));
    CHECK(same(array::diagonal(array::gram(x)), array::diagonal(array::gram(m))));
    CHECK(same(array::add_to_diagonal(array::gram(x), 2.0), array::add_to_diagonal(array::gram(m), 2.0)));
    const at::Tensor s_tensor = array::add_to_diagonal(array::gram(x), 1.0);
    const auto factor = array::cholesky(s_tensor);
    CHECK(factor.positive_definite);
    CHECK(same(array::product(factor.lower, array::transpose(factor.lower)),
               array::add_to_diagonal(array::gram(m), 1.0)));
    const at::Tensor b = tensor_of(kind, normal_sample(3, 2, 2));
    CHECK(distance(array::to_host(array::product(factor.lower, array::solve_lower(factor.lower, b))),
                   array::to_host(b)) <= tier);
    CHECK(distance(array::to_host(
                       array::product(array::transpose(factor.lower), array::solve_lower_transposed(factor.lower, b))),
                   array::to_host(b)) <= tier);
    CHECK_FALSE(array::cholesky(array::add_to_diagonal(s_tensor, -1e3)).positive_definite);
    const at::Tensor r = array::triangular_factor(x);
    CHECK(same(array::transposed_product(r, r), array::gram(m)));
    const at::Tensor flat = array::triangular_factor(array::row_slice(x, 0, 2));
    CHECK(array::rows(flat) == 3);
    CHECK(same(array::transposed_product(flat, flat), array::gram(eigen_matrix<double>(m.topRows(2)))));
    const auto eigen = array::symmetric_eigen(array::gram(x));
    CHECK(same(eigen.values, array::symmetric_eigen(array::gram(m)).values));
  }
  // More rows than a block of weighted_gram and row_squared_norms.
  const at::Tensor tall = at::randn({40000, 300}, at::kFloat), ones = at::ones({40000, 1}, at::kFloat);
  CHECK(distance(array::to_host(array::weighted_gram(tall, ones)), array::to_host(array::gram(tall))) <=
        tolerance<float>::cross_backend);
  CHECK(at::allclose(array::row_squared_norms(tall), (tall * tall).sum(1, true)));
}
