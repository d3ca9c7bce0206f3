// What the losses need of a row of logits — the log-probability of the token taken, the entropy, the divergence from a
// reference — without a second [rows, vocabulary] tensor.
//
// The generic forms (loss/token_log_probability.hpp, loss/tdpo_loss.hpp) hold several tensors as large as the logits,
// and autograd keeps some of them until the backward pass. Here the forward pass works on blocks of rows that stay
// small, in one kernel on CUDA (RTO_TORCH_KERNELS) or one loop over each row on the CPU (not for double, nor for
// divergences), and keeps a few numbers a row; the backward pass computes the gradient from the logits again. Half and
// bfloat16 logits are accumulated in float.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>
#include <tuple>

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include <rto/torch/for_blocks.hpp>
#include <rto/torch/row_kernels.hpp>
#include <rto/torch/row_statistics.hpp>
#include <rto/torch/tensor_rows.hpp>

namespace rto {

/// Of every row, [rows, 1], in nats; in float for half and bfloat16 logits; undefined where not asked for.
struct token_statistics {
  at::Tensor log_probability;  // log pi(token), where tokens are given
  at::Tensor entropy;          // -sum_a pi log pi
  at::Tensor divergence;       // >= 0; infinite where the second policy forbids what the first allows
};

namespace detail {

/// 0 instead of the logarithm of a probability of 0, for a factor that is 0.
inline at::Tensor finite_log(const at::Tensor& log_p) {
  return at::where(log_p == -std::numeric_limits<double>::infinity(), 0.0, log_p);
}

/// The terms p log(p/q) - p + q of a divergence, entry by entry, all >= 0 (kl_terms of mdp/policy.hpp); q may forbid.
inline at::Tensor divergence_terms(const at::Tensor& log_p, const at::Tensor& log_q) {
  constexpr double inf = std::numeric_limits<double>::infinity();
  const at::Tensor p = log_p.exp(), q = log_q.exp();
  const at::Tensor no_p = log_p == -inf, no_q = log_q == -inf;
  const at::Tensor ratio = at::where(no_p.logical_or(no_q), 0.0, log_p - log_q), small = ratio.clamp(-1.0, 1.0);
  const at::Tensor terms = at::where(ratio.abs() <= 1.0, p * (small + (-small).expm1()), p * ratio - p + q);
  return at::where(no_p, q, at::where(no_q, inf, terms));
}

/// One block of rows, in the type of accumulation.
inline row_statistics token_statistics_of(const at::Tensor& x, const at::Tensor& tokens, const at::Tensor& reference,
                                          const token_statistics_options& options) {
  row_statistics of;
  of.log_total = at::logsumexp(x, {1}, true);
  if (tokens.defined()) of.log_probability = at::gather(x, 1, tokens) - of.log_total;
  if (!options.entropy && options.divergence == divergence_direction::none) return of;
  const at::Tensor log_p = x - of.log_total;
  if (options.entropy) of.entropy = -(log_p.exp() * finite_log(log_p)).sum(1, true);
  if (options.divergence == divergence_direction::none) return of;
  of.reference_log_total = at::logsumexp(reference, {1}, true);
  const at::Tensor log_q = reference - of.reference_log_total;
  of.divergence = (options.divergence == divergence_direction::policy_to_reference ? divergence_terms(log_p, log_q)
                                                                                   : divergence_terms(log_q, log_p))
                      .sum(1, true);
  return of;
}

/// dL/dx of one block from dL/d of its statistics: with p = softmax(x), q that of the reference,
///   log p_t: e_t - p,   H: -p (log p + H),   KL(p || q): p (log p - log q - KL),   KL(q || p): p - q.
inline at::Tensor token_statistics_gradient_of(const at::Tensor& x, const at::Tensor& tokens,
                                               const at::Tensor& reference, const row_statistics& of,
                                               const token_statistics_options& options,
                                               const at::Tensor& d_log_probability, const at::Tensor& d_entropy,
                                               const at::Tensor& d_divergence) {
  const at::Tensor log_p = x - of.log_total, p = log_p.exp();
  at::Tensor gradient = at::zeros_like(p);
  if (d_log_probability.defined())
    gradient = (gradient - p * d_log_probability).scatter_add(1, tokens, d_log_probability);
  if (d_entropy.defined()) gradient = gradient - d_entropy * p * (finite_log(log_p) + of.entropy);
  if (d_divergence.defined()) {
    const at::Tensor log_q = reference - of.reference_log_total;
    if (options.divergence == divergence_direction::policy_to_reference) {
      const at::Tensor ratio = at::where(log_p == -std::numeric_limits<double>::infinity(), 0.0, log_p - log_q);
      gradient = gradient + d_divergence * p * (ratio - of.divergence);
    } else {
      gradient = gradient + d_divergence * (p - log_q.exp());
    }
  }
  // Nothing depends on a row of padding, whose logits may be NaN.
  at::Tensor unused;
  for (const at::Tensor* d : {&d_log_probability, &d_entropy, &d_divergence})
    if (d->defined()) unused = unused.defined() ? unused.logical_and(*d == 0) : *d == 0;
  return unused.defined() ? at::where(unused, 0.0, gradient) : gradient;
}

/// True for logits that the loops of row_kernels.hpp serve.
inline bool has_row_kernel(const at::Tensor& logits, const token_statistics_options& options) {
  const at::ScalarType type = logits.scalar_type();
  return logits.device().is_cpu() && logits.layout() == at::kStrided && logits.numel() > 0 &&
         options.divergence == divergence_direction::none &&
         (type == at::kFloat || type == at::kHalf || type == at::kBFloat16);
}

/// f(zero of the type of the entries) of float, half or bfloat16 logits.
template <class F> void with_row_type(const at::Tensor& logits, F&& f) {
  if (logits.scalar_type() == at::kFloat) return f(0.0F);
  if (logits.scalar_type() == at::kHalf) return f(at::Half());
  f(at::BFloat16());
}

/// f(row) for every row, on several threads.
template <class F> void for_rows(const at::Tensor& logits, F&& f) {
  const std::int64_t grain = std::max<std::int64_t>(1, (std::int64_t{1} << 16) / logits.size(1));
  for_ranges(logits.size(0), grain, [&](std::int64_t from, std::int64_t to) {
    for (std::int64_t row = from; row < to; ++row) f(row);
  });
}

/// The statistics of `all` that are defined, by one loop over each row.
inline void token_statistics_by_rows(const at::Tensor& logits, const at::Tensor& tokens, const row_statistics& all) {
  const at::Tensor x = packed_rows(logits), token = tokens.defined() ? tokens.contiguous() : tokens;
  const auto numbers = [](const at::Tensor& column) {
    return column.defined() ? column.mutable_data_ptr<float>() : nullptr;
  };
  float *const log_total = numbers(all.log_total), *const entropy = numbers(all.entropy),
               *const log_probability = numbers(all.log_probability);
  const std::int64_t* const chosen = token.defined() ? token.const_data_ptr<std::int64_t>() : nullptr;
  with_row_type(x, [&](auto type) {
    using T = decltype(type);
    const T* const data = x.const_data_ptr<T>();
    for_rows(x, [&](std::int64_t row) {
      const T* const entries = data + row * x.stride(0);
      const row_sums sums = sums_of_row(entries, x.size(1), entropy != nullptr);
      log_total[row] = sums.log_total;
      if (entropy != nullptr) entropy[row] = sums.entropy;
      if (chosen != nullptr) log_probability[row] = static_cast<float>(entries[chosen[row]]) - sums.log_total;
    });
  });
}

/// dL/dx by one loop over each row: `token_statistics_gradient_of` without a divergence.
inline void token_statistics_gradient_by_rows(const at::Tensor& logits, const at::Tensor& tokens,
                                              const row_statistics& of, const at::Tensor& d_log_probability,
                                              const at::Tensor& d_entropy, const at::Tensor& gradient) {
  const at::Tensor x = packed_rows(logits), token = tokens.defined() ? tokens.contiguous() : tokens;
  const auto held = [](const at::Tensor& column) { return column.defined() ? column.contiguous() : column; };
  const at::Tensor log_totals = held(of.log_total), entropies = held(of.entropy), dl = held(d_log_probability),
                   dh = held(d_entropy);
  const auto number = [](const at::Tensor& column, std::int64_t row) {
    return column.defined() ? column.const_data_ptr<float>()[row] : 0.0F;
  };
  const std::int64_t* const chosen = token.defined() ? token.const_data_ptr<std::int64_t>() : nullptr;
  with_row_type(x, [&](auto type) {
    using T = decltype(type);
    const T* const data = x.const_data_ptr<T>();
    T* const out = gradient.mutable_data_ptr<T>();
    const std::int64_t n = x.size(1);
    for_rows(x, [&](std::int64_t row) {
      const T* const entries = data + row * x.stride(0);
      T* const to = out + row * n;
      const float slope = number(dl, row), entropy_slope = number(dh, row);
      if (slope == 0 && entropy_slope == 0) {  // padding, whose logits may be NaN
        std::fill(to, to + n, T(0.0F));
        return;
      }
      const row_sums sums{number(log_totals, row), number(entropies, row)};
      gradient_of_row(entries, to, n, sums, slope, entropy_slope);
      if (slope == 0) return;
      // The token's own, before it is rounded: e_t - p instead of -p.
      const auto place = static_cast<std::size_t>(chosen[row]);
      const float log_p = static_cast<float>(entries[place]) - sums.log_total, p = std::exp(log_p);
      to[place] =
          static_cast<T>(slope - p * (slope + (entropy_slope == 0 ? 0.0F : entropy_slope * (log_p + sums.entropy))));
    });
  });
}

/// What autograd need not follow: constants, or undefined.
struct token_statistics_constants {
  at::Tensor tokens, reference;
  token_statistics_options options;
};

struct token_statistics_function : ::torch::autograd::Function<token_statistics_function> {
  // Rows of a block: what a few temporary arrays of stay in cache on the CPU, and fill a GPU.
  static std::int64_t block_rows(const at::Tensor& logits) {
    const std::int64_t entries = std::int64_t{1} << (logits.is_cuda() ? 24 : 18);
    return std::max<std::int64_t>(1, entries / std::max<std::int64_t>(1, logits.size(1)));
  }
  static at::Tensor block(const at::Tensor& x, std::int64_t from, std::int64_t n) {
    if (!x.defined()) return x;
    const at::Tensor part = x.narrow(0, from, n);
    return part.is_floating_point() ? part.to(accumulation_type(part.scalar_type())) : part;
  }

