#include "llm/evaluation/html_page.hpp"

#include <fmt/format.h>

#include "sim/io/markup.hpp"

namespace rto::llm {
namespace {

constexpr const char* style = R"css(
:root { color-scheme: light dark; --ink: #1d2430; --soft: #5b6675; --line: #dfe3e8; --page: #f6f7f9; --card: #ffffff;
  --good: 10, 130, 80; --bad: 200, 35, 50; }
@media screen and (prefers-color-scheme: dark) {
  :root { --ink: #e4e8ee; --soft: #a3aebc; --line: #333c48; --page: #14181e; --card: #1c222a;
    --good: 60, 190, 130; --bad: 240, 90, 100; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 16px/1.6 system-ui, sans-serif; }
main { max-width: 1000px; margin: 0 auto; padding: 24px 16px 60px; }
h1 { font-size: 1.6rem; margin: 0 0 6px; } h3 { font-size: 0.95rem; margin: 16px 0 4px; }
.soft { color: var(--soft); font-size: 0.9rem; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 14px 18px; margin: 16px 0; }
.text { white-space: pre-wrap; overflow-wrap: anywhere; }
table { border-collapse: collapse; font-size: 0.92rem; } td, th { text-align: left; padding: 3px 14px 3px 0;
  border-bottom: 1px solid var(--line); vertical-align: top; } th { color: var(--soft); font-weight: 600; }
svg { display: block; width: 100%; max-width: 640px; height: auto; margin: 10px 0; border-radius: 8px; }
.prompt { color: var(--soft); max-height: 16em; overflow-y: auto; }
.up, .down { border-radius: 3px; }
.up { background: rgba(var(--good), var(--a)); } .down { background: rgba(var(--bad), var(--a)); }
@media print { .up, .down { print-color-adjust: exact; -webkit-print-color-adjust: exact; } .card { break-inside: avoid; } }
)css";

}  // namespace

std::string html_page(const std::string& title, const std::string& body) {
  return fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
      "content=\"width=device-width, initial-scale=1\"><title>{0}</title><style>{1}</style></head>\n"
      "<body><main><h1>{0}</h1>\n{2}</main></body></html>\n",
      sim::escaped(title), style, body);
}

}  // namespace rto::llm
