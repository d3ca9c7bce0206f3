#pragma once
// What a `config.json` says of a language model, in one form for all architectures and both dialects of the file.
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "llm/text/token.hpp"
#include "sim/io/json.hpp"

namespace rto::llm {

enum class architecture { gpt_neox, llama, qwen2, qwen3, gpt2 };
/// How positions enter: rotary frequencies as they are, divided by a factor, divided by wavelength (Llama 3), or
/// learned vectors (GPT-2).
enum class position_kind { rotary, rotary_linear, rotary_llama3, learned };
enum class activation { gelu, gelu_tanh, silu };

/// \source the configuration classes of transformers 4 and 5
struct model_config {
  architecture family = architecture::llama;
  std::int64_t vocabulary = 0, hidden = 0, layers = 0, heads = 0;
  std::int64_t key_value_heads = 0;  // = heads but for grouped-query attention
  std::int64_t head_size = 0, intermediate = 0;
  std::int64_t context = 0;  // most positions
  activation act = activation::silu;
  double norm_epsilon = 1e-5, initializer_range = 0.02;
  bool parallel_residual = false;  // x + attention(norm x) + mlp(norm x)
  bool attention_input_bias = false, attention_output_bias = false, mlp_bias = false;
  bool tied = false;  // the head is the embedding

  position_kind positions = position_kind::rotary;
  double rope_theta = 10000, rope_factor = 1, rope_low_frequency_factor = 1, rope_high_frequency_factor = 4;
  std::int64_t rope_original_context = 0;
  std::int64_t rotary_size = 0;  // rotated dimensions of a head, even

  token_id begin_token = -1, padding_token = -1;  // -1: none
  std::vector<token_id> end_tokens;               // any of them ends a text; `generation_config.json` may say more
  std::int64_t labels = 0;                        // > 0: a sequence-classification head of so many scores
  std::string dtype = "float32";                  // of the stored weights: float32, float16, bfloat16

  /// The file as it was read, so that what is of no meaning here is written back; null for a new model.
  sim::ordered_json source;

  bool gated_mlp() const { return family != architecture::gpt_neox && family != architecture::gpt2; }
  bool root_mean_square_norm() const { return gated_mlp(); }
  bool query_key_norm() const { return family == architecture::qwen3; }
  bool rotary() const { return positions != position_kind::learned; }
};

/// `gpt_neox`, `llama`, `qwen2`, `qwen3`, `gpt2`: model_type of the file.
std::string to_string(architecture family);
std::string to_string(activation act);
/// `LlamaForCausalLM`, `GPT2ForSequenceClassification`, ...: the class of transformers.
std::string class_name(architecture family, bool classifier);

/// The configuration that a JSON text describes. \param file names it in messages
/// \throws sim::user_error `config.json: model_type: ...` for an architecture or an option that is not supported, by
///   its name, and for a value that is absent, of the wrong kind, not finite or out of range
model_config parse_model_config(const std::string& text, const std::string& file);

/// Reads `config.json` of a folder. \throws sim::user_error also where it is missing
model_config read_model_config(const std::filesystem::path& folder);

/// The JSON that transformers (4 and 5) and vLLM read: `source` with the fields that differ from it replaced, in the
/// dialect of the source; for a new model in that of transformers 4, which both read.
sim::ordered_json to_json(const model_config& config);

}  // namespace rto::llm
