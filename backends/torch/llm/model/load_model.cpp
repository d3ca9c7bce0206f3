// Models from files, from seeds and from other models.
#include <fmt/format.h>
#include <torch/torch.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "llm/model/language_model.hpp"
#include "sim/data/utf8.hpp"
#include "sim/io/error.hpp"
#include "sim/io/file.hpp"

namespace rto::llm {
namespace {

using sim::user_error;

/// Names under which the Hub has a parameter: its own, without the prefix of the base model, the head's other name.
std::vector<std::string> spellings(const std::string& name) {
  std::vector<std::string> all{name};
  for (const std::string_view prefix : {"gpt_neox.", "model.", "transformer."})
    if (name.starts_with(prefix)) all.push_back(name.substr(prefix.size()));
  if (name == "embed_out.weight") all.push_back("lm_head.weight");
  if (name == "lm_head.weight") all.push_back("embed_out.weight");
  return all;
}

/// Buffers of older versions of transformers: masks and frequencies, which follow from the configuration.
bool is_buffer(const std::string& name) {
  static constexpr std::array<std::string_view, 5> endings{".attention.bias", ".attention.masked_bias", ".attn.bias",
                                                           ".attn.masked_bias", "rotary_emb.inv_freq"};
  return std::any_of(endings.begin(), endings.end(), [&](std::string_view e) { return name.ends_with(e); });
}

bool is_head(const std::string& name) {
  return name == "lm_head.weight" || name == "embed_out.weight" || name == "score.weight";
}

void require_finite(const at::Tensor& x, const std::string& file, const std::string& name) {
  const at::Tensor bad = at::isfinite(x).logical_not();
  if (!bad.any().item<bool>()) return;
  const at::Tensor first = bad.nonzero()[0];
  const std::vector<std::int64_t> place(first.const_data_ptr<std::int64_t>(),
                                        first.const_data_ptr<std::int64_t>() + first.numel());
  throw user_error(fmt::format("{}: tensor \"{}\": expected finite numbers, found {} at {}", file, name,
                               x.index_select(0, first.slice(0, 0, 1)).isnan().any().item<bool>() ? "NaN" : "infinity",
                               describe_shape(place)));
}

/// Draws new parameters, in the order in which they are asked for.
class drawing {
 public:
  drawing(std::uint64_t seed, at::Device device, at::ScalarType dtype)
      : generator_(at::make_generator<at::CPUGeneratorImpl>(seed)), device_(device), dtype_(dtype) {}
  at::Tensor operator()(const parameter_description& d) {
    at::Tensor x = at::empty(d.shape, at::kFloat);
    if (d.deviation == 0)
      x.fill_(d.mean);
    else
      x.normal_(d.mean, d.deviation, generator_);
    return x.to(device_, dtype_);
  }

 private:
  at::Generator generator_;
  at::Device device_;
  at::ScalarType dtype_;
};

}  // namespace

language_model language_model::load(const std::filesystem::path& folder, const load_options& options) {
  model_config config = read_model_config(folder);
  const checkpoint_reader reader(folder);
  const bool new_score = options.head == head_kind::score && config.labels != 1;
  if (options.head == head_kind::score) config.labels = 1;
  if (options.head == head_kind::language_model) config.labels = 0;
  std::set<std::string> used;
  drawing draw(options.seed, options.device, options.dtype);
  const parameter_source source = [&](const parameter_description& d) {
    if (new_score && d.name == "score.weight") return draw(d);
    for (const std::string& name : spellings(d.name)) {
      if (!reader.contains(name)) continue;
      used.insert(name);
      const at::Tensor x = reader.tensor(name, d.shape);
      if (options.check_finite) require_finite(x, reader.file(name), name);
      return x.to(options.device, options.dtype);
    }
    throw user_error(fmt::format("{}: expected tensor \"{}\" of shape {}, found none of that name", reader.name(),
                                 d.name, describe_shape(d.shape)));
  };
  language_model model(config, source);
  for (const std::string& name : reader.names())
    if (!used.contains(name) && !is_buffer(name) && !is_head(name))
      throw user_error(fmt::format("{}: tensor \"{}\" is no part of {} with this configuration", reader.file(name),
                                   sim::printable(name, 100), class_name(config.family, config.labels > 0)));
  return model;
}

language_model language_model::initialize(const model_config& config, std::uint64_t seed, at::Device device,
                                          at::ScalarType dtype) {
  return language_model(config, drawing(seed, device, dtype));
}

void language_model::save(const std::filesystem::path& folder, std::optional<at::ScalarType> dtype,
                          std::uint64_t shard_bytes) const {
  model_config config = config_;
  const at::ScalarType type = dtype.value_or(this->dtype());
  config.dtype = dtype_name(type);
  write_checkpoint(folder, parameters(), type, shard_bytes);
  sim::write_file(folder / "config.json", to_json(config).dump(2) + "\n");
}

language_model language_model::clone(std::optional<at::Device> device, std::optional<at::ScalarType> dtype) const {
  const at::NoGradGuard no_gradients;
  std::map<std::string, at::Tensor> mine;
  for (const named_parameter& p : parameters()) mine.emplace(p.name, p.tensor);
  language_model copy(config_, [&](const parameter_description& d) {
    return mine.at(d.name).detach().to(device.value_or(this->device()), dtype.value_or(this->dtype()), false, true);
  });
  return copy;
}

void copy_companion_files(const std::filesystem::path& from, const std::filesystem::path& to) {
  for (const char* name : {"tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
                           "chat_template.jinja", "chat_template.json", "generation_config.json", "vocab.json",
                           "merges.txt", "tokenizer.model"}) {
    std::error_code error;
    if (!std::filesystem::exists(from / name, error) || std::filesystem::equivalent(from / name, to / name, error))
      continue;
    sim::write_file(to / name, sim::read_file(from / name));
  }
}

}  // namespace rto::llm
