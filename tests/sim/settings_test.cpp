#include "sim/engine/setting.hpp"

#include "support/catch.hpp"

namespace {

using namespace rto::sim;
using rto::test::ContainsSubstring;

const settings_schema schema = {integers("A", "tokens", {{2}, {2, 4}, {2, 4, 8}}, {1, 64}),
                                reals("xi", "exponent", {{0.5}, {0.5, 1.5}, {0.5}}, {0}),
                                integer("replicates", "instances", {5, 50, 500}, {1}),
                                real("beta", "coefficient", {1, 1, 1}, {0}),
                                text("kind", "instances", "needle", {"needle", "random"}),
                                flag("noise", "noisy", false)};

settings standard() { return {"prop-3.2", schema, level::standard}; }

std::string message(const std::string& key, const std::string& value) {
  settings s = standard();
  try {
    s.set_text(key, value);
  } catch (const user_error& e) {
    return e.what();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("the size of a run chooses the defaults") {
  CHECK(settings("c", schema, level::quick).integer("replicates") == 5);
  CHECK(standard().integer("replicates") == 50);
  CHECK(settings("c", schema, level::full).integers("A") == std::vector<std::int64_t>{2, 4, 8});
}

TEST_CASE("the command line sets lists, ranges with both ends, scalars and the infinite") {
  settings s = standard();
  s.set_text("A", "2,3,8");
  CHECK(s.integers("A") == std::vector<std::int64_t>{2, 3, 8});
  s.set_text("A", "1:5");
  CHECK(s.integers("A") == std::vector<std::int64_t>{1, 2, 3, 4, 5});
  s.set_text("A", "1:9:2,64");
  CHECK(s.integers("A") == std::vector<std::int64_t>{1, 3, 5, 7, 9, 64});
  s.set_text("A", "9:1:-4");
  CHECK(s.integers("A") == std::vector<std::int64_t>{9, 5, 1});
  s.set_text("xi", "0:0.3:0.1");
  REQUIRE(s.reals("xi").size() == 4);
  CHECK(s.reals("xi")[3] == Approx(0.3));
  s.set_text("beta", "inf");
  CHECK(std::isinf(s.real("beta")));
  s.set_text("kind", "random");
  CHECK(s.text("kind") == "random");
  s.set_text("noise", "true");
  CHECK(s.flag("noise"));
}

TEST_CASE("a refused setting is named with what is accepted and what was found") {
  CHECK_THAT(message("B", "1"), ContainsSubstring("has no setting \"B\"") && ContainsSubstring("A, xi, replicates"));
  CHECK_THAT(message("A", "0"), ContainsSubstring("from 1 to 64"));
  CHECK_THAT(message("A", "2.5"), ContainsSubstring("integers") && ContainsSubstring("2.5"));
  CHECK_THAT(message("A", "2,,3"), ContainsSubstring("integers"));
  CHECK_THAT(message("A", ""), ContainsSubstring("integers"));
  CHECK_THAT(message("A", "5:1"), ContainsSubstring("range"));
  CHECK_THAT(message("A", "1:5:0"), ContainsSubstring("range"));
  CHECK_THAT(message("A", "1:2:3:4"), ContainsSubstring("range"));
  CHECK_THAT(message("A", "1:1e12"), ContainsSubstring("million"));
  CHECK_THAT(message("beta", "nan"), ContainsSubstring(">= 0"));
  CHECK_THAT(message("beta", "-1"), ContainsSubstring(">= 0"));
  CHECK_THAT(message("beta", "1,2"), ContainsSubstring("a number"));
  CHECK_THAT(message("kind", "other"), ContainsSubstring("\"needle\", \"random\""));
  CHECK_THAT(message("noise", "maybe"), ContainsSubstring("true or false"));
  CHECK_THAT(message("replicates", "0x"), ContainsSubstring("an integer >= 1"));
}

TEST_CASE("a refused value leaves the settings as they were") {
  settings s = standard();
  CHECK_THROWS_AS(s.set_text("A", "2,3,99"), user_error);
  CHECK(s.integers("A") == std::vector<std::int64_t>{2, 4});
}

TEST_CASE("a settings file holds numbers, lists, ranges as text, or what show prints") {
  settings s = standard();
  s.set_json("A", json::parse("[2, \"4:6\"]"), "file");
  CHECK(s.integers("A") == std::vector<std::int64_t>{2, 4, 5, 6});
  s.set_json("replicates", json::parse(R"({"doc": "instances", "value": 7})"), "file");
  CHECK(s.integer("replicates") == 7);
  CHECK_THROWS_WITH(s.set_json("A", json::array(), "s.json: A"),
                    ContainsSubstring("s.json: A") && ContainsSubstring("empty list"));
  CHECK_THROWS_WITH(s.set_json("noise", json(1), "s.json: noise"), ContainsSubstring("true or false"));
}

TEST_CASE("asking the settings for an unknown key or another type is a mistake of the program") {
  CHECK_THROWS_AS(standard().integer("nothing"), std::logic_error);
  CHECK_THROWS_AS(standard().real("replicates"), std::logic_error);
}