  static row_statistics compute(const at::Tensor& logits, const at::Tensor& tokens, const at::Tensor& reference,
                                const token_statistics_options& options) {
#ifdef RTO_TORCH_KERNELS
    if (logits.is_cuda() && logits.numel() > 0) return token_statistics_cuda(logits, tokens, reference, options);
#endif
    const at::NoGradGuard no_gradients;
    const std::int64_t rows = logits.size(0), step = block_rows(logits);
    const at::TensorOptions type = logits.options().dtype(accumulation_type(logits.scalar_type()));
    const bool divergence = options.divergence != divergence_direction::none;
    const auto column = [&](bool wanted) { return wanted ? at::empty({rows, 1}, type) : at::Tensor(); };
    row_statistics all{at::empty({rows, 1}, type), column(tokens.defined()), column(options.entropy),
                       column(divergence), column(divergence)};
    if (has_row_kernel(logits, options)) {
      token_statistics_by_rows(logits, tokens, all);
      return all;
    }
    for (std::int64_t from = 0; from < rows; from += step) {
      const std::int64_t n = std::min(step, rows - from);
      const row_statistics part =
          token_statistics_of(block(logits, from, n), block(tokens, from, n), block(reference, from, n), options);
      const auto place = [&](const at::Tensor& whole, const at::Tensor& some) {
        if (whole.defined()) whole.narrow(0, from, n).copy_(some);
      };
      place(all.log_total, part.log_total);
      place(all.log_probability, part.log_probability);
      place(all.entropy, part.entropy);
      place(all.divergence, part.divergence);
      place(all.reference_log_total, part.reference_log_total);
    }
    return all;
  }

