#include "llm/checkpoint/model_config.hpp"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <cstdlib>
#include <optional>

#include "llm/checkpoint/config_fields.hpp"
#include "sim/io/error.hpp"
#include "sim/io/file.hpp"

namespace rto::llm {
namespace {

using sim::ordered_json;

struct family_name {
  architecture family;
  const char *model_type, *class_stem;
};
constexpr std::array<family_name, 5> families{{{architecture::gpt_neox, "gpt_neox", "GPTNeoX"},
                                               {architecture::llama, "llama", "Llama"},
                                               {architecture::qwen2, "qwen2", "Qwen2"},
                                               {architecture::qwen3, "qwen3", "Qwen3"},
                                               {architecture::gpt2, "gpt2", "GPT2"}}};

const family_name& name_of(architecture family) {
  for (const family_name& f : families)
    if (f.family == family) return f;
  std::abort();
}

architecture read_family(const config_fields& in, bool& classifier) {
  const std::string type = in.text("model_type");
  const family_name* found = nullptr;
  for (const family_name& f : families)
    if (type == f.model_type) found = &f;
  if (found == nullptr)
    in.fail("model_type",
            fmt::format("expected gpt_neox, llama, qwen2, qwen3 or gpt2, found \"{}\", which is not supported", type));
  classifier = false;
  if (!in.has("architectures")) return found->family;
  const std::string name = in.one_text("architectures"), stem = found->class_stem;
  if (name == class_name(found->family, true))
    classifier = true;
  else if (name != class_name(found->family, false) && name != stem + "Model")
    in.fail("architectures", fmt::format("expected {} or {}, found \"{}\", which is not supported",
                                         class_name(found->family, false), class_name(found->family, true), name));
  return found->family;
}

activation read_activation(const config_fields& in, const char* field, const char* otherwise) {
  const std::string name = in.has(field) ? in.text(field) : otherwise;
  if (name == "gelu") return activation::gelu;
  if (name == "gelu_new" || name == "gelu_fast" || name == "gelu_pytorch_tanh") return activation::gelu_tanh;
  if (name == "silu" || name == "swish") return activation::silu;
  in.fail(
      field,
      fmt::format("expected gelu, gelu_new, gelu_fast, gelu_pytorch_tanh or silu, found \"{}\", which is not supported",
                  name));
}

// What would change the numbers and is not built. Dropout is not among it: like all trainers of preferences we use
// none.
void refuse_unsupported(const config_fields& in, const model_config& c) {
  if (in.has("quantization_config")) in.fail("quantization_config", "quantized weights are not supported");
  for (const char* field : {"add_cross_attention", "is_encoder_decoder", "scale_attn_by_inverse_layer_idx"})
    if (in.flag_or(field, false)) in.fail(field, "true is not supported");
  if (!in.flag_or("scale_attn_weights", true)) in.fail("scale_attn_weights", "false is not supported");
  if (c.family != architecture::gpt_neox && in.number_or("partial_rotary_factor", 1, 0, 1) != 1)
    in.fail("partial_rotary_factor", "rotating a part of a head is supported for gpt_neox only");
  // A window at least as long as the context is none.
  const bool windowed =
      c.family == architecture::qwen2 || c.family == architecture::qwen3
          ? in.flag_or("use_sliding_window", false) && in.integer_or("max_window_layers", 0, 0, 1'000'000) < c.layers
          : true;
  const bool matters = in.has("sliding_window") && in.integer("sliding_window", 1, config_fields::large) < c.context;
  if (windowed && matters)
    in.fail("sliding_window", "attention within a window shorter than the context is not supported");
  if (in.has("layer_types"))
    for (const std::string& type : in.texts("layer_types"))
      if (type != "full_attention" && (type != "sliding_attention" || matters || !in.has("sliding_window")))
        in.fail("layer_types", fmt::format("expected full_attention, found \"{}\", which is not supported", type));
}

void read_rope(const config_fields& in, model_config& c) {
  // transformers 5 has one object, 4 has fields and an object only where frequencies are changed.
  const std::optional<config_fields> five = in.object("rope_parameters"), four = in.object("rope_scaling");
  double fraction = c.family == architecture::gpt_neox ? 0.25 : 1.0;
  if (in.has("rope_theta")) c.rope_theta = in.number("rope_theta", 1, 1e12);
  if (in.has("rotary_emb_base")) c.rope_theta = in.number("rotary_emb_base", 1, 1e12);
  if (in.has("rotary_pct")) fraction = in.number("rotary_pct", 0, 1);
  if (five) {
    c.rope_theta = five->number_or("rope_theta", c.rope_theta, 1, 1e12);
    fraction = five->number_or("partial_rotary_factor", fraction, 0, 1);
    if (c.family != architecture::gpt_neox && fraction != 1)
      five->fail("partial_rotary_factor", "rotating a part of a head is supported for gpt_neox only");
  }
  c.rotary_size = static_cast<std::int64_t>(static_cast<double>(c.head_size) * fraction);
  if (c.rotary_size < 2 || c.rotary_size % 2 != 0)
    in.fail(five ? "rope_parameters" : "head_dim",
            fmt::format("expected an even number of rotated dimensions, found {}", c.rotary_size));
  const std::optional<config_fields>& scaling = five ? five : four;
  if (!scaling) return;
  const char* key = scaling->has("rope_type") ? "rope_type" : "type";
  const std::string type = scaling->has(key) ? scaling->text(key) : "default";
  if (type == "default") return;
  c.rope_factor = scaling->number("factor", 1e-3, 1e6);
  if (type == "linear") {
    c.positions = position_kind::rotary_linear;
  } else if (type == "llama3") {
    c.positions = position_kind::rotary_llama3;
    c.rope_low_frequency_factor = scaling->number("low_freq_factor", 1e-6, 1e6);
    c.rope_high_frequency_factor = scaling->number("high_freq_factor", 1e-6, 1e6);
    c.rope_original_context = scaling->integer("original_max_position_embeddings", 1, config_fields::large);
    if (!(c.rope_high_frequency_factor > c.rope_low_frequency_factor))
      scaling->fail("high_freq_factor", "expected more than low_freq_factor");
  } else {
    scaling->fail(key, fmt::format("expected default, linear or llama3, found \"{}\", which is not supported", type));
  }
}

void read_sizes(const config_fields& in, model_config& c) {
  constexpr std::int64_t most = 1 << 20;
  const bool gpt2 = c.family == architecture::gpt2;
  c.vocabulary = in.integer("vocab_size", 1, 1 << 26);
  c.hidden = in.integer(gpt2 ? "n_embd" : "hidden_size", 1, most);
  c.layers = in.integer(gpt2 ? "n_layer" : "num_hidden_layers", 1, 10000);
  c.heads = in.integer(gpt2 ? "n_head" : "num_attention_heads", 1, most);
  c.context = in.integer(gpt2 ? "n_positions" : "max_position_embeddings", 1, config_fields::large);
  c.intermediate =
      gpt2 ? in.integer_or("n_inner", 4 * c.hidden, 1, 4 * most) : in.integer("intermediate_size", 1, 4 * most);
  c.key_value_heads = gpt2 ? c.heads : in.integer_or("num_key_value_heads", c.heads, 1, c.heads);
  if (c.heads % c.key_value_heads != 0)
    in.fail("num_key_value_heads",
            fmt::format("expected a divisor of the {} heads, found {}", c.heads, c.key_value_heads));
  if (c.gated_mlp() && in.has("head_dim")) {
    c.head_size = in.integer("head_dim", 1, 1 << 16);
  } else if (c.family == architecture::qwen3) {
    c.head_size = 128;  // its default, whatever the number of heads
  } else {
    if (c.hidden % c.heads != 0)
      in.fail(gpt2 ? "n_embd" : "hidden_size",
              fmt::format("expected a multiple of the {} heads, found {}", c.heads, c.hidden));
    c.head_size = c.hidden / c.heads;
  }
}

/// What transformers takes for special tokens that a file does not mention; -1: none.
std::pair<token_id, token_id> usual_begin_and_end(architecture family) {
  switch (family) {
    case architecture::gpt_neox:
      return {0, 2};
    case architecture::llama:
      return {1, 2};
    case architecture::gpt2:
      return {50256, 50256};
    default:
      return {-1, -1};
  }
}

void read_tokens(const config_fields& in, model_config& c) {
  // Ids that the vocabulary has not are harmless: no text has them.
  constexpr token_id most = (std::int64_t{1} << 31) - 1;
  const auto [begin, end] = usual_begin_and_end(c.family);
  const auto one = [&](const char* field, token_id usual) {
    if (in.has(field)) return in.integer(field, -1, most);
    return in.mentions(field) || usual >= c.vocabulary ? -1 : usual;
  };
  c.begin_token = one("bos_token_id", begin);
  c.padding_token = one("pad_token_id", -1);
  c.end_tokens = in.has("eos_token_id") ? in.integers("eos_token_id", -1, most) : std::vector{one("eos_token_id", end)};
  std::erase(c.end_tokens, -1);
}

}  // namespace

std::string to_string(architecture family) { return name_of(family).model_type; }

std::string class_name(architecture family, bool classifier) {
  const char* kind = classifier                     ? "ForSequenceClassification"
                     : family == architecture::gpt2 ? "LMHeadModel"
                                                    : "ForCausalLM";
  return std::string(name_of(family).class_stem) + kind;
}

std::string to_string(activation act) {
  return act == activation::gelu ? "gelu" : act == activation::gelu_tanh ? "gelu_new" : "silu";
}

model_config parse_model_config(const std::string& text, const std::string& file) {
  model_config c;
  c.source = sim::parse_ordered_json(text, file);
  const config_fields in(c.source, file, "");
  bool classifier = false;
  c.family = read_family(in, classifier);
  read_sizes(in, c);
  const bool neox = c.family == architecture::gpt_neox, gpt2 = c.family == architecture::gpt2;
  c.act = read_activation(in, gpt2 ? "activation_function" : "hidden_act", gpt2 ? "gelu_new" : neox ? "gelu" : "silu");
  c.norm_epsilon = in.number_or(gpt2   ? "layer_norm_epsilon"
                                : neox ? "layer_norm_eps"
                                       : "rms_norm_eps",
                                c.root_mean_square_norm() ? 1e-6 : 1e-5, 0, 1);
  c.initializer_range = in.number_or("initializer_range", 0.02, 0, 10);
  c.parallel_residual = neox && in.flag_or("use_parallel_residual", true);
  const bool attention_bias = in.flag_or("attention_bias", neox);
  c.attention_input_bias = gpt2 || c.family == architecture::qwen2 || attention_bias;
  c.attention_output_bias = gpt2 || (c.family != architecture::qwen2 && attention_bias);
  c.mlp_bias = gpt2 || neox || (c.family == architecture::llama && in.flag_or("mlp_bias", false));
  c.tied = in.flag_or("tie_word_embeddings", gpt2);
  if (gpt2)
    c.positions = position_kind::learned;
  else
    read_rope(in, c);
  read_tokens(in, c);
  const char* dtype = in.has("dtype") ? "dtype" : "torch_dtype";
  if (in.has(dtype)) c.dtype = in.text(dtype);
  if (c.dtype != "float32" && c.dtype != "float16" && c.dtype != "bfloat16")
    in.fail(dtype, fmt::format("expected float32, float16 or bfloat16, found \"{}\"", c.dtype));
  if (classifier) c.labels = in.has("id2label") ? in.size_of("id2label") : in.integer_or("num_labels", 2, 1, 1 << 20);
  refuse_unsupported(in, c);
  return c;
}

model_config read_model_config(const std::filesystem::path& folder) {
  const std::filesystem::path file = folder / "config.json";
  return parse_model_config(sim::read_file(file), file.string());
}

}  // namespace rto::llm
