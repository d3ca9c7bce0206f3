#include "llm/model/token_log_probability.hpp"

#include <fmt/format.h>
#include <torch/torch.h>

#include <algorithm>
#include <stdexcept>

namespace rto::llm {
namespace {

using rto::detail::row_statistics;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// What autograd need not follow.
struct constants {
  at::Tensor tokens;     // [rows, 1]
  head_input reference;  // in the type of the products; undefined where there is no divergence
  token_log_probability_options options;
};

at::Tensor product(const at::Tensor& hidden, const at::Tensor& weight, std::int64_t from, std::int64_t n) {
  return hidden.defined() ? at::linear(hidden.narrow(0, from, n), weight) : at::Tensor();
}

at::Tensor cast(const at::Tensor& x, const token_log_probability_options& options) {
  return x.defined() && options.compute ? x.to(*options.compute) : x;
}

std::int64_t rows_of_a_piece(const at::Tensor& hidden, const at::Tensor& weight, std::int64_t bytes) {
  return std::max<std::int64_t>(
      1, bytes / std::max<std::int64_t>(1, weight.size(0) * static_cast<std::int64_t>(hidden.element_size())));
}

struct log_probability_function : torch::autograd::Function<log_probability_function> {
  /// All statistics of the rows; `kept` gets the logits where it is not null.
  static row_statistics compute(const at::Tensor& hidden, const at::Tensor& weight, const constants& with,
                                at::Tensor* kept) {
    const at::NoGradGuard no_gradients;
    const std::int64_t rows = hidden.size(0);
    const std::int64_t step =
        kept != nullptr ? std::max<std::int64_t>(1, rows) : rows_of_a_piece(hidden, weight, with.options.piece_bytes);
    std::vector<row_statistics> parts;
    for (std::int64_t from = 0; from < rows || parts.empty(); from += step) {
      const std::int64_t n = std::min(step, rows - from);
      const at::Tensor logits = product(hidden, weight, from, n);
      parts.push_back(rto::detail::token_statistics_function::compute(
          logits, with.tokens.narrow(0, from, n), product(with.reference.hidden, with.reference.weight, from, n),
          with.options.statistics));
      if (kept != nullptr) *kept = logits;
    }
    if (parts.size() == 1) return parts.front();
    const auto joined = [&](at::Tensor row_statistics::*member) {
      std::vector<at::Tensor> all;
      for (const row_statistics& p : parts)
        if ((p.*member).defined()) all.push_back(p.*member);
      return all.empty() ? at::Tensor() : at::cat(all);
    };
    return {joined(&row_statistics::log_total), joined(&row_statistics::log_probability),
            joined(&row_statistics::entropy), joined(&row_statistics::divergence),
            joined(&row_statistics::reference_log_total)};
  }

  static variable_list forward(AutogradContext* ctx, const at::Tensor& hidden, const at::Tensor& weight,
                               const constants& with) {
    const at::Tensor h = cast(hidden, with.options);
    at::Tensor logits;
    const bool keep = h.size(0) <= rows_of_a_piece(h, weight, with.options.kept_bytes);
    const row_statistics of = compute(h, cast(weight, with.options), with, keep ? &logits : nullptr);
    ctx->save_for_backward({h, weight, with.tokens, with.reference.hidden, with.reference.weight, of.log_total,
                            of.entropy, of.divergence, of.reference_log_total});
    if (keep) ctx->saved_data["logits"] = logits;
    ctx->saved_data["entropy"] = with.options.statistics.entropy;
    ctx->saved_data["direction"] = static_cast<std::int64_t>(with.options.statistics.divergence);
    ctx->saved_data["piece_bytes"] = with.options.piece_bytes;
    const auto or_empty = [&](const at::Tensor& x) { return x.defined() ? x : at::empty({0}, of.log_total.options()); };
    return {or_empty(of.log_probability), or_empty(of.entropy), or_empty(of.divergence)};
  }

