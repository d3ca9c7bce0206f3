// The other direction: a configuration as the JSON that transformers and vLLM read.
#include "llm/checkpoint/model_config.hpp"

namespace rto::llm {
namespace {

using sim::ordered_json;

void put_sizes(const model_config& c, ordered_json& out) {
  const bool gpt2 = c.family == architecture::gpt2;
  out["vocab_size"] = c.vocabulary;
  out[gpt2 ? "n_positions" : "max_position_embeddings"] = c.context;
  out[gpt2 ? "n_embd" : "hidden_size"] = c.hidden;
  out[gpt2 ? "n_layer" : "num_hidden_layers"] = c.layers;
  out[gpt2 ? "n_head" : "num_attention_heads"] = c.heads;
  out[gpt2 ? "n_inner" : "intermediate_size"] = c.intermediate;
  out[gpt2 ? "activation_function" : "hidden_act"] = to_string(c.act);
  out["initializer_range"] = c.initializer_range;
  out["tie_word_embeddings"] = c.tied;
  switch (c.family) {
    case architecture::gpt2:
      out["layer_norm_epsilon"] = c.norm_epsilon;
      break;
    case architecture::gpt_neox:
      out["layer_norm_eps"] = c.norm_epsilon;
      out["use_parallel_residual"] = c.parallel_residual;
      out["attention_bias"] = c.attention_input_bias;
      out["rotary_pct"] = static_cast<double>(c.rotary_size) / static_cast<double>(c.head_size);
      out["rotary_emb_base"] = c.rope_theta;
      break;
    case architecture::llama:
    case architecture::qwen2:
    case architecture::qwen3:
      out["rms_norm_eps"] = c.norm_epsilon;
      out["num_key_value_heads"] = c.key_value_heads;
      out["head_dim"] = c.head_size;
      out["rope_theta"] = c.rope_theta;
      if (c.family != architecture::qwen2) out["attention_bias"] = c.attention_input_bias;
      if (c.family == architecture::llama) out["mlp_bias"] = c.mlp_bias;
      break;
  }
  if (c.positions == position_kind::rotary_linear)
    out["rope_scaling"] = {{"rope_type", "linear"}, {"factor", c.rope_factor}};
  if (c.positions == position_kind::rotary_llama3)
    out["rope_scaling"] = {{"rope_type", "llama3"},
                           {"factor", c.rope_factor},
                           {"low_freq_factor", c.rope_low_frequency_factor},
                           {"high_freq_factor", c.rope_high_frequency_factor},
                           {"original_max_position_embeddings", c.rope_original_context}};
}

ordered_json token_or_null(token_id id) { return id < 0 ? ordered_json() : ordered_json(id); }

}  // namespace

sim::ordered_json to_json(const model_config& c) {
  ordered_json out = c.source;
  if (out.is_null()) {
    out = ordered_json::object();
    out["architectures"] = ordered_json::array();
    out["model_type"] = to_string(c.family);
    put_sizes(c, out);
    out["use_cache"] = true;
  }
  // What a program changes: the head, the type of the weights, special tokens.
  out["architectures"] = ordered_json::array({class_name(c.family, c.labels > 0)});
  out["vocab_size"] = c.vocabulary;
  out[out.contains("dtype") ? "dtype" : "torch_dtype"] = c.dtype;
  // null, so that transformers does not take its usual ones where there are none.
  out["bos_token_id"] = token_or_null(c.begin_token);
  if (c.end_tokens.size() == 1)
    out["eos_token_id"] = c.end_tokens.front();
  else
    out["eos_token_id"] = c.end_tokens.empty() ? ordered_json() : ordered_json(c.end_tokens);
  out["pad_token_id"] = token_or_null(c.padding_token);
  out.erase("num_labels");
  const bool named = out.contains("id2label") && static_cast<std::int64_t>(out["id2label"].size()) == c.labels;
  if (named) return out;
  for (const char* field : {"id2label", "label2id"}) out.erase(field);
  for (std::int64_t i = 0; i < c.labels; ++i) {
    const std::string label = "LABEL_" + std::to_string(i);
    out["id2label"][std::to_string(i)] = label;
    out["label2id"][label] = i;
  }
  return out;
}

}  // namespace rto::llm