  /// dL/dlogits from dL/d of the statistics (undefined: 0), no tensor beside it larger than a block.
  static at::Tensor differentiate(const at::Tensor& logits, const at::Tensor& tokens, const at::Tensor& reference,
                                  const row_statistics& of, const token_statistics_options& options,
                                  const at::Tensor& d_log_probability, const at::Tensor& d_entropy,
                                  const at::Tensor& d_divergence) {
    const at::NoGradGuard no_gradients;
    at::Tensor gradient = at::empty_like(logits, at::MemoryFormat::Contiguous);
#ifdef RTO_TORCH_KERNELS
    if (logits.is_cuda() && logits.numel() > 0) {
      token_statistics_gradient_cuda(logits, tokens, reference, of, options, d_log_probability, d_entropy, d_divergence,
                                     gradient);
      return gradient;
    }
#endif
    if (has_row_kernel(logits, options)) {
      token_statistics_gradient_by_rows(logits, tokens, of, d_log_probability, d_entropy, gradient);
      return gradient;
    }
    const std::int64_t rows = logits.size(0), step = block_rows(logits);
    for (std::int64_t from = 0; from < rows; from += step) {
      const std::int64_t n = std::min(step, rows - from);
      const auto part = [&](const at::Tensor& x) { return block(x, from, n); };
      gradient.narrow(0, from, n)
          .copy_(token_statistics_gradient_of(
              part(logits), part(tokens), part(reference),
              {part(of.log_total), {}, part(of.entropy), part(of.divergence), part(of.reference_log_total)}, options,
              part(d_log_probability), part(d_entropy), part(d_divergence)));
    }
    return gradient;
  }

