#include "sim/engine/ranks.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>

#include "sim/engine/code.hpp"
#include "sim/engine/workers.hpp"
#include "sim/io/interrupt.hpp"

namespace rto::sim {
namespace {

using namespace std::chrono_literals;

std::string host_name() {
  char name[256] = {};
  return ::gethostname(name, sizeof name - 1) == 0 ? name : "unknown";
}

// A queue between threads; `pop` waits for an item or the end.
template <class T> class channel {
 public:
  void push(T item) {
    {
      const std::lock_guard hold(mutex_);
      items_.push_back(std::move(item));
    }
    filled_.notify_one();
  }
  void close() {
    {
      const std::lock_guard hold(mutex_);
      closed_ = true;
    }
    filled_.notify_all();
  }
  std::optional<T> pop() {
    std::unique_lock hold(mutex_);
    filled_.wait(hold, [this] { return closed_ || !items_.empty(); });
    return take();
  }
  std::optional<T> try_pop() {
    const std::lock_guard hold(mutex_);
    return take();
  }

 private:
  std::optional<T> take() {
    if (items_.empty()) return std::nullopt;
    T item = std::move(items_.front());
    items_.pop_front();
    return item;
  }

  std::mutex mutex_;
  std::condition_variable filled_;
  std::deque<T> items_;
  bool closed_ = false;
};

// What rank 0 knows of another rank.
struct worker_rank {
  int threads = 0;  // 0 until it is ready
  std::size_t in_flight = 0;
  double seconds = 0;  // of computing, over `finished` replicates
  std::size_t finished = 0;
  bool told_to_stop = false;

