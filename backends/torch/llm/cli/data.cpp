// rto-llm data: what a data file is, once it is ids.
#include <fmt/format.h>

#include <cstdio>
#include <memory>

#include "llm/cli/data_options.hpp"
#include "llm/text/tokenizer.hpp"
#include "sim/io/error.hpp"
#include "sim/io/program.hpp"

namespace rto::llm {
namespace {

struct data_command {
  std::vector<std::string> files;
  std::string tokenizer_folder, use;
  std::size_t show = 1;
  data_arguments arguments;
};

template <class Sample>
std::string described(const encoded_data<Sample>& data, const text_coder& coder, std::size_t show) {
  std::string out = to_text(data.report);
  if (data.samples.empty()) return out;
  const std::size_t first = sample_to_show(data.samples);
  for (std::size_t k = first; k < std::min(data.samples.size(), first + show); ++k)
    out += fmt::format("sample {}:\n{}", k + 1, annotated(data.samples[k], coder.decode));
  return out;
}

std::string describe_file(const data_command& c, const std::string& file, const text_coder& coder) {
  const record_set set = read_records(file, c.arguments.named_format());
  const encoding_options options = c.arguments.encoding();
  std::string use = c.use;
  if (use.empty()) {
    switch (kind_of(set.format)) {
      case data_kind::preference:
        use = "pairs";
        break;
      case data_kind::prompt:
        use = "prompts";
        break;
      case data_kind::labelled:
        use = "labelled";
        break;
      default:
        use = "answers";
    }
    if (set.format == data_format::plain_text) use = "blocks";
  }
  if (use == "pairs") return described(encode_pairs(set, coder, options), coder, c.show);
  if (use == "prompts") return described(encode_prompts(set, coder, options), coder, c.show);
  if (use == "labelled") return described(encode_labelled(set, coder, options), coder, c.show);
  if (use == "blocks") return described(encode_blocks(set, coder, options.max_length), coder, c.show);
  return described(encode_answers(set, coder, options), coder, c.show);
}

int run_data(const data_command& c) {
  const text_coder coder = coder_of(tokenizer::load(c.tokenizer_folder), c.tokenizer_folder);
  for (const std::string& file : c.files) {
    const std::string text = describe_file(c, file, coder);
    if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0)
      throw sim::user_error("standard output: cannot be written");
  }
  return 0;
}

const sim::registered_command command{
    "data", "Show what data files are: format, counts, lengths, what is left out, and one sample token by token",
    [](CLI::App& app) {
      auto c = std::make_shared<data_command>();
      app.add_option("FILE", c->files, "JSON lines, JSON lists or text; .gz is unpacked")->required();
      app.add_option("--tokenizer", c->tokenizer_folder, "A model's folder, or a tokenizer.json")->required();
      app.add_option("--as", c->use, "What to make of them (default: by their kind)")
          ->check(CLI::IsMember({"pairs", "answers", "prompts", "labelled", "blocks"}));
      app.add_option("--show", c->show, "How many samples to show")->capture_default_str();
      c->arguments.declare_data(app);
      return [c] { return run_data(*c); };
    },
    60};

}  // namespace
}  // namespace rto::llm
