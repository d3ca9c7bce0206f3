#include "sim/engine/replicate.hpp"

#include <fmt/format.h>

#include <ctime>

#include "sim/io/interrupt.hpp"

namespace rto::sim {
namespace {

double thread_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

}  // namespace

kept_replicate compute_replicate(const claim& what, const json& point, const std::string& text, std::int64_t replicate,
                                 const replicate_setting& setting) {
  replicate_context context{replicate_stream(setting.seed, what.id, text, static_cast<std::uint64_t>(replicate)),
                            replicate, setting.data, &interrupted()};
  const double start = thread_seconds();
  kept_replicate done;
  try {
    done.outcome = what.replicate(point, context);
  } catch (const user_error&) {
    throw;
  } catch (const std::exception& e) {
    throw user_error(fmt::format("{}: replicate {} at {}: {}", what.id, replicate, text, e.what()));
  }
  encode_non_finite(done.outcome);
  done.seconds = thread_seconds() - start;
  return done;
}

}  // namespace rto::sim
