#include "sim/report/report.hpp"

#include <algorithm>
#include <sstream>

#include "sim/report/drawing.hpp"
#include "sim/report/page.hpp"
#include "sim/report/svg.hpp"
#include "support/catch.hpp"

namespace {

using namespace rto::sim;
using rto::test::ContainsSubstring;

claim named(const char* id) {
  claim c;
  c.id = id;
  c.title = "A title";
  c.statement = "x &lt; y";
  c.source = "somewhere";
  c.schema = {integer("n", "numbers", {1, 2, 3}, {1})};
  return c;
}

const claim printed = named("prop-0");

run_result one_claim() {
  claim_result r{&printed, settings(printed.id, printed.schema, level::standard), {}, verdict::fails_as_printed, 3, 3,
                 1.5};
  check c = printed_bound_check("bound", "the printed bound", 2.7, 4, 1);
  r.concluded.checks.push_back(c);
  c = slope_check("a-check-with-a-name-that-is-rather-long-for-a-column", "slope", -0.5, 0.05, {-0.48, {-0.53, -0.43}},
                  9, 0.95);
  c.measured.text =
      "a text that is so long that it cannot be shown on one line of a terminal and has to be broken at spaces";
  r.concluded.checks.push_back(c);
  note n;
  n.type = note::kind::fails_as_printed;
  n.html = "<p>Four queries, not 2.7.</p>";
  r.concluded.notes.push_back(n);
  figure f;
  f.id = "fig";
  f.title = "A figure";
  f.panels = {panel{.title = "it's",
                    .x = {"n"},
                    .y = {"y", true},
                    .curves = {series{.label = "a, \"b\"", .x = {1, 2}, .y = {1, 100}}}}};
  r.concluded.figures.push_back(f);
  run_result run;
  run.claims.push_back(r);
  return run;
}

}  // namespace

TEST_CASE("the table fits the terminal and shows claim, predicted, measured with interval, and verdict") {
  const std::string table = console_table(one_claim(), 100);
  std::istringstream lines(table);
  for (std::string line; std::getline(lines, line);) {
    INFO(line);
    CHECK(std::count_if(line.begin(), line.end(), [](char c) { return (c & 0xc0) != 0x80; }) <= 100);
  }
  CHECK_THAT(table, ContainsSubstring("prop-0") && ContainsSubstring("≤ 2.7") &&
                        ContainsSubstring("fails as printed") && ContainsSubstring("[-0.53, -0.43]"));
}

TEST_CASE("the page shows statement, notes, checks, settings and the command that repeats them") {
  const run_result run = one_claim();
  const std::string page = report_page(run, {.seed = 7}, {{{&run.claims[0].concluded.figures[0], ""}}});
  CHECK_THAT(page, ContainsSubstring("x &lt; y") && ContainsSubstring("Four queries, not 2.7.") &&
                       ContainsSubstring("class=\"note fails\"") &&
                       ContainsSubstring("class=\"verdict fails-as-printed\">fails as printed") &&
                       ContainsSubstring("rto-sim reproduce prop-0 --seed 7"));
  CHECK_THAT(page, ContainsSubstring("<code>gnuplot</code> was not found"));  // an empty drawing
}

TEST_CASE("the overview groups the claims by part of the paper, in the order of the paper") {
  CHECK(paper_part("thm-4.2") == "Theory");
  CHECK(paper_part("table-1") == "Practice");
  CHECK(paper_part("lem-C.1") == "Appendix");
  CHECK(paper_part("prop-0") == "More");
  // Every part is one block of the order, so that its heading stands once.
  std::vector<std::string> parts;
  for (const claim& c : all_claims()) {
    if (parts.empty() || parts.back() != paper_part(c.id)) parts.push_back(paper_part(c.id));
  }
  const std::vector<std::string> sorted = [&] {
    std::vector<std::string> copy = parts;
    std::sort(copy.begin(), copy.end());
    copy.erase(std::unique(copy.begin(), copy.end()), copy.end());
    return copy;
  }();
  CHECK(parts.size() == sorted.size());
}

TEST_CASE("findings are collected above the claims, each with a link to its claim; without any there is no section") {
  run_result run = one_claim();
  run.claims[0].concluded.notes.clear();
  const std::vector<std::vector<drawn_figure>> figures = {{}};
  CHECK(report_page(run, {}, figures).find("id=\"findings\"") == std::string::npos);
  run.claims[0].concluded.notes.push_back({note::kind::finding, "Fear costs", "<p>It does.</p>"});
  run.claims[0].concluded.notes.push_back({note::kind::fails_as_printed, "The bound fails", "<p>Why.</p>"});
  run.claims[0].concluded.notes.push_back({note::kind::remark, "By the way", "<p>Aside.</p>"});
  const std::string page = report_page(run, {}, figures);
  const std::size_t start = page.find("id=\"findings\"");
  REQUIRE(start != std::string::npos);
  const std::string section = page.substr(start, page.find("</section>", start) - start);
  CHECK_THAT(section, ContainsSubstring("Fear costs") && ContainsSubstring("It does.") &&
                          ContainsSubstring("The bound fails") && ContainsSubstring("Why.") &&
                          ContainsSubstring("<a href=\"#prop-0\">prop-0</a>"));
  CHECK(section.find("By the way") == std::string::npos);
  CHECK_THAT(page, ContainsSubstring("class=\"note finding\""));
}

