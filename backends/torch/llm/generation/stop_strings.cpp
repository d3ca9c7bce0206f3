#include "llm/generation/stop_strings.hpp"

#include <algorithm>

namespace rto::llm {

std::string answer_text::take(const std::string& piece) {
  if (stopped_) return {};
  held_ += piece;
  std::size_t first = std::string::npos;
  for (const std::string& stop : stops_) first = std::min(first, held_.find(stop));
  std::string certain;
  if (first != std::string::npos) {
    stopped_ = true;
    certain = held_.substr(0, first);
    held_.clear();
    return certain;
  }
  // The longest end of the text that begins a stop string waits.
  std::size_t waiting = 0;
  for (const std::string& stop : stops_)
    for (std::size_t n = std::min(stop.size() - 1, held_.size()); n > waiting; --n)
      if (held_.ends_with(std::string_view(stop).substr(0, n))) waiting = n;
  certain = held_.substr(0, held_.size() - waiting);
  held_.erase(0, certain.size());
  return certain;
}

std::string answer_text::finish() {
  std::string rest = take(stream_.finish());
  rest += held_;
  held_.clear();
  return rest;
}

}  // namespace rto::llm
