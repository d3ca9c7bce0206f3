#include "llm/text/tokenizer_tables.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "llm/text/nesting.hpp"
#include "sim/data/utf8.hpp"
#include "sim/io/file.hpp"
#include "sim/io/reader.hpp"

namespace rto::llm {
namespace {

using sim::json;

// A field of the document that is there and not null, and its place.
const json* field(const json& document, const char* name) {
  const auto found = document.find(name);
  return found == document.end() || found->is_null() ? nullptr : &*found;
}

// The ids that a post-processor puts before and after a text. Those of pairs of texts play no part.
void read_post_processor(const json& value, const std::string& place, tokenizer_tables& tables) {
  require_shallow(place);
  const sim::reader fields(value, place);
  const std::string type = fields.text("type");
  if (type == "ByteLevel") return;  // offsets only
  if (type == "Sequence") {
    const json& list = fields.at("processors");
    if (!list.is_array()) fields.fail("processors", "expected a list, found " + sim::describe(list));
    for (std::size_t i = 0; i < list.size(); ++i)
      read_post_processor(list[i], fmt::format("{}[{}]", fields.place_of("processors"), i), tables);
    return;
  }
  if (type != "TemplateProcessing")
    fields.fail("type",
                fmt::format("the post-processor {} is not supported (TemplateProcessing, ByteLevel and Sequence are)",
                            sim::in_quotes(type)));
  if (tables.templated) fields.fail("type", "two templates are not supported");
  tables.templated = true;
  const sim::reader tokens = fields.object("special_tokens");
  bool text_seen = false;
  for (const sim::reader& piece : fields.objects("single")) {
    if (piece.has("Sequence")) {
      if (text_seen || piece.object("Sequence").text("id") != "A")
        piece.fail("Sequence", "expected the sequence A, once");
      text_seen = true;
      continue;
    }
    const std::string name = piece.object("SpecialToken").text("id");
    for (const std::int64_t id : tokens.object(name).integers("ids")) {
      if (!tables.tokens.contains(id)) tokens.fail(name, fmt::format("no token has the id {}", id));
      (text_seen ? tables.after : tables.before).push_back(id);
    }
  }
  if (!text_seen) fields.fail("single", "expected the sequence A among the pieces");
}

// The added tokens of the file, then those of tokenizer_config.json, which win.
class added_token_list {
 public:
  explicit added_token_list(tokenizer_tables& tables) : tables_(tables) {}

  void add(added_token token, const std::string& place) {
    if (token.content.empty()) return;
    vocabulary& tokens = tables_.tokens;
    if (const auto id = tokens.find(token.content); id && *id != token.id)
      throw sim::field_error(
          fmt::format("{}: {} has the id {}, but {} elsewhere", place, sim::in_quotes(token.content), token.id, *id));
    else if (!id && !tokens.add(token.content, token.id))
      throw sim::field_error(fmt::format("{}: the id {} of {} is that of {} too", place, token.id,
                                         sim::in_quotes(token.content), sim::in_quotes(tokens[token.id])));
    const auto [place_in_list, is_new] = index_.try_emplace(token.id, list_.size());
    if (is_new)
      list_.push_back(std::move(token));
    else
      list_[place_in_list->second] = std::move(token);
  }

  /// A token of the vocabulary that has a role is special, whether or not the file says so.
  void add_role(token_id id) {
    if (index_.try_emplace(id, list_.size()).second)
      list_.push_back({.id = id, .content = tables_.tokens[id], .special = true});
  }

  const std::vector<added_token>& all() const { return list_; }

  void finish() {
    std::stable_partition(list_.begin(), list_.end(), [](const added_token& t) { return t.special; });
    tables_.special.assign(static_cast<std::size_t>(tables_.tokens.size()), false);
    std::vector<token_matcher::entry> raw, normalized;
    for (const added_token& token : list_) {
      if (token.special) tables_.special[static_cast<std::size_t>(token.id)] = true;
      if (!token.normalized) {
        raw.push_back({token.content, token});
        continue;
      }
      std::string pattern = tables_.normalize(token.content);
      if (pattern != token.content) tables_.written[token.id] = pattern;
      normalized.push_back({std::move(pattern), token});
    }
    tables_.raw = token_matcher(std::move(raw));
    tables_.normalized = token_matcher(std::move(normalized));
  }

