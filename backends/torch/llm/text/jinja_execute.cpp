// Statements of a chat template.
#include <fmt/format.h>

#include <algorithm>

#include "llm/text/jinja_interpreter.hpp"

namespace rto::llm::jinja {

using type = statement::type;

void interpreter::print(std::string_view content) {
  check_length(out_.size() + content.size());
  spend(content.size());
  out_ += content;
}

interpreter::flow interpreter::execute(const block& body, scope& names) {
  for (const statement& s : body) {
    const flow after = execute(s, names);
    if (after != flow::next) return after;
  }
  return flow::next;
}

namespace {

// Sets a number for as long as it lives: an exception puts it back too.
template <class T> class lasting {
 public:
  lasting(T& place, T value) : place_(place), old_(std::exchange(place, std::move(value))) {}
  lasting(const lasting&) = delete;
  lasting& operator=(const lasting&) = delete;
  ~lasting() { place_ = std::move(old_); }

 private:
  T& place_;
  T old_;
};

// A namespace may hold `loop` when the loop is over, and `loop` itself by changed().
struct loop_end {
  loop_state& loop;
  ~loop_end() {
    loop.items = nullptr;
    loop.last_changed.clear();
  }
};

constexpr int deepest_statements = 300;

}  // namespace

interpreter::flow interpreter::execute(const statement& s, scope& names) {
  line_ = s.line;
  if (++steps_ > limits_.steps) throw template_error("the template runs for too long: too many steps");
  // A statement takes more of the stack than an expression.
  if (depth_ >= 4 * deepest_statements) throw template_error("calls are nested too deeply");
  const lasting<int> guard(depth_, depth_ + 4);
  switch (s.kind) {
    case type::data:
      print(s.text);
      break;
    case type::print:
      print(to_text(evaluate(*s.values[0], names)));
      break;
    case type::branch:
      for (std::size_t k = 0; k < s.values.size(); ++k) {
        if (evaluate(*s.values[k], names).truth()) return execute(s.bodies[k], names);
      }
      if (s.bodies.size() > s.values.size()) return execute(s.bodies.back(), names);
      break;
    case type::loop:
      return run_loop(s, names);
    case type::set:
      assign(s.to, evaluate(*s.values[0], names), names);
      break;
    case type::capture:
      capture(s, names);
      break;
    case type::macro:
      names.set(s.text,
                function{s.text, [&s](interpreter& in, const arguments& given) { return in.call_macro(s, given); }});
      break;
    case type::generation:
      generation(s, names);
      break;
    case type::break_loop:
      return flow::break_loop;
    case type::continue_loop:
      return flow::continue_loop;
  }
  return flow::next;
}

interpreter::flow interpreter::run_loop(const statement& s, scope& names) {
  std::vector<value> items = iterate(evaluate(*s.values[0], names));
  if (s.values.size() > 1) {  // a condition: what it leaves out is not counted by `loop`
    std::vector<value> kept;
    for (value& item : items) {
      scope inner{&names, {}};
      assign(s.to, item, inner);
      if (evaluate(*s.values[1], inner).truth()) kept.push_back(std::move(item));
    }
    items = std::move(kept);
  }
  const auto loop = std::make_shared<loop_state>();
  loop->items = &items;
  const loop_end end{*loop};
  bool completed = false;  // once: as in Jinja, `else` is for loops that never reached the end of their body
  for (std::size_t i = 0; i < items.size(); ++i) {
    loop->index = i;
    scope inner{&names, {}};
    inner.set("loop", loop);
    assign(s.to, items[i], inner);
    const flow after = execute(s.bodies[0], inner);
    if (after == flow::break_loop) break;
    if (after == flow::next) completed = true;
  }
  if (!completed && s.bodies.size() > 1) {
    scope inner{&names, {}};
    return execute(s.bodies[1], inner);
  }
  return flow::next;
}

void interpreter::assign(const target& to, const value& v, scope& names) {
  std::vector<value> parts{v};
  if (to.tuple) {
    parts = iterate(v);
    if (parts.size() != to.names.size())
      throw template_error(
          fmt::format("expected {} values for {} names, found {}", to.names.size(), to.names.size(), parts.size()));
  }
  for (std::size_t k = 0; k < parts.size(); ++k) {
    const auto& [name, attribute] = to.names[k];
    if (attribute.empty()) {
      names.set(name, parts[k]);
      continue;
    }
    const value* space = names.find(name);
    if (space == nullptr || !space->is(kind::name_space))
      throw template_error(fmt::format("cannot set '{}.{}': '{}' is no namespace", name, attribute, name));
    if (value* old = space->space().find(attribute))
      *old = parts[k];
    else
      space->space().items.emplace_back(attribute, parts[k]);
  }
}

std::string interpreter::captured(const block& body, scope& names) {
  std::string before = std::exchange(out_, {});
  const lasting<bool> inside(capturing_, true);
  try {
    execute(body, names);
  } catch (...) {
    out_ = std::move(before);
    throw;
  }
  return std::exchange(out_, std::move(before));
}

void interpreter::capture(const statement& s, scope& names) {
  scope inner{&names, {}};
  value content = text(captured(s.bodies[0], inner));
  if (!s.values.empty()) content = filter(*s.values[0], names, &content);
  assign(s.to, content, names);
}

void interpreter::generation(const statement& s, scope& names) {
  if (generating_) throw template_error("a generation block inside another is not supported");
  if (capturing_) throw template_error("a generation block inside a macro or a block set is not supported");
  const lasting<bool> inside(generating_, true);
  const std::size_t begin = out_.size();
  scope inner{&names, {}};
  execute(s.bodies[0], inner);
  if (out_.size() > begin) generated_.push_back({begin, out_.size()});
}

value interpreter::call_macro(const statement& macro, const arguments& given) {
  scope inner{&root_, {}};
  if (given.positional.size() > macro.parameters.size())
    throw template_error(fmt::format("{}: expected at most {} arguments, found {}", macro.text, macro.parameters.size(),
                                     given.positional.size()));
  for (const auto& [name, v] : given.named) {
    const bool known = std::any_of(macro.parameters.begin(), macro.parameters.end(),
                                   [&, &name = name](const named_expression& p) { return p.name == name; });
    if (!known) throw template_error(fmt::format("{} has no argument '{}'", macro.text, name));
  }
  for (std::size_t k = 0; k < macro.parameters.size(); ++k) {
    const named_expression& parameter = macro.parameters[k];
    const value* v = k < given.positional.size() ? &given.positional[k] : nullptr;
    for (const auto& [name, named] : given.named) {
      if (name != parameter.name) continue;
      if (v != nullptr) throw template_error(fmt::format("{}: the argument '{}' is given twice", macro.text, name));
      v = &named;
    }
    if (v != nullptr)
      inner.set(parameter.name, *v);
    else if (parameter.argument != nullptr)
      inner.set(parameter.name, evaluate(*parameter.argument, inner));
    else
      inner.set(parameter.name, value::undefined(fmt::format("'{}' is undefined: {} was called without it",
                                                             parameter.name, macro.text)));
  }
  return text(captured(macro.bodies[0], inner));
}

}  // namespace rto::llm::jinja
