#include "sim/solve/residual_mass_count.hpp"

#include <boost/multiprecision/cpp_int.hpp>
#include <boost/random/mersenne_twister.hpp>
#include <boost/random/uniform_int_distribution.hpp>
#include <numeric>

#include "support/catch.hpp"

using namespace rto::sim;
using rational = boost::multiprecision::cpp_rational;

namespace {

// T2 at one node in a given order of its children, from its rule.
rational queries_in_order(const std::vector<rational>& children, const std::vector<rational>& below,
                          const std::vector<std::size_t>& order, const rational& mass, const rational& tau) {
  rational residual = mass, queries = 0;
  for (const std::size_t child : order) {
    if (residual < tau) break;
    residual -= children[child];
    queries += below[child];
  }
  return queries;
}

}  // namespace

TEST_CASE("residual_mass_node averages T2 over all orders of the children", "[residual_mass_count]") {
  boost::random::mt19937_64 rng(31);
  boost::random::uniform_int_distribution<int> digit(0, 5);
  for (int repeat = 0; repeat < 60; ++repeat) {
    const std::size_t actions = 1 + static_cast<std::size_t>(repeat % 6);
    std::vector<rational> masses, below;
    rational mass = 0;
    for (std::size_t a = 0; a < actions; ++a) {
      masses.emplace_back(digit(rng), 7);
      below.emplace_back(1 + digit(rng) / 3);
      mass += masses.back();
    }
    const rational tau = mass * rational(1 + digit(rng), 8);
    residual_mass_node<rational> node(mass, tau);
    for (std::size_t a = 0; a < actions; ++a) node.add_child(masses[a], {below[a], below[a], below[a]});

    std::vector<std::size_t> order(actions);
    std::iota(order.begin(), order.end(), std::size_t{0});
    rational sum = 0, least = 1000, most = 0;
    int orders = 0;
    do {
      const rational queries = queries_in_order(masses, below, order, mass, tau);
      sum += queries;
      least = std::min(least, queries);
      most = std::max(most, queries);
      ++orders;
    } while (std::next_permutation(order.begin(), order.end()));
    const auto count = node.count();
    CHECK(count.mean == sum / orders);
    CHECK(count.minimum == least);
    CHECK(count.maximum == most);
  }
}
