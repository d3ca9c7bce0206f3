// The step of Algorithm 2 on CPU tensors: the templates of rto on Eigen maps of blocks of rows, so that a formula is
// one pass over a block in cache instead of an operation of LibTorch for each of its signs. No formula is written here.
//
// Each function returns nothing where the generic form is to run: another device or type of entries, shapes that the
// generic form refuses, a gradient through what these take for constants.
#pragma once

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <utility>
#include <vector>

#include <ATen/ATen.h>
#include <ATen/Dispatch.h>
#include <torch/csrc/autograd/custom_function.h>

#include <rto/advantage/whitening.hpp>
#include <rto/algorithm/token_policy_step.hpp>
#include <rto/loss/aggregation.hpp>
#include <rto/loss/clipped_surrogate_loss.hpp>
#include <rto/loss/value_loss.hpp>
#include <rto/torch/for_blocks.hpp>
#include <rto/torch/tensor_rows.hpp>

namespace rto::detail {

/// f(block, from, to) for blocks of rows, on several threads. The blocks depend on the shape alone, and so do sums over
/// them.
template <class F> void for_row_blocks(std::int64_t rows, std::int64_t cols, F&& f) {
  const std::int64_t step = native_block_rows(cols);
  for_ranges(rows, step, [&](std::int64_t from, std::int64_t to) { f(from / step, from, to); });
}
[[nodiscard]] inline std::size_t row_blocks(std::int64_t rows, std::int64_t cols) {
  const std::int64_t step = native_block_rows(cols);
  return static_cast<std::size_t>((rows + step - 1) / step);
}

/// The one entry of a tensor in the memory of the CPU: no wait for a device, as `item` may be.
template <class S> [[nodiscard]] S number_of(const at::Tensor& x) {
  return *x.to(at::kCPU, c10::CppTypeToScalarType<S>::value).template const_data_ptr<S>();
}

[[nodiscard]] inline bool differentiated(std::initializer_list<at::Tensor> tensors) {
  return at::GradMode::is_enabled() &&
         std::any_of(tensors.begin(), tensors.end(), [](const at::Tensor& x) { return x.requires_grad(); });
}

/// `estimate_token_advantages`: on every block what each row gives for itself, then whitening by the moments of all.
template <class Estimates, class Batch, class Merge>
std::optional<Estimates> estimate_token_advantages_natively(const Batch& batch, const token_policy_options& options,
                                                            Merge& merge) {
  const auto& in = batch.reward;
  const at::Tensor& mask = in.mask;
  const auto absent = [](const at::Tensor& x) { return !x.defined() || x.numel() == 0; };
  if (!is_native(mask) || !is_native_like(mask, in.log_policy) || !is_native_like(mask, batch.value) ||
      differentiated({mask, batch.value}) || !in.further.empty())
    return std::nullopt;
  for (const at::Tensor* x : {&in.log_reference, &in.log_dpo, &in.score, &in.segment_end})
    if (!absent(*x) && !is_native_like(mask, *x)) return std::nullopt;
  if (!absent(in.sequence_reward) && !is_native_like(mask.narrow(1, 0, 1), in.sequence_reward)) return std::nullopt;

  const at::NoGradGuard no_gradients;
  const std::int64_t rows = mask.size(0), time = mask.size(1);
  const auto packed = [&](const at::Tensor& x) { return absent(x) ? at::Tensor() : packed_rows(x); };
  const auto made = [&](bool wanted) {  // one zero, seen at every place, for a term that the recipe leaves out
    return wanted ? at::empty({rows, time}, mask.options()) : at::zeros({1, 1}, mask.options()).expand({rows, time});
  };
  const at::Tensor from_mask = packed(mask), log_policy = packed(in.log_policy), score = packed(in.score),
                   log_reference = packed(in.log_reference), log_dpo = packed(in.log_dpo), value = packed(batch.value),
                   sequence_reward = packed(in.sequence_reward), segment_end = packed(in.segment_end);
  const token_reward_recipe& recipe = options.reward;
  Estimates all{{mask, in.log_policy, batch.value, made(true), made(true)},
                {made(recipe.implicit != 0), made(recipe.sequence != 0), made(recipe.score != 0), made(recipe.kl != 0)},
                made(true),
                {}};
  masked_moments<double> moments_of_all{};
  AT_DISPATCH_FLOATING_TYPES(mask.scalar_type(), "rto::estimate_token_advantages", [&] {
    using A = tensor_rows<scalar_t>;
    using Out = writable_tensor_rows<scalar_t>;
    std::vector<masked_moments<scalar_t>> moments_of(row_blocks(rows, time));
    for_row_blocks(rows, time, [&](std::int64_t block, std::int64_t from, std::int64_t to) {
      const auto part = [&](const at::Tensor& x) {
        return x.defined() ? rows_of<scalar_t>(x, from, to) : A(nullptr, 0, 0, Eigen::OuterStride<>(0));
      };
      const auto out = [&](const at::Tensor& x) { return writable_rows_of<scalar_t>(x, from, to); };
      eigen_array<scalar_t> zero(to - from, time);  // the terms that the recipe leaves out, all of them
      const auto term = [&](const at::Tensor& x, double coefficient) {
        return coefficient != 0 ? out(x) : Out(zero.data(), to - from, time, Eigen::OuterStride<>(time));
      };
      token_reward_terms<Out> terms{term(all.terms.implicit, recipe.implicit),
                                    term(all.terms.sequence, recipe.sequence), term(all.terms.score, recipe.score),
                                    term(all.terms.kl, recipe.kl)};
      Out reward = out(all.reward), advantage = out(all.targets.advantage), target = out(all.targets.value_target);
      moments_of[static_cast<std::size_t>(block)] = estimate_raw_token_advantages(
          token_batch<A>{{part(from_mask), part(log_policy), part(log_reference), part(log_dpo), part(sequence_reward),
                          part(score), part(segment_end)},
                         part(value)},
          options, terms, reward, advantage, target);
    });
    for (const masked_moments<scalar_t>& m : moments_of) {
      const masked_moments<double> wide{m.count, m.mean, m.squared_deviations};
      if (wide.count > 0) moments_of_all = moments_of_all.count > 0 ? rto::merge(moments_of_all, wide) : wide;
    }
  });
  const auto number = [&](double x) { return at::scalar_tensor(x, mask.options()); };
  all.raw_advantage = merge(masked_moments<at::Tensor>{number(moments_of_all.count), number(moments_of_all.mean),
                                                       number(moments_of_all.squared_deviations)});
  if (!options.whitening) return all;
  AT_DISPATCH_FLOATING_TYPES(mask.scalar_type(), "rto::whiten", [&] {
    const auto& raw = all.raw_advantage;
    const masked_moments<scalar_t> m{number_of<scalar_t>(raw.count), number_of<scalar_t>(raw.mean),
                                     number_of<scalar_t>(raw.squared_deviations)};
    for_row_blocks(rows, time, [&](std::int64_t, std::int64_t from, std::int64_t to) {
      auto advantage = writable_rows_of<scalar_t>(all.targets.advantage, from, to);
      rto::whiten(advantage, rows_of<scalar_t>(from_mask, from, to), m, *options.whitening, advantage);
    });
  });
  return all;
}

/// A loss over the valid tokens of a batch: x are the numbers that it is differentiated by, the others constants.
struct clipped_surrogate_formula {
  using options_type = clipped_surrogate_options;
  template <class... Arguments> static auto loss(const Arguments&... a) { return clipped_surrogate_loss(a...); }
  template <class... Arguments> static void gradient(Arguments&&... a) { clipped_surrogate_loss_gradient(a...); }
};
struct value_formula {
  using options_type = value_loss_options;
  template <class... Arguments> static auto loss(const Arguments&... a) { return value_loss(a...); }
  template <class... Arguments> static void gradient(Arguments&&... a) { value_loss_gradient(a...); }
};

template <class Formula> struct token_loss_constants {
  at::Tensor old, with, mask;  // [batch, time]: of the rollout, what x is held against, the valid tokens
  typename Formula::options_type options;
  aggregation_options how;  // with the count of the whole batch, so that losses of blocks add up
};

template <class Formula> struct token_loss_function : ::torch::autograd::Function<token_loss_function<Formula>> {
  using constants = token_loss_constants<Formula>;
  struct held_constants : ::torch::CustomClassHolder {
    explicit held_constants(constants c) : held(std::move(c)) {}
    constants held;
  };

  static at::Tensor compute(const at::Tensor& x, const constants& c) {
    double total = 0;
    AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "rto::token_loss", [&] {
      std::vector<scalar_t> parts(row_blocks(x.size(0), x.size(1)));
      for_row_blocks(x.size(0), x.size(1), [&](std::int64_t block, std::int64_t from, std::int64_t to) {
        const auto part = [&](const at::Tensor& t) { return rows_of<scalar_t>(t, from, to); };
        parts[static_cast<std::size_t>(block)] =
            Formula::loss(part(x), part(c.old), part(c.with), part(c.mask), c.options, c.how);
      });
      for (const scalar_t part : parts) total += static_cast<double>(part);
    });
    return at::scalar_tensor(total, x.options());
  }

