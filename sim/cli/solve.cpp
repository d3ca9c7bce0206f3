// The command solve: problem files in the form rto-cases/1.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdio>
#include <map>
#include <memory>
#include <new>
#include <set>

#include "sim/cli/command.hpp"
#include "sim/io/file.hpp"
#include "sim/solve/compare.hpp"
#include "sim/solve/registry.hpp"

namespace rto::sim {
namespace {

struct solve_options {
  std::string file, out, device;
  bool check = false;
};

// What the driver read of the file's frame. Everything wrong here refuses the file as a whole.
struct problem_file {
  ordered_json document;
  std::string name, family;
  tolerances allowed;
};

problem_file read_problem_file(const std::string& name) {
  problem_file file{read_ordered_json(name), name, "", {}};
  const json frame = [&] {  // without the cases, which are large
    json some = json::object();
    if (!file.document.is_object())
      throw user_error(fmt::format("{}: expected an object with \"format\": \"rto-cases/1\", found {}", name,
                                   describe(json(file.document))));
    for (const auto& [key, value] : file.document.items()) {
      if (key != "cases") some[key] = value;
    }
    return some;
  }();
  try {
    const reader top(frame, name);
    if (const std::string format = top.text("format"); format != "rto-cases/1")
      top.fail("format", fmt::format("expected \"rto-cases/1\", found \"{}\"", format));
    file.family = top.text("family");
    if (top.has("tol")) {
      const reader tol = top.object("tol");
      file.allowed = {tol.number("atol"), tol.number("rtol")};
      if (!(file.allowed.absolute >= 0) || !(file.allowed.relative >= 0))
        top.fail("tol", "expected atol and rtol >= 0");
    }
  } catch (const field_error& e) {
    throw user_error(e.what());
  }
  if (!file.document.contains("cases") || !file.document["cases"].is_array())
    throw user_error(fmt::format("{}: cases: expected a list of cases, found {}", name,
                                 file.document.contains("cases") ? describe(json(file.document["cases"])) : "none"));
  std::set<std::string> ids;
  std::size_t index = 0;
  for (const ordered_json& one : file.document["cases"]) {
    const std::string place = fmt::format("{}: cases[{}]", name, index++);
    if (!one.is_object()) throw user_error(fmt::format("{}: expected an object, found {}", place, describe(json(one))));
    if (!one.contains("id") || !one["id"].is_string())
      throw user_error(fmt::format("{}.id: expected a text, found {}", place,
                                   one.contains("id") ? describe(json(one["id"])) : "none"));
    if (!ids.insert(one["id"].get<std::string>()).second)
      throw user_error(fmt::format("{}.id: expected unique ids, found {} again", place, describe(json(one["id"]))));
    for (const char* key : {"kind", "family"}) {
      if (one.contains(key) && !one[key].is_string())
        throw user_error(fmt::format("{}.{}: expected a text, found {}", place, key, describe(json(one[key]))));
    }
  }
  return file;
}

// {"status": ..., "message": ...}
json refusal(const char* status, const std::string& message) { return {{"status", status}, {"message", message}}; }

struct tally {
  std::size_t cases = 0, differing = 0, fields = 0;
  double largest_ratio = 0;
};

json answer(const family_table& families, const problem_file& file, const ordered_json& one, const json& expect) {
  const std::string id = one["id"].get<std::string>();
  const std::string kind = one.value("kind", std::string());
  const std::string family = file.family == "edge" ? kind : file.family;
  const auto solve = families.find(family);
  if (solve == families.end()) {
    std::vector<std::string> names;
    for (const auto& known : families) names.push_back(known.first);
    return refusal("not_implemented",
                   fmt::format("unknown family \"{}\"; the families are: {}", family, fmt::join(names, ", ")));
  }
  json result;
  try {
    if (!one.contains("input")) throw field_error(fmt::format("case \"{}\": input: the field is missing", id));
    const json input = one["input"];
    result = solve->second(
        {id, family, kind, reader(input, fmt::format("case \"{}\": input", id)), expect.is_null() ? nullptr : &expect});
  } catch (const non_finite_result& e) {
    return refusal("non_finite_result", e.what());
  } catch (const std::invalid_argument& e) {
    return refusal("invalid_input", e.what());
  } catch (const std::domain_error& e) {
    return refusal("invalid_input", e.what());
  } catch (const json::exception& e) {  // a field of an unexpected type
    return refusal("invalid_input", fmt::format("case \"{}\": {}", id, e.what()));
  } catch (const std::bad_alloc&) {
    return refusal("invalid_input",
                   fmt::format("case \"{}\": expected a size that fits into memory, found a larger one", id));
  } catch (const std::length_error&) {
    return refusal("invalid_input",
                   fmt::format("case \"{}\": expected a size that fits into memory, found a larger one", id));
  }
  if (file.family == "edge" && !result.contains("status")) result["status"] = "ok";
  encode_non_finite(result);
  return result;
}

int solve(const solve_options& options) {
  const family_table solvers = families_on(options.device);
  problem_file file = read_problem_file(options.file);

  std::map<std::string, tally> families;
  std::vector<std::string> differences;
  bool refused = false, missing = false, differs = false;
  for (ordered_json& one : file.document["cases"]) {
    const json expect = one.contains("expect") ? json(one["expect"]) : json();
    const json result = answer(solvers, file, one, expect);
    const std::string status =
        result.contains("status") && result["status"].is_string() ? result["status"].get<std::string>() : "";
    missing = missing || status == "not_implemented";
    refused = refused || status == "invalid_input" || status == "non_finite_result";
    if (options.check) {
      tally& family = families[file.family == "edge" ? "edge" : file.family];
      ++family.cases;
      if (expect.is_null()) {
        differences.push_back(fmt::format("{}: has no expect", one["id"].get<std::string>()));
      } else {
        const comparison c = compare(expect, result, file.allowed);
        family.fields += c.fields;
        family.largest_ratio = std::max(family.largest_ratio, c.largest_ratio);
        if (!c.differences.empty()) ++family.differing;
        differs = differs || !c.differences.empty();
        for (const std::string& text : c.differences)
          differences.push_back(fmt::format("{}: {}", one["id"].get<std::string>(), text));
        if (!c.differences.empty() && result.contains("message"))
          differences.push_back(
              fmt::format("{}: {}", one["id"].get<std::string>(), result["message"].get<std::string>()));
      }
    }
    one["result"] = result;
  }

  const std::string text = file.document.dump(1, ' ', false, json::error_handler_t::replace) + "\n";
  if (!options.out.empty()) {
    write_file(options.out, text);
  } else if (!options.check) {
    std::fwrite(text.data(), 1, text.size(), stdout);
  }
  if (!options.check) return refused || missing ? 2 : 0;

  for (const std::string& line : differences) fmt::print("{}\n", line);
  for (const auto& [name, family] : families)
    fmt::print("{}: {} of {} cases match, largest error {:.2g} of what is allowed\n", name,
               family.cases - family.differing, family.cases, family.largest_ratio);
  return missing ? 2 : differs ? 1 : 0;
}

std::function<int()> set_up(CLI::App& app) {
  auto options = std::make_shared<solve_options>();
  app.add_option("FILE", options->file, "Problem file (format rto-cases/1), plain or gzip")->required();
  app.add_option("--out", options->out, "File for the answers (default: standard output)")->type_name("FILE");
  app.add_flag("--check", options->check, "Compare with what the file expects; prints the largest error");
  app.add_option(
         "--device", options->device,
         "Compute on LibTorch's tensors, on the cpu or on cuda (a program built with it; default: Eigen arrays)")
      ->type_name("DEVICE");
  return [options] { return solve(*options); };
}

const registered_command command{"solve", "Answer the problems of a file", set_up, 4};

}  // namespace
}  // namespace rto::sim
