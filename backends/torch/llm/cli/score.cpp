// rto-llm score: a reward for every token of given answers.
#include <fmt/format.h>

#include <cstdio>
#include <map>
#include <numeric>

#include "llm/cli/compute_options.hpp"
#include "llm/cli/data_options.hpp"
#include "llm/cli/reward_options.hpp"
#include "llm/evaluation/token_page.hpp"
#include "sim/io/error.hpp"
#include "sim/io/file.hpp"
#include "sim/io/program.hpp"

namespace rto::llm {
namespace {

struct score_options : data_arguments, compute_arguments, reward_arguments {
  std::vector<std::string> data;
  std::filesystem::path output, page;
  std::size_t batch = 16, samples = 0;
};

// A sample's answers, by what they are called.
struct named_answer {
  std::size_t sample;
  const char* title;
  encoded_answer answer;
};

std::vector<named_answer> answers_of(const record_set& set, const loaded_reward& reward, const score_options& o) {
  std::vector<named_answer> all;
  const auto more = [&](std::size_t i) { return o.samples == 0 || i < o.samples; };
  const encoding_options encoding = o.encoding(reward.context());
  if (kind_of(set.format) == data_kind::preference) {
    const auto pairs = encode_pairs(set, reward.coder(), encoding).samples;
    for (std::size_t i = 0; i < pairs.size() && more(i); ++i) {
      all.push_back({i, "preferred", side_by_side(pairs[i].prompt, pairs[i].chosen, pairs[i].chosen_complete)});
      all.push_back({i, "other", side_by_side(pairs[i].prompt, pairs[i].rejected, pairs[i].rejected_complete)});
    }
  } else {
    const auto answers = encode_answers(set, reward.coder(), encoding).samples;
    for (std::size_t i = 0; i < answers.size() && more(i); ++i) all.push_back({i, "answer", answers[i]});
  }
  if (all.empty()) throw sim::user_error(fmt::format("{}: expected answers, found none that fits", set.name));
  return all;
}

// The text that every token adds: some decoders write a word's blank only after another word.
std::vector<std::string> texts_of(const token_ids& ids, const token_decoder& decode) {
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const std::span<const token_id> own(&ids[i], 1);
    texts.push_back(decode(own));
    if (i == 0) continue;
    const std::string before = decode({&ids[i - 1], 1}), both = decode({&ids[i - 1], 2});
    if (both.starts_with(before)) texts.back() = both.substr(before.size());
  }
  return texts;
}

void score_file(const score_options& o, const std::string& file,
                const std::vector<std::unique_ptr<loaded_reward>>& rewards, std::string& lines,
                std::vector<shaded_sample>& page) {
  const record_set set = read_records(file, o.named_format());
  std::map<std::size_t, shaded_sample> samples;
  for (const auto& reward : rewards) {
    const std::vector<named_answer> named = answers_of(set, *reward, o);
    std::vector<encoded_answer> answers;
    for (const named_answer& n : named) answers.push_back(n.answer);
    const token_reward_rows rows = reward->token_rewards(answers, o.batch);
    for (std::size_t i = 0; i < named.size(); ++i) {
      const encoded_answer& a = answers[i];
      token_ids ids;
      std::vector<std::string> texts;
      const std::vector<std::string> all = texts_of(a.ids, reward->coder().decode);
      for (std::size_t t = 0; t < a.ids.size(); ++t) {
        if (!a.trained(t)) continue;
        ids.push_back(a.ids[t]);
        texts.push_back(all[t]);
      }
      const std::string prompt = reward->coder().decode({a.ids.data(), static_cast<std::size_t>(a.prompt_length)});
      const sim::ordered_json line{{"file", file},
                                   {"sample", named[i].sample},
                                   {"answer", named[i].title},
                                   {"reward", reward->name()},
                                   {"prompt", prompt},
                                   {"ids", ids},
                                   {"tokens", texts},
                                   {"rewards", rows[i]},
                                   {"sum", std::accumulate(rows[i].begin(), rows[i].end(), 0.0)}};
      lines += line.dump(-1, ' ', false, sim::ordered_json::error_handler_t::replace) + "\n";
      shaded_sample& sample = samples[named[i].sample];
      sample.prompt = prompt;
      const auto same = std::find_if(sample.answers.begin(), sample.answers.end(),
                                     [&](const shaded_answer& s) { return s.title == named[i].title; });
      shaded_answer& place = same != sample.answers.end() ? *same : sample.answers.emplace_back();
      place.title = named[i].title;
      place.shadings.push_back({reward->title(), texts, rows[i]});
    }
  }
  for (auto& [number, sample] : samples) page.push_back(std::move(sample));
}

int run_score(const CLI::App& app, const score_options& o) {
  o.check_rewards(app);
  if (o.reward_model.empty() && o.policy.empty())
    throw sim::user_error("expected --policy DIR --reference DIR, or --reward-model DIR, or both");
  const auto rewards = load_rewards(o, {.device = o.prepare_device(), .check_finite = true});
  std::string lines;
  std::vector<shaded_sample> page;
  for (const std::string& file : o.data) score_file(o, file, rewards, lines, page);
  if (!o.output.empty())
    sim::write_file(o.output, lines);
  else if (o.page.empty() && std::fwrite(lines.data(), 1, lines.size(), stdout) != lines.size())
    throw sim::user_error("standard output: cannot be written");
  if (!o.page.empty()) sim::write_file(o.page, token_page("Rewards of tokens", page));
  return 0;
}

const sim::registered_command command{
    "score", "Give every token of given answers its reward: as JSON lines, as a page that shades tokens",
    [](CLI::App& app) {
      auto o = std::make_shared<score_options>();
      app.add_option("DATA", o->data, "Answers: comparisons, or prompts with answers")->required();
      app.add_option("--output", o->output, "JSON lines: an answer and a reward each (default: standard output)")
          ->type_name("FILE");
      app.add_option("--html", o->page, "A page to look at")->type_name("FILE");
      app.add_option("--samples", o->samples, "So many of every file; 0: all")->capture_default_str();
      o->declare_rewards(app);
      o->declare_data(app, "Data");
      o->declare_compute(app, "Run");
      app.add_option("--batch", o->batch, "Answers of one pass")
          ->check(CLI::PositiveNumber)
          ->capture_default_str()
          ->group("Run");
      return [o, &app] { return run_score(app, *o); };
    }};

}  // namespace
}  // namespace rto::llm
