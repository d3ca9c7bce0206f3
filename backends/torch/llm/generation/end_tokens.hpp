#pragma once
// What ends a text, by a model's and its tokenizer's files.
#include <filesystem>
#include <vector>

#include "llm/checkpoint/model_config.hpp"
#include "llm/text/tokenizer.hpp"

namespace rto::llm {

/// The end tokens of `config.json`, of `generation_config.json` where there is one, and of the tokenizer, each once.
/// \param folder of the checkpoint. \throws sim::user_error for a file that is not JSON
std::vector<token_id> end_tokens(const std::filesystem::path& folder, const model_config& config,
                                 const tokenizer& words);

}  // namespace rto::llm