  static ::torch::autograd::variable_list forward(::torch::autograd::AutogradContext* ctx, const at::Tensor& logits,
                                                  const token_statistics_constants& with) {
    const row_statistics of = compute(logits, with.tokens, with.reference, with.options);
    ctx->save_for_backward(
        {logits, with.tokens, with.reference, of.log_total, of.entropy, of.divergence, of.reference_log_total});
    ctx->saved_data["entropy"] = with.options.entropy;
    ctx->saved_data["direction"] = static_cast<std::int64_t>(with.options.divergence);
    const auto or_empty = [&](const at::Tensor& x) { return x.defined() ? x : at::empty({0}, of.log_total.options()); };
    return {or_empty(of.log_probability), or_empty(of.entropy), or_empty(of.divergence)};
  }

  static ::torch::autograd::variable_list backward(::torch::autograd::AutogradContext* ctx,
                                                   const ::torch::autograd::variable_list& gradients) {
    const auto saved = ctx->get_saved_variables();
    const at::Tensor &logits = saved[0], &tokens = saved[1], &reference = saved[2];
    const token_statistics_options options{ctx->saved_data["entropy"].toBool(),
                                           static_cast<divergence_direction>(ctx->saved_data["direction"].toInt())};
    const at::Tensor none;
    const at::Tensor& d_log_probability = tokens.defined() ? gradients[0] : none;
    const at::Tensor& d_entropy = options.entropy ? gradients[1] : none;
    const at::Tensor& d_divergence = options.divergence != divergence_direction::none ? gradients[2] : none;
    at::Tensor gradient;
    if (at::GradMode::is_enabled()) {
      // Somebody differentiates the gradient: all of it in operations that autograd knows.
      const at::ScalarType type = accumulation_type(logits.scalar_type());
      const at::Tensor x = logits.to(type), q = reference.defined() ? reference.to(type) : reference;
      gradient = token_statistics_gradient_of(x, tokens, q, token_statistics_of(x, tokens, q, options), options,
                                              d_log_probability, d_entropy, d_divergence)
                     .to(logits.scalar_type());
    } else {
      gradient = differentiate(logits, tokens, reference, {saved[3], none, saved[4], saved[5], saved[6]}, options,
                               d_log_probability, d_entropy, d_divergence);
    }
    return {gradient, none};
  }
};

}  // namespace detail

/// Log-probability of the tokens, entropy and divergence of the softmax of every row of logits, in one go.
/// \param logits x [rows, vocabulary]; -inf forbids a token  \param tokens [rows, 1] int64, in [0, vocabulary); or
///   undefined  \param reference logits of pi_ref [rows, vocabulary], where a divergence is asked for; constants
/// \returns [rows, 1] each
/// \gradient with respect to logits; can itself be differentiated (then with tensors of the size of the logits)
/// \throws std::invalid_argument for shapes, types and devices, and on the CPU for a token out of range
/// \cost O(rows vocabulary), memory O(rows) beside the logits, and the gradient; no device synchronisation
[[nodiscard]] inline token_statistics make_token_statistics(const at::Tensor& logits, const at::Tensor& tokens,
                                                            const at::Tensor& reference = {},
                                                            const token_statistics_options& options = {}) {
  const auto fail = [](const std::string& what) { throw std::invalid_argument("rto::token_statistics: " + what); };
  if (!logits.defined() || logits.dim() != 2 || !logits.is_floating_point())
    fail("logits must be [rows, vocabulary], of floating-point numbers");
  if (tokens.defined() && (tokens.dim() != 2 || tokens.size(0) != logits.size(0) || tokens.size(1) != 1 ||
                           tokens.scalar_type() != at::kLong || tokens.device() != logits.device()))
    fail("tokens must be [" + std::to_string(logits.size(0)) + ", 1] of int64 on the device of the logits");
  const bool divergence = options.divergence != divergence_direction::none;
  if (divergence && (!reference.defined() || reference.sizes() != logits.sizes() ||
                     reference.scalar_type() != logits.scalar_type() || reference.device() != logits.device()))
    fail("the reference must have the shape, type and device of the logits");
  if (tokens.defined() && tokens.device().is_cpu() && tokens.numel() > 0 &&
      (tokens.min().item<std::int64_t>() < 0 || tokens.max().item<std::int64_t>() >= logits.size(1)))
    fail("a token must be in [0, " + std::to_string(logits.size(1)) + ")");
  const at::Tensor constant = divergence ? reference.detach() : at::Tensor();
  if (at::GradMode::is_enabled() && logits.requires_grad()) {
    const auto r =
        detail::token_statistics_function::apply(logits, detail::token_statistics_constants{tokens, constant, options});
    return {tokens.defined() ? r[0] : at::Tensor(), options.entropy ? r[1] : at::Tensor(),
            divergence ? r[2] : at::Tensor()};
  }
  const detail::row_statistics of = detail::token_statistics_function::compute(logits, tokens, constant, options);
  return {of.log_probability, of.entropy, of.divergence};
}

}  // namespace rto
