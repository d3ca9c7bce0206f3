#include "llm/checkpoint/checkpoint.hpp"

#include <torch/torch.h>

#include <fstream>
#include <random>

#include "complaint.hpp"
#include "llm/checkpoint/model_config.hpp"
#include "sim/io/file.hpp"
#include "sim/temporary_folder.hpp"
#include "support/catch.hpp"

using namespace rto::llm;
using rto::llm::test::complaint;
using rto::sim::user_error;
namespace fs = std::filesystem;

namespace {

struct folder : rto::test::temporary_folder {
  const fs::path& path = temporary_folder::path();
  fs::path file(const std::string& name, const std::string& content) const {
    std::ofstream(path / name, std::ios::binary) << content;
    return path / name;
  }
};

std::string length_of(std::uint64_t n) {
  std::string bytes(8, '\0');
  for (std::size_t i = 0; i < 8; ++i) bytes[i] = static_cast<char>(n >> (8 * i) & 0xFF);
  return bytes;
}

std::string safetensors(const std::string& header, std::size_t data) {
  return length_of(header.size()) + header + std::string(data, '\0');
}

std::string complaint_of(const folder& at, const std::string& content) {
  return complaint([&] { safetensors_file(at.file("x.safetensors", content)); });
}

std::string complaint_of_config(const std::string& text) {
  return complaint([&] { parse_model_config(text, "config.json"); });
}

void check_says(const std::string& got, const std::string& want) {
  CHECK_THAT(got, Catch::Matchers::ContainsSubstring(want));
}

std::string one(const std::string& entry) { return "{\"a\":" + entry + "}"; }

const std::string llama =
    R"({"architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 10, "hidden_size": 8,
  "intermediate_size": 12, "num_hidden_layers": 1, "num_attention_heads": 2, "max_position_embeddings": 16, "rms_norm_eps": 1e-6)";

}  // namespace

TEST_CASE("tensors of every floating-point type go through a file, aligned and in place") {
  const folder at;
  const at::Tensor a = at::arange(6, at::kFloat).view({2, 3}), b = at::tensor({1.5, -2.25}, at::kFloat);
  for (const at::ScalarType type : {at::kFloat, at::kHalf, at::kBFloat16}) {
    const fs::path file = at.path / "model.safetensors";
    write_safetensors(file, {{"a", a}, {"b", b}, {"nothing", at::empty({0, 4})}}, type);
    CHECK(fs::file_size(file) == safetensors_size({{"a", a}, {"b", b}, {"nothing", at::empty({0, 4})}}, type));
    at::Tensor got;
    {
      const safetensors_file in(file);
      CHECK(in.metadata().at("format") == "pt");
      got = in.tensor("a", {2, 3});
      CHECK(reinterpret_cast<std::uintptr_t>(got.data_ptr()) % 64 == 0);
      CHECK(at::equal(in.tensor("b", {2}).to(at::kFloat), b));
      CHECK(in.tensor("nothing", {0, 4}).numel() == 0);
    }
    CHECK(got.scalar_type() == type);
    CHECK(at::equal(got.to(at::kFloat), a));  // keeps the mapping alive
    got.zero_();                              // private pages
    CHECK(at::equal(safetensors_file(file).tensor("a", {2, 3}).to(at::kFloat), a));
  }
}

