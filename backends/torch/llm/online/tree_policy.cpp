#include "llm/online/tree_policy.hpp"

#include <algorithm>
#include <stdexcept>

#include "llm/training/reward_objective.hpp"

namespace rto::llm {
namespace {

constexpr std::size_t rows_of_a_pass = 256;

// The text that leads to every state: prompt and tokens.
std::vector<token_ids> texts_of(const token_trie& tree, const std::vector<token_ids>& prompts) {
  if (tree.roots().size() != prompts.size())
    throw std::invalid_argument("rto::tree_log_policy: one prompt for each root of the tree");
  std::vector<token_ids> texts(static_cast<std::size_t>(tree.states()));
  for (std::size_t k = 0; k < prompts.size(); ++k) texts[static_cast<std::size_t>(tree.roots()[k])] = prompts[k];
  for (std::int64_t s = 0; s < tree.states(); ++s)
    for (std::int64_t a = 0; a < tree.actions(); ++a)
      if (const std::int64_t next = tree.child(s, a); next != token_trie::ended) {
        token_ids& text = texts[static_cast<std::size_t>(next)];
        text = texts[static_cast<std::size_t>(s)];
        text.push_back(static_cast<token_id>(a));
      }
  return texts;
}

void require_vocabulary(const language_model& model, const token_trie& tree) {
  if (model.config().vocabulary != tree.actions())
    throw std::invalid_argument("rto::tree_log_policy: the tree's tokens must be the model's vocabulary");
}

}  // namespace

at::Tensor tree_log_policy(const language_model& model, const token_trie& tree, const std::vector<token_ids>& prompts) {
  require_vocabulary(model, tree);
  const at::NoGradGuard no_gradients;
  const std::vector<token_ids> texts = texts_of(tree, prompts);
  at::Tensor policy = at::empty({tree.states(), tree.actions()}, at::TensorOptions(model.device()).dtype(at::kDouble));
  // Every state lies on the way to one without a successor, whose text gives all of them.
  std::vector<std::int64_t> parent(texts.size(), -1);
  std::vector<bool> goes_on(texts.size(), false);
  for (std::int64_t s = 0; s < tree.states(); ++s)
    for (std::int64_t a = 0; a < tree.actions(); ++a)
      if (const std::int64_t next = tree.child(s, a); next != token_trie::ended) {
        parent[static_cast<std::size_t>(next)] = s;
        goes_on[static_cast<std::size_t>(s)] = true;
      }
  std::vector<token_ids> rows;
  std::vector<std::int64_t> tokens, states;  // packed token that leads to a state, and the state
  std::int64_t start = 0;
  const auto flush = [&] {
    if (rows.empty()) return;
    const at::Tensor hidden = model.hidden_states(make_packed_rows(rows, model.device()));
    const at::Tensor chosen = hidden.index_select(0, at::tensor(tokens, at::kLong).to(model.device()));
    policy.index_copy_(0, at::tensor(states, at::kLong).to(model.device()),
                       at::log_softmax(model.logits(chosen).to(at::kDouble), 1));
    rows.clear(), tokens.clear(), states.clear();
    start = 0;
  };
  std::vector<bool> seen(texts.size(), false);
  for (std::size_t s = 0; s < texts.size(); ++s) {
    if (goes_on[s]) continue;
    rows.push_back(texts[s]);
    auto last = start + static_cast<std::int64_t>(texts[s].size()) - 1;
    for (auto at = static_cast<std::int64_t>(s); at >= 0 && !seen[static_cast<std::size_t>(at)];
         at = parent[static_cast<std::size_t>(at)]) {
      tokens.push_back(last--);
      states.push_back(at);
      seen[static_cast<std::size_t>(at)] = true;
    }
    start += static_cast<std::int64_t>(texts[s].size());
    if (rows.size() == rows_of_a_pass) flush();
  }
  flush();
  return policy;
}

at::Tensor tree_sequence_rewards(const language_model& reward, const token_trie& tree,
                                 const std::vector<token_ids>& prompts) {
  require_vocabulary(reward, tree);
  const at::NoGradGuard no_gradients;
  const std::vector<token_ids> texts = texts_of(tree, prompts);
  at::Tensor all =
      at::zeros({tree.states() * tree.actions(), 1}, at::TensorOptions(reward.device()).dtype(at::kDouble));
  std::vector<token_ids> rows;
  std::vector<std::int64_t> edges;
  const auto flush = [&] {
    if (rows.empty()) return;
    all.index_copy_(0, at::tensor(edges, at::kLong).to(reward.device()), text_rewards(reward, rows).to(at::kDouble));
    rows.clear(), edges.clear();
  };
  for (std::int64_t s = 0; s < tree.states(); ++s)
    for (std::int64_t a = 0; a < tree.actions(); ++a) {
      if (tree.child(s, a) != token_trie::ended) continue;
      rows.push_back(texts[static_cast<std::size_t>(s)]);
      rows.back().push_back(static_cast<token_id>(a));
      edges.push_back(s * tree.actions() + a);
      if (rows.size() == rows_of_a_pass) flush();
    }
  flush();
  return all.view({tree.states(), tree.actions()});
}

}  // namespace rto::llm