TEST_CASE("the command that repeats a claim sets what differs from the defaults, quoted for a shell where need be") {
  static const claim worded = [] {
    claim c = named("prop-0");
    c.schema.push_back(text("name", "a name", "plain"));
    return c;
  }();
  run_result run = one_claim();
  claim_result& r = run.claims[0];
  r.what = &worded;
  r.values = settings(worded.id, worded.schema, level::full);
  CHECK_THAT(report_page(run, {.seed = 7}, {{}}), ContainsSubstring(">rto-sim reproduce prop-0 --seed 7 --full</pre>"));
  r.values.set_text("n", "9");
  r.values.set_text("name", "it's");
  CHECK_THAT(report_page(run, {.seed = 7}, {{}}),
             ContainsSubstring("prop-0 --seed 7 --full --set n=9 --set 'name=it'\\''s'</pre>"));
}

TEST_CASE("a figure's numbers are a CSV file that quotes what needs quoting") {
  const run_result run = one_claim();
  const std::string csv = figure_csv(run.claims[0].concluded.figures[0]);
  CHECK(csv == "panel,series,x,y,low,high\nit's,\"a, \"\"b\"\"\",1,1,,\nit's,\"a, \"\"b\"\"\",2,100,,\n");
}

TEST_CASE("the gnuplot script quotes labels, and curves of unequal lengths are refused") {
  run_result run = one_claim();
  figure f = run.claims[0].concluded.figures[0];
  CHECK_THAT(gnuplot_script(f), ContainsSubstring("'it''s'") && ContainsSubstring("set logscale y"));
  f.panels[0].curves[0].y.pop_back();
  CHECK_THROWS_AS(gnuplot_script(f), std::invalid_argument);
}

TEST_CASE("every panel shows the label of its vertical axis, however long the marks are") {
  if (!gnuplot_available()) {
    WARN("SKIPPED: gnuplot is not installed");
    return;
  }
  figure f = one_claim().claims[0].concluded.figures[0];
  f.panels[0].y.label = "queries";
  f.panels[0].curves[0].y = {1, 1e12};
  f.panels.push_back(f.panels[0]);
  const std::string svg = figure_svg(f);
  const std::size_t first = svg.find("queries");
  REQUIRE(first != std::string::npos);
  CHECK(svg.find("queries", first + 1) != std::string::npos);
}

TEST_CASE("a figure is one SVG element whose ids are its own") {
  if (!gnuplot_available()) {
    WARN("SKIPPED: gnuplot is not installed");
    return;
  }
  run_result run = one_claim();
  const std::string svg = figure_svg(run.claims[0].concluded.figures[0]);
  CHECK(svg.starts_with("<svg"));
  CHECK(svg.ends_with("</svg>"));
  for (std::size_t at = svg.find(" id='"); at != std::string::npos; at = svg.find(" id='", at + 1))
    CHECK(svg.compare(at, 9, " id='fig-") == 0);
}

TEST_CASE("a plot and a drawing become PDF files with their lettering as text") {
  if (!pdf_available()) {
    WARN("SKIPPED: rsvg-convert is not installed (scripts/setup --pdf)");
    return;
  }
  svg_drawing d(100, 50);
  d.text(50, 25, "lettering", {});
  const std::string drawing = pdf_of(d.finish("d"));
  CHECK(drawing.starts_with("%PDF-"));
  CHECK_THAT(drawing, ContainsSubstring("%%EOF") && ContainsSubstring("/Font"));
  CHECK(pdf_of("<svg").empty());
  if (!gnuplot_available()) return;
  CHECK(pdf_of(figure_svg(one_claim().claims[0].concluded.figures[0])).starts_with("%PDF-"));
}

TEST_CASE("marks on a logarithmic axis are powers of ten, or 1-2-5 steps where it is short") {
  CHECK(logarithmic_ticks(1, 1000) == std::vector<double>{1, 10, 100, 1000});
  CHECK(logarithmic_ticks(1, 20) == std::vector<double>{1, 2, 5, 10, 20});
  CHECK(logarithmic_ticks(1, 3) == std::vector<double>{1, 2, 3});
  CHECK(logarithmic_ticks(1e-12, 1).size() <= 8);
}

TEST_CASE("numbers are shown with four digits, whole ones whole") {
  CHECK(shown_number(112) == "112");
  CHECK(shown_number(1048576) == "1 048 576");
  CHECK(shown_number(2.7434) == "2.743");
  CHECK(shown_number(1.5e-7) == "1.5e-07");
  CHECK(shown_number(-0.4987) == "-0.4987");
  CHECK(shown_number(4.7e12) == "4.7e+12");
  CHECK(shown_number(std::nan("")) == "nan");
}

TEST_CASE("lettering sets sub- and superscripts and returns to the line") {
  CHECK(svg_letters("a < b", 10) == "a &lt; b");
  CHECK_THAT(svg_letters("π_{ref} x", 10),
             ContainsSubstring("<tspan dy=\"2.80\" font-size=\"7.40\">ref</tspan><tspan dy=\"-2.80\"> x</tspan>"));
}