TEST_CASE("a hostile safetensors file is refused by one line that says why") {
  const folder at;
  check_says(complaint([&] { safetensors_file(at.path / "missing"); }), "cannot be read");
  check_says(complaint([&] { safetensors_file{at.path}; }), "cannot be read");
  check_says(complaint_of(at, ""), "found one of 0 bytes");
  check_says(complaint_of(at, "abc"), "found one of 3 bytes");
  check_says(complaint_of(at, length_of(~std::uint64_t{0})), "at most 100000000 bytes");
  check_says(complaint_of(at, length_of(1000) + "{}"), "cut after 2");
  check_says(complaint_of(at, safetensors("{\"a\"", 0)), "expected a header of JSON");
  check_says(complaint_of(at, safetensors("[1]", 0)), "expected a header that is an object");
  check_says(complaint_of(at, safetensors("\xff\xfe", 0)), "expected a header of JSON");
  check_says(complaint_of(at, safetensors(one("3"), 0)), "expected an object, found 3");
  check_says(complaint_of(at, safetensors(one("{\"shape\":[],\"data_offsets\":[0,4]}"), 4)), "expected a dtype");
  check_says(complaint_of(at, safetensors(one("{\"dtype\":\"F32\",\"data_offsets\":[0,4]}"), 4)), "expected a shape");
  check_says(complaint_of(at, safetensors(one("{\"dtype\":\"F32\",\"shape\":[1]}"), 4)), "expected data_offsets");
  check_says(complaint_of(at, safetensors(one("{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[-4,0]}"), 4)),
             "expected data_offsets");
  check_says(complaint_of(at, safetensors(one("{\"dtype\":\"F99\",\"shape\":[1],\"data_offsets\":[0,4]}"), 4)),
             "expected a known dtype");
  check_says(complaint_of(at, safetensors(one("{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}"), 4)),
             "expected a shape of whole");
  check_says(
      complaint_of(
          at, safetensors(one("{\"dtype\":\"F32\",\"shape\":[281474976710656,281474976710656],\"data_offsets\":[0,4]}"),
                          4)),
      "more elements than can be");
  check_says(complaint_of(at, safetensors(one("{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}"), 4)),
             "expected its bytes within the 4");
  check_says(complaint_of(at, safetensors(one("{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]}"), 8)),
             "expected its bytes within");
  check_says(complaint_of(at, safetensors(one("{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,8]}"), 8)),
             "expected 12 bytes for F32");
  const std::string f = "{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":";
  check_says(complaint_of(at, safetensors("{\"a\":" + f + "[0,4]},\"b\":" + f + "[2,6]}}", 6)), "overlaps");
  check_says(complaint_of(at, safetensors("{\"a\":" + f + "[0,4]},\"b\":" + f + "[8,12]}}", 12)), "belong to none");
  check_says(complaint_of(at, safetensors("{\"a\":" + f + "[0,4]}}", 8)), "expected 4 bytes of data, found 8");
  check_says(complaint_of(at, safetensors("{\"a\":" + f + "[0,4]},\"a\":" + f + "[4,8]}}", 8)), "\"a\" is there twice");
}

TEST_CASE("a tensor of another shape or of whole numbers is refused where a weight is due") {
  const folder at;
  const safetensors_file file(at.file(
      "x",
      safetensors(
          R"({"a":{"dtype":"I64","shape":[1],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2,1],"data_offsets":[8,16]}})",
          16)));
  check_says(complaint([&] { file.tensor("a", {1}); }), "tensor \"a\": expected F32, F16 or BF16, found I64");
  check_says(complaint([&] { file.tensor("b", {1, 2}); }), "tensor \"b\": expected shape [1, 2], found [2, 1]");
  check_says(complaint([&] { file.tensor("c", {1}); }), "expected tensor \"c\", found none");
}

TEST_CASE("bytes that are not aligned are read all the same") {
  const folder at;
  std::string content = safetensors(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 0);
  if (content.size() % 4 == 0) content = safetensors(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}} )", 0);
  const float values[2] = {1.5F, -3.0F};
  content.append(reinterpret_cast<const char*>(values), sizeof values);
  CHECK(at::equal(safetensors_file(at.file("x", content)).tensor("a", {2}), at::tensor({1.5F, -3.0F})));
}

TEST_CASE("damaged headers never do worse than be refused") {
  const folder at;
  const std::string whole = safetensors(
      R"({"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]},"b":{"dtype":"BF16","shape":[3],"data_offsets":[16,22]}})",
      22);
  std::mt19937 rng(7);
  int refused = 0;
  for (int i = 0; i < 3000; ++i) {
    std::string damaged = whole;
    const std::size_t changes = 1 + rng() % 3;
    for (std::size_t c = 0; c < changes; ++c) {
      const std::size_t place = rng() % damaged.size();
      switch (rng() % 3) {
        case 0:
          damaged[place] = static_cast<char>(rng());
          break;
        case 1:
          damaged.erase(place, 1 + rng() % 8);
          break;
        default:
          damaged.insert(place, 1, "0123456789[]{}\",:"[rng() % 17]);
          break;
      }
      if (damaged.empty()) break;
    }
    try {
      const safetensors_file file(at.file("x", damaged));
      for (const auto& [name, e] : file.entries())
        if (e.dtype == "F32" || e.dtype == "BF16") file.tensor(name, e.shape).clone();
    } catch (const user_error&) {
      ++refused;
    }
  }
  CHECK(refused > 1000);
}

