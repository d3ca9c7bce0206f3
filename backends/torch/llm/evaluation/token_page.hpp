#pragma once
// Rewards of tokens as a page: every token in the colour of its reward.
#include <string>
#include <vector>

namespace rto::llm {

/// One answer's tokens under one reward.
struct shaded_tokens {
  std::string reward;               ///< what it is called
  std::vector<std::string> tokens;  ///< texts
  std::vector<double> rewards;      ///< one for each
};

struct shaded_answer {
  std::string title;                    ///< "preferred", ...
  std::vector<shaded_tokens> shadings;  ///< one for each reward
};

struct shaded_sample {
  std::string prompt;
  std::vector<shaded_answer> answers;
};

/// One self-contained HTML page. Green is a positive reward, red a negative one; full colour is the 95 % quantile of
/// the reward's absolute values on the page. \param title plain text, as all texts
std::string token_page(const std::string& title, const std::vector<shaded_sample>& samples);

}  // namespace rto::llm
