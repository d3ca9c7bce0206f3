// The protocol between processes, over queues in memory instead of MPI (tests/mpi has the real thing).
#include "sim/engine/ranks.hpp"

#include <algorithm>
#include <boost/random/normal_distribution.hpp>
#include <deque>
#include <mutex>
#include <set>
#include <thread>

#include "sim/engine/run.hpp"
#include "sim/io/error.hpp"
#include "support/catch.hpp"
#include "temporary_folder.hpp"

namespace {

using namespace rto::sim;
using rto::test::ContainsSubstring;
using rto::test::temporary_folder;

// Mailboxes of all ranks, in one process.
struct post_office {
  explicit post_office(int size) : boxes(static_cast<std::size_t>(size)) {}
  std::mutex mutex{};
  std::vector<std::deque<envelope>> boxes;
};

class in_memory final : public transport {
 public:
  in_memory(post_office& office, int rank) : office_(office), rank_(rank) {}
  int rank() const override { return rank_; }
  int size() const override { return static_cast<int>(office_.boxes.size()); }
  void send(int to, std::string text) override {
    const std::lock_guard hold(office_.mutex);
    office_.boxes[static_cast<std::size_t>(to)].push_back({rank_, std::move(text)});
  }
  std::optional<envelope> receive() override {
    const std::lock_guard hold(office_.mutex);
    std::deque<envelope>& box = office_.boxes[static_cast<std::size_t>(rank_)];
    if (box.empty()) return std::nullopt;
    envelope first = std::move(box.front());
    box.pop_front();
    return first;
  }

 private:
  post_office& office_;
  int rank_;
};

// Replicate 13 of a point with "fails" does; outcomes depend on every digit of the point.
claim noisy_sum() {
  claim c;
  c.id = "noisy";
  c.title = "A noisy sum";
  c.schema = {integer("replicates", "sums", {5, 60, 60}, {1})};
  c.plan = [](const settings& s) {
    std::vector<cell> cells;
    for (const double shift : {0.1, 1.0, 1.0 / 3.0}) cells.push_back({{{"shift", shift}}, s.integer("replicates")});
    return cells;
  };
  c.replicate = [](const json& point, replicate_context& context) -> json {
    if (point.contains("fails") && context.replicate == 13) throw std::domain_error("thirteen");
    boost::random::normal_distribution<double> normal;
    double sum = point["shift"].get<double>();
    for (int i = 0; i < 2000; ++i) sum += normal(context.rng);
    return {{"sum", sum}, {"infinite", -std::numeric_limits<double>::infinity()}};
  };
  c.conclude = [](const settings&, const outcomes& results) {
    conclusion done;
    check sum;
    sum.id = "sum";
    sum.measured = results.sum("sum");
    sum.result = results.maximum("infinite") < 0 ? verdict::holds : verdict::contradicted;
    done.checks.push_back(sum);
    return done;
  };
  return c;
}

const claim noisy = noisy_sum();

const claim& find_noisy(const std::string& id) {
  if (id != noisy.id) throw user_error("unknown claim " + id);
  return noisy;
}

// Ranks 1, 2, ... of an office, each serving in a thread until they are dismissed.
class serving_ranks {
 public:
  explicit serving_ranks(post_office& office) : zero_(office, 0) {
    for (int r = 1; r < zero_.size(); ++r) {
      threads_.emplace_back([&office, r] {
        in_memory own(office, r);
        serve(own, find_noisy);
      });
    }
  }
  serving_ranks(const serving_ranks&) = delete;
  serving_ranks& operator=(const serving_ranks&) = delete;
  ~serving_ranks() { dismiss(zero_); }
  in_memory& zero() { return zero_; }

 private:
  in_memory zero_;
  std::vector<std::jthread> threads_;
};

double sum_of(const run_result& r) { return r.claims.at(0).concluded.checks.at(0).measured.value.value(); }

run_result run_in(const std::filesystem::path& out, transport* others) {
  const settings s(noisy.id, noisy.schema, level::standard);
  return run_claims({{&noisy, s}}, {.out = out, .threads = 1, .quiet = true, .others = others});
}

}  // namespace

