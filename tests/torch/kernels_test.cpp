// The device code of the CUDA kernels, run on the CPU: values and gradients for rows that begin anywhere in memory.
#include "torch/precompiled.hpp"

#include "torch/cuda_on_host.hpp"

#include "backends/torch/kernels/linear_recurrence.cuh"
#include "backends/torch/kernels/token_statistics.cuh"

using namespace rto;
using namespace rto::test;

namespace {

double difference(const at::Tensor& x, const at::Tensor& y) { return distance(array::to_host(x), array::to_host(y)); }

// [rows, cols] of a larger block: the first row begins `offset` entries into it, the next ones `gap` further apart.
at::Tensor placed(const at::Tensor& x, std::int64_t offset, std::int64_t gap) {
  const std::int64_t stride = x.size(1) + gap;
  const at::Tensor block = at::full({offset + x.size(0) * stride}, not_a_number, x.options());
  return block.as_strided({x.size(0), x.size(1)}, {stride, 1}, offset).copy_(x);
}

template <class S> at::Tensor statistics_on_host_match(const at::Tensor& x, const at::Tensor& q, bool reversed) {
  namespace kernel = rto::detail::statistics;
  using A = typename kernel::accumulation<S>::type;
  const std::int64_t rows = x.size(0), n = x.size(1);
  std::vector<std::int64_t> chosen;
  for (std::int64_t i = 0; i < rows; ++i) chosen.push_back((7 * i + 3) % n);
  const at::Tensor tokens = array::index_from_host(x, chosen, rows, 1);
  const token_statistics_options options{
      .entropy = true,
      .divergence = reversed ? divergence_direction::reference_to_policy : divergence_direction::policy_to_reference};
  const at::Tensor wide = x.to(at::kDouble).clone().requires_grad_(true);
  const token_statistics want = make_token_statistics(wide, tokens, q.to(at::kDouble), options);

  const at::Tensor numbers = at::empty({5, rows}, c10::CppTypeToScalarType<A>::value);
  const auto column = [&](int k) { return numbers[k].mutable_data_ptr<A>(); };
  const kernel::rows_of<S> logits{x.const_data_ptr<S>(), x.stride(0)}, reference{q.const_data_ptr<S>(), q.stride(0)};
  cuda_block::launch(static_cast<unsigned>(rows), kernel::threads, [&] {
    kernel::forward_kernel<S>(logits, reference, tokens.const_data_ptr<std::int64_t>(), n, reversed,
                              {column(0), column(1), column(2), column(3), column(4)});
  });
  const double tier = std::is_same_v<A, double> ? tolerance<double>::cross_backend : tolerance<float>::cross_backend;
  CHECK(difference(numbers[1].unsqueeze(1), want.log_probability) <= tier);
  CHECK(difference(numbers[2].unsqueeze(1), want.entropy) <= tier);
  CHECK(difference(numbers[3].unsqueeze(1), want.divergence) <= tier);

  const at::Tensor slopes = at::linspace(-1, 1.5, 3 * rows, numbers.options()).reshape({3, rows});
  slopes.select(1, rows - 1).zero_();  // a row of padding
  at::Tensor gradient = at::full({rows, n}, not_a_number, x.options());
  cuda_block::launch(static_cast<unsigned>(rows), kernel::threads, [&] {
    kernel::backward_kernel<S>(
        logits, reference, tokens.const_data_ptr<std::int64_t>(), n, reversed,
        {column(0), nullptr, column(2), column(3), column(4)},
        {nullptr, slopes[0].const_data_ptr<A>(), slopes[1].const_data_ptr<A>(), slopes[2].const_data_ptr<A>(), nullptr},
        gradient.mutable_data_ptr<S>());
  });
  const at::Tensor w = slopes.to(at::kDouble).unsqueeze(2);
  (w[0] * want.log_probability + w[1] * want.entropy + w[2] * want.divergence).sum().backward();
  const double rounded = std::is_same_v<S, at::BFloat16> ? 1.0 / 128 : tier;
  CHECK(difference(gradient, wide.grad()) <= rounded);
  return gradient;
}

}  // namespace

TEST_CASE("the device code of token statistics, for rows at every place relative to its packs of 16 bytes") {
  for (const std::int64_t vocabulary : {1, 3, 259, 1003})
    for (const std::int64_t offset : {0, 1, 3})
      for (const std::int64_t gap : {0, 1}) {
        CAPTURE(vocabulary, offset, gap);
        const at::Tensor x = tensor_of(tensor_kinds()[0], normal_sample(3, vocabulary, 1, 2));
        const at::Tensor q = tensor_of(tensor_kinds()[0], normal_sample(3, vocabulary, 2, 2));
        const auto run = [&](auto type, std::int64_t other) {
          using S = decltype(type);
          const auto entries = c10::CppTypeToScalarType<S>::value;
          statistics_on_host_match<S>(placed(x.to(entries), offset, gap), placed(q.to(entries), other, gap), gap == 0);
        };
        run(0.0, offset);
        run(0.0F, offset);
        run(0.0F, offset + 1);  // both rows begin differently: no packs
        run(at::BFloat16(), offset);
      }
}

TEST_CASE("the device code reads no entry before or behind a row") {
  // The block around the rows holds NaN, which would reach every sum.
  const at::Tensor x = placed(at::zeros({2, 37}, at::kFloat), 5, 3);
  const at::Tensor gradient = statistics_on_host_match<float>(x, x, false);
  CHECK(at::isfinite(gradient).all().item<bool>());
}

TEST_CASE("the device code of the recurrence is the recurrence, for lengths around a warp") {
  namespace kernel = rto::detail::recurrence;
  for (const std::int64_t time : {1, 31, 32, 33, 100}) {
    CAPTURE(time);
    const std::int64_t rows = 6;  // more than the warps of a block
    const at::Tensor b = tensor_of(tensor_kinds()[0], normal_sample(rows, time, 1));
    const at::Tensor a = tensor_of(tensor_kinds()[0], normal_sample(rows, time, 2, 0.5));
    at::Tensor y = at::empty_like(b);
    const auto view = [](const at::Tensor& x) {
      return kernel::strided_view<double>{x.const_data_ptr<double>(), x.stride(0), x.stride(1)};
    };
    cuda_block::launch(2, kernel::warp * kernel::warps_a_block, [&] {
      kernel::linear_recurrence_kernel<double>(view(b), view(a), y.mutable_data_ptr<double>(), rows, time);
    });
    CHECK(difference(y, rto::detail::linear_recurrence_by_doubling(b, a)) <= tolerance<double>::identity);
  }
}
