#include "sim/report/legend.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "sim/report/page.hpp"

namespace rto::sim {
namespace {

// Okabe and Ito's palette, darkest first.
constexpr std::array palette = {"#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#444444"};

// The panel whose labels hold those of the others, if any does: the one with the most.
std::size_t fullest(const figure& f) {
  const auto most = std::max_element(f.panels.begin(), f.panels.end(),
                                     [](const panel& a, const panel& b) { return a.curves.size() < b.curves.size(); });
  return static_cast<std::size_t>(most - f.panels.begin());
}

const series* labelled(const panel& p, const std::string& label) {
  const auto found = std::find_if(p.curves.begin(), p.curves.end(), [&](const series& s) { return s.label == label; });
  return found == p.curves.end() ? nullptr : &*found;
}

std::vector<curve_look> looks_of(const panel& p) {
  std::vector<curve_look> looks;
  std::size_t own = 0;  // colours used up
  for (const series& s : p.curves) {
    const bool borrows = !s.colour_of.empty() && labelled(p, s.colour_of) != nullptr;
    const std::size_t at = borrows ? 0 : own++;
    looks.push_back({s.label, s.style, palette[at % palette.size()], static_cast<int>(at % palette.size())});
  }
  for (std::size_t i = 0; i < looks.size(); ++i) {  // the curve that lends may come later
    const series* lender = p.curves[i].colour_of.empty() ? nullptr : labelled(p, p.curves[i].colour_of);
    if (lender == nullptr) continue;
    const curve_look& look = looks[static_cast<std::size_t>(lender - p.curves.data())];
    looks[i].colour = look.colour, looks[i].point = look.point;
  }
  return looks;
}

std::vector<curve_look> legend_from(std::vector<curve_look> looks) {
  if (looks.size() < 2) return {};
  std::erase_if(looks, [](const curve_look& l) { return l.label.empty(); });
  return looks;
}

// The sign of a point at (16, 7).
std::string point_sample(const curve_look& l) {
  switch (l.point) {
    case 0:
      return fmt::format("<circle cx='16' cy='7' r='3.6' fill='{}'/>", l.colour);
    case 1:
      return fmt::format("<rect x='12.6' y='3.6' width='6.8' height='6.8' fill='{}'/>", l.colour);
    case 2:
      return fmt::format("<path d='M16 2.4 L20.4 10 H11.6 z' fill='{}'/>", l.colour);
    case 3:
      return fmt::format("<path d='M16 2.2 L20.8 7 L16 11.8 L11.2 7 z' fill='{}'/>", l.colour);
    case 4:
      return fmt::format("<path d='M16 11.6 L20.4 4 H11.6 z' fill='{}'/>", l.colour);
    case 5:
      return fmt::format("<circle cx='16' cy='7' r='3.4' fill='none' stroke='{}'/>", l.colour);
    default:
      return fmt::format("<rect x='12.8' y='3.8' width='6.4' height='6.4' fill='none' stroke='{}'/>", l.colour);
  }
}

std::string sample(const curve_look& l) {
  const auto line = [&](const char* dashes) {
    return fmt::format("<path d='M1 7 H31' stroke='{}' stroke-width='2' fill='none'{}/>", l.colour,
                       *dashes ? fmt::format(" stroke-dasharray='{}'", dashes) : "");
  };
  switch (l.style) {
    case mark::line:
      return line("") + point_sample(l);
    case mark::points:
      return point_sample(l);
    case mark::prediction:
      return line("7 4");
    case mark::bound:
      return line("2 3");
    case mark::steps:
      return line("");
    case mark::bars:
      return fmt::format("<rect x='8' y='2' width='16' height='10' fill='{}'/>", l.colour);
  }
  return "";
}

}  // namespace

bool shares_legend(const figure& f) {
  if (f.panels.size() < 2) return false;
  const panel& most = f.panels[fullest(f)];
  return std::all_of(f.panels.begin(), f.panels.end(), [&](const panel& p) {
    return std::all_of(p.curves.begin(), p.curves.end(),
                       [&](const series& s) { return s.label.empty() || labelled(most, s.label) != nullptr; });
  });
}

std::vector<curve_look> looks_of(const figure& f, std::size_t i) {
  std::vector<curve_look> looks = looks_of(f.panels.at(i));
  if (!shares_legend(f)) return looks;
  const std::vector<curve_look> all = looks_of(f.panels[fullest(f)]);
  for (curve_look& look : looks) {
    const auto same = std::find_if(all.begin(), all.end(),
                                   [&](const curve_look& l) { return !l.label.empty() && l.label == look.label; });
    if (same != all.end()) look.colour = same->colour, look.point = same->point;
  }
  return looks;
}

std::vector<curve_look> shared_legend(const figure& f) { return legend_from(looks_of(f, fullest(f))); }

std::vector<curve_look> legend_of(const figure& f, std::size_t i) { return legend_from(looks_of(f, i)); }

std::string legend_html(const std::vector<curve_look>& legend) {
  if (legend.empty()) return "";
  std::string html = "<ul class=\"key\">";
  for (const curve_look& l : legend)
    html += fmt::format(
        "<li><svg viewBox='0 0 32 14' width='32' height='14' aria-hidden='true'>{}</svg><span>{}</span></li>",
        sample(l), label_html(l.label));
  return html + "</ul>";
}

std::string label_html(const std::string& label) {
  std::string out;
  for (std::size_t i = 0; i < label.size();) {
    const bool script = (label[i] == '^' || label[i] == '_') && label.compare(i + 1, 1, "{") == 0;
    const std::size_t end = script ? label.find('}', i) : std::string::npos;
    if (end == std::string::npos) {
      out += escaped(label.substr(i, 1));
      ++i;
    } else {
      const char* tag = label[i] == '^' ? "sup" : "sub";
      out += fmt::format("<{0}>{1}</{0}>", tag, escaped(label.substr(i + 2, end - i - 2)));
      i = end + 1;
    }
  }
  return out;
}

}  // namespace rto::sim
