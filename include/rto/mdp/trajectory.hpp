// Trajectories: what one run of a policy leaves behind, and how to draw one.
#pragma once

#include <concepts>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <rto/mdp/token_mdp.hpp>

namespace rto {

/// Why a trajectory ended.
enum class finish_reason {
  unfinished,       // it has not: the last state is not terminal
  end_of_sequence,  // before H tokens: the end-of-sequence token, or an edge that leads nowhere
  length,           // at H tokens
};

/// A response: prompt, tokens y_1 .. y_T, 0 <= T <= H, and why it ended.
struct trajectory {
  std::int64_t prompt = 0;  // place in the model's list of start states
  std::vector<std::int64_t> tokens;
  finish_reason finish = finish_reason::unfinished;
};

/// A trajectory with the states s_1 .. s_T in which its tokens were chosen.
template <class State> struct visited_trajectory {
  trajectory response;
  std::vector<State> states;
};

namespace detail {
inline finish_reason reason_of(bool terminal, std::size_t length, std::int64_t horizon) {
  if (!terminal) return finish_reason::unfinished;
  return static_cast<std::int64_t>(length) >= horizon ? finish_reason::length : finish_reason::end_of_sequence;
}
}  // namespace detail

/// Draws s_1 ~ rho_0, then y_h ~ pi(.|s_h) until the trajectory ends.
/// \param policy callable (state, rng) -> token; `tabular_sampler` and `log_policy_sampler` make one of
/// log-probabilities
/// \throws std::runtime_error when a model goes on after its own horizon
/// \cost T draws
template <GenerativeTokenMdp Mdp, class Policy, class URBG>
requires std::invocable < Policy&, const state_t<Mdp>
&, URBG& >
       [[nodiscard]] visited_trajectory<state_t<Mdp>> sample_trajectory(const Mdp& mdp, Policy&& policy, URBG& rng) {
  auto [state, prompt] = draw_start(mdp, rng);
  visited_trajectory<state_t<Mdp>> path;
  path.response.prompt = prompt;
  while (!mdp.is_terminal(state)) {
    if (static_cast<std::int64_t>(path.states.size()) >= mdp.horizon())
      throw std::runtime_error("rto::sample_trajectory: a state after horizon() tokens must be terminal");
    const std::int64_t token = policy(std::as_const(state), rng);
    path.states.push_back(state);
    path.response.tokens.push_back(token);
    state = draw_next(mdp, path.states.back(), token, rng);
  }
  path.response.finish = detail::reason_of(true, path.states.size(), mdp.horizon());
  return path;
}

/// The states that the tokens visit from start state `prompt`, by `append`; the finish reason says whether they end the
/// trajectory.
/// \throws std::invalid_argument for a prompt or token out of range, or a token after the end
template <TokenMdp Mdp>
[[nodiscard]] visited_trajectory<state_t<Mdp>> replay(const Mdp& mdp, std::int64_t prompt,
                                                      const std::vector<std::int64_t>& tokens) {
  const auto fail = [](const std::string& requirement, std::int64_t got) {
    throw std::invalid_argument("rto::replay: " + requirement + ", got " + std::to_string(got));
  };
  const auto& starts = mdp.start_states();
  const auto prompts = static_cast<std::int64_t>(std::ranges::size(starts));
  if (prompt < 0 || prompt >= prompts) fail("prompt must be in [0, " + std::to_string(prompts) + ")", prompt);
  visited_trajectory<state_t<Mdp>> path{.response = {prompt, tokens, finish_reason::unfinished}, .states = {}};
  state_t<Mdp> state = std::ranges::begin(starts)[prompt].state;
  for (const std::int64_t token : tokens) {
    if (mdp.is_terminal(state))
      fail("the trajectory must end with its last token, number of tokens after the end",
           static_cast<std::int64_t>(tokens.size() - path.states.size()));
    if (token < 0 || token >= mdp.actions())
      fail("a token must be in [0, " + std::to_string(mdp.actions()) + ")", token);
    path.states.push_back(state);
    state = mdp.append(path.states.back(), token);
  }
  path.response.finish = detail::reason_of(mdp.is_terminal(state), tokens.size(), mdp.horizon());
  return path;
}

}  // namespace rto
