// The house style: one script a figure, explicit ranges and ticks, a palette that colour-blind readers can tell apart.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <stdexcept>

#include "sim/engine/check.hpp"
#include "sim/report/drawing.hpp"

namespace rto::sim {
namespace {

// Okabe and Ito's palette, darkest first.
constexpr std::array palette = {"#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#444444"};
constexpr std::array point_types = {7, 5, 9, 13, 11, 6, 4};

constexpr int panel_width = 480, plot_height = 300, legend_line = 25, title_height = 26, label_height = 70;

std::string quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') out += '\'';
    out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  return out + "'";
}

struct span {
  double low = std::numeric_limits<double>::infinity(), high = -low;
  bool empty() const { return !(low <= high); }
  void include(double x, bool logarithmic) {
    if (!std::isfinite(x) || (logarithmic && x <= 0)) return;
    low = std::min(low, x);
    high = std::max(high, x);
  }
};

// The smallest distance of two bars; 1 with one bar.
double bar_distance(const panel& p) {
  std::vector<double> at;
  for (const series& s : p.curves) {
    if (s.style == mark::bars) at.insert(at.end(), s.x.begin(), s.x.end());
  }
  std::sort(at.begin(), at.end());
  double distance = std::numeric_limits<double>::infinity();
  for (std::size_t i = 1; i < at.size(); ++i) {
    if (at[i] > at[i - 1]) distance = std::min(distance, at[i] - at[i - 1]);
  }
  return std::isfinite(distance) ? distance : 1.0;
}

// The range of an axis: of the data with a margin, or as the figure says.
span range_of(const panel& p, const axis& a, bool horizontal) {
  span data;
  bool bars = false;
  for (const series& s : p.curves) {
    const bool measured = s.style != mark::bound && s.style != mark::prediction;
    for (const double v : horizontal ? s.x : s.y) data.include(v, a.logarithmic);
    // Intervals that reach far below a logarithmic axis must not squeeze what is measured.
    if (!horizontal && measured && !a.logarithmic) {
      for (const double v : s.low) data.include(v, false);
    }
    if (!horizontal && measured) {
      for (const double v : s.high) data.include(v, a.logarithmic);
    }
    bars = bars || s.style == mark::bars;
  }
  if (!horizontal && a.logarithmic) {
    const double floor = data.low / 10;
    for (const series& s : p.curves) {
      for (const double v : s.low) data.include(std::max(v, floor), true);
    }
  }
  if (data.empty()) data = {a.logarithmic ? 0.1 : 0.0, 1.0};
  // The margin is that of what is shown.
  if (a.minimum < data.high) data.low = std::max(data.low, a.minimum);
  if (a.maximum > data.low) data.high = std::min(data.high, a.maximum);
  if (bars && !horizontal && !a.logarithmic) data.include(0, false);
  if (bars && horizontal && !a.logarithmic) {  // room for half a bar at either end
    const double half = 0.5 * bar_distance(p);
    data = {data.low - half, data.high + half};
  }
  if (a.logarithmic) {
    const double margin = std::max(std::pow(data.high / data.low, 0.05), 1.1);
    data = {data.low / margin, data.high * margin};
  } else {
    double margin = 0.05 * (data.high - data.low);
    if (margin == 0) margin = data.high == 0 ? 1 : 0.1 * std::abs(data.high);
    // A quantity that starts at zero gets an axis that does.
    const bool from_zero = data.low == 0;
    data = {from_zero && !horizontal ? 0 : data.low - margin, data.high + margin};
  }
  if (!std::isnan(a.minimum)) data.low = a.minimum;
  if (!std::isnan(a.maximum)) data.high = a.maximum;
  return data;
}

// Whole numbers on a short axis want marks at whole numbers.
bool counts_steps(const panel& p, const axis& a, const span& range) {
  if (a.logarithmic || range.high - range.low > 12) return false;
  return std::all_of(p.curves.begin(), p.curves.end(), [](const series& s) {
    return std::all_of(s.x.begin(), s.x.end(), [](double x) { return std::nearbyint(x) == x; });
  });
}

std::string axis_script(const axis& a, const char* name, const span& range, bool whole) {
  std::string text = fmt::format("set {0}label {1} noenhanced\nset {0}range [{2:.10g}:{3:.10g}]\n", name,
                                 quoted(a.label), range.low, range.high);
  if (!a.logarithmic)
    return text +
           fmt::format("unset logscale {0}\nset {0}tics {1}\nset format {0} '%.6g'\n", name, whole ? "1" : "autofreq");
  text += fmt::format("set logscale {0} 10\nunset m{0}tics\n", name);
  std::string ticks;
  for (const double t : logarithmic_ticks(range.low, range.high)) {
    const double exponent = std::round(std::log10(t));
    const bool power = std::abs(std::log10(t) - exponent) < 1e-9;
    const bool plain = t >= 0.009 && t <= 20000;
    ticks += fmt::format("{}{} {:.10g}", ticks.empty() ? "" : ", ",
                         plain   ? quoted(fmt::format("{:.6g}", t))
                         : power ? fmt::format("'10^{{{:.0f}}}'", exponent)
                                 : fmt::format("'{:.0f}·10^{{{:.0f}}}'", t / std::pow(10, std::floor(std::log10(t))),
                                               std::floor(std::log10(t))),
                         t);
  }
  return text + fmt::format("set {}tics ({})\n", name, ticks);
}

// How the labels of a panel go into columns.
struct legend_layout {
  int columns = 1, lines = 0;  // no lines: one curve needs no legend
};

legend_layout legend_of(const panel& p, int width) {
  std::size_t longest = 0;
  int labelled = 0;
  for (const series& s : p.curves) {
    const auto letters = std::count_if(s.label.begin(), s.label.end(), [](char c) { return (c & 0xc0) != 0x80; });
    longest = std::max(longest, static_cast<std::size_t>(letters));
    labelled += s.label.empty() ? 0 : 1;
  }
  if (p.curves.size() < 2 || labelled == 0) return {};
  const double column = 92 + 8.6 * static_cast<double>(longest);  // sample and letters, pixels
  const int fit = std::max(1, static_cast<int>((width - 60) / column));
  const int columns = std::min({fit, labelled, 4});
  const int lines = (labelled + columns - 1) / columns;
  return {(labelled + lines - 1) / lines, lines};
}

// One legend serves all panels that show the same curves.
bool same_curves(const figure& f) {
  const auto same = [](const series& a, const series& b) { return a.label == b.label && a.style == b.style; };
  return f.panels.size() > 1 && std::all_of(f.panels.begin(), f.panels.end(), [&](const panel& p) {
           const std::vector<series>& first = f.panels.front().curves;
           return std::equal(p.curves.begin(), p.curves.end(), first.begin(), first.end(), same);
         });
}

std::string cell(double x, bool logarithmic) {
  return std::isfinite(x) && !(logarithmic && x <= 0) ? fmt::format("{:.12g}", x) : "NaN";
}

// Intervals as bars with caps. Gnuplot's own error bars would leave a gap round the point.
std::string interval_bars(const std::string& block, const char* colour) {
  return fmt::format(
      "{} using 1:3:(0):($4-$3) with vectors heads size graph 0.008,90 fixed linewidth 1.5 linecolor rgb '{}' notitle",
      block, colour);
}

}  // namespace

