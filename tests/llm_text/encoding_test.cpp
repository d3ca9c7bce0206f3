#include "llm/data/encoding.hpp"

#include <cstdlib>
#include <fstream>
#include <numeric>

#include "llm/data/sample_order.hpp"
#include "llm/text/tokenizer.hpp"
#include "sim/io/error.hpp"
#include "sim/io/file.hpp"
#include "support/catch.hpp"

using namespace rto::llm;
using rto::test::ContainsSubstring;

namespace {

const std::vector<std::string> marks = {"<s>", "</s>", "<|im_start|>", "<|im_end|>", "<think>", "</think>"};

// Bytes, and marks as single tokens: 256 + their place.
text_coder bytes_coder(const std::string& template_name = "", const std::string& end = "</s>") {
  text_coder coder;
  coder.encode = [](std::string_view text) {
    token_ids ids;
    while (!text.empty()) {
      std::size_t k = 0;
      while (k < marks.size() && !text.starts_with(marks[k])) ++k;
      ids.push_back(k < marks.size() ? static_cast<token_id>(256 + k) : static_cast<unsigned char>(text[0]));
      text.remove_prefix(k < marks.size() ? marks[k].size() : 1);
    }
    return ids;
  };
  coder.decode = [](std::span<const token_id> ids) {
    std::string text;
    for (const token_id id : ids)
      text += id < 256 ? std::string(1, static_cast<char>(id)) : marks[static_cast<std::size_t>(id - 256)];
    return text;
  };
  coder.before = {256};
  coder.eos = coder.encode(end)[0];
  if (!template_name.empty())
    coder.chat.emplace(
        rto::sim::read_file(std::filesystem::path(RTO_TEST_DATA) / "llm/chat_templates" / (template_name + ".jinja")),
        std::vector<std::pair<std::string, std::string>>{{"bos_token", "<s>"}, {"eos_token", "</s>"}});
  return coder;
}

record_set records(const std::string& content) {
  const std::filesystem::path file = std::filesystem::temp_directory_path() / "rto_encoding_test.jsonl";
  std::ofstream(file, std::ios::binary) << content;
  return read_records(file);
}

std::string shown(const text_coder& coder, const token_ids& ids) { return coder.decode(ids); }

// What is learnt between braces.
std::string masked(const text_coder& coder, const encoded_answer& sample) {
  std::string out;
  for (std::size_t t = 0; t < sample.ids.size(); ++t) {
    const bool learnt = sample.trained(t), before = t > 0 && sample.trained(t - 1);
    if (learnt != before) out += learnt ? "{" : "}";
    out += coder.decode(std::span(sample.ids).subspan(t, 1));
  }
  return out + (sample.trained(sample.ids.size() - 1) ? "}" : "");
}

const std::string pair_line = R"({"prompt":"Q: ","chosen":"yes","rejected":"no!!"})"
                              "\n";
const std::string turns =
    R"({"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"},{"role":"user","content":"c"},{"role":"assistant","content":"d"},{"role":"user","content":"e"}]})";

}  // namespace

TEST_CASE("prompt and answers are encoded once each, and the answers end in the end token") {
  const text_coder coder = bytes_coder();
  const auto data = encode_pairs(records(pair_line), coder, {});
  REQUIRE(data.samples.size() == 1);
  CHECK(shown(coder, data.samples[0].prompt) == "<s>Q: ");
  CHECK(shown(coder, data.samples[0].chosen) == "yes</s>");
  CHECK(shown(coder, data.samples[0].rejected) == "no!!</s>");
  CHECK(data.report.samples == 1);
  CHECK(data.report.prompt_lengths == std::vector<std::size_t>{4});
  CHECK(data.report.rejected_lengths == std::vector<std::size_t>{5});
  CHECK(data.report.joint_differs == 0);
  const auto answers = encode_answers(records(pair_line), coder, {});
  CHECK(masked(coder, answers.samples[0]) == "<s>Q: {yes</s>}");
  CHECK(answers.samples[0].prompt_length == 4);
  const auto labelled = encode_labelled(records(pair_line), coder, {});
  REQUIRE(labelled.samples.size() == 2);
  CHECK(labelled.samples[0].desirable);
  CHECK_FALSE(labelled.samples[1].desirable);
  CHECK(shown(coder, encode_prompts(records(pair_line + pair_line), coder, {}).samples.at(0).ids) == "<s>Q: ");
  CHECK(encode_prompts(records(pair_line + pair_line), coder, {}).report.repeated == 1);
}

