// rto-llm tokenize: texts to ids, ids to texts, and how long that takes.
#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <iostream>
#include <iterator>
#include <memory>
#include <sstream>

#include "llm/text/tokenizer.hpp"
#include "sim/io/error.hpp"
#include "sim/io/file.hpp"
#include "sim/io/json.hpp"
#include "sim/io/program.hpp"

namespace rto::llm {
namespace {

using sim::user_error;

struct tokenize_options {
  std::vector<std::string> files;
  std::string tokenizer;
  bool lines = false, count = false, pieces = false, special_tokens = false, decode = false;
  std::int64_t time = 0;
};

struct input {
  std::string name, text;
};

std::vector<input> read_inputs(const tokenize_options& o) {
  std::vector<input> all;
  for (const std::string& file : o.files) {
    if (file == "-")
      all.push_back({"standard input", {std::istreambuf_iterator<char>(std::cin), {}}});
    else
      all.push_back({file, sim::read_file(file)});
  }
  return all;
}

// The lines of a text without their ends, or the text as it is.
std::vector<std::string_view> parts(std::string_view text, bool lines) {
  if (!lines) return {text};
  std::vector<std::string_view> all;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    all.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return all;
}

token_ids encode(const tokenizer& t, std::string_view text, const std::string& name, bool special_tokens) {
  try {
    return t.encode(text, special_tokens);
  } catch (const user_error& e) {
    throw user_error(name + ": " + e.what());
  }
}

void decode(const tokenizer& t, const input& in, bool special_tokens) {
  token_ids ids;
  std::istringstream words(in.text);
  for (std::string word; words >> word;) {
    const bool digits = word.size() < 19 && word.find_first_not_of("0123456789") == std::string::npos;
    if (!digits || !t.has_token(std::stoll(word)))
      throw user_error(fmt::format("{}: expected ids of the tokenizer, found {:?}", in.name, word.substr(0, 40)));
    ids.push_back(std::stoll(word));
  }
  std::cout << t.decode(ids, !special_tokens) << '\n';
}

void print(const tokenizer& t, const tokenize_options& o, const input& in) {
  std::size_t total = 0;
  for (const std::string_view part : parts(in.text, o.lines)) {
    const token_ids ids = encode(t, part, in.name, o.special_tokens);
    total += ids.size();
    if (o.count) continue;
    std::string line;
    for (const token_id id : ids) {
      if (o.pieces)
        line += fmt::format("{}\t{}\n", id, sim::json(t.token(id)).dump());
      else
        line += fmt::format("{}{}", line.empty() ? "" : " ", id);
    }
    std::cout << line << (o.pieces ? "" : "\n");
  }
  if (o.count)
    std::cout << fmt::format(
        "{}: {} bytes, {} ids, {:.3f} bytes per id\n", in.name, in.text.size(), total,
        static_cast<double>(in.text.size()) / static_cast<double>(std::max<std::size_t>(total, 1)));
}

double processor_seconds() {
  std::timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

// One JSON object a file: seconds of processor time of each round, the first of which finds nothing remembered.
void measure(const tokenizer& t, const tokenize_options& o, const input& in, double load_seconds) {
  std::vector<double> seconds;
  std::size_t total = 0;
  const std::vector<std::string_view> texts = parts(in.text, o.lines);
  for (std::int64_t round = 0; round < o.time; ++round) {
    const double begin = processor_seconds();
    total = 0;
    for (const std::string_view text : texts) total += encode(t, text, in.name, o.special_tokens).size();
    seconds.push_back(processor_seconds() - begin);
  }
  std::cout << sim::ordered_json{{"file", in.name},
                                 {"bytes", in.text.size()},
                                 {"ids", total},
                                 {"load", load_seconds},
                                 {"seconds", seconds}}
                   .dump()
            << '\n';
}

int run(const tokenize_options& o) {
  const double begin = processor_seconds();
  const tokenizer t = tokenizer::load(o.tokenizer);
  const double load_seconds = processor_seconds() - begin;
  for (const input& in : read_inputs(o)) {
    if (o.decode)
      decode(t, in, o.special_tokens);
    else if (o.time > 0)
      measure(t, o, in, load_seconds);
    else
      print(t, o, in);
  }
  return 0;
}

const sim::registered_command tokenize{
    "tokenize", "Turn texts into token ids, or ids into texts", [](CLI::App& app) {
      auto o = std::make_shared<tokenize_options>();
      app.add_option("FILE", o->files, "UTF-8 texts (- is standard input, .gz is unpacked), or ids with --decode")
          ->required();
      app.add_option("--tokenizer", o->tokenizer, "a tokenizer.json or a model's folder")->required();
      app.add_flag("--lines", o->lines, "every line is a text of its own, without its end");
      app.add_flag("--special-tokens", o->special_tokens,
                   "add the template's special tokens (bos and the like); with --decode: write special tokens out");
      auto* count = app.add_flag("--count", o->count, "print how many ids there are instead of them");
      auto* pieces = app.add_flag("--pieces", o->pieces, "print one id a line, and its token as JSON text");
      auto* back = app.add_flag("--decode", o->decode, "the other way round: ids, in digits, to text");
      auto* time = app.add_option("--time", o->time,
                                  "encode this many times and print a JSON object a file: seconds of processor time");
      time->check(CLI::Range(std::int64_t{1}, std::int64_t{1000}));
      count->excludes(pieces)->excludes(back);
      pieces->excludes(back);
      time->excludes(count)->excludes(pieces)->excludes(back);
      return [o] { return run(*o); };
    }};

}  // namespace
}  // namespace rto::llm
