#pragma once
// The look of report.html.

namespace rto::sim {

inline constexpr const char* page_style = R"css(
:root { --ink: #1d2430; --soft: #5b6675; --line: #dfe3e8; --page: #f6f7f9; --card: #ffffff; --link: #0b5cad;
  --good: #0a7040; --good-bg: #e2f3ea; --fix: #0b5cad; --fix-bg: #e3eefa; --loose: #8a4b00; --loose-bg: #fdf0dc;
  --none: #5b6675; --none-bg: #eceff3; --bad: #a8152b; --bad-bg: #fbe3e6; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e8ee; --soft: #9aa6b5; --line: #333c48; --page: #14181e; --card: #1c222a; --link: #7ab8f5;
  --good: #7fd6a8; --good-bg: #17382a; --fix: #8fc3f7; --fix-bg: #17304a; --loose: #f0b866; --loose-bg: #40301a;
  --none: #a7b1be; --none-bg: #2b323c; --bad: #ff9aa8; --bad-bg: #4a1c25; } }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; scroll-behavior: smooth; }
body { margin: 0; background: var(--page); color: var(--ink); font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 28px 20px 80px; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 6px; letter-spacing: -0.01em; }
h2 { font-size: 1.35rem; line-height: 1.3; margin: 0 0 4px; }
h3 { font-size: 1rem; margin: 26px 0 8px; }
p { margin: 8px 0; }
a { color: var(--link); }
code { font: 0.88em ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; overflow-wrap: anywhere; }
.soft { color: var(--soft); font-size: 0.92rem; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 22px 24px; margin: 22px 0; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 0.92rem; } td code { font-size: 0.82em; }
th { text-align: left; font-weight: 600; color: var(--soft); border-bottom: 2px solid var(--line); padding: 6px 10px; vertical-align: bottom; }
td { border-bottom: 1px solid var(--line); padding: 6px 10px; vertical-align: top; }
tr:last-child td { border-bottom: 0; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td.value { font-variant-numeric: tabular-nums; }
td.tested { min-width: 15rem; width: 50%; } td.tested code { display: block; color: var(--soft); } sub, sup { line-height: 0; font-size: 0.76em; } .keep, .keep code { white-space: nowrap; }

.verdict { display: inline-block; padding: 1px 9px; border-radius: 99px; font-size: 0.84rem; font-weight: 600; white-space: nowrap; }
.holds { color: var(--good); background: var(--good-bg); }
.holds-as-corrected { color: var(--fix); background: var(--fix-bg); }
.fails-as-printed { color: var(--loose); background: var(--loose-bg); }
.inconclusive, .skipped { color: var(--none); background: var(--none-bg); }
.contradicted { color: var(--bad); background: var(--bad-bg); }
.tally { display: flex; flex-wrap: wrap; gap: 8px; margin: 14px 0 4px; }
.head { display: flex; flex-wrap: wrap; gap: 4px 14px; align-items: baseline; justify-content: space-between; }
.statement { border-left: 3px solid var(--link); padding: 2px 0 2px 16px; margin: 14px 0; }
.note { border-radius: 8px; padding: 12px 16px; margin: 14px 0; border-left: 4px solid var(--none); background: var(--none-bg); }
.note > strong:first-child { display: block; margin-bottom: 2px; }
.note.fails { border-color: var(--loose); background: var(--loose-bg); }
.note.finding { border-color: var(--good); background: var(--good-bg); }
.note.reconstruction { border-color: var(--fix); background: var(--fix-bg); }
.note p:first-of-type { margin-top: 0; } .note p:last-child { margin-bottom: 0; }
figure { margin: 20px 0; }
figure .picture { background: #ffffff; border: 1px solid var(--line); border-radius: 8px; padding: 10px; overflow-x: auto; }
figure svg { display: block; width: 100%; height: auto; max-width: 1000px; margin: 0 auto; }
figure svg.single { max-width: 680px; }
figcaption { color: var(--soft); font-size: 0.9rem; margin-top: 8px; }
figcaption strong { color: var(--ink); }
details { margin: 14px 0 0; } summary { cursor: pointer; color: var(--soft); font-size: 0.92rem; }
pre { background: var(--page); border: 1px solid var(--line); border-radius: 8px; padding: 10px 14px; overflow-x: auto; font: 0.84rem/1.5 ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; }
pre.command { user-select: all; -webkit-user-select: all; white-space: pre-wrap; overflow-wrap: anywhere; margin: 4px 0 0; } .rerun { margin: 14px 0 0; }
table.overview td.name a { font-weight: 600; } table.overview td.name span { display: block; } tr.part th { padding-top: 18px; color: var(--ink); }
table.overview td.value { width: 20%; overflow-wrap: anywhere; } .findings details { margin: 8px 0; } .findings summary { color: var(--ink); }
dl.legend { display: grid; grid-template-columns: max-content 1fr; gap: 6px 14px; font-size: 0.9rem; margin: 10px 0 0; } dl.legend dd { margin: 0; }
@media (max-width: 640px) { main { padding: 18px 12px 60px; } .card { padding: 16px 14px; } h1 { font-size: 1.5rem; } dl.legend { grid-template-columns: 1fr; gap: 2px; } dl.legend dd { margin-bottom: 8px; }
  table.overview, .overview tbody, .overview tr, .overview td, .overview tr.part th { display: block; width: auto; } .overview thead { display: none; } .overview tr { border-bottom: 1px solid var(--line); padding: 8px 0; }
  .overview td, table.overview td.value { border: 0; padding: 2px 0; width: auto; } .overview td[data-label]::before { content: attr(data-label) ": "; color: var(--soft); } .overview tr.part th { border: 0; padding: 8px 0 0; }
  figure .picture { padding: 4px; } figure svg { min-width: 520px; } }
@media print { body { background: #fff; } .card { break-inside: avoid-page; } }
)css";

}  // namespace rto::sim
