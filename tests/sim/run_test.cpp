#include "sim/engine/run.hpp"

#include <sys/resource.h>

#include <atomic>
#include <boost/random/normal_distribution.hpp>
#include <csignal>
#include <fstream>

#include "sim/engine/store.hpp"
#include "sim/io/file.hpp"
#include "sim/report/report.hpp"
#include "support/catch.hpp"
#include "temporary_folder.hpp"

namespace {

using namespace rto::sim;
using rto::test::ContainsSubstring;
using rto::test::temporary_folder;

std::atomic<int> computed{0};
std::atomic<int> fail_at{-1};  // replicate

// Sums of normal numbers whose rounding depends on their order.
claim random_walk() {
  claim c;
  c.id = "walk";
  c.title = "A walk";
  c.schema = {integers("steps", "steps", {{10}, {10, 1000}, {10}}, {1}),
              integer("replicates", "walks", {5, 40, 40}, {1})};
  c.plan = [](const settings& s) {
    std::vector<cell> cells;
    for (const std::int64_t steps : s.integers("steps")) cells.push_back({{{"steps", steps}}, s.integer("replicates")});
    return cells;
  };
  c.replicate = [](const json& point, replicate_context& context) -> json {
    if (context.replicate == fail_at) throw std::domain_error("rto::walk: need luck, got none");
    ++computed;
    boost::random::normal_distribution<double> normal;
    double end = 0;
    for (std::int64_t i = 0; i < point["steps"].get<std::int64_t>(); ++i) end += normal(context.rng);
    return {{"end", end}, {"infinite", std::numeric_limits<double>::infinity()}};
  };
  c.conclude = [](const settings&, const outcomes& results) {
    conclusion done;
    check sum;
    sum.id = "sum";
    sum.measured = results.sum("end");
    sum.n = static_cast<double>(results.count());
    sum.result = results.maximum("infinite") > 1e308 ? verdict::holds : verdict::contradicted;
    done.checks.push_back(sum);
    return done;
  };
  return c;
}

const claim walk = random_walk();

run_result run_in(const std::filesystem::path& out, int threads = 2, std::uint64_t seed = 1,
                  const char* steps = "10,1000") {
  settings s(walk.id, walk.schema, level::standard);
  s.set_text("steps", steps);
  computed = 0;
  return run_claims({{&walk, s}}, {.out = out, .seed = seed, .threads = threads, .quiet = true});
}

double sum_of(const run_result& r) { return r.claims.at(0).concluded.checks.at(0).measured.value.value(); }

std::filesystem::path store_file(const temporary_folder& folder) {
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder.path())) {
    if (entry.path().extension() == ".jsonl") return entry.path();
  }
  return {};
}

}  // namespace

TEST_CASE("results are the same bit for bit for any number of threads") {
  const temporary_folder one, two, five;
  const double sum = sum_of(run_in(one.path(), 1));
  CHECK(sum_of(run_in(two.path(), 2)) == sum);
  CHECK(sum_of(run_in(five.path(), 5)) == sum);
  CHECK(computed == 80);
}

TEST_CASE("another seed gives other results") {
  const temporary_folder one, two;
  CHECK(sum_of(run_in(one.path(), 2, 1)) != sum_of(run_in(two.path(), 2, 2)));
}

TEST_CASE("kept replicates are not computed again and give the same result") {
  const temporary_folder folder;
  const double sum = sum_of(run_in(folder.path()));
  const run_result again = run_in(folder.path());
  CHECK(computed == 0);
  CHECK(sum_of(again) == sum);
  CHECK(again.claims[0].computed == 0);
  CHECK(again.claims[0].replicates == 80);
  // A wider grid goes on from what is there; another seed starts anew.
  run_in(folder.path(), 2, 1, "10,20,1000");
  CHECK(computed == 40);
  run_in(folder.path(), 2, 2);
  CHECK(computed == 80);
}

TEST_CASE("after a failure in the middle the next run goes on") {
  const temporary_folder folder;
  fail_at = 25;
  CHECK_THROWS_WITH(run_in(folder.path(), 1),
                    ContainsSubstring("walk: replicate 25 at {\"steps\":10}") && ContainsSubstring("need luck"));
  const int before = computed;
  CHECK(before == 26);  // 25 of the first point, and the pilot of the second
  fail_at = -1;
  const double resumed = sum_of(run_in(folder.path(), 1));
  CHECK(computed == 80 - before);
  const temporary_folder fresh;
  CHECK(sum_of(run_in(fresh.path(), 1)) == resumed);
}

TEST_CASE("a line that a kill has cut costs one replicate") {
  const temporary_folder folder;
  const double sum = sum_of(run_in(folder.path()));
  const std::filesystem::path file = store_file(folder);
  std::filesystem::resize_file(file, std::filesystem::file_size(file) - 20);
  CHECK(sum_of(run_in(folder.path())) == sum);
  CHECK(computed == 1);
  CHECK(sum_of(run_in(folder.path())) == sum);
  CHECK(computed == 0);
}

