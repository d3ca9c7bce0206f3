#include "sim/report/report.hpp"

#include <algorithm>
#include <set>
#include <sstream>

#include "sim/report/drawing.hpp"
#include "sim/report/legend.hpp"
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

TEST_CASE(
    "a verdict that is not about a statement of the paper says so, on the page, the console and in results.json") {
  static const claim measured = [] {
    claim c = named("table-0");
    c.origin = claim_origin::analogue;
    return c;
  }();
  run_result run = one_claim();
  const auto mentions = [](const std::string& text, const char* word) { return text.find(word) != std::string::npos; };
  CHECK_FALSE(mentions(report_page(run, {}, {{}}), "class=\"origin\""));
  CHECK_FALSE(mentions(console_table(run), "analogue"));
  CHECK(results_json(run, {})["claims"][0]["origin"] == "stated");
  run.claims[0].what = &measured;
  const std::string page = report_page(run, {}, {{}});
  const std::size_t row = page.find("href=\"#table-0\"");
  REQUIRE(row != std::string::npos);
  CHECK_THAT(page.substr(row, page.find("</tr>", row) - row),
             ContainsSubstring(">fails as printed</span>") && ContainsSubstring(">analogue</span>"));
  CHECK_THAT(page, ContainsSubstring("nothing about the paper's own numbers"));
  CHECK_THAT(console_table(run), ContainsSubstring("(analogue)"));
  CHECK(results_json(run, {})["claims"][0]["origin"] == "analogue");
}

TEST_CASE(
    "every id on the page is there once and every local link leads to one, even if a figure is named as its claim") {
  run_result run = one_claim();
  run.claims[0].concluded.figures[0].id = "prop-0";
  const drawn_figure drawn{&run.claims[0].concluded.figures[0], "<svg></svg>", {"<svg></svg>"}};
  const std::string page = report_page(run, {}, {{drawn}});
  std::set<std::string> ids;
  const auto each = [&](const std::string& open, const auto& visit) {
    for (std::size_t at = page.find(open); at != std::string::npos; at = page.find(open, at + 1))
      visit(page.substr(at + open.size(), page.find('"', at + open.size()) - at - open.size()));
  };
  each(" id=\"", [&](const std::string& id) {
    INFO(id);
    CHECK(ids.insert(id).second);
  });
  CHECK(ids.count("prop-0") == 1);
  each("href=\"#", [&](const std::string& id) {
    INFO(id);
    CHECK(ids.count(id) == 1);
  });
}

TEST_CASE("of many checks those that do as they should are folded away, of few none; so are the rows of long tables") {
  run_result run = one_claim();
  std::vector<check>& checks = run.claims[0].concluded.checks;
  const auto folded = [&](const std::string& what) {  // within a <details> that nothing has closed yet
    const std::string page = report_page(run, {}, {{}});
    const std::string section = page.substr(page.find("<section class=\"card\" id=\"prop-0\""));
    const std::size_t at = section.find(what);
    REQUIRE(at != std::string::npos);
    const std::size_t open = section.rfind("<details", at), close = section.rfind("</details>", at);
    return open != std::string::npos && (close == std::string::npos || close < open);
  };
  CHECK_FALSE(folded("<code>bound</code>"));
  CHECK_FALSE(folded("<code>a-check"));
  for (int i = 0; i < 20; ++i) checks.push_back(always_check("more-" + std::to_string(i), "more", 0, 1));
  CHECK_FALSE(folded("<code>bound</code>"));  // fails as printed
  CHECK(folded("<code>a-check"));
  CHECK(folded("<code>more-7</code>"));

  run.claims[0].concluded.tables.push_back(
      {.title = "Short", .header = {"x"}, .rows = {{"cell of a short one"}}, .caption = ""});
  run.claims[0].concluded.tables.push_back({.title = "Long",
                                            .header = {"x"},
                                            .rows = std::vector(20, std::vector<std::string>{"cell of a long one"}),
                                            .caption = ""});
  CHECK_FALSE(folded("cell of a short one"));
  CHECK(folded("cell of a long one"));
}