TEST_CASE("an index leads to its shards, and nowhere else") {
  const folder at;
  const std::vector<named_tensor> tensors{{"a", at::rand({10, 10})}, {"b", at::rand({10, 10})}, {"c", at::rand({5})}};
  write_checkpoint(at.path, tensors, at::kFloat, 500);
  const checkpoint_reader reader(at.path);
  CHECK(reader.names() == std::vector<std::string>{"a", "b", "c"});
  for (const named_tensor& t : tensors) CHECK(at::equal(reader.tensor(t.name, t.tensor.sizes()), t.tensor));
  CHECK(fs::exists(at.path / "model-00001-of-00002.safetensors"));
  const auto with_index = [&](const std::string& text) {
    at.file("model.safetensors.index.json", text);
    return complaint([&] { checkpoint_reader{at.path}; });
  };
  check_says(with_index("{"), "line 1");
  check_says(with_index("{}"), "expected an object with a weight_map");
  check_says(with_index(R"({"weight_map": {"a": 3}})"), "expected a file name");
  for (const char* outside : {"../x.safetensors", "/etc/passwd", "a/b.safetensors", "..", "", "."})
    check_says(with_index(std::string(R"({"weight_map": {"a": ")") + outside + "\"}}"),
               "expected a file of this folder");
  check_says(with_index(R"({"weight_map": {"a": "none.safetensors"}})"), "cannot be read");
  check_says(with_index(R"({"weight_map": {"d": "model-00001-of-00002.safetensors"}})"), "expected tensor \"d\"");
  fs::copy_file(at.path / "model-00001-of-00002.safetensors", at.path / "twice.safetensors");
  check_says(with_index(R"({"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "twice.safetensors"}})"),
             "is in");
  write_checkpoint(at.path, tensors, at::kFloat);  // one file now; what is no part of it is gone
  CHECK_FALSE(fs::exists(at.path / "model.safetensors.index.json"));
  CHECK_FALSE(fs::exists(at.path / "model-00001-of-00002.safetensors"));
  CHECK(checkpoint_reader(at.path).names().size() == 3);
}

TEST_CASE("a folder without weights, or with pickled ones, is refused") {
  const folder at;
  check_says(complaint([&] { checkpoint_reader{at.path}; }), "found neither");
  at.file("pytorch_model.bin", "x");
  check_says(complaint([&] { checkpoint_reader{at.path}; }), "pytorch_model.bin, a format that is not read");
  check_says(complaint([&] { checkpoint_reader{at.path / "nowhere"}; }), "expected a folder");
}

TEST_CASE("a file that cannot be written leaves nothing behind") {
  const folder at;
  fs::create_directories(at.path / "model.safetensors");  // in the way
  check_says(complaint([&] {
               write_safetensors(at.path / "model.safetensors", {{"a", at::rand({4})}}, at::kFloat);
             }),
             "cannot be written");
  check_says(complaint([&] {
               write_safetensors(at.path / "no" / "x", {{"a", at::rand({4})}}, at::kFloat);
             }),
             "cannot be written");
  CHECK(std::distance(fs::directory_iterator(at.path), fs::directory_iterator()) == 1);
}