TEST_CASE("a run on four processes is, bit for bit, the run on one") {
  const temporary_folder alone, together;
  const run_result one = run_in(alone.path(), nullptr);
  post_office office(4);
  serving_ranks ranks(office);
  const run_result four = run_in(together.path(), &ranks.zero());
  REQUIRE_FALSE(four.interrupted);
  CHECK(sum_of(four) == sum_of(one));
  CHECK(four.claims[0].replicates == 180);
  CHECK(four.claims[0].computed == 180);
  // What they computed is kept as ever: nothing is left to do.
  CHECK(run_in(together.path(), &ranks.zero()).claims[0].computed == 0);
  CHECK(run_in(together.path(), nullptr).claims[0].computed == 0);
}

TEST_CASE("every task that is handed out comes back once") {
  post_office office(3);
  serving_ranks ranks(office);
  for (const int threads : {1, 3}) {
    std::size_t next = 0;
    std::multiset<std::size_t> back;
    int joined = 0;
    hand_out(ranks.zero(), threads, {},
             {.next = [&]() -> std::optional<remote_task> {
                if (next == 100) return std::nullopt;
                const std::size_t id = next++;
                return remote_task{id, "noisy", {{"shift", 0.5}}, static_cast<std::int64_t>(id)};
              },
              .done =
                  [&](std::size_t id, const kept_replicate& kept) {
                    back.insert(id);
                    CHECK(kept.outcome == compute_replicate(noisy, {{"shift", 0.5}}, R"({"shift":0.5})",
                                                            static_cast<std::int64_t>(id), {})
                                              .outcome);
                  },
              .failed = [](const std::exception_ptr&) { FAIL("nothing fails here"); },
              .ending = [] { return false; },
              .joined = [&](int of_rank) { joined += of_rank; }});
    CHECK(joined == 2 * threads);
    CHECK(back.size() == 100);
    CHECK(std::set<std::size_t>(back.begin(), back.end()).size() == 100);
  }
}

TEST_CASE("what fails on another process ends the run with its message") {
  post_office office(2);
  serving_ranks ranks(office);
  std::int64_t next = 0;
  std::string message;
  const auto failed = [&](const std::exception_ptr& failure) {
    try {
      std::rethrow_exception(failure);
    } catch (const user_error& e) {
      if (message.empty()) message = e.what();
    }
  };
  hand_out(ranks.zero(), 1, {},
           {.next = [&]() -> std::optional<remote_task> {
              if (!message.empty()) return std::nullopt;
              return remote_task{0, "noisy", {{"shift", 0.5}, {"fails", true}}, next++};
            },
            .done = [](std::size_t, const kept_replicate&) {},
            .failed = failed,
            .ending = [&] { return !message.empty(); },
            .joined = [](int) {}});
  CHECK_THAT(message, ContainsSubstring("noisy: replicate 13 at {\"fails\":true,\"shift\":0.5}: thirteen"));
  // The rank serves the next run as if nothing had been.
  std::size_t done = 0;
  next = 0;
  hand_out(ranks.zero(), 1, {},
           {.next = [&]() -> std::optional<remote_task> {
              if (next == 30) return std::nullopt;
              return remote_task{0, "noisy", {{"shift", 0.5}}, next++};
            },
            .done = [&](std::size_t, const kept_replicate&) { ++done; },
            .failed = [](const std::exception_ptr&) { FAIL("nothing fails here"); },
            .ending = [] { return false; },
            .joined = [](int) {}});
  CHECK(done == 30);
}

TEST_CASE("another program among the processes is refused") {
  post_office office(2);
  in_memory zero(office, 0), other(office, 1);
  other.send(0, R"({"is": "ready", "threads": 2, "code": "0123456789abcdef", "host": "elsewhere"})");
  std::string message;
  hand_out(zero, 1, {},
           {.next = []() -> std::optional<remote_task> { return std::nullopt; },
            .done = [](std::size_t, const kept_replicate&) {},
            .failed =
                [&](const std::exception_ptr& failure) {
                  try {
                    std::rethrow_exception(failure);
                  } catch (const user_error& e) {
                    message = e.what();
                  }
                },
            .ending = [&] { return !message.empty(); },
            .joined = [](int) {}});
  CHECK_THAT(message, ContainsSubstring("process 1 on elsewhere is another program (code 0123456789abcdef)"));
}