TEST_CASE("estimates with intervals and small print stand at the right of their column, words at the left") {
  run_result run = one_claim();
  run.claims[0].concluded.tables.push_back({.title = "",
                                            .header = {"name", "value"},
                                            .rows = {{"one", "1.5 <small>[1, 2]</small>"}, {"two", "&ndash;"}},
                                            .caption = ""});
  CHECK_THAT(report_page(run, {}, {{}}),
             ContainsSubstring("<th>name</th><th class=\"number\">value</th>") &&
                 ContainsSubstring("<td>one</td><td class=\"number\">1.5 <small>[1, 2]</small></td>"));
}

namespace {

series labelled(const char* label) { return {.label = label, .x = {1, 2}, .y = {1, 2}}; }

}  // namespace

TEST_CASE("panels share a legend where one of them has the labels of all; a label then has one colour") {
  figure f{.id = "f",
           .panels = {panel{.curves = {labelled("a"), labelled("b"), labelled("c")}},
                      panel{.curves = {labelled("c"), labelled("a")}}}};
  REQUIRE(shares_legend(f));
  CHECK(shared_legend(f).size() == 3);
  CHECK(std::string(looks_of(f, 1)[0].colour) == looks_of(f, 0)[2].colour);
  CHECK(std::string(looks_of(f, 1)[1].colour) == looks_of(f, 0)[0].colour);
  CHECK(std::string(looks_of(f, 0)[0].colour) != looks_of(f, 0)[1].colour);

  f.panels[1].curves.push_back(labelled("d"));
  CHECK_FALSE(shares_legend(f));
  CHECK(legend_of(f, 1).size() == 3);
  CHECK(std::string(looks_of(f, 1)[0].colour) == looks_of(f, 0)[0].colour);  // by place again

  f.panels.pop_back();
  CHECK_FALSE(shares_legend(f));
  f.panels[0].curves.resize(1);
  CHECK(legend_of(f, 0).empty());  // one curve needs none
}

TEST_CASE("a formula takes the colour of its data, wherever these stand, and uses up no colour of its own") {
  figure f{.id = "f",
           .panels = {panel{.curves = {labelled("formula of b"), labelled("a"), labelled("b"), labelled("c")}}}};
  f.panels[0].curves[0].colour_of = "b";
  const std::vector<curve_look> with = looks_of(f, 0);
  CHECK(std::string(with[0].colour) == with[2].colour);
  f.panels[0].curves.erase(f.panels[0].curves.begin());
  const std::vector<curve_look> without = looks_of(f, 0);
  for (std::size_t i = 0; i < 3; ++i) CHECK(std::string(without[i].colour) == with[i + 1].colour);
}

TEST_CASE("labels set powers and indices on the page and in the plot, and everything else is literal") {
  CHECK(label_html("A^{H} < x_{i}") == "A<sup>H</sup> &lt; x<sub>i</sub>");
  CHECK(label_html("a_b^c {d") == "a_b^c {d");
  figure f = one_claim().claims[0].concluded.figures[0];
  f.panels[0].title = "A^{H} & b_c";
  CHECK_THAT(gnuplot_script(f), ContainsSubstring("set title 'A^{H} \\& b\\_c' enhanced"));
  f.panels[0].title = "b_c";
  CHECK_THAT(gnuplot_script(f), ContainsSubstring("set title 'b_c' noenhanced"));
}