 private:
  tokenizer_tables& tables_;
  std::vector<added_token> list_;
  std::unordered_map<token_id, std::size_t> index_;
};

void read_tokenizer_file(const json& document, const std::string& name, tokenizer_tables& tables,
                         added_token_list& added) {
  if (!document.is_object())
    throw sim::field_error(fmt::format("{}: expected an object, found {}", name, sim::describe(document)));
  const auto place = [&](const char* part) { return name + ": " + part; };
  const auto part = [&](const char* part_name) { return field(document, part_name); };
  if (const json* value = part("normalizer")) tables.normalize = normalizer(*value, place("normalizer"));
  if (const json* value = part("pre_tokenizer")) tables.words = pre_tokenizer(*value, place("pre_tokenizer"));
  if (const json* value = part("decoder")) tables.text = decoder(*value, place("decoder"));
  const json* model = part("model");
  if (model == nullptr) throw sim::field_error(place("model: the field is missing"));
  tables.model.emplace(*model, place("model"), tables.words.byte_level(), tables.tokens);
  tables.unk = tables.model->unk();
  if (const json* list = part("added_tokens")) {
    if (!list->is_array())
      throw sim::field_error(place("added_tokens: expected a list, found ") + sim::describe(*list));
    for (std::size_t i = 0; i < list->size(); ++i) {
      const std::string here = fmt::format("{}[{}]", place("added_tokens"), i);
      added.add(added_token::parse((*list)[i], here), here);
    }
  }
  if (const json* value = part("post_processor")) read_post_processor(*value, place("post_processor"), tables);
}

// The id that a token's role has in a configuration: a text, or an object with `content`.
std::optional<token_id> role(const json& document, const std::string& name, const char* field_name,
                             const vocabulary& tokens) {
  const json* value = field(document, field_name);
  if (value == nullptr) return std::nullopt;
  const std::string place = name + ": " + field_name;
  const std::string content =
      value->is_string() ? value->get<std::string>() : sim::reader(*value, place).text("content");
  const auto id = tokens.find(content);
  if (!id) throw sim::field_error(fmt::format("{}: {} is no token of the tokenizer", place, sim::in_quotes(content)));
  return id;
}

// add_bos_token and add_eos_token, where one of them is there, take the place of the file's template (as transformers 5
// has it).
void read_added_roles(const json& document, const std::string& name, tokenizer_tables& tables) {
  if (!document.contains("add_bos_token") && !document.contains("add_eos_token")) return;
  const auto wanted = [&](const char* field_name) {
    const json* value = field(document, field_name);
    if (value != nullptr && !value->is_boolean())
      throw sim::field_error(
          fmt::format("{}: {}: expected true or false, found {}", name, field_name, sim::describe(*value)));
    return value != nullptr && value->get<bool>();
  };
  const bool bos = wanted("add_bos_token"), eos = wanted("add_eos_token");
  tables.before.clear();
  tables.after.clear();
  if (bos && tables.bos) tables.before.push_back(*tables.bos);
  if (eos && tables.eos) tables.after.push_back(*tables.eos);
}

void guess_roles(tokenizer_tables& tables, const added_token_list& added) {
  const auto guess = [&](std::optional<token_id>& role, std::initializer_list<std::string_view> names) {
    for (const std::string_view name : names) {
      for (const added_token& t : added.all())
        if (!role && t.special && t.content == name) role = t.id;
    }
  };
  guess(tables.bos, {"<s>", "<|bos|>", "<|begin_of_text|>"});
  guess(tables.eos, {"</s>", "<|eos|>", "<|endoftext|>", "<|end_of_text|>"});
  guess(tables.pad, {"<pad>", "<|pad|>", "<|padding|>"});
}

// chat_template: a text, or a list of named ones of which `default` is meant.
std::string read_chat_template(const json& value, const std::string& place) {
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_array()) throw sim::field_error(place + ": expected a text or a list, found " + sim::describe(value));
  for (std::size_t i = 0; i < value.size(); ++i) {
    const sim::reader entry(value[i], fmt::format("{}[{}]", place, i));
    if (entry.text("name") == "default") return entry.text("template");
  }
  return {};
}

}  // namespace

std::shared_ptr<const tokenizer_tables> tokenizer_tables::read(const std::filesystem::path& file_or_folder) {
  namespace fs = std::filesystem;
  const bool is_folder = fs::is_directory(file_or_folder);
  const fs::path file = is_folder ? file_or_folder / "tokenizer.json" : file_or_folder;
  auto tables = std::make_shared<tokenizer_tables>();
  const auto keep = [&](const fs::path& from, const std::string& name) -> const std::string& {
    return tables->files.emplace_back(name, sim::read_file(from)).second;
  };
  try {
    added_token_list added(*tables);
    read_tokenizer_file(sim::parse_json(keep(file, "tokenizer.json"), file.string()), file.string(), *tables, added);
    std::vector<std::pair<json, std::string>> configurations;
    for (const char* name : {"tokenizer_config.json", "special_tokens_map.json"}) {
      const fs::path path = file_or_folder / name;
      if (!is_folder || !fs::exists(path)) continue;
      json document = sim::parse_json(keep(path, name), path.string());
      const sim::reader fields(document, path.string());
      if (fields.has("added_tokens_decoder")) {
        const json& tokens = fields.at("added_tokens_decoder");
        for (const auto& [key, value] : tokens.items()) {
          const std::string place = fmt::format("{}: added_tokens_decoder[\"{}\"]", path.string(), sim::printable(key));
          if (key.empty() || key.size() > 9 || key.find_first_not_of("0123456789") != std::string::npos)
            throw sim::field_error(place + ": expected an id");
          added.add(added_token::parse(value, place, std::stoll(key)), place);
        }
      }
      if (fields.has("chat_template") && tables->chat_template.empty())
        tables->chat_template = read_chat_template(fields.at("chat_template"), path.string() + ": chat_template");
      configurations.emplace_back(std::move(document), path.string());
    }
    for (const auto& [document, name] : configurations) {
      const auto take = [&](std::optional<token_id>& id, const char* field_name) {
        if (const auto found = role(document, name, field_name, tables->tokens);
            found && (!id || &id == &tables->unk)) {
          id = found;
          added.add_role(*found);
        }
      };
      take(tables->bos, "bos_token");
      take(tables->eos, "eos_token");
      take(tables->pad, "pad_token");
      take(tables->unk, "unk_token");
    }
    if (!configurations.empty()) read_added_roles(configurations.front().first, configurations.front().second, *tables);
    if (configurations.empty()) guess_roles(*tables, added);
    added.finish();
    if (const fs::path path = file_or_folder / "chat_template.jinja"; is_folder && fs::exists(path))
      tables->chat_template = keep(path, "chat_template.jinja");
  } catch (const sim::field_error& e) {
    throw sim::user_error(e.what());
  }
  return tables;
}

}  // namespace rto::llm
