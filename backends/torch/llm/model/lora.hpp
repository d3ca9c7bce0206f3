#pragma once
// Low-rank adapters in PEFT's file format.
#include <filesystem>
#include <string>
#include <vector>

#include "llm/model/language_model.hpp"

namespace rto::llm {

struct lora_options {
  std::int64_t rank = 8;
  double alpha = 16;
  /// The last parts of the names of linear maps (`q_proj`, `query_key_value`, `c_attn`); none: all but the head.
  std::vector<std::string> targets{};
  bool rank_stabilised = false;  // alpha / sqrt(rank) instead of alpha / rank
};

/// W + scale B A on some of a model's linear maps. One base carries any number of them: `adapted` gives a model that
/// shares the base's parameters, so that policy, reference (the base itself) and further models cost their adapters
/// only. \source E. Hu et al. 2021, arXiv 2106.09685; rank-stabilised: D. Kalajdzievski 2023, arXiv 2312.03732
class lora_adapter {
 public:
  /// A uniform in +-1/sqrt(in) (PEFT's Kaiming-uniform), B zero: at first the base itself; a function of the seed.
  /// The score head of a reward model is trained as it is, a part of base and adapter (PEFT's modules_to_save).
  /// \throws sim::user_error for a target that no linear map of the model has
  static lora_adapter initialize(const language_model& base, const lora_options& options, std::uint64_t seed);

  /// adapter_config.json and adapter_model.safetensors of a folder, in the base's device and `dtype`. A score head
  /// that the adapter brings is written over the base's.
  /// \throws sim::user_error for what is missing, does not fit the base, or is not supported (DoRA, trained biases,
  /// ...)
  static lora_adapter load(const language_model& base, const std::filesystem::path& folder,
                           at::ScalarType dtype = at::kFloat);

  /// Files that PEFT loads. \param base_name_or_path what they say of the base
  void save(const std::filesystem::path& folder, const std::string& base_name_or_path) const;

  /// Leaves, by PEFT's names.
  std::vector<named_parameter> parameters() const;
  void require_gradients(bool on);
  const lora_options& options() const { return options_; }
  double scale() const;

  /// A model of the base's own parameters to which this adapter is added.
  /// \pre `base` has the linear maps of the model that the adapter was made for
  language_model adapted(const language_model& base) const;
  /// A model with parameters W + scale B A of its own.
  language_model merged(const language_model& base) const;

 private:
  struct entry {
    std::string name;  // of the linear map
    at::Tensor a, b;
  };
  std::vector<entry> entries_;
  at::Tensor score_;  // the base's score head, where it has one
  lora_options options_;
  architecture family_ = architecture::llama;
  bool classifier_ = false;
};

/// Whether a folder holds an adapter in place of a model.
bool is_adapter(const std::filesystem::path& folder);

/// The folder of an adapter's base, by its adapter_config.json: as it is written there, or as seen from the adapter.
/// \throws sim::user_error where there is none
std::filesystem::path base_of_adapter(const std::filesystem::path& folder);

/// A model from its folder, or from an adapter's: the base with the adapter added.
/// \throws sim::user_error as language_model::load and lora_adapter::load
language_model load_with_adapter(const std::filesystem::path& folder, const load_options& options);

}  // namespace rto::llm
