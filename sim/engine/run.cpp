#include "sim/engine/run.hpp"

#include <fmt/format.h>
#include <tbb/global_control.h>
#include <tbb/info.h>
#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>
#include <memory>
#include <mutex>

#include "sim/engine/progress.hpp"
#include "sim/engine/store.hpp"

namespace rto::sim {
namespace {

std::atomic<bool> interrupted{false};
std::atomic<int> interrupting_signal{0};
static_assert(std::atomic<bool>::is_always_lock_free && std::atomic<int>::is_always_lock_free);

extern "C" void on_signal(int signal) {
  interrupting_signal = signal;
  interrupted = true;
}

// While it lives, Ctrl-C asks the run to stop; a second Ctrl-C ends the program at once.
class signal_guard {
 public:
  signal_guard() {
    interrupted = false;
    struct sigaction action {};
    action.sa_handler = on_signal;
    action.sa_flags = static_cast<int>(SA_RESETHAND);
    sigaction(SIGINT, &action, &before_interrupt_);
    sigaction(SIGTERM, &action, &before_terminate_);
  }
  signal_guard(const signal_guard&) = delete;
  signal_guard& operator=(const signal_guard&) = delete;
  ~signal_guard() {
    sigaction(SIGINT, &before_interrupt_, nullptr);
    sigaction(SIGTERM, &before_terminate_, nullptr);
  }

 private:
  struct sigaction before_interrupt_ {};
  struct sigaction before_terminate_ {};
};

// A claim while it runs.
struct running_claim {
  std::vector<cell> cells;
  std::vector<std::string> points;  // canonical texts
  std::unique_ptr<replicate_store> store;
  outcomes results;
  std::size_t kept = 0, total = 0;
  std::vector<double> seconds;  // in order, one a replicate
};

struct task {
  std::size_t claim, cell;
  std::int64_t replicate;
  std::size_t slot;  // in running_claim::seconds
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

// One replicate, computed.
json outcome_of(const claim& what, const json& point, const std::string& text, std::int64_t replicate,
                const run_options& options) {
  replicate_context context{replicate_stream(options.seed, what.id, text, static_cast<std::uint64_t>(replicate)),
                            replicate, options.data, &interrupted};
  json outcome;
  try {
    outcome = what.replicate(point, context);
  } catch (const user_error&) {
    throw;
  } catch (const std::exception& e) {
    throw user_error(fmt::format("{}: replicate {} at {}: {}", what.id, replicate, text, e.what()));
  }
  encode_non_finite(outcome);
  return outcome;
}

}  // namespace

json replicate_again(const planned_claim& claim, const run_options& options, std::int64_t replicate) {
  json list = json::array();
  if (is_skipped(*claim.what, options)) return list;
  for (const cell& c : planned_cells(claim)) {
    if (replicate >= c.replicates) continue;
    json outcome = outcome_of(*claim.what, c.point, c.point.dump(), replicate, options);
    list.push_back({{"claim", claim.what->id},
                    {"point", c.point},
                    {"seed", options.seed},
                    {"replicate", replicate},
                    {"outcome", std::move(outcome)}});
  }
  return list;
}

run_result run_claims(const std::vector<planned_claim>& claims, const run_options& options) {
  const int threads = options.threads > 0 ? options.threads : tbb::info::default_concurrency();

  // Plan all claims before any work: a bad setting of the last one must not cost the time of the first.
  std::vector<running_claim> running(claims.size());
  std::vector<task> tasks;
  std::vector<progress::part> parts;
  for (std::size_t i = 0; i < claims.size(); ++i) {
    if (is_skipped(*claims[i].what, options)) continue;
    running[i].cells = planned_cells(claims[i]);
  }

  const folder_lock lock(options.out);
  for (std::size_t i = 0; i < claims.size(); ++i) {
    const claim& what = *claims[i].what;
    running_claim& r = running[i];
    if (!r.cells.empty())
      r.store = std::make_unique<replicate_store>(options.out, what.id, what.revision, options.seed);
    for (std::size_t k = 0; k < r.cells.size(); ++k) {
      r.points.push_back(r.cells[k].point.dump());
      cell_outcomes& results = r.results.cells.emplace_back();
      results.point = r.cells[k].point;
      results.replicates.resize(static_cast<std::size_t>(std::max<std::int64_t>(0, r.cells[k].replicates)));
      for (std::int64_t replicate = 0; replicate < r.cells[k].replicates; ++replicate) {
        const std::size_t slot = r.seconds.size();
        r.seconds.push_back(0);
        if (auto kept = r.store->find(r.points[k], replicate)) {
          results.replicates[static_cast<std::size_t>(replicate)] = std::move(kept->outcome);
          r.seconds[slot] = kept->seconds;
          ++r.kept;
        } else {
          tasks.push_back({i, k, replicate, slot});
        }
      }
    }
    r.total = r.seconds.size();
    parts.push_back({what.id, r.kept, r.total, 0, 0});
  }

  const signal_guard guard;
  std::exception_ptr failure;
  std::mutex failure_mutex;
  std::atomic<bool> failed{false};
  std::atomic<std::size_t> next{0}, computed{0};
  {
    progress line(parts, threads, options.quiet);
    const auto work = [&](const task& t) {
      const claim& what = *claims[t.claim].what;
      running_claim& r = running[t.claim];
      const auto start = std::chrono::steady_clock::now();
      kept_replicate done;
      done.outcome = outcome_of(what, r.cells[t.cell].point, r.points[t.cell], t.replicate, options);
      done.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
      r.store->add(r.points[t.cell], t.replicate, done);
      r.seconds[t.slot] = done.seconds;
      r.results.cells[t.cell].replicates[static_cast<std::size_t>(t.replicate)] = std::move(done.outcome);
      line.finished(t.claim, r.seconds[t.slot]);
      ++computed;
    };
    // In the order of the plan, one task at a time to each thread: durations differ by orders of magnitude.
    const auto worker = [&](int) {
      while (!failed && !interrupted) {
        const std::size_t index = next++;
        if (index >= tasks.size()) return;
        try {
          work(tasks[index]);
        } catch (const interruption&) {
          return;
        } catch (...) {
          const std::lock_guard hold(failure_mutex);
          if (!failed) failure = std::current_exception();
          failed = true;
        }
      }
    };
    const tbb::global_control limit(tbb::global_control::max_allowed_parallelism, static_cast<std::size_t>(threads));
    tbb::task_arena arena(threads);
    arena.execute([&] { tbb::parallel_for(0, threads, worker, tbb::simple_partitioner()); });
  }
  if (failure) std::rethrow_exception(failure);

  run_result result;
  for (const running_claim& r : running) {
    result.planned += r.total;
    result.finished += r.kept;
  }
  result.finished += computed;
  if (result.finished < result.planned) {
    result.interrupted = true;
    result.signal = interrupting_signal;
    return result;
  }

  for (std::size_t i = 0; i < claims.size(); ++i) {
    const claim& what = *claims[i].what;
    running_claim& r = running[i];
    claim_result one{&what, claims[i].values, {}, verdict::skipped, r.total, r.total - r.kept, 0};
    for (const double seconds : r.seconds) one.seconds += seconds;
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
