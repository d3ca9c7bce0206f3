#pragma once
// Many answers, a few at a time: as many as a pass takes.
#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include "llm/data/preference_sample.hpp"

namespace rto::llm {

/// f(part) for consecutive parts of `size` answers, the last one shorter. \param size >= 1
template <class F> void for_each_part(std::span<const encoded_answer> answers, std::size_t size, const F& f) {
  for (std::size_t from = 0; from < answers.size(); from += size)
    f(answers.subspan(from, std::min(size, answers.size() - from)));
}

/// Prompts with their answers, as ids.
[[nodiscard]] inline std::vector<token_ids> texts_of(std::span<const encoded_answer> answers) {
  std::vector<token_ids> texts;
  for (const encoded_answer& a : answers) texts.push_back(a.ids);
  return texts;
}

}  // namespace rto::llm