TEST_CASE("a configuration that is not supported is refused by the name of the option") {
  CHECK(complaint_of_config(llama + "}") == "none");
  check_says(complaint_of_config("{"), "line 1");
  check_says(complaint_of_config("[]"), "expected an object");
  check_says(complaint_of_config("{}"), "config.json: model_type: expected this field");
  check_says(complaint_of_config(R"({"model_type": "mamba"})"), "\"mamba\", which is not supported");
  check_says(complaint_of_config(R"({"model_type": "llama", "architectures": ["LlamaForTokenClassification"]})"),
             "architectures: expected LlamaForCausalLM");
  check_says(complaint_of_config(llama + R"(, "hidden_act": "relu2"})"), "hidden_act: expected gelu");
  check_says(complaint_of_config(llama + R"(, "quantization_config": {"bits": 4}})"), "quantization_config: quantized");
  check_says(complaint_of_config(llama + R"(, "rope_scaling": {"rope_type": "yarn", "factor": 4}})"),
             "rope_scaling.rope_type: expected default, linear or llama3, found \"yarn\"");
  check_says(complaint_of_config(llama + R"(, "rope_parameters": {"rope_type": "dynamic", "factor": 4}})"),
             "rope_parameters.rope_type");
  check_says(complaint_of_config(llama + R"(, "rope_scaling": {"type": "linear"}})"),
             "rope_scaling.factor: expected this field");
  check_says(complaint_of_config(llama + R"(, "sliding_window": 8})"), "sliding_window: attention within a window");
  CHECK(complaint_of_config(llama + R"(, "sliding_window": 16})") == "none");
  check_says(complaint_of_config(llama + R"(, "layer_types": ["linear_attention"]})"),
             "layer_types: expected full_attention");
  check_says(complaint_of_config(llama + R"(, "partial_rotary_factor": 0.5})"), "partial_rotary_factor");
  check_says(complaint_of_config(llama + R"(, "dtype": "int8"})"), "dtype: expected float32");
  check_says(complaint_of_config(llama + R"(, "num_key_value_heads": 3})"),
             "num_key_value_heads: expected a whole number in [1, 2]");
  check_says(complaint_of_config(llama + R"(, "head_dim": 3})"), "even number of rotated dimensions");
  check_says(complaint_of_config(llama + R"(, "rope_theta": NaN})"), "line 2");
  check_says(complaint_of_config(llama + R"(, "rope_theta": 1e999})"), "config.json");
  check_says(complaint_of_config(llama + R"(, "rope_theta": -5})"), "rope_theta: expected a number in [1");
  check_says(complaint_of_config(llama + R"(, "rms_norm_eps": "inf"})"), "config.json");
  check_says(complaint_of_config(llama + R"(, "eos_token_id": 1e12})"),
             "eos_token_id: expected a whole number in [-1, 2147483647]");
  check_says(complaint_of_config(llama + R"(, "eos_token_id": [1, "2"]})"), "eos_token_id: expected whole numbers");
  check_says(complaint_of_config(llama + R"(, "tie_word_embeddings": 1})"),
             "tie_word_embeddings: expected true or false");
  for (const char* absurd : {"-1", "0", "1e300", "2.5", "\"8\"", "null", "99999999999999999999"})
    check_says(complaint_of_config(std::string(R"({"model_type": "llama", "vocab_size": )") + absurd + "}"),
               "vocab_size: expected");
  check_says(
      complaint_of_config(
          R"({"model_type": "gpt2", "vocab_size": 10, "n_embd": 8, "n_layer": 1, "n_head": 2, "n_positions": 16, "scale_attn_by_inverse_layer_idx": true})"),
      "scale_attn_by_inverse_layer_idx: true is not supported");
  check_says(
      complaint_of_config(
          R"({"model_type": "gpt2", "vocab_size": 10, "n_embd": 9, "n_layer": 1, "n_head": 2, "n_positions": 16})"),
      "n_embd: expected a multiple");
}

TEST_CASE("a configuration is written as it was read, and a new one is read as it was written") {
  const model_config c = parse_model_config(
      llama +
          R"(, "rope_parameters": {"rope_type": "llama3", "rope_theta": 5e5, "factor": 8, "low_freq_factor": 1, "high_freq_factor": 4,
      "original_max_position_embeddings": 8}, "eos_token_id": [2, 3], "bos_token_id": 1, "pad_token_id": null, "dtype": "float16", "my_own": {"x": 1}})",
      "config.json");
  CHECK(c.positions == position_kind::rotary_llama3);
  CHECK(c.rope_theta == 5e5);
  CHECK(c.end_tokens == std::vector<token_id>{2, 3});
  CHECK(to_json(c) == c.source);
  CHECK(parse_model_config(llama + "}", "").end_tokens == std::vector<token_id>{2});  // what transformers takes then
  CHECK(parse_model_config(llama + R"(, "eos_token_id": null})", "").end_tokens.empty());
  model_config fresh = c;
  fresh.source = nullptr;
  const model_config again = parse_model_config(to_json(fresh).dump(), "config.json");
  model_config changed = c;
  changed.labels = 1;
  const model_config classifier = parse_model_config(to_json(changed).dump(), "config.json");
  CHECK(classifier.labels == 1);
  CHECK(to_json(changed)["architectures"][0] == "LlamaForSequenceClassification");
  for (const model_config& other : {again, classifier}) {
    CHECK(other.head_size == c.head_size);
    CHECK(other.positions == c.positions);
    CHECK(other.rope_factor == c.rope_factor);
    CHECK(other.rope_original_context == c.rope_original_context);
    CHECK(other.end_tokens == c.end_tokens);
    CHECK(other.dtype == c.dtype);
  }
}
