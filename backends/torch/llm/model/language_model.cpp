#include "llm/model/language_model.hpp"

#include <fmt/format.h>
#include <torch/torch.h>

#include <algorithm>
#include <stdexcept>

#include "llm/model/recomputation.hpp"
#include "sim/io/file.hpp"

namespace rto::llm {
namespace {

struct outer_names {
  const char *embedding, *positions, *last_norm, *head;
};

outer_names names_of(architecture family) {
  switch (family) {
    case architecture::gpt_neox:
      return {"gpt_neox.embed_in", nullptr, "gpt_neox.final_layer_norm", "embed_out"};
    case architecture::gpt2:
      return {"transformer.wte", "transformer.wpe", "transformer.ln_f", "lm_head"};
    default:
      return {"model.embed_tokens", nullptr, "model.norm", "lm_head"};
  }
}

void add(std::vector<named_parameter>& all, const norm& n) {
  if (!n.defined()) return;
  all.push_back({n.name + ".weight", n.weight});
  if (n.bias.defined()) all.push_back({n.name + ".bias", n.bias});
}

void add(std::vector<named_parameter>& all, const linear& l) {
  for (const linear::part& p : l.parts()) {
    all.push_back({p.name + ".weight", p.weight});
    if (p.bias.defined()) all.push_back({p.name + ".bias", p.bias});
  }
}

// The orders in which transformers lists a layer's parameters.
void add(std::vector<named_parameter>& all, const decoder_layer& l, architecture family) {
  const auto list = [&](const auto&... parts) { (add(all, parts), ...); };
  if (family == architecture::gpt_neox)
    list(l.attention_norm, l.mlp_norm, l.attention_in, l.attention_out, l.mlp_in, l.mlp_out);
  else if (family == architecture::gpt2)
    list(l.attention_norm, l.attention_in, l.attention_out, l.mlp_norm, l.mlp_in, l.mlp_out);
  else
    list(l.attention_in, l.attention_out, l.query_norm, l.key_norm, l.mlp_in, l.mlp_out, l.attention_norm, l.mlp_norm);
}

}  // namespace

language_model::language_model(model_config config, const parameter_source& source) : config_(std::move(config)) {
  const model_config& c = config_;
  const outer_names names = names_of(c.family);
  const double deviation = c.initializer_range;
  embedding_ = source({std::string(names.embedding) + ".weight", {c.vocabulary, c.hidden}, 0, deviation});
  if (names.positions != nullptr)
    position_embedding_ = source({std::string(names.positions) + ".weight", {c.context, c.hidden}, 0, deviation});
  layers_.reserve(static_cast<std::size_t>(c.layers));
  for (std::int64_t i = 0; i < c.layers; ++i) layers_.emplace_back(c, i, source);
  last_norm_ = norm(names.last_norm, c.hidden, c.root_mean_square_norm(), c.norm_epsilon, source);
  if (c.labels > 0)
    head_ = linear({{{"score", c.labels}}, c.hidden, false, false, deviation}, source);
  else if (c.tied)
    head_ = linear({{{names.head, c.vocabulary}}, c.hidden, false, false, 0}, [&](const auto&) { return embedding_; });
  else
    head_ = linear({{{names.head, c.vocabulary}}, c.hidden, false, false, deviation}, source);
  if (c.rotary()) frequencies_ = at::tensor(rotary_frequencies(c), at::kDouble).to(at::kFloat).to(device());
}

std::vector<named_parameter> language_model::parameters() const {
  const outer_names names = names_of(config_.family);
  std::vector<named_parameter> all{{std::string(names.embedding) + ".weight", embedding_}};
  if (position_embedding_.defined()) all.push_back({std::string(names.positions) + ".weight", position_embedding_});
  for (const decoder_layer& l : layers_) add(all, l, config_.family);
  add(all, last_norm_);
  if (config_.labels > 0 || !config_.tied) add(all, head_);
  return all;
}

std::int64_t language_model::parameter_count() const {
  std::int64_t count = 0;
  for (const named_parameter& p : parameters()) count += p.tensor.numel();
  return count;
}

void language_model::require_gradients(bool on) {
  for (named_parameter& p : parameters()) p.tensor.set_requires_grad(on);
}

std::vector<linear*> language_model::linears() {
  std::vector<linear*> all;
  for (decoder_layer& l : layers_)
    for (linear* part : l.linears()) all.push_back(part);
  return all;
}

void language_model::set_compute_type(std::optional<at::ScalarType> type) {
  for (linear* l : linears()) l->compute = type;
  if (config_.labels == 0) head_.compute = type;  // scores stay in the type of the weights
}

void language_model::check(const packed_rows& rows, const std::vector<std::int64_t>& past) const {
  const auto fail = [](const std::string& what) { throw std::invalid_argument("rto::llm::language_model: " + what); };
  std::int64_t total = 0;
  for (std::size_t r = 0; r < rows.lengths.size(); ++r) {
    const std::int64_t n = rows.lengths[r], all = n + (past.empty() ? 0 : past[r]);
    if (n < 1) fail("a row must have a token");
    if (all > config_.context)
      fail(fmt::format("a row must have at most the {} tokens of the context, got {}", config_.context, all));
    total += n;
  }
  if (rows.ids.dim() != 1 || rows.ids.scalar_type() != at::kLong || rows.ids.size(0) != total)
    fail("ids must be [tokens] of int64, as many as the rows have");
  if (!rows.ids.is_cpu() || total == 0) return;
  const auto [least, most] = rows.ids.aminmax();
  if (least.item<std::int64_t>() < 0 || most.item<std::int64_t>() >= config_.vocabulary)
    fail(fmt::format("ids must be in [0, {}), got {} to {}", config_.vocabulary, least.item<std::int64_t>(),
                     most.item<std::int64_t>()));
}

at::Tensor language_model::run(const packed_rows& rows, const std::vector<std::int64_t>& past, layer_pass pass,
                               bool recompute) const {
  std::vector<std::int64_t> at_position;
  at_position.reserve(static_cast<std::size_t>(rows.tokens()));
  for (std::size_t r = 0; r < rows.lengths.size(); ++r)
    for (std::int64_t i = 0; i < rows.lengths[r]; ++i) at_position.push_back(i + (past.empty() ? 0 : past[r]));
  const at::Tensor positions = at::tensor(at_position, at::kLong).to(device());
  if (frequencies_.defined()) {
    const at::Tensor angles = at::outer(positions.to(at::kFloat), frequencies_);
    pass.cosine = angles.cos();
    pass.sine = angles.sin();
  }
  pass.groups = group_rows(rows.lengths);
  at::Tensor x = at::embedding(embedding_, rows.ids);
  if (position_embedding_.defined()) x = x + at::embedding(position_embedding_, positions);
  if (recompute && at::GradMode::is_enabled()) {
    const auto shared = std::make_shared<const layer_pass>(std::move(pass));
    for (const decoder_layer& l : layers_) x = recomputed(l, shared, x);
  } else {
    for (const decoder_layer& l : layers_) x = l(x, pass);
  }
  return last_norm_(x);
}

at::Tensor language_model::hidden_states(const packed_rows& rows, const forward_options& options) const {
  check(rows, {});
  return run(rows, {}, {}, options.recompute);
}

at::Tensor language_model::extend(const packed_rows& rows, kv_cache& cache,
                                  const std::vector<std::int64_t>& slots) const {
  const at::NoGradGuard no_gradients;
  layer_pass pass;
  pass.cache = &cache;
  pass.places = make_cache_places(rows, cache, slots);
  check(rows, pass.places.past);
  const std::vector<std::int64_t> past = pass.places.past;
  const at::Tensor hidden = run(rows, past, std::move(pass), false);
  for (std::size_t r = 0; r < slots.size(); ++r) cache.lengths[static_cast<std::size_t>(slots[r])] += rows.lengths[r];
  return hidden;
}

at::Tensor language_model::logits(const at::Tensor& hidden) const {
  head_weight();
  return head_(hidden);
}

const at::Tensor& language_model::head_weight() const {
  if (config_.labels > 0)
    throw std::invalid_argument("rto::llm::language_model: logits need a language model, got one with a score head");
  return head_.parts().front().weight;
}

at::Tensor language_model::scores(const at::Tensor& hidden) const {
  score_weight();
  return head_(hidden.to(dtype())).squeeze(1).to(at::kFloat);
}

const at::Tensor& language_model::score_weight() const {
  if (config_.labels != 1)
    throw std::invalid_argument(
        fmt::format("rto::llm::language_model: scores need a head of one label, got one of {}", config_.labels));
  return head_.parts().front().weight;
}

}  // namespace rto::llm
