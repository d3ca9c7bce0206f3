// The command reproduce: which claims at which settings, then run and report.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <set>

#include "sim/cli/command.hpp"
#include "sim/engine/ranks.hpp"
#include "sim/engine/run.hpp"
#include "sim/engine/workers.hpp"
#include "sim/report/drawing.hpp"
#include "sim/report/report.hpp"

namespace rto::sim {
namespace {

struct reproduce_options {
  std::vector<std::string> claims;
  bool quick = false, full = false, dry_run = false;
  std::vector<std::string> set;
  std::vector<std::string> figures;
  std::string settings_file, data;
  run_options run;
  std::string out = "results";
  std::int64_t only = -1;
};

std::vector<planned_claim> chosen_claims(const reproduce_options& options) {
  const level size = options.quick ? level::quick : options.full ? level::full : level::standard;
  std::vector<planned_claim> planned;
  std::set<std::string> wanted;
  for (const std::string& id : options.claims) wanted.insert(find_claim(id).id);
  for (const claim& c : all_claims()) {
    if (wanted.empty() || wanted.contains(c.id)) planned.push_back({&c, settings(c.id, c.schema, size)});
  }
  if (planned.empty()) throw user_error("this program was built without any claim");
  return planned;
}

planned_claim* find(std::vector<planned_claim>& planned, const std::string& id) {
  for (planned_claim& p : planned) {
    if (p.what->id == id) return &p;
  }
  return nullptr;
}

// `key=values` for every chosen claim that has the key, `claim.key=values` for one.
void apply_set(std::vector<planned_claim>& planned, const std::string& text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0)
    throw user_error(fmt::format("--set {}: expected KEY=VALUES or CLAIM.KEY=VALUES", text));
  const std::string key = text.substr(0, equals), value = text.substr(equals + 1);
  // Claim ids hold dots too (prop-3.2), so a claim's name is looked for as a prefix; the longest wins.
  const claim* named = nullptr;
  for (const claim& c : all_claims()) {
    if (key.starts_with(c.id + ".") && (named == nullptr || c.id.size() > named->id.size())) named = &c;
  }
  if (named != nullptr) {
    planned_claim* p = find(planned, named->id);
    if (p == nullptr) throw user_error(fmt::format("--set {}: claim {} is not among those to run", text, named->id));
    p->values.set_text(key.substr(named->id.size() + 1), value);
    return;
  }
  bool found = false;
  for (planned_claim& p : planned) {
    if (!p.values.has(key)) continue;
    p.values.set_text(key, value);
    found = true;
  }
  if (found) return;
  if (planned.size() == 1) planned.front().values.set_text(key, value);  // names the keys it has
  throw user_error(fmt::format(
      "--set {}: none of the claims to run has a setting \"{}\"; rto-sim show CLAIM lists them", text, key));
}

// {"prop-3.2": {"A": [2, 4]}, ...}, or what `show` prints (one object or a list of them).
void apply_file(std::vector<planned_claim>& planned, const std::string& file) {
  const json document = read_json(file);
  const auto apply = [&](const std::string& id, const json& values, const std::string& where) {
    find_claim(id);
    if (!values.is_object())
      throw user_error(fmt::format("{}: {}: expected an object of settings, found {}", file, where, describe(values)));
    planned_claim* p = find(planned, id);
    if (p == nullptr) return;  // a file may hold more claims than are run
    for (const auto& [key, value] : values.items())
      p->values.set_json(key, value, fmt::format("{}: {}.{}", file, where, key));
  };
  for (const json& entry : document.is_array() ? document : json::array({document})) {
    if (!entry.is_object())
      throw user_error(
          fmt::format("{}: expected an object {{\"CLAIM\": {{\"KEY\": value}}}}, found {}", file, describe(entry)));
    if (entry.contains("claim") && entry["claim"].is_string() && entry.contains("settings")) {
      apply(entry["claim"].get<std::string>(), entry["settings"], "settings");
    } else {
      for (const auto& [id, values] : entry.items()) apply(id, values, id);
    }
  }
}

// A dry run measures for so long; replicates that are on their way then still end.
constexpr double dry_run_seconds = 60;

std::string forecast(const std::vector<claim_load>& loads, const run_options& options) {
  const int ranks = processes() != nullptr ? processes()->size() : 1;
  const int threads = number_of_threads(options.threads) * ranks;
  const auto wall = [&](double seconds) { return std::isnan(seconds) ? "?" : duration(seconds / threads); };
  const auto row = [](const auto& name, const auto& points, const auto& replicates, const auto& kept,
                      const std::string& time) {
    return fmt::format("{:<20} {:>7} {:>11} {:>7}   {}\n", name, points, replicates, kept, time);
  };
  std::string text = row("claim", "points", "replicates", "kept",
                         fmt::format("time on {} thread{}", threads, threads == 1 ? "" : "s"));
  for (const claim_load& load : loads) {
    text += row(load.name, load.cells.size(), load.total(), load.kept(),
                load.total() == 0             ? "skipped (needs --data)"
                : load.kept() == load.total() ? "kept"
                                              : wall(seconds_left(load)));
  }
  const char* guess = measured(loads) ? "" : " (not every point was tried: a first guess)";
  return text + row("in all", "", "", "", wall(seconds_left(loads)) + guess);
}

int reproduce(reproduce_options options) {
  if (options.quick && options.full) throw user_error("--quick and --full: expected at most one of them");
  std::vector<planned_claim> planned = chosen_claims(options);
  if (!options.settings_file.empty()) apply_file(planned, options.settings_file);
  for (const std::string& text : options.set) apply_set(planned, text);

  options.run.pdf = std::find(options.figures.begin(), options.figures.end(), "pdf") != options.figures.end();
  if (options.run.pdf && !pdf_available())  // before hours of computing, not after them
    throw user_error(
        "--figures pdf: rsvg-convert is not on this machine; on Debian and Ubuntu: apt install librsvg2-bin");
  options.run.out = options.out;
  if (options.data.empty()) {
    if (const char* folder = std::getenv("RTO_DATA")) options.data = folder;
  }
  if (!options.data.empty()) {
    if (!std::filesystem::is_directory(options.data))
      throw user_error(fmt::format("{}: expected the data folder (--data or RTO_DATA), found none", options.data));
    options.run.data = options.data;
  }

  if (options.only >= 0) {
    for (const planned_claim& p : planned) {
      for (const json& one : replicate_again(p, options.run, options.only)) fmt::print("{}\n", one.dump());
    }
    return 0;
  }
  if (options.dry_run) {
    fmt::print("{}", forecast(measure_claims(planned, options.run, dry_run_seconds), options.run));
    return 0;
  }
  options.run.others = processes();
  const run_result run = run_claims(planned, options.run);
  if (run.interrupted) {
    fmt::print(stderr, "rto-sim: stopped; {} of {} replicates are kept in {}; the same command goes on from there\n",
               run.finished, run.planned, options.out);
    return 128 + run.signal;
  }
  const std::filesystem::path report = write_report(run, options.run);
  fmt::print("\n{}report: {}\n", console_table(run), std::filesystem::absolute(report).lexically_normal().string());
  for (const claim_result& r : run.claims) {
    if (r.overall == verdict::contradicted) return 1;
    for (const check& c : r.concluded.checks) {
      if (c.result == verdict::contradicted) return 1;
    }
  }
  return 0;
}

std::function<int()> set_up(CLI::App& app) {
  auto options = std::make_shared<reproduce_options>();
  app.add_option("CLAIM", options->claims, "Claims to reproduce, as `list` names them; all by default");
  app.add_flag("--quick", options->quick, "Small sizes: seconds");
  app.add_flag("--full", options->full, "The sizes for a paper: as long as it takes");
  app.add_option("--set", options->set,
                 "KEY=VALUES or CLAIM.KEY=VALUES; lists 2,3,8 and ranges 1:5 or 1:9:2. May be repeated")
      ->type_name("KEY=VALUES")
      ->allow_extra_args(false)
      ->take_all();
  app.add_option("--settings", options->settings_file, "JSON file of settings, e.g. what `show` prints, edited")
      ->type_name("FILE");
  app.add_option("--out", options->out, "Folder for report and finished replicates")
      ->type_name("DIR")
      ->capture_default_str();
  app.add_option("--seed", options->run.seed, "Every random number follows from it")
      ->type_name("N")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--threads", options->run.threads, "Threads; the results do not depend on it (default: one per core)")
      ->type_name("N")
      ->check(CLI::Range(1, 4096));
  app.add_option("--data", options->data, "Data folder (docs/data.md); default: the environment variable RTO_DATA")
      ->type_name("DIR");
  app.add_option("--figures", options->figures,
                 "svg (always written) or pdf (beside the SVGs, by rsvg-convert); repeatable")
      ->type_name("svg|pdf")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check(CLI::IsMember({"svg", "pdf"}));
  app.add_flag(
      "--dry-run", options->dry_run,
      "Say what would be computed and how long it takes (tries points for about a minute); nothing is written");
  app.add_option("--only", options->only,
                 "Compute replicate N of every point again and print it as JSON, a line each; nothing is written")
      ->type_name("N")
      ->check(CLI::NonNegativeNumber);
  return [options] { return reproduce(*options); };
}

const registered_command command{"reproduce", "Reproduce claims of the paper and write a report", set_up, 3};

}  // namespace
}  // namespace rto::sim
