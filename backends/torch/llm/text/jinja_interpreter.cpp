#include "llm/text/jinja_interpreter.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "llm/text/python_text.hpp"
#include "sim/data/utf8.hpp"

namespace rto::llm::jinja {
namespace {

constexpr int deepest_run = 1200;  // frames of evaluate and execute: about a megabyte of stack

using type = expression::type;

bool ordered(const std::string& sign, const value& a, const value& b) {
  if (sign == "<") return less(a, b);
  if (sign == ">") return less(b, a);
  if (sign == "<=") return less(a, b) || equal(a, b);
  return less(b, a) || equal(a, b);
}

}  // namespace

// Counts one level of the run, and the step.
class interpreter::level {
 public:
  level(interpreter& in, int line) : in_(in) {
    in_.line_ = line;
    if (++in_.steps_ > in_.limits_.steps) throw template_error("the template runs for too long: too many steps");
    if (in_.depth_ >= deepest_run) throw template_error("calls are nested too deeply");
    ++in_.depth_;
  }
  level(const level&) = delete;
  level& operator=(const level&) = delete;
  ~level() { --in_.depth_; }

 private:
  interpreter& in_;
};

interpreter::interpreter(const syntax_tree& tree, std::vector<std::pair<std::string, value>> variables,
                         std::optional<std::tm> now, const render_limits& limits)
    : tree_(tree), now_(now), limits_(limits), root_{nullptr, std::move(variables)} {}

interpreter::~interpreter() {
  for (const auto& space : spaces_) space->items.clear();
}

rendered_text interpreter::run() {
  try {
    execute(tree_.body, root_);
  } catch (const template_error& e) {
    throw template_error(fmt::format("line {}: {}", line_, e.what()));
  }
  return {std::move(out_), std::move(generated_)};
}

const value* interpreter::scope::find(std::string_view name) const {
  for (const scope* s = this; s != nullptr; s = s->parent) {
    for (const auto& [key, v] : s->names) {
      if (key == name) return &v;
    }
  }
  return nullptr;
}

void interpreter::scope::set(const std::string& name, value v) {
  for (auto& [key, old] : names) {
    if (key == name) {
      old = std::move(v);
      return;
    }
  }
  names.emplace_back(name, std::move(v));
}

void interpreter::check_length(std::size_t bytes) const {
  if (bytes > limits_.longest) throw template_error(fmt::format("a text grows beyond {} bytes", limits_.longest));
}

void interpreter::spend(std::size_t bytes) {
  bytes_ += bytes;
  if (bytes_ > limits_.bytes) throw template_error(fmt::format("the template makes more than {} bytes", limits_.bytes));
}

value interpreter::text(std::string content) {
  check_length(content.size());
  spend(content.size() + sizeof(value));
  return content;
}

value interpreter::list(std::vector<value> items, bool tuple) {
  spend(items.size() * sizeof(value));
  return value::list(std::move(items), tuple);
}

std::vector<value> interpreter::iterate(const value& x) {
  if (x.is_sequence()) {
    spend(x.items().size() * sizeof(value));
    return x.items();
  }
  std::vector<value> items;
  if (x.is_dictionary()) {
    spend(x.dict().items.size() * sizeof(value));
    for (const auto& [key, v] : x.dict().items) items.push_back(key);
  } else if (x.is_text()) {
    spend(x.text().size() * sizeof(value));
    for (std::size_t at = 0; at < x.text().size();) {
      const std::size_t begin = at;
      python::next_code_point(x.text(), at);
      items.emplace_back(x.text().substr(begin, at - begin));
    }
  } else if (!x.is_undefined()) {
    throw template_error(fmt::format("expected a list, found {}", x.type_name()));
  }
  return items;
}

value interpreter::name(const std::string& name, const scope& names) {
  if (const value* found = names.find(name)) return *found;
  if (const auto global = global_function(name)) return *global;
  return value::undefined(fmt::format("'{}' is undefined", name));
}

value interpreter::attribute(const value& object, const std::string& name) {
  if (object.is_undefined()) throw template_error(object.what());
  if (auto method = method_of(*this, object, name)) return std::move(*method);
  if (object.is_dictionary()) {
    if (const value* found = object.dict().find(std::string_view(name))) return *found;
  } else if (object.is(kind::name_space)) {
    if (const value* found = object.space().find(name)) return *found;
  }
  return value::undefined(fmt::format("{} has no '{}'", object.type_name(), name));
}

value interpreter::item(const value& object, const value& index) {
  if (object.is_undefined()) throw template_error(object.what());
  if (object.is_dictionary()) {
    if (const value* found = object.dict().find(index)) return *found;
  } else if (index.is_integer() && (object.is_sequence() || object.is_text())) {
    const std::int64_t size = object.is_sequence() ? static_cast<std::int64_t>(object.items().size())
                                                   : static_cast<std::int64_t>(sim::code_point_count(object.text()));
    const std::int64_t at = index.integer() < 0 ? index.integer() + size : index.integer();
    if (at >= 0 && at < size) {
      const auto place = static_cast<std::size_t>(at);
      if (object.is_sequence()) return object.items()[place];
      const std::vector<std::size_t> offsets = sim::code_point_offsets(object.text());
      spend(offsets.size());
      return text(object.text().substr(offsets[place], offsets[place + 1] - offsets[place]));
    }
    return value::undefined(fmt::format("{} has no item {}", object.type_name(), index.integer()));
  }
  if (index.is_text()) return attribute(object, index.text());
  return value::undefined(fmt::format("{} has no such item", object.type_name()));
}

value interpreter::call(const value& callee, const arguments& given) {
  if (callee.is_undefined()) throw template_error(callee.what());
  if (callee.is(kind::loop)) throw template_error("a recursive loop is not supported");
  if (!callee.is(kind::function)) throw template_error(fmt::format("{} cannot be called", callee.type_name()));
  return callee.callee().call(*this, given);
}

arguments interpreter::evaluate_arguments(const expression& e, scope& names) {
  arguments given;
  for (const named_expression& a : e.arguments) {
    if (a.name.empty())
      given.positional.push_back(evaluate(*a.argument, names));
    else
      given.named.emplace_back(a.name, evaluate(*a.argument, names));
  }
  return given;
}

value interpreter::evaluate(const expression& e, scope& names) {
  const level guard(*this, e.line);
  switch (e.kind) {
    case type::constant:
      return e.literal;
    case type::name:
      return name(e.name, names);
    case type::attribute:
      return attribute(evaluate(*e.operands[0], names), e.name);
    case type::item: {
      const value object = evaluate(*e.operands[0], names);
      return item(object, evaluate(*e.operands[1], names));
    }
    case type::slice:
      return slice(e, names);
    case type::call: {
      const value callee = evaluate(*e.operands[0], names);
      const arguments given = evaluate_arguments(e, names);
      line_ = e.line;
      return call(callee, given);
    }
    case type::filter:
      return filter(e, names, nullptr);
    case type::test: {
      const value subject = evaluate(*e.operands[0], names);
      return apply_test(*this, e.name, subject, evaluate_arguments(e, names));
    }
    case type::unary:
      return unary(e.name, evaluate(*e.operands[0], names));
    case type::binary:
      return binary(e, names);
    case type::compare:
      return compare(e, names);
    case type::conditional:
      if (evaluate(*e.operands[0], names).truth()) return evaluate(*e.operands[1], names);
      if (e.operands[2] != nullptr) return evaluate(*e.operands[2], names);
      return value::undefined("the condition is false, and there is no 'else'");
    default:
      return evaluate_operands(e, names);
  }
}

// Lists, tuples, dictionaries and a ~ b.
value interpreter::evaluate_operands(const expression& e, scope& names) {
  std::vector<value> operands;
  for (const expression_ptr& operand : e.operands) operands.push_back(evaluate(*operand, names));
  if (e.kind == type::list || e.kind == type::tuple) return list(std::move(operands), e.kind == type::tuple);
  if (e.kind == type::concat) {
    std::string joined;
    for (const value& operand : operands) {
      joined += to_text(operand);
      check_length(joined.size());
    }
    return text(std::move(joined));
  }
  std::vector<std::pair<value, value>> items;
  for (std::size_t i = 0; i + 1 < operands.size(); i += 2) {
    if (operands[i].is(kind::list) || operands[i].is_dictionary())
      throw template_error(fmt::format("{} cannot be a key", operands[i].type_name()));
    const auto old =
        std::find_if(items.begin(), items.end(), [&](const auto& x) { return equal(x.first, operands[i]); });
    if (old != items.end())
      old->second = operands[i + 1];
    else
      items.emplace_back(operands[i], operands[i + 1]);
  }
  spend(operands.size() * sizeof(value));
  return value::dictionary(std::move(items));
}

value interpreter::filter(const expression& e, scope& names, const value* subject) {
  // A chain of filters in a block set has no subject at its beginning.
  const expression* inner = e.operands[0].get();
  value input;
  if (inner != nullptr && subject != nullptr && inner->kind == type::filter)
    input = filter(*inner, names, subject);
  else if (inner != nullptr)
    input = evaluate(*inner, names);
  else if (subject != nullptr)
    input = *subject;
  const arguments given = evaluate_arguments(e, names);
  line_ = e.line;
  return apply_filter(*this, e.name, input, given);
}

value interpreter::slice(const expression& e, scope& names) {
  const value object = evaluate(*e.operands[0], names);
  std::optional<std::int64_t> parts[3];
  for (std::size_t k = 0; k < 3; ++k) {
    if (e.operands[k + 1] == nullptr) continue;
    const value part = evaluate(*e.operands[k + 1], names);
    if (part.is_integer())
      parts[k] = part.integer();
    else if (!part.is_none())
      throw template_error(fmt::format("expected an int in [start:stop:step], found {}", part.type_name()));
  }
  if (object.is_undefined()) throw template_error(object.what());
  if (!object.is_sequence() && !object.is_text())
    throw template_error(fmt::format("{} has no [start:stop]", object.type_name()));
  const std::vector<std::size_t> offsets =
      object.is_text() ? sim::code_point_offsets(object.text()) : std::vector<std::size_t>{};
  spend(offsets.size());
  const auto size = static_cast<std::int64_t>(object.is_text() ? offsets.size() - 1 : object.items().size());
  const std::int64_t step = parts[2].value_or(1);
  if (step == 0) throw template_error("the step of [start:stop:step] is 0");
  const auto place = [&](std::optional<std::int64_t> part, std::int64_t otherwise) {
    if (!part) return otherwise;
    const std::int64_t at = *part < 0 ? std::max(*part, -size - 1) + size : std::min(*part, size);
    return std::clamp<std::int64_t>(at, step < 0 ? -1 : 0, step < 0 ? size - 1 : size);
  };
  const std::int64_t start = place(parts[0], step < 0 ? size - 1 : 0), stop = place(parts[1], step < 0 ? -1 : size);
  std::vector<value> items;
  std::string content;
  for (std::int64_t at = start; step < 0 ? at > stop : at < stop;) {
    const auto i = static_cast<std::size_t>(at);
    if (object.is_text())
      content.append(object.text(), offsets[i], offsets[i + 1] - offsets[i]);
    else
      items.push_back(object.items()[i]);
    if (__builtin_add_overflow(at, step, &at)) break;
  }
  return object.is_text() ? text(std::move(content)) : list(std::move(items), object.is(kind::tuple));
}

value interpreter::compare(const expression& e, scope& names) {
  value left = evaluate(*e.operands[0], names);
  for (std::size_t k = 0; k < e.names.size(); ++k) {
    value right = evaluate(*e.operands[k + 1], names);
    const std::string& sign = e.names[k];
    bool holds = false;
    if (sign == "==" || sign == "!=")
      holds = equal(left, right) == (sign == "==");
    else if (sign == "in" || sign == "not in")
      holds = contains(right, left) == (sign == "in");
    else
      holds = ordered(sign, left, right);
    if (!holds) return false;
    left = std::move(right);
  }
  return true;
}

value interpreter::binary(const expression& e, scope& names) {
  value left = evaluate(*e.operands[0], names);
  if (e.name == "and") return left.truth() ? evaluate(*e.operands[1], names) : left;
  if (e.name == "or") return left.truth() ? left : evaluate(*e.operands[1], names);
  const value right = evaluate(*e.operands[1], names);
  line_ = e.line;
  return e.name == "+" ? add(left, right) : arithmetic(e.name, left, right);
}

}  // namespace rto::llm::jinja
