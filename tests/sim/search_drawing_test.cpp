#include "sim/experiments/search_drawing.hpp"

#include <cmath>

#include "support/catch.hpp"

using namespace rto::sim;

namespace {

std::size_t occurrences(const std::string& text, const std::string& piece) {
  std::size_t count = 0;
  for (std::size_t at = text.find(piece); at != std::string::npos; at = text.find(piece, at + 1)) ++count;
  return count;
}

}  // namespace

TEST_CASE("search_drawing has one panel per query, says what dies, and is the same every time", "[search_drawing]") {
  const drawn_needle needle{2, 2, 0.1, 0.5};
  const std::vector<drawn_query> token{
      {{0, 0}, 1, false, std::log(0.1)}, {{1, 0}, 2, false, std::log(0.09)}, {{1, 1}, 2, true, std::log(0.81)}};
  const std::vector<drawn_query> sentence{{{0, 0}, 2, true, std::log(0.05)},
                                          {{0, 1}, 2, true, std::log(0.05)},
                                          {{1, 0}, 2, true, std::log(0.09)},
                                          {{1, 1}, 2, true, std::log(0.81)}};
  const std::string svg = search_drawing("figure-2", needle, token, sentence);
  CHECK(occurrences(svg, ">query ") == 7);
  CHECK(occurrences(svg, "p(0) = 0.1 &lt; τ: 0* dead") == 1);
  CHECK(occurrences(svg, "p(10) = 0.09 &lt; τ: 10 dead") == 1);
  CHECK(occurrences(svg, "p(11) = 0.81, the best") == 2);
  CHECK(occurrences(svg, "<svg") == 1);
  CHECK(svg == search_drawing("figure-2", needle, token, sentence));
}