  // Short replicates go out by the handful, so that a rank computes while messages travel.
  std::size_t wanted() const {
    const double each = finished > 0 ? seconds / static_cast<double>(finished) : 1;
    const double handful = std::clamp(0.05 / std::max(each, 1e-9), 1.0, 64.0);
    return static_cast<std::size_t>(threads) * static_cast<std::size_t>(handful) + 1;
  }
};

void expect_same_program(const json& ready, int rank) {
  const auto code = ready.at("code").get<std::string>();
  if (code != code_key())
    throw user_error(fmt::format("process {} on {} is another program (code {}) than process 0 on {} (code {})", rank,
                                 ready.at("host").get<std::string>(), code, host_name(), code_key()));
}

// A rank's answer. \returns what it failed with, or null
std::exception_ptr take_answer(const json& answer, int from, worker_rank& rank, const remote_work& work) {
  const auto kind = answer.at("is").get<std::string>();
  try {
    if (kind == "ready") {
      rank.threads = answer.at("threads").get<int>();
      expect_same_program(answer, from);
      work.joined(rank.threads);
      return nullptr;
    }
    --rank.in_flight;
    if (kind == "failed") throw user_error(answer.at("message").get<std::string>());
    if (kind == "dropped") {
      if (!work.ending()) interrupt(SIGTERM);  // a signal reached that rank first
      return nullptr;
    }
    kept_replicate done{answer.at("outcome"), answer.at("seconds").get<double>()};
    rank.seconds += done.seconds;
    ++rank.finished;
    work.done(answer.at("id").get<std::size_t>(), std::move(done));
  } catch (...) {
    return std::current_exception();
  }
  return nullptr;
}

// One run on a rank other than 0. \returns whether the rank was dismissed in the middle of it
bool serve_run(transport& ranks, const json& run, const std::function<const claim&(const std::string&)>& find) {
  replicate_setting setting{run.at("seed").get<std::uint64_t>(), std::nullopt};
  if (run.at("data").is_string()) setting.data = run.at("data").get<std::string>();
  const int threads = number_of_threads(run.at("threads").get<int>());

  const signal_guard guard;
  channel<json> tasks;
  channel<json> answers;
  answers.push({{"is", "ready"}, {"threads", threads}, {"code", code_key()}, {"host", host_name()}});

  bool dismissed = false;
  std::jthread messenger([&] {
    for (bool running = true; running;) {
      bool idle = true;
      while (const auto message = ranks.receive()) {
        idle = false;
        json order = json::parse(message->text);
        const auto what = order.at("do").get<std::string>();
        if (what == "replicate") {
          tasks.push(std::move(order));
        } else if (what == "stop") {
          interrupt(SIGTERM);
        } else {
          dismissed = what == "leave";
          running = false;
          break;
        }
      }
      while (const auto answer = answers.try_pop()) {
        idle = false;
        ranks.send(0, answer->dump());
      }
      if (idle) std::this_thread::sleep_for(1ms);
    }
    tasks.close();
  });

  run_on_threads(threads, [&] {
    while (const auto order = tasks.pop()) {
      json answer{{"id", order->at("id")}, {"is", "dropped"}};
      if (!interrupted()) {
        try {
          const claim& what = find(order->at("claim").get<std::string>());
          const json& point = order->at("point");
          kept_replicate done =
              compute_replicate(what, point, point.dump(), order->at("replicate").get<std::int64_t>(), setting);
          answer["is"] = "done";
          answer["seconds"] = done.seconds;
          answer["outcome"] = std::move(done.outcome);
        } catch (const interruption&) {
        } catch (const std::exception& e) {
          answer["is"] = "failed";
          answer["message"] = e.what();
        }
      }
      answers.push(std::move(answer));
    }
  });
  messenger.join();
  return dismissed;
}

}  // namespace

void hand_out(transport& ranks, int threads, const replicate_setting& setting, const remote_work& work) {
  const int size = ranks.size();
  const json run{{"do", "run"},
                 {"threads", threads},
                 {"seed", setting.seed},
                 {"data", setting.data ? json(setting.data->string()) : json(nullptr)}};
  for (int r = 1; r < size; ++r) ranks.send(r, run.dump());

  std::vector<worker_rank> others(static_cast<std::size_t>(size));
  const auto all_back = [&] {
    return std::all_of(others.begin() + 1, others.end(),
                       [](const worker_rank& r) { return r.threads > 0 && r.in_flight == 0; });
  };
  for (bool all_given = false; !(all_given && all_back());) {
    bool idle = true;
    while (const auto message = ranks.receive()) {
      idle = false;
      worker_rank& from = others[static_cast<std::size_t>(message->from)];
      if (const auto failure = take_answer(json::parse(message->text), message->from, from, work)) work.failed(failure);
    }
    if (work.ending()) {
      all_given = true;
      for (int r = 1; r < size; ++r) {
        if (!std::exchange(others[static_cast<std::size_t>(r)].told_to_stop, true))
          ranks.send(r, json{{"do", "stop"}}.dump());
      }
    }
    for (int r = 1; r < size && !all_given; ++r) {
      worker_rank& to = others[static_cast<std::size_t>(r)];
      while (to.threads > 0 && to.in_flight < to.wanted()) {
        const std::optional<remote_task> task = work.next();
        if (!task) {
          all_given = true;
          break;
        }
        ++to.in_flight;
        idle = false;
        ranks.send(r, json{{"do", "replicate"},
                           {"id", task->id},
                           {"claim", task->claim},
                           {"point", task->point},
                           {"replicate", task->replicate}}
                          .dump());
      }
    }
    if (idle) std::this_thread::sleep_for(1ms);
  }
  for (int r = 1; r < size; ++r) ranks.send(r, json{{"do", "finish"}}.dump());
}

void dismiss(transport& ranks) {
  for (int r = 1; r < ranks.size(); ++r) ranks.send(r, json{{"do", "leave"}}.dump());
}

int serve(transport& ranks, const std::function<const claim&(const std::string&)>& find) {
  while (true) {
    const auto message = ranks.receive();
    if (!message) {
      std::this_thread::sleep_for(1ms);
      continue;
    }
    const json order = json::parse(message->text);
    if (order.at("do") == "leave") return 0;
    if (order.at("do") == "run" && serve_run(ranks, order, find)) return 0;
  }
}

transport*& processes() {
  static transport* joined = nullptr;
  return joined;
}

}  // namespace rto::sim
