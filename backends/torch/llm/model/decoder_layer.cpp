#include "llm/model/decoder_layer.hpp"

#include <fmt/format.h>
#include <torch/torch.h>

#include <cmath>

namespace rto::llm {
namespace {

/// The names of a layer's parts, as the checkpoints of an architecture have them.
struct layer_names {
  std::string attention_norm, mlp_norm, attention_out, mlp_out;
  std::vector<std::string> attention_in, mlp_in;
};

layer_names names_of(architecture family, std::int64_t layer) {
  switch (family) {
    case architecture::gpt_neox: {
      const std::string p = fmt::format("gpt_neox.layers.{}.", layer);
      return {p + "input_layernorm",   p + "post_attention_layernorm",    p + "attention.dense",
              p + "mlp.dense_4h_to_h", {p + "attention.query_key_value"}, {p + "mlp.dense_h_to_4h"}};
    }
    case architecture::gpt2: {
      const std::string p = fmt::format("transformer.h.{}.", layer);
      return {p + "ln_1", p + "ln_2", p + "attn.c_proj", p + "mlp.c_proj", {p + "attn.c_attn"}, {p + "mlp.c_fc"}};
    }
    default: {
      const std::string p = fmt::format("model.layers.{}.", layer), a = p + "self_attn.";
      return {p + "input_layernorm",
              p + "post_attention_layernorm",
              a + "o_proj",
              p + "mlp.down_proj",
              {a + "q_proj", a + "k_proj", a + "v_proj"},
              {p + "mlp.gate_proj", p + "mlp.up_proj"}};
    }
  }
}

}  // namespace

decoder_layer::decoder_layer(const model_config& c, std::int64_t number, const parameter_source& source)
    : number_(static_cast<std::size_t>(number)),
      layout_{c.heads, c.key_value_heads, c.head_size, c.family == architecture::gpt_neox},
      act_(c.act),
      parallel_(c.parallel_residual),
      gated_(c.gated_mlp()) {
  const layer_names names = names_of(c.family, number);
  const bool rms = c.root_mean_square_norm(), transposed = c.family == architecture::gpt2;
  // GPT-2 begins with smaller weights on the way back into the residual stream.
  const double deviation = c.initializer_range;
  const double out_deviation = transposed ? deviation / std::sqrt(2.0 * static_cast<double>(c.layers)) : deviation;
  const std::int64_t q = c.heads * c.head_size, kv = c.key_value_heads * c.head_size;
  const auto in_parts = [&](const std::vector<std::string>& n, const std::vector<std::int64_t>& sizes) {
    std::vector<std::pair<std::string, std::int64_t>> parts;
    if (n.size() == 1) {
      std::int64_t total = 0;
      for (const std::int64_t s : sizes) total += s;
      return std::vector<std::pair<std::string, std::int64_t>>{{n.front(), total}};
    }
    for (std::size_t i = 0; i < n.size(); ++i) parts.emplace_back(n[i], sizes[i]);
    return parts;
  };
  attention_norm = norm(names.attention_norm, c.hidden, rms, c.norm_epsilon, source);
  attention_in = linear(
      {in_parts(names.attention_in, {q, kv, kv}), c.hidden, c.attention_input_bias, transposed, deviation}, source);
  if (c.query_key_norm()) {
    const std::string prefix = names.attention_out.substr(0, names.attention_out.rfind('.') + 1);
    query_norm = norm(prefix + "q_norm", c.head_size, true, c.norm_epsilon, source);
    key_norm = norm(prefix + "k_norm", c.head_size, true, c.norm_epsilon, source);
  }
  attention_out =
      linear({{{names.attention_out, c.hidden}}, q, c.attention_output_bias, transposed, out_deviation}, source);
  mlp_norm = norm(names.mlp_norm, c.hidden, rms, c.norm_epsilon, source);
  const std::vector<std::int64_t> widths =
      gated_ ? std::vector{c.intermediate, c.intermediate} : std::vector{c.intermediate};
  mlp_in = linear({in_parts(names.mlp_in, widths), c.hidden, c.mlp_bias, transposed, deviation}, source);
  mlp_out = linear({{{names.mlp_out, c.hidden}}, c.intermediate, c.mlp_bias, transposed, out_deviation}, source);
}

at::Tensor decoder_layer::attention(const at::Tensor& x, const layer_pass& pass) const {
  at::Tensor qkv = attention_in(x);
  const std::int64_t tokens = qkv.size(0), heads = layout_.heads, kv_heads = layout_.key_value_heads;
  const auto split = [&](const at::Tensor& all) -> std::vector<at::Tensor> {
    if (layout_.by_head) return all.view({tokens, heads, 3, layout_.head_size}).unbind(2);
    return all.view({tokens, layout_.vectors(), layout_.head_size}).split_with_sizes({heads, kv_heads, kv_heads}, 1);
  };
  if (query_norm.defined()) {
    const std::vector<at::Tensor> before = split(qkv);
    qkv = at::cat({query_norm(before[0]), key_norm(before[1]), before[2]}, 1);
  }
  if (pass.cosine.defined()) qkv = rotate(qkv, pass.cosine, pass.sine, layout_);
  const std::vector<at::Tensor> parts = split(qkv);
  if (pass.cache == nullptr) return attention_out(causal_attention(parts[0], parts[1], parts[2], pass.groups));
  store(parts[1], parts[2], pass.places, *pass.cache, number_);
  return attention_out(pass.places.fresh ? causal_attention(parts[0], parts[1], parts[2], pass.groups)
                                         : cached_attention(parts[0], pass.places, *pass.cache, number_));
}

at::Tensor decoder_layer::mlp(const at::Tensor& x) const {
  const at::Tensor y = mlp_in(x);
  const auto activated = [&](const at::Tensor& z) {
    return act_ == activation::silu ? at::silu(z) : at::gelu(z, act_ == activation::gelu ? "none" : "tanh");
  };
  if (!gated_) return mlp_out(activated(y));
  const std::vector<at::Tensor> halves = y.chunk(2, 1);
  return mlp_out(activated(halves[0]) * halves[1]);
}

at::Tensor decoder_layer::operator()(const at::Tensor& x, const layer_pass& pass) const {
  const at::Tensor attended = attention(attention_norm(x), pass);
  if (parallel_) return x + attended + mlp(mlp_norm(x));
  const at::Tensor y = x + attended;
  return y + mlp(mlp_norm(y));
}

}  // namespace rto::llm
