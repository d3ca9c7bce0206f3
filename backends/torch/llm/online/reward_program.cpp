#include "llm/online/reward_program.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <utility>

#include <rto/reward/length_reward.hpp>

#include "sim/data/json_lines.hpp"
#include "sim/io/error.hpp"
#include "sim/io/file.hpp"
#include "sim/io/json.hpp"

namespace rto::llm {
namespace {

at::Tensor mask_of(std::span<const encoded_answer> answers, std::int64_t time) {
  at::Tensor mask = at::zeros({static_cast<std::int64_t>(answers.size()), time}, at::kFloat);
  for (std::size_t i = 0; i < answers.size(); ++i)
    mask[static_cast<std::int64_t>(i)]
        .narrow(0, 0, static_cast<std::int64_t>(answers[i].ids.size()) - answers[i].prompt_length)
        .fill_(1);
  return mask;
}

// A folder that is gone at the end of its scope.
class scratch_folder {
 public:
  scratch_folder() {
    std::string name = (std::filesystem::temp_directory_path() / "rto-reward-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr)
      throw sim::user_error(fmt::format("{}: a folder for the reward program cannot be made", name));
    path_ = name;
  }
  scratch_folder(const scratch_folder&) = delete;
  scratch_folder& operator=(const scratch_folder&) = delete;
  ~scratch_folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

std::string line_of(const encoded_answer& a, const std::function<std::string(std::span<const token_id>)>& decode) {
  const auto ids = std::span<const token_id>(a.ids);
  const auto prompt = ids.first(static_cast<std::size_t>(a.prompt_length)), answer = ids.subspan(prompt.size());
  const sim::ordered_json object{{"prompt", decode(prompt)},
                                 {"answer", decode(answer)},
                                 {"tokens", std::vector<token_id>(answer.begin(), answer.end())},
                                 {"finish_reason", a.complete ? "stop" : "length"}};
  return object.dump(-1, ' ', false, sim::ordered_json::error_handler_t::replace) + "\n";
}

// The rewards that a line gives to `length` tokens.
void read_rewards(const sim::json& line, const std::string& place, std::int64_t length, float* row) {
  const auto number = [&](const sim::json& x) {
    if (!x.is_number()) throw sim::user_error(fmt::format("{}: expected a number, found {}", place, sim::describe(x)));
    return x.get<float>();
  };
  if (line.contains("reward")) {
    row[length - 1] = number(line.at("reward"));
    return;
  }
  const auto list = line.find("rewards");
  if (list == line.end() || !list->is_array() || static_cast<std::int64_t>(list->size()) != length)
    throw sim::user_error(
        fmt::format("{}: expected \"reward\" or a list \"rewards\" of {} numbers, one for each token", place, length));
  for (std::int64_t t = 0; t < length; ++t) row[t] = number((*list)[static_cast<std::size_t>(t)]);
}

}  // namespace

reward_component length_component(double price) {
  return {"length", [price](std::span<const encoded_answer> answers, std::int64_t time, at::Device device) {
            return length_price(mask_of(answers, time), price).to(device);
          }};
}

reward_component missing_end_component(double penalty) {
  return {"missing_end", [penalty](std::span<const encoded_answer> answers, std::int64_t time, at::Device device) {
            std::vector<float> ended;
            for (const encoded_answer& a : answers) ended.push_back(a.complete ? 1.0F : 0.0F);
            return missing_end_penalty(mask_of(answers, time), at::tensor(ended).unsqueeze(1), penalty).to(device);
          }};
}

reward_component program_component(std::string command, std::function<std::string(std::span<const token_id>)> decode) {
  return {"program", [command = std::move(command), decode = std::move(decode)](std::span<const encoded_answer> answers,
                                                                                std::int64_t time, at::Device device) {
            const scratch_folder folder;
            std::string lines;
            for (const encoded_answer& a : answers) lines += line_of(a, decode);
            sim::write_file(folder.path() / "answers.jsonl", lines);
            const std::filesystem::path written = folder.path() / "rewards.jsonl";
            const int status = std::system(fmt::format("( {} ) < '{}' > '{}'", command,
                                                       (folder.path() / "answers.jsonl").string(), written.string())
                                               .c_str());
            if (status != 0)
              throw sim::user_error(fmt::format("--reward-program {}: it ended with status {}", command, status));
            at::Tensor rewards = at::zeros({static_cast<std::int64_t>(answers.size()), time}, at::kFloat);
            float* row = rewards.mutable_data_ptr<float>();
            sim::json_lines_reader reader(written);
            std::size_t count = 0;
            for (sim::json line; reader.next(line); ++count) {
              if (count == answers.size()) {
                ++count;  // one line too many
                break;
              }
              read_rewards(line, fmt::format("--reward-program {}: line {}", command, count + 1),
                           static_cast<std::int64_t>(answers[count].ids.size()) - answers[count].prompt_length, row);
              row += time;
            }
            if (count != answers.size())
              throw sim::user_error(fmt::format("--reward-program {}: expected {} lines, one for each answer, found {}",
                                                command, answers.size(), count));
            return rewards.to(device);
          }};
}

}  // namespace rto::llm
