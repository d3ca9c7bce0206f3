#include <rto/mdp/trajectory.hpp>

#include <string>

#include <boost/random/mersenne_twister.hpp>
#include <boost/random/uniform_int_distribution.hpp>

#include "support/catch.hpp"

namespace {

// Can only be sampled, as a language model or a simulator is: no list of prompts, a random successor.
class noisy_text {
 public:
  using state_type = std::string;
  std::int64_t horizon() const { return 5; }
  bool is_terminal(const std::string& s) const { return s.size() == 6 || s.back() == '.'; }
  template <class URBG> std::string sample_start(URBG& rng) const {
    return std::string(1, static_cast<char>('A' + boost::random::uniform_int_distribution<int>(0, 1)(rng)));
  }
  template <class URBG> std::string sample_next(const std::string& s, std::int64_t token, URBG& rng) const {
    const bool typo = boost::random::uniform_int_distribution<int>(0, 9)(rng) == 0;
    return s + (typo ? '?' : static_cast<char>(token));
  }
};
static_assert(rto::GenerativeTokenMdp<noisy_text> && !rto::TokenMdp<noisy_text>);

// Goes on for ever.
struct endless {
  using state_type = int;
  std::int64_t horizon() const { return 4; }
  bool is_terminal(int) const { return false; }
  template <class URBG> int sample_start(URBG&) const { return 0; }
  template <class URBG> int sample_next(int s, std::int64_t, URBG&) const { return s + 1; }
};

}  // namespace

TEST_CASE("a model that can only be sampled gives trajectories with their states and why they ended") {
  boost::random::mt19937_64 rng(51);
  const auto policy = [](const std::string& s, auto& g) -> std::int64_t {
    return boost::random::uniform_int_distribution<int>(0, 3)(g) == 0 ? '.' : 'a' + static_cast<int>(s.size());
  };
  int ended = 0, cut = 0;
  for (int i = 0; i < 500; ++i) {
    const auto path = rto::sample_trajectory(noisy_text(), policy, rng);
    REQUIRE(path.states.size() == path.response.tokens.size());
    REQUIRE((path.states[0] == "A" || path.states[0] == "B"));
    for (std::size_t h = 0; h < path.states.size(); ++h) REQUIRE(path.states[h].size() == h + 1);
    if (path.response.finish == rto::finish_reason::end_of_sequence) {
      ++ended;
      CHECK(path.response.tokens.back() == '.');
    } else {
      ++cut;
      CHECK(path.response.finish == rto::finish_reason::length);
      CHECK(path.states.size() == 5);
    }
  }
  CHECK(ended > 0);
  CHECK(cut > 0);
}

TEST_CASE("the same generator state gives the same trajectory") {
  boost::random::mt19937_64 first(52), second(52);
  const auto policy = [](const std::string&, auto&) -> std::int64_t { return 'x'; };
  CHECK(rto::sample_trajectory(noisy_text(), policy, first).states ==
        rto::sample_trajectory(noisy_text(), policy, second).states);
}

TEST_CASE("a model that goes on after its horizon is reported") {
  boost::random::mt19937_64 rng(53);
  const auto policy = [](int, auto&) -> std::int64_t { return 0; };
  CHECK_THROWS_AS(rto::sample_trajectory(endless(), policy, rng), std::runtime_error);
}