  static at::Tensor differentiate(const at::Tensor& x, const constants& c, const at::Tensor& slope) {
    at::Tensor gradient = at::empty({x.size(0), x.size(1)}, x.options());
    AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "rto::token_loss", [&] {
      const auto factor = number_of<scalar_t>(slope);
      for_row_blocks(x.size(0), x.size(1), [&](std::int64_t, std::int64_t from, std::int64_t to) {
        const auto part = [&](const at::Tensor& t) { return rows_of<scalar_t>(t, from, to); };
        auto out = writable_rows_of<scalar_t>(gradient, from, to);
        Formula::gradient(part(x), part(c.old), part(c.with), part(c.mask), c.options, c.how, out);
        out *= factor;
      });
    });
    return gradient;
  }

  static at::Tensor forward(::torch::autograd::AutogradContext* ctx, const at::Tensor& x, const constants& c) {
    ctx->save_for_backward({x});
    ctx->saved_data["constants"] = c10::IValue::make_capsule(c10::make_intrusive<held_constants>(c));
    return compute(packed_rows(x), c);
  }
  static ::torch::autograd::variable_list backward(::torch::autograd::AutogradContext* ctx,
                                                   const ::torch::autograd::variable_list& slope) {
    const at::Tensor x = ctx->get_saved_variables()[0];
    const auto holder = ctx->saved_data["constants"].toCapsule();
    const constants& c = static_cast<const held_constants&>(*holder).held;
    if (!at::GradMode::is_enabled()) return {differentiate(packed_rows(x), c, slope[0]), at::Tensor()};
    // Somebody differentiates the gradient: in operations that autograd knows.
    at::Tensor gradient;
    Formula::gradient(x, c.old, c.with, c.mask, c.options, c.how, gradient);
    return {gradient * slope[0], at::Tensor()};
  }
};

