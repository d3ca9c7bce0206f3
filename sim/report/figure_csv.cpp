#include <fmt/format.h>

#include "sim/report/drawing.hpp"

namespace rto::sim {

std::string figure_csv(const figure& f) {
  const auto field = [](const std::string& text) {
    if (text.find_first_of(",\"\n") == std::string::npos) return text;
    std::string out = "\"";
    for (const char c : text) {
      if (c == '"') out += '"';
      out += c;
    }
    return out + "\"";
  };
  std::string csv = "panel,series,x,y,low,high\n";
  for (const panel& p : f.panels) {
    for (const series& s : p.curves) {
      for (std::size_t i = 0; i < s.x.size(); ++i) {
        const auto place = static_cast<std::size_t>(s.x[i] - 1);  // of a name
        const bool named = s.x[i] >= 1 && place < p.x.names.size();
        csv += fmt::format("{},{},{},{}", field(p.title), field(s.label),
                           named ? field(p.x.names[place]) : fmt::format("{}", s.x[i]), s.y[i]);
        csv += i < s.low.size() && i < s.high.size() ? fmt::format(",{},{}\n", s.low[i], s.high[i]) : ",,\n";
      }
    }
  }
  return csv;
}

}  // namespace rto::sim
