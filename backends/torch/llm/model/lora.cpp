#include "llm/model/lora.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "llm/checkpoint/config_fields.hpp"
#include "sim/data/utf8.hpp"
#include "sim/io/error.hpp"
#include "sim/io/file.hpp"

namespace rto::llm {
namespace {

using sim::user_error;

constexpr const char* config_file = "adapter_config.json";
constexpr const char *file_prefix = "base_model.model.", *a_suffix = ".lora_A.weight", *b_suffix = ".lora_B.weight",
                     *score_name = "score.weight";

/// A linear map of a model that an adapter can be added to.
struct place {
  linear* map = nullptr;
  std::size_t part = 0;
  std::int64_t inputs = 0, outputs = 0;
};

/// In the order of the layers.
std::vector<std::pair<std::string, place>> places_of(language_model& model) {
  std::vector<std::pair<std::string, place>> all;
  for (linear* l : model.linears())
    for (std::size_t i = 0; i < l->parts().size(); ++i)
      all.emplace_back(l->parts()[i].name, place{l, i, l->weight().size(1), l->parts()[i].outputs});
  return all;
}

bool targets(const std::string& name, const std::string& target) {
  return name == target || name.ends_with("." + target);
}

/// adapter_config.json; what would change the numbers and is not built is refused.
lora_options read_options(const std::filesystem::path& file) {
  const sim::ordered_json text = sim::read_ordered_json(file);
  const config_fields in(text, file.string(), "");
  if (in.has("peft_type") && in.text("peft_type") != "LORA")
    in.fail("peft_type", fmt::format("expected LORA, found \"{}\", which is not supported", in.text("peft_type")));
  for (const char* field : {"use_dora", "lora_bias", "use_qalora"})
    if (in.flag_or(field, false)) in.fail(field, "true is not supported");
  if (in.has("bias") && in.text("bias") != "none")
    in.fail("bias", fmt::format("expected none, found \"{}\", which is not supported", in.text("bias")));
  if (in.has("modules_to_save") && !text["modules_to_save"].empty() &&
      (!text["modules_to_save"].is_array() || in.texts("modules_to_save") != std::vector<std::string>{"score"}))
    in.fail("modules_to_save", "anything but score is not supported");
  for (const char* field :
       {"rank_pattern", "alpha_pattern", "target_parameters", "layer_replication", "trainable_token_indices"})
    if (in.has(field) && !text[field].empty()) in.fail(field, "is not supported");
  lora_options o;
  o.rank = in.integer("r", 1, 1 << 16);
  o.alpha = in.number("lora_alpha", 0, 1e9);
  o.rank_stabilised = in.flag_or("use_rslora", false);
  if (in.has("target_modules") && text["target_modules"].is_array()) o.targets = in.texts("target_modules");
  return o;
}

}  // namespace

lora_adapter lora_adapter::initialize(const language_model& base, const lora_options& options, std::uint64_t seed) {
  if (options.rank < 1) throw user_error(fmt::format("LoRA: rank: expected at least 1, found {}", options.rank));
  lora_adapter adapter;
  adapter.options_ = options;
  adapter.family_ = base.config().family;
  adapter.classifier_ = base.config().labels > 0;
  if (adapter.classifier_) adapter.score_ = base.score_weight();
  auto generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  std::set<std::string> unused(options.targets.begin(), options.targets.end());
  language_model model = base;
  for (const auto& [name, p] : places_of(model)) {
    bool wanted = options.targets.empty();
    for (const std::string& target : options.targets)
      if (targets(name, target)) {
        wanted = true;
        unused.erase(target);
      }
    if (!wanted) continue;
    const double bound = 1 / std::sqrt(static_cast<double>(p.inputs));
    const at::Tensor a = at::empty({options.rank, p.inputs}).uniform_(-bound, bound, generator);
    adapter.entries_.push_back(
        {name, a.to(base.device()), at::zeros({p.outputs, options.rank}, at::TensorOptions(base.device()))});
  }
  if (!unused.empty()) {
    std::set<std::string> known;
    for (const auto& [name, p] : places_of(model)) known.insert(name.substr(name.rfind('.') + 1));
    throw user_error(fmt::format("LoRA: target \"{}\": expected one of {}, found none of that name", *unused.begin(),
                                 fmt::join(known, ", ")));
  }
  return adapter;
}

lora_adapter lora_adapter::load(const language_model& base, const std::filesystem::path& folder, at::ScalarType dtype) {
  lora_adapter adapter;
  adapter.options_ = read_options(folder / config_file);
  adapter.family_ = base.config().family;
  adapter.classifier_ = base.config().labels > 0;
  const safetensors_file file(folder / "adapter_model.safetensors");
  std::set<std::string> left;
  for (const auto& [name, e] : file.entries()) left.insert(name);
  const std::int64_t rank = adapter.options_.rank;
  language_model model = base;
  for (const auto& [name, p] : places_of(model)) {
    const std::string a = file_prefix + name + a_suffix, b = file_prefix + name + b_suffix;
    if (!file.entries().contains(a) && !file.entries().contains(b)) continue;
    const auto get = [&](const std::string& key, at::IntArrayRef shape) {
      left.erase(key);
      return file.tensor(key, shape).to(base.device(), dtype);
    };
    adapter.entries_.push_back({name, get(a, {rank, p.inputs}), get(b, {p.outputs, rank})});
  }
  if (const std::string key = file_prefix + std::string(score_name); left.erase(key) > 0) {
    if (!adapter.classifier_)
      throw user_error(fmt::format("{}: tensor \"{}\" is for a reward model", file.name(), key));
    const at::NoGradGuard no_gradients;
    adapter.score_ = base.score_weight();
    adapter.score_.copy_(file.tensor(key, adapter.score_.sizes()));
  }
  if (!left.empty())
    throw user_error(fmt::format("{}: tensor \"{}\" fits no linear map of the base", file.name(),
                                 sim::printable(*left.begin(), 120)));
  if (adapter.entries_.empty()) throw user_error(fmt::format("{}: expected tensors, found none", file.name()));
  return adapter;
}

void lora_adapter::save(const std::filesystem::path& folder, const std::string& base_name_or_path) const {
  sim::make_folder(folder);
  std::set<std::string> modules(options_.targets.begin(), options_.targets.end());
  if (modules.empty())
    for (const entry& e : entries_) modules.insert(e.name.substr(e.name.rfind('.') + 1));
  const sim::ordered_json config{
      {"peft_type", "LORA"},
      {"task_type", classifier_ ? "SEQ_CLS" : "CAUSAL_LM"},
      {"base_model_name_or_path", base_name_or_path},
      {"r", options_.rank},
      {"lora_alpha", options_.alpha},
      {"target_modules", std::vector<std::string>(modules.begin(), modules.end())},
      {"use_rslora", options_.rank_stabilised},
      {"lora_dropout", 0.0},
      {"bias", "none"},
      {"fan_in_fan_out", family_ == architecture::gpt2},
      {"modules_to_save", score_.defined() ? sim::ordered_json{"score"} : sim::ordered_json()},
      {"inference_mode", true}};
  write_safetensors(folder / "adapter_model.safetensors", parameters(), entries_.front().a.scalar_type());
  sim::write_file(folder / config_file, config.dump(2) + "\n");
}

std::vector<named_parameter> lora_adapter::parameters() const {
  std::vector<named_parameter> all;
  for (const entry& e : entries_) {
    all.push_back({file_prefix + e.name + a_suffix, e.a});
    all.push_back({file_prefix + e.name + b_suffix, e.b});
  }
  if (score_.defined()) all.push_back({file_prefix + std::string(score_name), score_});
  return all;
}

void lora_adapter::require_gradients(bool on) {
  for (const named_parameter& p : parameters()) p.tensor.set_requires_grad(on);
}

double lora_adapter::scale() const {
  const auto rank = static_cast<double>(options_.rank);
  return options_.alpha / (options_.rank_stabilised ? std::sqrt(rank) : rank);
}

language_model lora_adapter::adapted(const language_model& base) const {
  language_model model = base;
  std::map<std::string, place> places;
  for (const auto& [name, p] : places_of(model)) places.emplace(name, p);
  for (const entry& e : entries_) {
    const place& p = places.at(e.name);
    p.map->terms.push_back({p.part, e.a, e.b, scale()});
  }
  return model;
}

language_model lora_adapter::merged(const language_model& base) const {
  const at::NoGradGuard no_gradients;
  language_model model = base.clone();
  std::map<std::string, place> places;
  for (const auto& [name, p] : places_of(model)) places.emplace(name, p);
  for (const entry& e : entries_) {
    const place& p = places.at(e.name);
    const at::Tensor& weight = p.map->parts()[p.part].weight;
    const at::Tensor change = at::mm(e.b.to(at::kFloat), e.a.to(at::kFloat)) * scale();
    weight.copy_(weight.to(at::kFloat) + (p.map->transposed() ? change.t() : change));
  }
  return model;
}

bool is_adapter(const std::filesystem::path& folder) { return std::filesystem::exists(folder / config_file); }

std::filesystem::path base_of_adapter(const std::filesystem::path& folder) {
  const sim::ordered_json text = sim::read_ordered_json(folder / config_file);
  const config_fields in(text, (folder / config_file).string(), "");
  const std::filesystem::path named = in.text("base_model_name_or_path");
  for (const std::filesystem::path& place : {named, folder / named})
    if (std::filesystem::exists(place / "config.json")) return place;
  in.fail("base_model_name_or_path", fmt::format("expected the folder of a model, found \"{}\"", named.string()));
}

language_model load_with_adapter(const std::filesystem::path& folder, const load_options& options) {
  if (!is_adapter(folder)) return language_model::load(folder, options);
  load_options of_base = options;
  const sim::ordered_json text = sim::read_ordered_json(folder / config_file);
  if (options.head == head_kind::stored && text.is_object() && text.value("task_type", "") == "SEQ_CLS")
    of_base.head = head_kind::score;
  const language_model base = language_model::load(base_of_adapter(folder), of_base);
  return lora_adapter::load(base, folder, options.dtype).adapted(base);
}

}  // namespace rto::llm