TEST_CASE("ids that differ when prompt and answer are one text are counted") {
  text_coder coder = bytes_coder();
  const auto plain = coder.encode;
  coder.encode = [plain](std::string_view text) {  // " y" is one token
    token_ids ids;
    for (std::size_t at = 0; at < text.size(); ++at) {
      const bool two = text.substr(at).starts_with(" y");
      ids.push_back(two ? 1000 : plain(text.substr(at, 1))[0]);
      at += two ? 1 : 0;
    }
    return ids;
  };
  const auto data = encode_answers(records(R"({"prompt":"Q: ","completion":"yes"})"), coder, {});
  CHECK(data.report.joint_differs == 1);
  CHECK(data.report.joint_tried == 1);
}

TEST_CASE("a sample that is too long is dropped or cut where it was asked, never at the answer's header") {
  const text_coder coder = bytes_coder();
  const std::string lines = pair_line +
                            R"({"prompt":"0123456789 Q: ","chosen":"yes","rejected":"no"})"
                            "\n" +
                            R"({"prompt":"Q: ","chosen":"0123456789","rejected":"no"})";
  const auto with = [&](std::size_t length, over_long rule, std::size_t prompt = 0) {
    return encode_pairs(records(lines), coder, {.max_length = length, .max_prompt_length = prompt, .too_long = rule});
  };
  CHECK(with(100, over_long::drop).samples.size() == 3);
  const auto dropped = with(12, over_long::drop);
  CHECK(dropped.samples.size() == 1);
  CHECK(dropped.report.no_room == 1);
  CHECK(dropped.report.too_long == 1);
  CHECK(dropped.report.records == 3);
  const auto cut = with(12, over_long::cut_answer);
  REQUIRE(cut.samples.size() == 2);
  CHECK(cut.report.cut == 1);
  CHECK(shown(coder, cut.samples[1].chosen) == "01234567");
  CHECK_FALSE(cut.samples[1].chosen_complete);
  CHECK(cut.samples[1].rejected_complete);
  const auto left = with(12, over_long::cut_prompt);
  REQUIRE(left.samples.size() == 2);
  CHECK(shown(coder, left.samples[1].prompt) == "<s>789 Q: ");
  CHECK(shown(coder, left.samples[1].chosen) == "yes</s>");
  CHECK(left.report.no_room == 1);  // an answer of 11 tokens leaves one for the prompt: the bos, nothing of itself
}

TEST_CASE("a prompt may not be longer than its own limit") {
  const text_coder coder = bytes_coder();
  const std::string lines = R"({"prompt":"0123456789 Q: ","completion":"yes"})";
  const auto dropped = encode_answers(records(lines), coder, {.max_prompt_length = 6});
  CHECK(dropped.samples.empty());
  CHECK(dropped.report.no_room == 1);
  const auto cut = encode_answers(records(lines), coder, {.max_prompt_length = 6, .too_long = over_long::cut_prompt});
  CHECK(masked(coder, cut.samples.at(0)) == "<s>9 Q: {yes</s>}");
  CHECK_THROWS_AS(encode_answers(records(lines), coder, {.max_length = 1}), rto::sim::user_error);
}