std::vector<double> logarithmic_ticks(double low, double high) {
  std::vector<double> ticks;
  const double decades = std::log10(high / low);
  const int first = static_cast<int>(std::floor(std::log10(low))), last = static_cast<int>(std::ceil(std::log10(high)));
  const auto add = [&](double t) {
    if (t >= low * (1 - 1e-9) && t <= high * (1 + 1e-9)) ticks.push_back(t);
  };
  if (decades > 2.2) {
    const int step = std::max(1, static_cast<int>(std::ceil(decades / 7)));
    for (int e = first; e <= last; ++e) {
      if (e % step == 0) add(std::pow(10, e));
    }
  } else {
    for (int e = first; e <= last; ++e) {
      for (const double m : {1.0, 2.0, 5.0}) add(m * std::pow(10, e));
    }
    if (ticks.size() < 3) {  // a short axis: every unit
      ticks.clear();
      for (int e = first; e <= last; ++e) {
        for (int m = 1; m <= 9; ++m) add(m * std::pow(10, e));
      }
    }
  }
  return ticks;
}

std::string gnuplot_script(const figure& f) {
  const int panels = static_cast<int>(f.panels.size());
  // Two panels in a row at most: a figure that is wider is hard to read on a page.
  const int columns = std::min(panels, 2), rows = (panels + 1) / 2;
  const int width = columns <= 1 ? 620 : panel_width * columns;
  const bool shared = same_curves(f);
  int lines = 0;
  bool titled = false;
  for (const panel& p : f.panels) {
    lines = std::max(lines, legend_of(p, shared ? width : width / std::max(columns, 1)).lines);
    titled = titled || !p.title.empty();
  }
  const int legend = lines > 0 ? lines * legend_line + 10 : 0;
  const int above = titled ? title_height + 6 : 14, below = label_height + (shared ? 0 : legend);
  const int row_height = above + plot_height + below, height = rows * row_height + (shared ? legend : 0);
  std::string text = fmt::format(
      "set encoding utf8\n"
      "set terminal svg size {},{} dynamic enhanced font 'Helvetica,Arial,sans-serif,14' background rgb 'white'\n"
      "set border 3 linecolor rgb '#555555'\n"
      "set tics nomirror out scale 0.6 textcolor rgb '#333333'\n"
      "set grid linecolor rgb '#E4E4E4' linetype 1 linewidth 1\n"
      "set style fill solid 0.85 noborder\n"
      "set datafile missing 'NaN'\n"
      "set multiplot\n",
      width, height);

  for (int i = 0; i < panels; ++i) {
    const panel& p = f.panels[static_cast<std::size_t>(i)];
    std::string plots;
    std::string blocks;
    std::vector<std::string> bands, curves;
    for (std::size_t k = 0; k < p.curves.size(); ++k) {
      const series& s = p.curves[k];
      const bool interval = !s.low.empty() || !s.high.empty();
      if (s.x.size() != s.y.size() || (interval && (s.low.size() != s.y.size() || s.high.size() != s.y.size())))
        throw std::invalid_argument(fmt::format(
            "rto::sim::gnuplot_script: x, y, low and high of equal length in series \"{}\" of {}, got {}, {}, {}, {}",
            s.label, f.id, s.x.size(), s.y.size(), s.low.size(), s.high.size()));
      const std::string block = fmt::format("$p{}s{}", i, k);
      blocks += block + " << EOD\n";
      const double floor = p.y.logarithmic ? 1e-300 : -std::numeric_limits<double>::infinity();
      for (std::size_t j = 0; j < s.x.size(); ++j) {
        blocks += cell(s.x[j], p.x.logarithmic) + ' ' + cell(s.y[j], p.y.logarithmic);
        if (interval)
          blocks += ' ' + cell(std::max(s.low[j], floor), p.y.logarithmic) + ' ' + cell(s.high[j], p.y.logarithmic);
        blocks += '\n';
      }
      blocks += "EOD\n";
      const char* colour = palette[k % palette.size()];
      const std::string title =
          s.label.empty() || p.curves.size() == 1 ? "notitle" : fmt::format("title {} noenhanced", quoted(s.label));
      const std::string points =
          fmt::format("pointtype {} pointsize 0.55 linecolor rgb '{}'", point_types[k % point_types.size()], colour);
      switch (s.style) {
        case mark::line:
          if (interval)
            bands.push_back(fmt::format(
                "{} using 1:3:4 with filledcurves linecolor rgb '{}' fillstyle transparent solid 0.18 noborder notitle",
                block, colour));
          curves.push_back(fmt::format("{} using 1:2 with linespoints linewidth 2 {} {}", block, points, title));
          break;
        case mark::points:
          if (interval) curves.push_back(interval_bars(block, colour));
          curves.push_back(fmt::format("{} using 1:2 with points {} {}", block, points, title));
          break;
        case mark::prediction:
          curves.push_back(fmt::format("{} using 1:2 with lines linewidth 2 dashtype (9,5) linecolor rgb '{}' {}",
                                       block, colour, title));
          break;
        case mark::bound:
          curves.push_back(fmt::format("{} using 1:2 with lines linewidth 2 dashtype (2,4) linecolor rgb '{}' {}",
                                       block, colour, title));
          break;
        case mark::steps:
          curves.push_back(
              fmt::format("{} using 1:2 with steps linewidth 2 linecolor rgb '{}' {}", block, colour, title));
          break;
        case mark::bars:
          curves.push_back(fmt::format("{} using 1:2 with boxes linecolor rgb '{}' {}", block, colour, title));
          if (interval) curves.push_back(interval_bars(block, "#333333"));
          break;
      }
    }
    bands.insert(bands.end(), curves.begin(), curves.end());
    for (const std::string& one : bands) plots += (plots.empty() ? "" : ", \\\n  ") + one;
    if (plots.empty()) plots = "NaN notitle";

    const double left = static_cast<double>(i % 2) * panel_width / width;
    const double right = columns <= 1 ? 1.0 : left + static_cast<double>(panel_width) / width;
    const double top = static_cast<double>(i / 2 * row_height), bottom = top + row_height;  // pixels from above
    text += blocks;
    text += fmt::format("set lmargin at screen {:.5f}\nset rmargin at screen {:.5f}\n", left + 78.0 / width,
                        right - 20.0 / width);
    text += fmt::format("set tmargin at screen {:.5f}\nset bmargin at screen {:.5f}\n", 1 - (top + above) / height,
                        1 - (bottom - below) / height);
    text += p.title.empty() ? "unset title\n" : fmt::format("set title {} noenhanced offset 0,-0.4\n", quoted(p.title));
    const span x_range = range_of(p, p.x, true);
    text += axis_script(p.x, "x", x_range, counts_steps(p, p.x, x_range));
    text += axis_script(p.y, "y", range_of(p, p.y, false), false);
    // Gnuplot takes '10^{12}' for seven letters wide, puts its own label left of that, and off the picture.
    text += fmt::format("unset ylabel\nset label 1 {} at screen {:.5f}, screen {:.5f} center rotate by 90 noenhanced\n",
                        quoted(p.y.label), left + 14.0 / width, 1 - (top + above + plot_height / 2.0) / height);
    const legend_layout key = legend_of(p, shared ? width : width / columns);
    if (key.lines == 0 || (shared && i > 0)) {
      text += "unset key\n";
    } else {
      const double key_top = shared ? rows * row_height : bottom - below + label_height;
      text += fmt::format(
          "set key at screen {:.5f}, screen {:.5f} left top vertical maxcolumns {} maxrows {} Left reverse samplen 2.6 "
          "spacing 1.15 "
          "width 1 noenhanced textcolor rgb '#222222'\n",
          left + 60.0 / width, 1 - key_top / height, key.columns, key.lines);
    }
    text += fmt::format("set boxwidth {:.10g} absolute\n", 0.7 * bar_distance(p));
    text += "plot " + plots + "\n";
  }
  return text + "unset multiplot\n";
}

}  // namespace rto::sim
