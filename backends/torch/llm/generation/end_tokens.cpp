#include "llm/generation/end_tokens.hpp"

#include <set>

#include "sim/io/json.hpp"

namespace rto::llm {

std::vector<token_id> end_tokens(const std::filesystem::path& folder, const model_config& config,
                                 const tokenizer& words) {
  std::set<token_id> all(config.end_tokens.begin(), config.end_tokens.end());
  if (words.eos()) all.insert(*words.eos());
  const std::filesystem::path file = folder / "generation_config.json";
  if (std::filesystem::exists(file)) {
    const sim::json generation = sim::read_json(file);
    const auto eos = generation.is_object() ? generation.find("eos_token_id") : generation.end();
    if (eos != generation.end())
      for (const sim::json& id : eos->is_array() ? *eos : sim::json::array({*eos}))
        if (id.is_number_integer()) all.insert(id.get<token_id>());
  }
  return {all.begin(), all.end()};
}

}  // namespace rto::llm