TEST_CASE("a conversation is learnt where the assistant speaks, by generation blocks and by prefixes alike") {
  for (const char* name : {"chatml", "chatml-generation"}) {
    const text_coder coder = bytes_coder(name, "<|im_end|>");
    const auto all = encode_answers(records(turns), coder, {});
    REQUIRE(all.samples.size() == 1);
    CHECK(masked(coder, all.samples[0]) ==
          "<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n{b<|im_end|>}\n<|im_start|>user\nc<|im_end|>\n"
          "<|im_start|>assistant\n{d<|im_end|>}");
    CHECK(all.samples[0].prompt_length == 20);
    const auto last = encode_answers(records(turns), coder, {.only_last_turn = true});
    CHECK(masked(coder, last.samples.at(0)) ==
          "<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\nb<|im_end|>\n<|im_start|>user\nc<|im_end|>\n"
          "<|im_start|>assistant\n{d<|im_end|>}");
    CHECK(last.samples[0].loss_mask.empty());
    CHECK(all.report.without_end == 0);
  }
  const text_coder coder = bytes_coder("chatml", "</s>");  // a template that does not end in the end token
  CHECK(encode_answers(records(turns), coder, {}).report.without_end == 1);
}

TEST_CASE("comparisons of messages go through the chat template") {
  const text_coder coder = bytes_coder("chatml", "<|im_end|>");
  const auto data = encode_pairs(
      records(
          R"({"prompt":[{"role":"user","content":"a"}],"chosen":[{"role":"assistant","content":"b"}],"rejected":[{"role":"assistant","content":""}]})"),
      coder, {});
  CHECK(shown(coder, data.samples.at(0).prompt) == "<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n");
  CHECK(shown(coder, data.samples[0].chosen) == "b<|im_end|>");
  CHECK(shown(coder, data.samples[0].rejected) == "<|im_end|>");
  CHECK(data.report.empty_answers == 1);
  CHECK(data.report.conversational);
}

TEST_CASE("without a chat template messages become HH-RLHF's marks, and HH-RLHF can become messages") {
  const text_coder plain = bytes_coder();
  CHECK(masked(plain, encode_answers(records(turns), plain, {}).samples.at(0)) ==
        "<s>\n\nHuman: a\n\nAssistant:{ b</s>}\n\nHuman: c\n\nAssistant:{ d</s>}");
  CHECK_THROWS_WITH(
      encode_answers(records(R"({"messages":[{"role":"system","content":"s"},{"role":"assistant","content":"b"}]})"),
                     plain, {}),
      ContainsSubstring("no chat template, found role \"system\""));
  const std::string hh = R"({"chosen":"\n\nHuman: a\n\nAssistant: b","rejected":"\n\nHuman: a\n\nAssistant:"})";
  CHECK(shown(plain, encode_pairs(records(hh), plain, {}).samples.at(0).chosen) == " b</s>");
  const text_coder coder = bytes_coder("chatml", "<|im_end|>");
  const auto data = encode_pairs(records(hh), coder, {.dialogue_as_chat = true});
  CHECK(shown(coder, data.samples.at(0).prompt) == "<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n");
  CHECK(shown(coder, data.samples[0].chosen) == "b<|im_end|>");
}

TEST_CASE("a template that writes the past differently once an answer is there is refused, with the place") {
  const std::string thinking =
      R"({"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"},{"role":"user","content":"c"},{"role":"assistant","content":"d"}]})";
  const text_coder coder = bytes_coder("qwen-3", "<|im_end|>");
  CHECK_THROWS_WITH(encode_answers(records(thinking), coder, {}),
                    ContainsSubstring("rto_encoding_test.jsonl:1: expected the chat template"));
  CHECK(masked(coder, encode_answers(records(thinking), coder, {.only_last_turn = true}).samples.at(0)) ==
        "<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\nb<|im_end|>\n<|im_start|>user\nc<|im_end|>\n<|im_start|>"
        "assistant\n"
        "{<think>\n\n</think>\n\nd<|im_end|>}");
  // What the template itself refuses is located too.
  const text_coder gemma = bytes_coder("gemma-2", "</s>");
  CHECK_THROWS_WITH(
      encode_prompts(records(R"({"prompt":[{"role":"system","content":"s"}]})"), gemma, {}),
      ContainsSubstring(
          "rto_encoding_test.jsonl:1: chat template: line 1: the template refuses: System role not supported"));
}

