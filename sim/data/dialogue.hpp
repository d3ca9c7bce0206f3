#pragma once
// Dialogues as one text, as HH-RLHF writes them: turns that begin with "\n\nHuman:" and "\n\nAssistant:".
#include <cstddef>
#include <string_view>
#include <vector>

namespace rto::sim {

/// Length of the longest text that both dialogues begin with and that ends in "\n\nAssistant:": their prompt. Of a
/// dialogue and itself: all before its last reply. `npos` where there is none.
/// \source Bai et al. 2022 (arXiv 2204.05862), the data's README
std::size_t shared_prompt(std::string_view first, std::string_view second);

struct dialogue_turn {
  bool assistant = false;
  std::string_view text;  // what follows the mark
};

/// The turns of a dialogue; empty when it does not begin with a mark.
std::vector<dialogue_turn> dialogue_turns(std::string_view dialogue);

}  // namespace rto::sim