/// `clipped_surrogate_loss` or `value_loss`: losses of blocks with the count of the whole batch, and the closed
/// gradients of the blocks.
template <class Formula>
std::optional<at::Tensor> token_loss_natively(const at::Tensor& x, const at::Tensor& old, const at::Tensor& with,
                                              const at::Tensor& mask, const typename Formula::options_type& options,
                                              aggregation_options how) {
  if (!is_native(x) || !is_native_like(x, old) || !is_native_like(x, with) || !is_native_like(x, mask) ||
      differentiated({mask}))
    return std::nullopt;
  token_loss_constants<Formula> c{packed_rows(old.detach()), packed_rows(with.detach()), packed_rows(mask.detach()),
                                  options, how};
  if (!how.global_count) {
    double count = 0;
    AT_DISPATCH_FLOATING_TYPES(mask.scalar_type(), "rto::aggregation_count", [&] {
      count = static_cast<double>(aggregation_count(rows_of<scalar_t>(c.mask, 0, mask.size(0)), how.mode));
    });
    if (!(count > 0)) return std::nullopt;  // an empty batch: whatever the generic form makes of it
    c.how.global_count = count;
  }
  if (differentiated({x})) return token_loss_function<Formula>::apply(x, c);
  return token_loss_function<Formula>::compute(packed_rows(x), c);
}

}  // namespace rto::detail
