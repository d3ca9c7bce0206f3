#include "sim/data/dialogue.hpp"

#include <algorithm>

namespace rto::sim {
namespace {

constexpr std::string_view human = "\n\nHuman:", assistant = "\n\nAssistant:";

}  // namespace

std::size_t shared_prompt(std::string_view first, std::string_view second) {
  const auto differ = std::mismatch(first.begin(), first.end(), second.begin(), second.end()).first;
  const std::string_view shared = first.substr(0, static_cast<std::size_t>(differ - first.begin()));
  const std::size_t at = shared.rfind(assistant);
  return at == std::string_view::npos ? at : at + assistant.size();
}

std::vector<dialogue_turn> dialogue_turns(std::string_view dialogue) {
  std::vector<dialogue_turn> turns;
  while (!dialogue.empty()) {
    const bool reply = dialogue.starts_with(assistant);
    if (!reply && !dialogue.starts_with(human)) return {};
    dialogue.remove_prefix(reply ? assistant.size() : human.size());
    const std::size_t end = std::min({dialogue.find(human), dialogue.find(assistant), dialogue.size()});
    turns.push_back({reply, dialogue.substr(0, end)});
    dialogue.remove_prefix(end);
  }
  return turns;
}

}  // namespace rto::sim
