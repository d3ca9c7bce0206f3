// array_traits of at::Tensor: everything in rto runs on tensors, on CPU and CUDA, with autograd.
//
// A tensor crosses the seam with rank 2 ([batch, time], [states, actions], [rows, vocabulary], a matrix), a single
// number with rank 0; the entries are double, float, or half and bfloat16 where the tensor library computes with those.
// Nothing here waits for a device but `item`, `all_finite`, `to_host`, `from_host` and `cholesky` (whose answer says
// whether the matrix was positive definite), which give C++ values or take them.
//
// Differences to the Eigen traits that a caller can see: verbs compute at once, an operation after the other; `assign`
// and the `out` arguments of algorithms bind the tensor handle to the result, they do not write into its old memory;
// indices out of range throw on the CPU, and end the program's use of a CUDA device, as always there.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

#include <ATen/ATen.h>

#include <rto/array/array.hpp>
#include <rto/array/linear_algebra.hpp>
#include <rto/torch/linear_recurrence.hpp>
#include <rto/torch/token_policy_step.hpp>
#include <rto/torch/token_statistics.hpp>

namespace rto {

template <> struct array_traits<at::Tensor> {
  using value_type = at::Tensor;
  using scalar_type = at::Tensor;  // rank 0
  using index_type = at::Tensor;   // int64
  using dense_type = at::Tensor;
  using family = at::Tensor;
  using tensor = at::Tensor;
  static constexpr bool padding_reaches_gradients = true;  // autograd multiplies a dropped value's 0 by its derivative

  // --- Elementwise
  static tensor exp(const tensor& x) { return at::exp(x); }
  static tensor expm1(const tensor& x) { return at::expm1(x); }
  static tensor log(const tensor& x) { return at::log(x); }
  static tensor log1p(const tensor& x) { return at::log1p(x); }
  static tensor sqrt(const tensor& x) { return at::sqrt(x); }
  static tensor abs(const tensor& x) { return at::abs(x); }
  static tensor sigmoid(const tensor& x) { return at::sigmoid(x); }
  static tensor log_sigmoid(const tensor& x) { return at::log_sigmoid(x); }
  static tensor clamp(const tensor& x, double low, double high) {
    return at::clamp(x, at::Scalar(entry(x, low)), at::Scalar(entry(x, high)));
  }
  template <class B, class X, class Y> static tensor where_le(const tensor& a, const B& b, const X& x, const Y& y) {
    return at::where(at::le(a, entry(a, b)), entry(a, x), entry(a, y));
  }
  template <class X, class Y> static tensor select(const tensor& mask, const X& x, const Y& y) {
    const tensor chosen = mask.scalar_type() == at::kBool ? mask : at::gt(mask, 0.5);
    return at::where(chosen, number_of(x, y, mask, x), number_of(x, y, mask, y));
  }
  static tensor stop_gradient(const tensor& x) { return x.detach(); }
  /// One number in memory, seen at every place: it may be read, not written in place.
  static tensor full_like(const tensor& x, double c) {
    require_entries("full_like", x);
    return at::scalar_tensor(entry(x, c), x.options()).expand(x.sizes());
  }
  static void assign(tensor& out, const tensor& x) { out = x; }

  // --- Shape and reductions. A default-constructed tensor is an empty array.
  static std::int64_t rows(const tensor& x) { return extent(x, 0); }
  static std::int64_t cols(const tensor& x) { return extent(x, 1); }
  static tensor sum(const tensor& x) { return x.sum(); }
  static double item(const tensor& x) { return (x.numel() == 1 ? x : x.sum()).item<double>(); }
  static bool all_finite(const tensor& x) { return at::isfinite(x).all().item<bool>(); }
  static tensor max_coeff(const tensor& x) { return x.max(); }
  static tensor min_coeff(const tensor& x) { return x.min(); }

  // --- Array
  static tensor row_sum(const tensor& x) { return x.sum(1, true); }
  static tensor row_max(const tensor& x) { return x.amax(1, true); }
  static tensor log_sum_exp(const tensor& x) { return at::logsumexp(x, {1}, true); }
  static tensor broadcast_columns(const tensor& v, std::int64_t n) { return v.expand({v.size(0), n}); }
  static tensor time_slice(const tensor& x, std::int64_t from, std::int64_t to) { return x.narrow(1, from, to - from); }
  static tensor next_step(const tensor& x) {
    return x.size(1) == 0 ? x : at::constant_pad_nd(x.narrow(1, 1, x.size(1) - 1), {0, 1});
  }
  static tensor reverse_time(const tensor& x) { return x.flip(1); }
  static tensor row_slice(const tensor& x, std::int64_t from, std::int64_t to) { return x.narrow(0, from, to - from); }
  static tensor reshape(const tensor& x, std::int64_t n, std::int64_t m) { return x.reshape({n, m}); }
  static tensor transpose(const tensor& x) { return x.t(); }
  static tensor linear_recurrence(const tensor& b, const tensor& a) {
    require_same_kind("linear_recurrence", "b", b, "a", a);
    if (rows(b) != rows(a) || cols(b) != cols(a))
      throw std::invalid_argument("rto::linear_recurrence: b and a need one shape, got " + sizes(b) + " and " +
                                  sizes(a));
    return detail::linear_recurrence(b, a);
  }
  static void linear_recurrence(const tensor& b, const tensor& a, tensor& out) { out = linear_recurrence(b, a); }
  static tensor gather(const tensor& x, const tensor& index) {
    require_below("gather", index, x.size(1), 0);
    return at::gather(x, 1, index);
  }
  static tensor take(const tensor& x, const tensor& index) {
    require_below("take", index, x.size(0), std::numeric_limits<std::int64_t>::min());
    if (x.size(0) == 0) return at::zeros(index.sizes(), x.options());
    const tensor found = x.reshape({-1}).index_select(0, index.clamp_min(0).reshape({-1})).reshape(index.sizes());
    return at::where(index < 0, 0.0, found);
  }
  static tensor full(const tensor& like, std::int64_t n, std::int64_t m, double c) {
    require_entries("full", like);
    return at::full({n, m}, entry(like, c), like.options());
  }
  static void assign_rows(tensor& out, std::int64_t from, const tensor& x) { out.narrow(0, from, x.size(0)).copy_(x); }
  template <class Parts> static tensor stack_rows(const tensor& like, const Parts& parts) {
    const std::vector<tensor> list(std::begin(parts), std::end(parts));
    return list.empty() ? full(like, 0, 0, 0.0) : at::cat(list, 0);
  }
  static tensor from_host(const tensor& like, std::span<const double> data, std::int64_t n, std::int64_t m) {
    require_entries("from_host", like);
    require_host_size(data.size(), n, m);
    return at::from_blob(const_cast<double*>(data.data()), {n, m}, at::kDouble)
        .to(like.options(), /*non_blocking=*/false, /*copy=*/true);
  }
  static tensor index_from_host(const tensor& like, std::span<const std::int64_t> data, std::int64_t n,
                                std::int64_t m) {
    require_host_size(data.size(), n, m);
    return at::from_blob(const_cast<std::int64_t*>(data.data()), {n, m}, at::kLong)
        .to(like.device(), at::kLong, /*non_blocking=*/false, /*copy=*/true);
  }
  static std::vector<double> to_host(const tensor& x) {
    const tensor host = x.detach().to(at::kCPU, at::kDouble).contiguous();
    const double* data = host.const_data_ptr<double>();
    return {data, data + host.numel()};
  }

  // --- LinearAlgebra
  static tensor product(const tensor& a, const tensor& b) { return at::mm(a, b); }
  static tensor transposed_product(const tensor& a, const tensor& b) { return at::mm(a.t(), b); }
  static tensor gram(const tensor& x) {
    if (by_stripes(x)) return sum_of_stripes(x, [](const tensor& part, std::int64_t) { return part; });
    return mirrored(at::mm(x.t(), x));
  }
  static tensor weighted_gram(const tensor& x, const tensor& w) {
    if (by_stripes(x) && !detail::differentiated({w}))
      return sum_of_stripes(
          x, [&](const tensor& part, std::int64_t from) { return part * w.narrow(0, from, part.size(0)); });
    return mirrored(sum_over_blocks(x, [&](const tensor& part, std::int64_t from) {
      return at::mm(part.t(), part * w.narrow(0, from, part.size(0)));
    }));
  }
  static tensor row_squared_norms(const tensor& x) {
    if (x.size(0) <= block_rows(x)) return (x * x).sum(1, true);
    std::vector<tensor> parts;
    for (const tensor& part : x.split(block_rows(x), 0)) parts.push_back((part * part).sum(1, true));
    return at::cat(parts, 0);
  }
  static tensor scale_rows(const tensor& x, const tensor& s) { return x * s; }
  static tensor triangular_factor(const tensor& x) {
    const tensor r = std::get<1>(at::linalg_qr(x, "r"));
    return x.size(0) < x.size(1) ? at::constant_pad_nd(r, {0, 0, 0, x.size(1) - x.size(0)}) : r;
  }
  static tensor diagonal(const tensor& s) { return s.diagonal().unsqueeze(1); }
  static tensor add_to_diagonal(const tensor& s, double c) {
    tensor t = s.clone();
    t.diagonal().add_(entry(s, c));
    return t;
  }
  static cholesky_factor<tensor> cholesky(const tensor& s) {
    const auto [lower, info] = at::linalg_cholesky_ex(s);
    return {lower, info.item<std::int32_t>() == 0};
  }
  static tensor solve_lower(const tensor& l, const tensor& b) {
    return at::linalg_solve_triangular(l, b, /*upper=*/false);
  }
  static tensor solve_lower_transposed(const tensor& l, const tensor& b) {
    return at::linalg_solve_triangular(l.t(), b, /*upper=*/true);
  }
  static eigen_decomposition<tensor> symmetric_eigen(const tensor& s) {
    const auto [values, vectors] = at::linalg_eigh(s);
    return {values.unsqueeze(1), vectors};
  }
  // One type serves both tiers.
  static tensor elementwise(const tensor& x) { return x; }
  static tensor matrix(const tensor& x) { return x; }
  static tensor dense(const tensor& x) { return x; }

  // --- Whole algorithms, equal to the generic form, that make no second tensor of the size of the logits
  static tensor token_log_probability(const tensor& logits, const tensor& tokens) {
    require_below("gather", tokens, logits.size(1), 0);
    return make_token_statistics(logits, tokens).log_probability;
  }
  static tensor token_entropy(const tensor& logits) {
    return make_token_statistics(logits, {}, {}, {.entropy = true}).entropy;
  }
  /// KL(softmax of the reference || softmax of the policy) of every row, [rows, 1]; the reference is a constant.
  static tensor softmax_divergence(const tensor& reference_logits, const tensor& policy_logits) {
    return make_token_statistics(policy_logits, {}, reference_logits,
                                 {.divergence = divergence_direction::reference_to_policy})
        .divergence;
  }

  // --- Whole algorithms, equal to the generic form, that make one pass of it on CPU tensors; nothing elsewhere.
  // Templates, so that only those who call them compile them.
  template <class Batch, class Options, class Merge>
  static auto estimate_token_advantages(const Batch& batch, const Options& options, Merge& merge) {
    return detail::estimate_token_advantages_natively<token_policy_estimates<tensor>>(batch, options, merge);
  }
  template <class Options, class Aggregation>
  static std::optional<tensor> clipped_surrogate_loss(const tensor& log_prob, const tensor& old_log_prob,
                                                      const tensor& advantage, const tensor& mask,
                                                      const Options& options, const Aggregation& how) {
    return detail::token_loss_natively<detail::clipped_surrogate_formula>(log_prob, old_log_prob, advantage, mask,
                                                                          options, how);
  }
  template <class Options, class Aggregation>
  static std::optional<tensor> value_loss(const tensor& value, const tensor& old_value, const tensor& target,
                                          const tensor& mask, const Options& options, const Aggregation& how) {
    return detail::token_loss_natively<detail::value_formula>(value, old_value, target, mask, options, how);
  }

  /// A number as the entries hold it, without a look at the device.
  static double rounded(const tensor& like, double c) {
    switch (like.scalar_type()) {
      case at::kFloat:
        return static_cast<double>(static_cast<float>(c));
      case at::kBFloat16:
        return static_cast<double>(static_cast<at::BFloat16>(static_cast<float>(c)));
      case at::kHalf:
        return static_cast<double>(static_cast<at::Half>(static_cast<float>(c)));
      default:
        return c;
    }
  }

  /// Throws std::invalid_argument unless both hold numbers of one type on one device: what another array type's
  /// operators would not compile with. An empty array goes with everything (its shape is checked elsewhere).
  static void require_same_kind(const char* function, const char* name_a, const tensor& a, const char* name_b,
                                const tensor& b) {
    if (!a.defined() || !b.defined()) return;
    if (!a.is_floating_point())
      throw std::invalid_argument(std::string("rto::") + function + ": " + name_a +
                                  " must hold floating-point numbers, got " + c10::toString(a.scalar_type()));
    if (a.scalar_type() != b.scalar_type())
      throw std::invalid_argument(std::string("rto::") + function + ": " + name_b + " must hold the type of " + name_a +
                                  " (" + c10::toString(a.scalar_type()) + "), got " + c10::toString(b.scalar_type()));
    if (a.device() != b.device())
      throw std::invalid_argument(std::string("rto::") + function + ": " + name_b + " must be on the device of " +
                                  name_a + " (" + a.device().str() + "), got " + b.device().str());
  }

 private:
  static std::string sizes(const tensor& x) {
    std::string text = "[";
    for (const std::int64_t n : x.sizes()) text += (text.size() > 1 ? ", " : "") + std::to_string(n);
    return text + "]";
  }
  static std::int64_t extent(const tensor& x, std::int64_t axis) {
    if (!x.defined()) return 0;
    if (x.dim() == 2) return x.size(axis);
    if (x.dim() == 0) return 1;
    throw std::invalid_argument("rto: a tensor must have rank 2, or 0 for a single number, got " + sizes(x) +
                                (x.dim() == 1 ? ": a column is [n, 1]" : ""));
  }
  // A number rounded to the type of the entries (beyond its range: infinite), a tensor as it is.
  static double entry(const tensor& like, double c) { return rounded(like, c); }
  static const tensor& entry(const tensor&, const tensor& x) { return x; }
  // A number beside an array takes the type of that array, a mask's only where both choices are numbers.
  template <class X, class Y, class V>
  static decltype(auto) number_of(const X& x, const Y& y, const tensor& mask, const V& v) {
    if constexpr (std::is_same_v<V, tensor>)
      return (v);
    else if constexpr (std::is_same_v<X, tensor>)
      return at::Scalar(entry(x, static_cast<double>(v)));
    else if constexpr (std::is_same_v<Y, tensor>)
      return at::Scalar(entry(y, static_cast<double>(v)));
    else
      return at::scalar_tensor(entry(mask, static_cast<double>(v)), mask.options());
  }
  static void require_entries(const char* function, const tensor& like) {
    if (!like.defined() || !like.is_floating_point())
      throw std::invalid_argument(std::string("rto::") + function +
                                  ": a tensor of floating-point numbers is needed, got " +
                                  (like.defined() ? c10::toString(like.scalar_type()) : "an undefined one"));
  }
  static void require_host_size(std::size_t size, std::int64_t n, std::int64_t m) {
    if (n < 0 || m < 0 || size != static_cast<std::size_t>(n * m))
      throw std::invalid_argument("rto::from_host: need " + std::to_string(n) + " x " + std::to_string(m) +
                                  " entries, got " + std::to_string(size));
  }
  // On the CPU, where looking costs no synchronisation.
  static void require_below(const char* function, const tensor& index, std::int64_t n, std::int64_t least) {
    if (!index.device().is_cpu() || index.numel() == 0) return;
    const auto [low, high] = at::aminmax(index);
    const std::int64_t lowest = low.item<std::int64_t>(), highest = high.item<std::int64_t>();
    if (lowest >= least && highest < n) return;
    throw std::invalid_argument(std::string("rto::") + function + ": index must be " +
                                (least == 0 ? "in [0, " + std::to_string(n) + ")" : "below " + std::to_string(n)) +
                                ", got " + std::to_string(highest < n ? lowest : highest));
  }
  // Rows of a block whose products with weights are about 64 MB: no second copy of a large design.
  static std::int64_t block_rows(const tensor& x) {
    return std::max<std::int64_t>(1024, (std::int64_t{1} << 23) / std::max<std::int64_t>(1, x.size(1)));
  }
  template <class F> static tensor sum_over_blocks(const tensor& x, F&& part) {
    const std::int64_t n = x.size(0), block = block_rows(x);
    tensor total = part(x.narrow(0, 0, std::min(n, block)), 0);
    for (std::int64_t from = block; from < n; from += block)
      total = total + part(x.narrow(0, from, std::min(block, n - from)), from);
    return total;
  }
  // Sums of x^T y on the CPU, y a stripe of x with its rows scaled: in place, by stripes of rows that stay in cache,
  // and what a half of the columns has with the other half once. A GPU wants large products.
  static bool by_stripes(const tensor& x) {
    return x.device().is_cpu() && x.size(0) > 0 && x.size(1) > 0 && !detail::differentiated({x});
  }
  template <class F> static tensor sum_of_stripes(const tensor& x, F&& scaled) {
    const std::int64_t n = x.size(0), d = x.size(1);
    const std::int64_t stripe = std::max<std::int64_t>(256, (std::int64_t{1} << 16) / d);
    const tensor total = at::zeros({d, d}, x.options());
    for (std::int64_t from = 0; from < n; from += stripe) {
      const tensor part = x.narrow(0, from, std::min(stripe, n - from));
      add_symmetric_product(total, part, scaled(part, from));
    }
    return mirrored(total);
  }
  // total += a^T b on and below the diagonal, and in the blocks on it; a^T b is symmetric.
  static void add_symmetric_product(const tensor& total, const tensor& a, const tensor& b) {
    const std::int64_t d = a.size(1), half = d / 2, rest = d - half;
    if (d <= 64) {
      total.addmm_(a.t(), b);
      return;
    }
    const auto block = [&](std::int64_t from, std::int64_t rows) { return total.narrow(0, from, rows); };
    add_symmetric_product(block(0, half).narrow(1, 0, half), a.narrow(1, 0, half), b.narrow(1, 0, half));
    block(half, rest).narrow(1, 0, half).addmm_(a.narrow(1, half, rest).t(), b.narrow(1, 0, half));
    add_symmetric_product(block(half, rest).narrow(1, half, rest), a.narrow(1, half, rest), b.narrow(1, half, rest));
  }
  // Exactly symmetric, as a product of a matrix with its transpose is.
  static tensor mirrored(const tensor& s) { return at::tril(s) + at::tril(s, -1).t(); }
};

}  // namespace rto