  static variable_list backward(AutogradContext* ctx, const variable_list& gradients) {
    const auto saved = ctx->get_saved_variables();
    const at::Tensor &h = saved[0], &leaf = saved[1], &tokens = saved[2], weight = leaf.to(h.scalar_type());
    const head_input reference{saved[3], saved[4]};
    const token_statistics_options options{ctx->saved_data["entropy"].toBool(),
                                           static_cast<divergence_direction>(ctx->saved_data["direction"].toInt())};
    const at::Tensor none;
    const bool divergence = options.divergence != divergence_direction::none;
    const auto kept = ctx->saved_data.find("logits");
    const bool keep = kept != ctx->saved_data.end();
    const std::int64_t rows = h.size(0), step = rows_of_a_piece(h, weight, ctx->saved_data["piece_bytes"].toInt());
    const bool of_hidden = ctx->needs_input_grad(0), of_weight = ctx->needs_input_grad(1);
    at::Tensor d_hidden = of_hidden ? at::empty_like(h) : none, d_weight;
    for (std::int64_t from = 0; from < rows; from += step) {
      const std::int64_t n = std::min(step, rows - from);
      const auto part = [&](const at::Tensor& x) { return x.defined() ? x.narrow(0, from, n) : x; };
      const at::Tensor logits = keep ? kept->second.toTensor().narrow(0, from, n) : product(h, weight, from, n);
      const at::Tensor d = rto::detail::token_statistics_function::differentiate(
          logits, part(tokens), product(reference.hidden, reference.weight, from, n),
          {part(saved[5]), none, part(saved[6]), part(saved[7]), part(saved[8])}, options, part(gradients[0]),
          options.entropy ? part(gradients[1]) : none, divergence ? part(gradients[2]) : none);
      if (of_hidden) {
        at::Tensor place = d_hidden.narrow(0, from, n);
        at::mm_out(place, d, weight);
      }
      if (!of_weight) continue;
      if (!d_weight.defined())
        d_weight = d.t().mm(part(h)).to(leaf.scalar_type());
      else if (d_weight.scalar_type() == d.scalar_type())
        d_weight.addmm_(d.t(), part(h));
      else
        d_weight.add_(d.t().mm(part(h)));
    }
    if (of_weight && !d_weight.defined()) d_weight = at::zeros_like(leaf);
    return {d_hidden, d_weight, none};
  }
};

}  // namespace

token_statistics token_log_probabilities(const head_input& model, const at::Tensor& tokens,
                                         const token_log_probability_options& options, const head_input& reference) {
  const auto fail = [](const std::string& what) {
    throw std::invalid_argument("rto::llm::token_log_probabilities: " + what);
  };
  const at::Tensor &h = model.hidden, &w = model.weight;
  if (!h.defined() || !w.defined() || h.dim() != 2 || w.dim() != 2 || h.size(1) != w.size(1))
    fail("hidden states [rows, hidden] and a head [vocabulary, hidden] are needed");
  if (!tokens.defined() || tokens.dim() != 1 || tokens.size(0) != h.size(0) || tokens.scalar_type() != at::kLong)
    fail(fmt::format("tokens must be [{}] of int64", h.size(0)));
  if (tokens.is_cpu() && tokens.numel() > 0 &&
      (tokens.min().item<std::int64_t>() < 0 || tokens.max().item<std::int64_t>() >= w.size(0)))
    fail(fmt::format("a token must be in [0, {})", w.size(0)));
  const bool divergence = options.statistics.divergence != divergence_direction::none;
  if (divergence &&
      (!reference.hidden.defined() || !reference.weight.defined() || reference.hidden.size(0) != h.size(0) ||
       reference.weight.size(0) != w.size(0) || reference.hidden.size(1) != reference.weight.size(1)))
    fail("a divergence needs the reference's hidden states and head, of the same rows and vocabulary");
  const head_input constant =
      divergence ? head_input{cast(reference.hidden.detach(), options), cast(reference.weight.detach(), options)}
                 : head_input{};
  const constants with{tokens.unsqueeze(1), constant, options};
  if (at::GradMode::is_enabled() && (h.requires_grad() || w.requires_grad())) {
    const auto r = log_probability_function::apply(h, w, with);
    return {r[0], options.statistics.entropy ? r[1] : at::Tensor(), divergence ? r[2] : at::Tensor()};
  }
  const row_statistics of = log_probability_function::compute(cast(h, options), cast(w, options), with, nullptr);
  return {of.log_probability, of.entropy, of.divergence};
}

}  // namespace rto::llm
