#pragma once
// A language model: a checkpoint's parameters by their names there, and what they compute of packed rows.
#include <filesystem>
#include <optional>

#include "llm/checkpoint/checkpoint.hpp"
#include "llm/model/decoder_layer.hpp"

namespace rto::llm {

using named_parameter = named_tensor;

/// Which head a loaded model gets.
enum class head_kind {
  stored,          // as the configuration says
  language_model,  // next-token logits; refused where the checkpoint has none
  score,           // one score a token; new where the checkpoint is a language model's
};

struct load_options {
  at::Device device = at::kCPU;
  at::ScalarType dtype = at::kFloat;  // 16-bit checkpoints are widened
  head_kind head = head_kind::stored;
  bool check_finite = false;  // refuses weights that are NaN or infinite; reads all of them
  std::uint64_t seed = 0;     // of a new score head
};

struct forward_options {
  /// Keeps only the input of every layer for the backward pass and computes the rest again there. For `backward()`;
  /// gradients of the parameters are added to them as the layers are gone through.
  bool recompute = false;
};

/// Parameters are leaves that change in place only (an optimiser's way); copies of a model share them, `clone` does
/// not. A model computes without dropout. It may be used by one thread at a time.
class language_model {
 public:
  /// A Hugging Face checkpoint, mapped where device and type are the file's. Missing prefixes (`gpt_neox.`, `model.`,
  /// `transformer.`) and buffers that are no parameters are as the Hub has them.
  /// \throws sim::user_error for what is missing, of another shape or type, or not of this architecture
  static language_model load(const std::filesystem::path& folder, const load_options& options = {});

  /// New weights as transformers begins: normal with `initializer_range`, biases 0, gains 1; a function of the seed.
  static language_model initialize(const model_config& config, std::uint64_t seed, at::Device device = at::kCPU,
                                   at::ScalarType dtype = at::kFloat);

  /// `config.json` and safetensors, which transformers and vLLM load. \param dtype of the file; default: the model's
  void save(const std::filesystem::path& folder, std::optional<at::ScalarType> dtype = {},
            std::uint64_t shard_bytes = 5'000'000'000) const;

  /// A copy with its own parameters, elsewhere or in another type.
  language_model clone(std::optional<at::Device> device = {}, std::optional<at::ScalarType> dtype = {}) const;

  const model_config& config() const { return config_; }
  at::Device device() const { return embedding_.device(); }
  at::ScalarType dtype() const { return embedding_.scalar_type(); }

  /// All parameters in the order of transformers; a tied head is the embedding and is not repeated.
  std::vector<named_parameter> parameters() const;
  std::int64_t parameter_count() const;
  void require_gradients(bool on);
  /// Products in this type over the parameters as they are (autocast: bf16 over fp32 master weights); none: theirs.
  void set_compute_type(std::optional<at::ScalarType> type);
  std::optional<at::ScalarType> compute_type() const { return layers_.front().attention_in.compute; }

  /// After the last norm, [tokens, hidden]. \throws std::invalid_argument for a row longer than the context or an id
  ///   out of range (ids are looked at on the CPU only)
  at::Tensor hidden_states(const packed_rows& rows, const forward_options& options = {}) const;
  /// The same for rows that go on in slots of a cache, which they extend; no gradients.
  at::Tensor extend(const packed_rows& rows, kv_cache& cache, const std::vector<std::int64_t>& slots) const;

  /// [tokens, vocabulary], in the type of the products. \pre a language model's head
  at::Tensor logits(const at::Tensor& hidden) const;
  /// [vocabulary, hidden]: the embedding where tied. \throws std::invalid_argument for a score head
  const at::Tensor& head_weight() const;
  /// [tokens] in float. \throws std::invalid_argument without a head of one label
  at::Tensor scores(const at::Tensor& hidden) const;
  const at::Tensor& score_weight() const;

  /// Every linear map but the head, layer by layer.
  std::vector<linear*> linears();
  std::vector<decoder_layer>& layers() { return layers_; }
  const std::vector<decoder_layer>& layers() const { return layers_; }

  /// Builds a model of what `source` gives: every way to have a model goes through it.
  language_model(model_config config, const parameter_source& source);

 private:
  at::Tensor run(const packed_rows& rows, const std::vector<std::int64_t>& past, layer_pass pass, bool recompute) const;
  void check(const packed_rows& rows, const std::vector<std::int64_t>& past) const;

  model_config config_;
  at::Tensor embedding_, position_embedding_;
  std::vector<decoder_layer> layers_;
  norm last_norm_;
  linear head_;             // over the embedding where tied
  at::Tensor frequencies_;  // [rotary_size/2] float
};

/// Copies tokenizer.json, tokenizer_config.json, special_tokens_map.json, chat_template.jinja, generation_config.json
/// and their like, where there are any, so that a saved model is whole.
void copy_companion_files(const std::filesystem::path& from, const std::filesystem::path& to);

}  // namespace rto::llm
