#include "sim/engine/run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>

#include "sim/engine/progress.hpp"
#include "sim/engine/ranks.hpp"
#include "sim/engine/replicate.hpp"
#include "sim/engine/store.hpp"
#include "sim/engine/workers.hpp"
#include "sim/io/interrupt.hpp"

namespace rto::sim {
namespace {

// A claim while it runs.
struct running_claim {
  std::vector<cell> cells;
  std::vector<std::string> points;  // canonical texts
  std::unique_ptr<replicate_store> store;
  outcomes results;
  std::vector<std::vector<double>> seconds;  // by cell and replicate
};

// The same point twice (a value given twice in a list) is one cell.
std::vector<cell> without_duplicates(std::vector<cell> cells) {
  std::vector<cell> unique;
  for (cell& c : cells) {
    encode_non_finite(c.point);
    const auto same = std::find_if(unique.begin(), unique.end(), [&](const cell& u) { return u.point == c.point; });
    if (same == unique.end()) {
      unique.push_back(std::move(c));
    } else {
      same->replicates = std::max(same->replicates, c.replicates);
    }
  }
  return unique;
}

bool is_skipped(const claim& c, const run_options& options) { return c.needs_data && !options.data; }

conclusion skipped_conclusion() {
  conclusion c;
  c.tested =
      "Skipped: it needs the data folder. Run with <code>--data DIR</code> or set <code>RTO_DATA</code>; "
      "<code>docs/data.md</code> says where each data set is had from.";
  check skipped;
  skipped.id = "data";
  skipped.tested = "needs --data DIR (docs/data.md)";
  skipped.result = verdict::skipped;
  c.checks.push_back(skipped);
  return c;
}

// The cells of a claim. What its plan rejects is bad input.
std::vector<cell> planned_cells(const planned_claim& claim) {
  try {
    return without_duplicates(claim.what->plan(claim.values));
  } catch (const user_error&) {
    throw;
  } catch (const std::logic_error& e) {  // invalid_argument and domain_error of the library among them
    throw user_error(fmt::format("{}: {}", claim.what->id, e.what()));
  }
}

// The claims of a run, planned: what is kept already, what is to be computed.
struct planned_run {
  std::vector<running_claim> claims;
  std::vector<claim_load> loads;
  std::vector<task> tasks;  // in the order in which they are to be computed
};

// The cells of all claims, before any file is touched: a bad setting of the last one must not cost the time of the
// first.
std::vector<std::vector<cell>> all_cells(const std::vector<planned_claim>& claims, const run_options& options) {
  std::vector<std::vector<cell>> all;
  for (const planned_claim& c : claims)
    all.push_back(is_skipped(*c.what, options) ? std::vector<cell>{} : planned_cells(c));
  return all;
}

planned_run plan_run(const std::vector<planned_claim>& claims, std::vector<std::vector<cell>> cells,
                     const run_options& options, replicate_store::access access) {
  planned_run run;
  run.claims.resize(claims.size());
  for (std::size_t i = 0; i < claims.size(); ++i) {
    const claim& what = *claims[i].what;
    running_claim& r = run.claims[i];
    claim_load& load = run.loads.emplace_back();
    load.name = what.id;
    r.cells = std::move(cells[i]);
    if (r.cells.empty()) continue;
    r.store = std::make_unique<replicate_store>(options.out, what.id, what.revision, options.seed, access);
    for (std::size_t k = 0; k < r.cells.size(); ++k) {
      r.points.push_back(r.cells[k].point.dump());
      const auto count = static_cast<std::size_t>(std::max<std::int64_t>(0, r.cells[k].replicates));
      cell_outcomes& results = r.results.cells.emplace_back();
      results.point = r.cells[k].point;
      results.replicates.resize(count);
      std::vector<double>& seconds = r.seconds.emplace_back(count, 0.0);
      cell_load& cell = load.cells.emplace_back();
      cell.total = count;
      for (std::size_t replicate = 0; replicate < count; ++replicate) {
        if (auto kept = r.store->find(r.points[k], static_cast<std::int64_t>(replicate))) {
          results.replicates[replicate] = std::move(kept->outcome);
          seconds[replicate] = kept->seconds;
          cell.seconds += kept->seconds;
          cell.seconds_kept += kept->seconds;
          ++cell.kept;
        } else {
          run.tasks.push_back({i, k, static_cast<std::int64_t>(replicate)});
        }
      }
    }
  }
  run.tasks = pilots_first(run.tasks);
  return run;
}

// The first failure of several threads.
class failure_box {
 public:
  void put(std::exception_ptr failure) {
    const std::lock_guard hold(mutex_);
    if (!failed_) failure_ = std::move(failure);
    failed_ = true;
  }
  bool filled() const { return failed_; }
  void rethrow() const {
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  std::mutex mutex_;
  std::exception_ptr failure_;
  std::atomic<bool> failed_{false};
};

// Computes tasks on this process's threads, and on the other processes where there are some, until none is left,
// `ending` says so or one fails. \param done takes what is finished, from any thread  \throws what a task failed with
template <class Ending, class Done, class Joined>
void compute(const std::vector<planned_claim>& claims, const planned_run& run, const run_options& options,
             const Ending& ending, const Done& done, const Joined& joined) {
  const replicate_setting setting{options.seed, options.data};
  failure_box failure;
  std::atomic<std::size_t> next{0};
  const auto ended = [&] { return failure.filled() || ending(); };
  // One task at a time to each thread: durations differ by orders of magnitude.
  const auto take = [&]() -> std::optional<std::size_t> {
    if (ended()) return std::nullopt;
    const std::size_t index = next++;
    return index < run.tasks.size() ? std::optional(index) : std::nullopt;
  };
  const auto claim_of = [&](const task& t) -> const running_claim& { return run.claims[t.claim]; };

  std::jthread others;
  if (options.others != nullptr) {
    others = std::jthread([&] {
      hand_out(*options.others, options.threads, setting,
               {.next = [&]() -> std::optional<remote_task> {
                  const auto index = take();
                  if (!index) return std::nullopt;
                  const task& t = run.tasks[*index];
                  return remote_task{*index, claims[t.claim].what->id, claim_of(t).cells[t.cell].point, t.replicate};
                },
                .done = [&](std::size_t id, kept_replicate kept) { done(run.tasks[id], std::move(kept)); },
                .failed = [&](std::exception_ptr e) { failure.put(std::move(e)); },
                .ending = ended,
                .joined = joined});
    });
  }
  run_on_threads(number_of_threads(options.threads), [&] {
    while (const auto index = take()) {
      const task& t = run.tasks[*index];
      try {
        done(t, compute_replicate(*claims[t.claim].what, claim_of(t).cells[t.cell].point, claim_of(t).points[t.cell],
                                  t.replicate, setting));
      } catch (const interruption&) {
        return;
      } catch (...) {
        failure.put(std::current_exception());
      }
    }
  });
  if (others.joinable()) others.join();
  failure.rethrow();
}

}  // namespace

json replicate_again(const planned_claim& claim, const run_options& options, std::int64_t replicate) {
  json list = json::array();
  if (is_skipped(*claim.what, options)) return list;
  for (const cell& c : planned_cells(claim)) {
    if (replicate >= c.replicates) continue;
    json outcome =
        compute_replicate(*claim.what, c.point, c.point.dump(), replicate, {options.seed, options.data}).outcome;
    list.push_back({{"claim", claim.what->id},
                    {"point", c.point},
                    {"seed", options.seed},
                    {"replicate", replicate},
                    {"outcome", std::move(outcome)}});
  }
  return list;
}

std::vector<claim_load> measure_claims(const std::vector<planned_claim>& claims, run_options options, double seconds) {
  planned_run run = plan_run(claims, all_cells(claims, options), options, replicate_store::access::read_only);
  const signal_guard guard;
  const auto start = std::chrono::steady_clock::now();
  std::mutex mutex;
  options.others = nullptr;  // the time of a replicate is that of one thread
  const auto ending = [&] {
    const std::lock_guard hold(mutex);
    const double passed = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return interrupted() || measured(run.loads) || (passed > seconds && tried(run.loads));
  };
  compute(
      claims, run, options, ending,
      [&](const task& t, const kept_replicate& kept) {
        const std::lock_guard hold(mutex);
        cell_load& cell = run.loads[t.claim].cells[t.cell];
        ++cell.done;
        cell.seconds += kept.seconds;
      },
      [](int) {});
  return run.loads;
}

run_result run_claims(const std::vector<planned_claim>& claims, const run_options& options) {
  std::vector<std::vector<cell>> cells = all_cells(claims, options);
  const folder_lock lock(options.out);
  planned_run run = plan_run(claims, std::move(cells), options, replicate_store::access::append);

  const signal_guard guard;
  std::atomic<std::size_t> computed{0};
  {
    progress line(run.loads, number_of_threads(options.threads), options.quiet);
    compute(
        claims, run, options, [] { return interrupted().load(); },
        [&](const task& t, kept_replicate kept) {
          running_claim& r = run.claims[t.claim];
          const auto replicate = static_cast<std::size_t>(t.replicate);
          r.store->add(r.points[t.cell], t.replicate, kept);
          r.seconds[t.cell][replicate] = kept.seconds;
          r.results.cells[t.cell].replicates[replicate] = std::move(kept.outcome);
          line.finished(t.claim, t.cell, kept.seconds);
          ++computed;
        },
        [&](int threads) { line.joined(threads); });
  }

  run_result result;
  for (const claim_load& load : run.loads) {
    result.planned += load.total();
    result.finished += load.kept();
  }
  result.finished += computed;
  if (result.finished < result.planned) {
    result.interrupted = true;
    result.signal = interrupting_signal();
    return result;
  }

  for (std::size_t i = 0; i < claims.size(); ++i) {
    const claim& what = *claims[i].what;
    running_claim& r = run.claims[i];
    const std::size_t total = run.loads[i].total();
    claim_result one{&what, claims[i].values, {}, verdict::skipped, total, total - run.loads[i].kept(), 0};
    for (const std::vector<double>& of_cell : r.seconds) {
      for (const double seconds : of_cell) one.seconds += seconds;
    }
    try {
      one.concluded = is_skipped(what, options) ? skipped_conclusion() : what.conclude(claims[i].values, r.results);
    } catch (const user_error&) {
      throw;
    } catch (const std::exception& e) {
      throw user_error(fmt::format("{}: {}", what.id, e.what()));
    }
    std::vector<verdict> verdicts;
    for (const check& c : one.concluded.checks) verdicts.push_back(c.result);
    one.overall = one.concluded.overall.value_or(combine(verdicts));
    result.claims.push_back(std::move(one));
  }
  return result;
}

}  // namespace rto::sim