TEST_CASE("damaged lines in the middle cost their replicates and nothing else") {
  const temporary_folder folder;
  const double sum = sum_of(run_in(folder.path()));
  const std::filesystem::path file = store_file(folder);
  std::string content = read_file(file);
  content.replace(content.size() / 2, 7, "\x01garbage", 7);
  write_file(file, content);
  CHECK(sum_of(run_in(folder.path())) == sum);
  CHECK(computed >= 1);
  CHECK(computed <= 2);
}

TEST_CASE("a full disk is one clear error, and what was kept stays usable") {
  const temporary_folder folder;
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  rlimit small = before;
  small.rlim_cur = 3000;
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  setrlimit(RLIMIT_FSIZE, &small);
  std::string refused = "accepted";
  try {
    run_in(folder.path());
  } catch (const user_error& e) {
    refused = e.what();
  }
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  CHECK_THAT(refused, ContainsSubstring("walk.jsonl: cannot be written: File too large"));
  CHECK(read_file(store_file(folder)).back() == '\n');
  const temporary_folder fresh;
  CHECK(sum_of(run_in(folder.path())) == sum_of(run_in(fresh.path())));
}

TEST_CASE("one results folder belongs to one program at a time") {
  const temporary_folder folder;
  const folder_lock held(folder.path());
  CHECK_THROWS_WITH(run_in(folder.path()), ContainsSubstring("another rto-sim is writing here"));
}

TEST_CASE("the verdict of a claim is the most telling one of its checks") {
  using enum verdict;
  CHECK(combine({holds, holds}) == holds);
  CHECK(combine({holds, holds_as_corrected}) == holds_as_corrected);
  CHECK(combine({holds, fails_as_printed, inconclusive}) == fails_as_printed);
  CHECK(combine({fails_as_printed, contradicted}) == contradicted);
  CHECK(combine({skipped, holds}) == holds);
  CHECK(combine({}) == skipped);
}

TEST_CASE("a check with an error that is not a number is contradicted") {
  CHECK(identity_check("e", "", std::nan(""), 1, 1).result == verdict::contradicted);
  CHECK(identity_check("e", "", 1e-13, 1e-12, 1).result == verdict::holds);
  CHECK(identity_check("e", "", 0, 1e-12, 0).result == verdict::inconclusive);
  CHECK(slope_check("s", "", -0.5, 0.05, {-0.52, {-0.6, -0.44}}, 9, 0.95).result == verdict::holds);
  CHECK(slope_check("s", "", -0.5, 0.05, {-0.58, {-0.7, -0.46}}, 9, 0.95).result == verdict::inconclusive);
  CHECK(slope_check("s", "", -0.5, 0.05, {-0.9, {-1.0, -0.8}}, 9, 0.95).result == verdict::contradicted);
  const auto above_one = [](const estimate& e) {
    return side_check("s", "", {1, "above 1"}, e, 1, true, 9, 0.95, verdict::holds, verdict::fails_as_printed).result;
  };
  CHECK(above_one({1.2, {1.1, 1.3}}) == verdict::holds);
  CHECK(above_one({1.05, {0.9, 1.2}}) == verdict::inconclusive);
  CHECK(above_one({0.8, {0.7, 0.9}}) == verdict::fails_as_printed);
  CHECK(above_one({1.2, {}}) == verdict::inconclusive);
  CHECK(side_check("s", "", 1, {0.8, {0.7, 0.9}}, 1, false, 9, 0.95, verdict::holds, verdict::contradicted).result ==
        verdict::holds);
  CHECK(printed_bound_check("b", "", 2.7, 4, 1).result == verdict::fails_as_printed);
  CHECK(interval_check("i", "", 1, {0.9, {0.8, 0.95}}, 9, 0.999).result == verdict::contradicted);
}

TEST_CASE("results.json has the fields of rto-results/1") {
  const temporary_folder folder;
  const run_result r = run_in(folder.path());
  const ordered_json all = results_json(r, {.out = folder.path(), .seed = 1});
  CHECK(all["format"] == "rto-results/1");
  for (const char* key : {"version", "commit", "seed", "claims"}) CHECK(all.contains(key));
  const ordered_json& one = all["claims"][0];
  for (const char* key :
       {"id", "title", "statement", "source", "verdict", "settings", "replicates", "seconds", "figures", "checks"})
    CHECK(one.contains(key));
  for (const char* key : {"id", "predicted", "measured", "interval", "n", "verdict"})
    CHECK(one["checks"][0].contains(key));
  CHECK(one["settings"].dump() == R"({"steps":[10,1000],"replicates":40})");
}