TEST_CASE("documents become blocks of one stream, and texts are learnt whole") {
  const text_coder coder = bytes_coder();
  const record_set set = records(R"({"text":"abcd"})"
                                 "\n"
                                 R"({"text":"efg"})");
  const auto blocks = encode_blocks(set, coder, 4);
  std::string all;
  for (const encoded_answer& block : blocks.samples) {
    CHECK(block.ids.size() <= 4);
    all += shown(coder, block.ids);
  }
  CHECK(all == "<s>abcd</s><s>efg</s>");
  CHECK(masked(coder, encode_answers(set, coder, {}).samples.at(0)) == "<s>{abcd</s>}");
  const auto cut = encode_answers(set, coder, {.max_length = 5, .too_long = over_long::cut_answer});
  CHECK(masked(coder, cut.samples.at(0)) == "<s>{abcd}");
  CHECK_FALSE(cut.samples[0].complete);
  CHECK(cut.samples[1].complete);
}

TEST_CASE("data of another kind than a method needs are refused by name") {
  const text_coder coder = bytes_coder();
  const record_set prompts = records(R"({"prompt":"a"})"), texts = records(R"({"text":"a"})");
  CHECK_THROWS_WITH(encode_pairs(prompts, coder, {}),
                    ContainsSubstring("expected comparisons, found prompts (prompt)"));
  CHECK_THROWS_AS(encode_answers(prompts, coder, {}), rto::sim::user_error);
  CHECK_THROWS_AS(encode_labelled(texts, coder, {}), rto::sim::user_error);
  CHECK_THROWS_AS(encode_prompts(texts, coder, {}), rto::sim::user_error);
  CHECK_THROWS_AS(encode_blocks(prompts, coder, 8), rto::sim::user_error);
}

TEST_CASE("a report counts, and a sample is shown token by token") {
  const text_coder coder = bytes_coder();
  const auto data = encode_pairs(
      records(pair_line + R"({"prompt":"0123456789012345678901234567890123456789","chosen":"y","rejected":"n"})"),
      coder, {.max_length = 20});
  const std::string text = to_text(data.report);
  CHECK_THAT(text, ContainsSubstring("preference, 2 records, 1 samples, 13 tokens"));
  CHECK_THAT(text, ContainsSubstring("1 left out: the prompt leaves no room for an answer"));
  const std::string sample = annotated(data.samples[0], coder.decode);
  CHECK_THAT(sample, ContainsSubstring("prompt   256:'<s>' 81:'Q' 58:':' 32:' '"));
  CHECK_THAT(sample, ContainsSubstring("chosen   121:'y' 101:'e' 115:'s' 257:'</s>'"));
}

TEST_CASE("real comparisons go through a real tokenizer without loss") {
  const char* shared = std::getenv("RTO_SHARED");
  if (shared == nullptr) {
    std::puts("SKIPPED: real comparisons: RTO_SHARED is not set");
    return;
  }
  const std::filesystem::path data = std::filesystem::path(shared) / "data";
  const text_coder coder = coder_of(tokenizer::load(data / "tokenizers/tiny-bpe-4k/tokenizer.json"));
  REQUIRE(coder.eos.has_value());
  const record_set set = read_records(data / "preference/hh-rlhf-harmless-base/test.public.jsonl.gz");
  const auto pairs = encode_pairs(set, coder, {.max_length = 100000});
  CHECK(pairs.samples.size() + pairs.report.no_answer == set.records.size());
  for (std::size_t k = 0; k < 200; ++k) {
    token_ids ids = pairs.samples[k].prompt;
    ids.insert(ids.end(), pairs.samples[k].chosen.begin(), pairs.samples[k].chosen.end() - 1);
    CHECK(coder.decode(ids) == text_of(set.records[k].prompt) + text_of(set.records[k].answer));
    CHECK(pairs.samples[k].chosen.back() == *coder.eos);
  }
  const auto shorter = encode_pairs(set, coder, {.max_length = 256});
  CHECK(shorter.samples.size() + shorter.report.too_long + shorter.report.no_room + shorter.report.no_answer ==
        set.records.size());
  CHECK(shorter.report.too_long + shorter.report.no_room > 0);
  const auto panda = encode_pairs(read_records(data / "preference/pandalm/testset-v1.public.json.gz"), coder, {});
  CHECK(panda.samples.size() > 500);
}