TEST_CASE(
    "a panel with named places lies on its side: names from top to bottom, values and intervals along the bottom") {
  panel p{.x = {.label = "method", .names = {"first", "second", "third"}},
          .y = {.label = "value"},
          .curves = {series{.label = "a",
                            .x = {1, 2, 3},
                            .y = {10, 20, 30},
                            .low = {9, 19, 29},
                            .high = {11, 21, 31},
                            .style = mark::points}}};
  const figure f{.id = "named", .title = "t", .panels = {p}};
  CHECK(figure_csv(f) == "panel,series,x,y,low,high\n,a,first,10,9,11\n,a,second,20,19,21\n,a,third,30,29,31\n");
  const std::string script = gnuplot_script(f, 0);
  CHECK_THAT(script,
             ContainsSubstring("\n20 2 19 21\n") && ContainsSubstring("set ytics norotate ('first' 1, 'second' 2"));
  if (!gnuplot_available()) {
    WARN("SKIPPED: gnuplot is not installed");
    return;
  }
  const std::vector<std::string> svgs = panel_svgs(f);
  REQUIRE(svgs.size() == 1);
  // The height of a name: the second number of the translation of its group.
  const auto height = [&](const std::string& name) {
    const std::size_t at = svgs[0].find(">" + name + "<");
    REQUIRE(at != std::string::npos);
    const std::size_t from = svgs[0].rfind("translate(", at);
    return std::stod(svgs[0].substr(svgs[0].find(',', from) + 1));
  };
  CHECK(height("first") < height("second"));
  CHECK(height("second") < height("third"));
}

TEST_CASE("the marks of a horizontal axis have room for their labels, however narrow the panel and long the numbers") {
  for (const double high : {0.11, 1.0, 25000.0, 123456.0}) {
    panel p{.x = {.label = "x"},
            .y = {.label = "y"},
            .curves = {series{.label = "a", .x = {-0.3 * high, high}, .y = {1, 2}}}};
    const figure f{.id = "f", .title = "t", .panels = {p, p, p}};
    const std::string script = gnuplot_script(f, 0);
    const auto after = [&](const std::string& words) { return script.substr(script.find(words) + words.size()); };
    const double step = std::stod(after("set xtics norotate "));
    const std::string range = after("set xrange [");
    const double low = std::stod(range), end = std::stod(range.substr(range.find(':') + 1));
    double letters = 0, marks = 0;
    for (double x = std::ceil(low / step) * step; x <= end; x += step, ++marks)
      letters += static_cast<double>(shown_number(x).size());
    INFO(high << ": " << marks << " marks " << step << " apart");
    CHECK(marks >= 2);
    CHECK(7.0 * letters + 8 * marks <= 266);  // the axis has 370 - 104 pixels, a digit at most 7 or 8
  }
}

TEST_CASE("on the page every panel is a picture of its own with its title and legend beside it") {
  run_result run = one_claim();
  figure& f = run.claims[0].concluded.figures[0];
  f.panels = {panel{.title = "left one", .x = {"n"}, .y = {"y"}, .curves = {labelled("a"), labelled("b")}},
              panel{.title = "right one", .x = {"n"}, .y = {"y"}, .curves = {labelled("c"), labelled("d")}}};
  const drawn_figure drawn{&f, "<svg>whole</svg>", {"<svg>1</svg>", "<svg>2</svg>"}};
  const auto count = [](const std::string& text, const std::string& what) {
    std::size_t n = 0;
    for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++n;
    return n;
  };
  std::string page = report_page(run, {}, {{drawn}});
  CHECK_THAT(page, ContainsSubstring("left one") && ContainsSubstring("right one") && ContainsSubstring(">1</svg>") &&
                       ContainsSubstring("href=\"fig.svg\"") && ContainsSubstring("href=\"fig.csv\""));
  CHECK(page.find(">whole</svg>") == std::string::npos);
  CHECK(count(page, "<ul class=\"key\">") == 2);
  f.panels[1].curves = f.panels[0].curves;
  CHECK(count(report_page(run, {}, {{drawn}}), "<ul class=\"key\">") == 1);
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
  CHECK(logarithmic_ticks(3e-16, 1.05e-15).size() == 4);  // 4, 6, 8 and 10 times 1e-16
  for (double low = 1e-7; low < 1e7; low *= 1.7)
    for (double factor = 1.05; factor < 1e15; factor *= 1.3) {
      const std::vector<double> marks = logarithmic_ticks(low, low * factor);
      INFO(low << " to " << low * factor << ": " << marks.size());
      CHECK(marks.size() >= 3);
      CHECK(marks.size() <= 8);
    }
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
