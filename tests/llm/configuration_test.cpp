#include "llm/cli/configuration.hpp"

#include <fstream>

#include "complaint.hpp"
#include "sim/temporary_folder.hpp"

using namespace rto::llm;

namespace {

struct command {
  CLI::App app{"", "sft"};
  double learning_rate = 0;
  std::vector<std::string> data;
  double beta = 0;
  bool resume = false;

  rto::test::temporary_folder folder;

  command() {
    app.add_option("--learning-rate", learning_rate);
    app.add_option("--data", data);
    app.add_option("--dpo-beta", beta);
    app.add_flag("--resume,!--no-resume", resume);
  }

  std::vector<std::string> unfold(const std::string& toml, std::vector<std::string> arguments = {}) {
    const std::filesystem::path file = folder / "run.toml";
    std::ofstream(file) << toml;
    arguments.insert(arguments.begin(), {"--config", file.string()});
    return unfold_configuration(app, arguments);
  }
  std::string complaint(const std::string& toml) {
    return rto::llm::test::complaint([&] { unfold(toml); });
  }
  void parse(std::vector<std::string> arguments) {
    std::reverse(arguments.begin(), arguments.end());
    app.parse(arguments);
  }
};

}  // namespace

TEST_CASE("a configuration file sets options by name, in tables and lists, and the command line wins") {
  command c;
  c.parse(c.unfold("learning_rate = 1e-5\ndata = [\"a.jsonl\", \"b.jsonl\"]\nresume = true\n[dpo]\nbeta = 0.1\n",
                   {"--learning-rate=2e-5"}));
  CHECK(c.learning_rate == 2e-5);
  CHECK(c.data == std::vector<std::string>{"a.jsonl", "b.jsonl"});
  CHECK(c.beta == 0.1);
  CHECK(c.resume);
  command replaced;
  replaced.parse(replaced.unfold("data = [\"a.jsonl\", \"b.jsonl\"]\n", {"--data", "c.jsonl"}));
  CHECK(replaced.data == std::vector<std::string>{"c.jsonl"});
}

TEST_CASE("what is wrong in a configuration file is named with its line") {
  command c;
  CHECK(c.complaint("learning_rate = 1e-5\nlerning_rate = 1\n").find("line 2: sft has no option --lerning-rate") !=
        std::string::npos);
  CHECK(c.complaint("[dpo]\nbta = 1\n").find("line 2: sft has no option --dpo-bta") != std::string::npos);
  CHECK(c.complaint("learning_rate = [1, 2]\n").find("line 1: learning-rate: expected one value") != std::string::npos);
  CHECK(c.complaint("learning_rate = 1979-05-27\n").find("line 1: learning-rate: expected a text") !=
        std::string::npos);
  CHECK(c.complaint("learning_rate = \n").find("line 1: ") != std::string::npos);
  CHECK_THROWS_AS(unfold_configuration(c.app, {"--config", "nowhere.toml"}), rto::sim::user_error);
  CHECK_THROWS_AS(unfold_configuration(c.app, {"--config"}), rto::sim::user_error);
}
