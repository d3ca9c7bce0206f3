#include "llm/generation/generate.hpp"

#include <fmt/format.h>
#include <torch/torch.h>

#include <algorithm>
#include <stdexcept>

#include <rto/torch/for_blocks.hpp>

namespace rto::llm {
namespace {

/// Prompts go into the slots of a cache, one token each is added to all of them at a time, and a slot whose answer has
/// ended takes the next prompt.
class generator {
 public:
  generator(const language_model& model, std::span<const token_ids> prompts, const generation_options& options,
            const token_observer& observer)
      : model_(model), prompts_(prompts), options_(options), observer_(observer), answers_(prompts.size()) {
    check();
  }

  std::vector<generated_text> run() {
    const at::NoGradGuard no_gradients;
    if (prompts_.empty() || options_.max_new_tokens == 0) return std::move(answers_);
    const auto slots = std::min<std::int64_t>(options_.batch, static_cast<std::int64_t>(prompts_.size()));
    kv_cache cache(model_.config(), slots, capacity(), at::TensorOptions().device(model_.device()).dtype(cache_type()));
    for (std::int64_t s = slots; s-- > 0;) free_.push_back(s);
    while (next_ < prompts_.size() || !active_.empty()) {
      while (next_ < prompts_.size() && !free_.empty()) read_prompts(cache);
      if (!active_.empty()) step(cache);
    }
    return std::move(answers_);
  }

 private:
  struct active_row {
    std::size_t prompt = 0;
    std::int64_t slot = 0;
  };

  void check() const {
    require_valid(options_.sampling);
    const auto fail = [](const std::string& what) { throw std::invalid_argument("rto::llm::generate: " + what); };
    if (options_.max_new_tokens < 0)
      fail(fmt::format("max_new_tokens must be at least 0, got {}", options_.max_new_tokens));
    if (options_.batch < 1) fail(fmt::format("batch must be at least 1, got {}", options_.batch));
    for (std::size_t i = 0; i < prompts_.size(); ++i) {
      if (prompts_[i].empty()) fail(fmt::format("prompt {} is empty", i));
      if (static_cast<std::int64_t>(prompts_[i].size()) >= model_.config().context)
        fail(fmt::format("prompt {} must leave room in the context of {} tokens, got {}", i, model_.config().context,
                         prompts_[i].size()));
    }
  }

  std::int64_t most_tokens(std::size_t prompt) const {
    return std::min(model_.config().context,
                    static_cast<std::int64_t>(prompts_[prompt].size()) + options_.max_new_tokens);
  }
  std::int64_t capacity() const {
    std::int64_t most = 0;
    for (std::size_t i = 0; i < prompts_.size(); ++i) most = std::max(most, most_tokens(i));
    return most;
  }
  at::ScalarType cache_type() const { return model_.compute_type().value_or(model_.dtype()); }

  /// The next prompts that slots are free for, about `prefill_tokens` of them.
  void read_prompts(kv_cache& cache) {
    std::vector<token_ids> rows;
    std::vector<std::int64_t> slots;
    std::vector<active_row> fresh;
    for (std::size_t tokens = 0; next_ < prompts_.size() && !free_.empty(); ++next_) {
      tokens += prompts_[next_].size();
      if (!rows.empty() && tokens > static_cast<std::size_t>(options_.prefill_tokens)) break;
      rows.push_back(prompts_[next_]);
      slots.push_back(free_.back());
      fresh.push_back({next_, free_.back()});
      cache.lengths[static_cast<std::size_t>(free_.back())] = 0;
      free_.pop_back();
    }
    const packed_rows packed = make_packed_rows(rows, model_.device());
    const at::Tensor hidden = model_.extend(packed, cache, slots);
    choose(hidden.index_select(0, packed.last_tokens()), std::move(fresh));
  }

  void step(kv_cache& cache) {
    std::vector<active_row> rows;
    rows.swap(active_);
    packed_rows packed{at::empty({static_cast<std::int64_t>(rows.size())}, at::kLong),
                       std::vector<std::int64_t>(rows.size(), 1)};
    std::vector<std::int64_t> slots;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      packed.ids.mutable_data_ptr<token_id>()[i] = answers_[rows[i].prompt].tokens.back();
      slots.push_back(rows[i].slot);
    }
    packed.ids = packed.ids.to(model_.device());
    choose(model_.extend(packed, cache, slots), std::move(rows));
  }

  /// The next token of every row; rows that go on become active.
  void choose(const at::Tensor& hidden, std::vector<active_row> rows) {
    const at::Tensor logits = model_.logits(hidden).to(at::kCPU, at::kFloat).contiguous();
    float* const data = logits.mutable_data_ptr<float>();
    const auto vocabulary = static_cast<std::size_t>(logits.size(1));
    std::vector<sampled_token> chosen(rows.size());
    detail::for_ranges(static_cast<std::int64_t>(rows.size()), 1, [&](std::int64_t from, std::int64_t to) {
      for (auto i = static_cast<std::size_t>(from); i < static_cast<std::size_t>(to); ++i) {
        const std::size_t p = rows[i].prompt;
        const token_ids& answer = answers_[p].tokens;
        token_ids seen;
        if (options_.sampling.repetition_penalty != 1) {
          seen = prompts_[p];
          seen.insert(seen.end(), answer.begin(), answer.end());
        }
        chosen[i] = sample({data + i * vocabulary, vocabulary}, seen, options_.sampling,
                           sampling_uniform(options_.seed, options_.first_sequence + p, answer.size()));
      }
    });
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (take(rows[i].prompt, chosen[i]))
        active_.push_back(rows[i]);
      else
        free_.push_back(rows[i].slot);
    }
  }

  /// \returns whether the answer goes on
  bool take(std::size_t prompt, const sampled_token& token) {
    generated_text& answer = answers_[prompt];
    answer.tokens.push_back(token.token);
    answer.log_probabilities.push_back(token.log_probability);
    answer.sampling_log_probabilities.push_back(token.sampling_log_probability);
    const auto& stops = options_.stop_tokens;
    if (std::find(stops.begin(), stops.end(), token.token) != stops.end()) answer.reason = finish_reason::stop;
    if (observer_ && observer_(prompt, answer)) answer.reason = finish_reason::stop;
    if (answer.reason == finish_reason::stop) return false;
    return static_cast<std::int64_t>(prompts_[prompt].size() + answer.tokens.size()) < most_tokens(prompt);
  }

  const language_model& model_;
  std::span<const token_ids> prompts_;
  const generation_options& options_;
  const token_observer& observer_;
  std::vector<generated_text> answers_;
  std::vector<std::int64_t> free_;
  std::vector<active_row> active_;
  std::size_t next_ = 0;
};

}  // namespace

std::vector<generated_text> generate(const language_model& model, std::span<const token_ids> prompts,
                                     const generation_options& options, const token_observer& observer) {
  return generator(model, prompts, options, observer).run();
}

}  // namespace rto::llm
