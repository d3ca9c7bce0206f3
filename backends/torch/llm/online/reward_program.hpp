#pragma once
// Rewards from elsewhere: of an answer's length and end, and of a program that reads and writes JSON lines.
#include <functional>
#include <span>
#include <string>

#include "llm/online/online_trainer.hpp"

namespace rto::llm {

/// `length_price` of rto as a component. \param price reward units a token
reward_component length_component(double price);
/// `missing_end_penalty` of rto as a component.
reward_component missing_end_component(double penalty);

/// A command of the shell as a component. It is run once a rollout and gets a JSON object a line on standard input,
/// `{"prompt", "answer", "tokens", "finish_reason"}` (texts, the answer's ids, "stop" or "length"), and must write one
/// a line, in the same order: `{"reward": number}`, paid at the last token, or `{"rewards": [number, ...]}`, one for
/// each token. \throws sim::user_error, when called, where the program fails or its answer is not of that form, naming
/// the line
reward_component program_component(std::string command, std::function<std::string(std::span<const token_id>)> decode);

}  // namespace rto::llm
