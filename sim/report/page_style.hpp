#pragma once
// The look of report.html.

namespace rto::sim {

inline constexpr const char* page_style = R"css(
:root { color-scheme: light dark;
  --ink: #1d2430; --soft: #5b6675; --line: #dfe3e8; --page: #f6f7f9; --card: #ffffff; --link: #0b5cad;
  --good: #0a7040; --good-bg: #e2f3ea; --fix: #0b5cad; --fix-bg: #e3eefa; --loose: #8a4b00; --loose-bg: #fdf0dc;
  --none: #5b6675; --none-bg: #eceff3; --bad: #a8152b; --bad-bg: #fbe3e6; }
@media screen and (prefers-color-scheme: dark) {
  :root { --ink: #e4e8ee; --soft: #a3aebc; --line: #333c48; --page: #14181e; --card: #1c222a; --link: #7ab8f5;
    --good: #7fd6a8; --good-bg: #17382a; --fix: #8fc3f7; --fix-bg: #17304a; --loose: #f0b866; --loose-bg: #40301a;
    --none: #a7b1be; --none-bg: #2b323c; --bad: #ff9aa8; --bad-bg: #4a1c25; }
  /* Figures are drawn for white paper. Turned over, with their hues turned back, they are drawn for a dark one. */
  figure svg { filter: invert(0.92) hue-rotate(180deg) brightness(1.4); } }

* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; scroll-behavior: smooth; }
body { margin: 0; background: var(--page); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
main { max-width: 1180px; margin: 0 auto; padding: 28px 20px 80px; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 6px; letter-spacing: -0.01em; }
h2 { font-size: 1.35rem; line-height: 1.3; margin: 0 0 4px; }
h3 { font-size: 1rem; margin: 26px 0 8px; }
h4 { font-size: 0.92rem; font-weight: 600; margin: 0 0 4px; text-align: center; }
p { margin: 8px 0; }
p, .statement, figcaption { max-width: 54rem; }
a { color: var(--link); }
code { font: 0.88em ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; overflow-wrap: anywhere; }
sub, sup { line-height: 0; font-size: 0.76em; }
.soft { color: var(--soft); font-size: 0.92rem; }
.keep, .keep code { white-space: nowrap; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 22px 24px; margin: 22px 0; }

/* Tables: the box scrolls, never the page. */
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 0.92rem; }
td code { font-size: 0.82em; }
th { text-align: left; font-weight: 600; color: var(--soft); border-bottom: 2px solid var(--line); padding: 6px 10px;
  vertical-align: bottom; }
td { border-bottom: 1px solid var(--line); padding: 6px 10px; vertical-align: top; }
tr:last-child td { border-bottom: 0; }
td.number, th.number { text-align: right; }
td.number { font-variant-numeric: tabular-nums; white-space: nowrap; }
td.number.wide { white-space: normal; }
td.value { font-variant-numeric: tabular-nums; }
td.tested { width: 50%; } td.tested code { display: block; color: var(--soft); }
td .heat { display: block; margin: -6px -10px; padding: 6px 10px;
  background: color-mix(in srgb, var(--good-bg) var(--heat), var(--loose-bg)); }

/* Verdicts. */
.verdict, .origin { display: inline-block; padding: 1px 9px; border-radius: 99px; font-size: 0.84rem; font-weight: 600;
  white-space: nowrap; }
.origin { border: 1px solid var(--line); color: var(--soft); font-weight: 500; }
.verdict.holds { color: var(--good); background: var(--good-bg); }
.verdict.holds-as-corrected { color: var(--fix); background: var(--fix-bg); }
.verdict.fails-as-printed { color: var(--loose); background: var(--loose-bg); }
.verdict.inconclusive, .verdict.skipped { color: var(--none); background: var(--none-bg); }
.verdict.contradicted { color: var(--bad); background: var(--bad-bg); }
.bar { display: flex; gap: 1px; width: 120px; height: 5px; border-radius: 3px; overflow: hidden; margin-top: 5px; }
.bar i { min-width: 4px; background: var(--none); } .bar i.holds { background: var(--good); }
.bar i.holds-as-corrected { background: var(--fix); } .bar i.fails-as-printed { background: var(--loose); }
.bar i.contradicted { background: var(--bad); }
.tally { display: flex; flex-wrap: wrap; gap: 8px; margin: 14px 0 4px; }
dl.legend { display: grid; grid-template-columns: max-content minmax(0, 54rem); gap: 6px 14px; font-size: 0.9rem;
  margin: 10px 0 0; }
dl.legend dd { margin: 0; }

/* The overview. */
table.overview td.name { width: 29%; } table.overview td.name a { font-weight: 600; }
table.overview td.name > span { display: block; }
table.overview td.decides { width: 27%; color: var(--soft); }
td.decides > div { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 3; overflow: hidden;
  font-size: 0.86rem; line-height: 1.45; }
table.overview td.value { overflow-wrap: anywhere; }
table.overview .origin { margin-top: 3px; }
tr.part th { padding-top: 18px; color: var(--ink); }

/* A claim. */
.head { display: flex; flex-wrap: wrap; gap: 4px 14px; align-items: baseline; justify-content: space-between; }
.statement { border-left: 3px solid var(--link); padding: 2px 0 2px 16px; margin: 14px 0; }
.note { border-radius: 8px; padding: 12px 16px; margin: 14px 0; border-left: 4px solid var(--none);
  background: var(--none-bg); max-width: 58rem; }
.note > strong:first-child { display: block; margin-bottom: 2px; }
.note.fails { border-color: var(--loose); background: var(--loose-bg); }
.note.finding { border-color: var(--good); background: var(--good-bg); }
.note.reconstruction { border-color: var(--fix); background: var(--fix-bg); padding: 8px 16px; }
.note p:first-of-type { margin-top: 0; } .note p:last-child { margin-bottom: 0; }
details { margin: 14px 0 0; }
summary { cursor: pointer; font-size: 0.95rem; }
details.table > summary { font-weight: 600; } details.table > summary > .soft { font-weight: 400; }
details[open] > summary { margin-bottom: 8px; }
.findings details { margin: 8px 0; } .findings details > div { padding-left: 18px; max-width: 58rem; }
pre { background: var(--page); border: 1px solid var(--line); border-radius: 8px; padding: 10px 14px; overflow-x: auto;
  font: 0.84rem/1.5 ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; }
pre.command { user-select: all; -webkit-user-select: all; white-space: pre-wrap; overflow-wrap: anywhere; margin: 4px 0 0; }
.rerun { margin: 14px 0 0; }

/* Figures: as many panels side by side as can be read. */
figure { margin: 24px 0; }
.picture { border: 1px solid var(--line); border-radius: 8px; padding: 14px 14px 8px; }
.panels { display: grid; gap: 18px 14px; justify-content: center; grid-template-columns: minmax(0, 560px); }
.panels.of-3 { grid-template-columns: repeat(auto-fit, minmax(min(100%, 310px), 1fr)); }
.panel { display: flex; flex-direction: column; justify-content: space-between; min-width: 0; }
.panel > svg, .drawing > svg { display: block; width: 100%; height: auto; max-width: 560px; margin: 0 auto; }
.drawing > svg { max-width: 1100px; }
.picture svg rect[fill="#ffffff"] { fill: none; }
ul.key { list-style: none; display: flex; flex-wrap: wrap; gap: 2px 18px; justify-content: center; margin: 0 0 8px; padding: 0;
  font-size: 0.84rem; color: var(--soft); }
ul.key li { display: inline-flex; align-items: center; gap: 6px; } ul.key svg { flex: none; }
figcaption { color: var(--soft); font-size: 0.9rem; margin-top: 8px; } figcaption strong { color: var(--ink); }
.files { white-space: nowrap; font-size: 0.84rem; }

@media (min-width: 721px), print { .panels.of-2, .panels.of-4 { grid-template-columns: repeat(2, minmax(0, 1fr)); } }

@media (min-width: 721px) and (max-width: 1000px) { .overview td.decides, .overview th:nth-child(2) { display: none; } }
@media (max-width: 720px) {
  main { padding: 18px 10px 60px; } .card { padding: 16px 13px; } h1 { font-size: 1.5rem; }
  dl.legend { grid-template-columns: 1fr; gap: 2px; } dl.legend dd { margin-bottom: 8px; }
  table.overview, .overview tbody, .overview tr, .overview td, .overview tr.part th,
  table.checks, .checks tbody, .checks tr, .checks td { display: block; width: auto; }
  .overview thead, .checks thead { display: none; }
  .overview tr, .checks tr { border-bottom: 1px solid var(--line); padding: 8px 0; }
  .overview td, table.overview td.value, table.overview td.name, table.overview td.decides,
  .checks td, .checks td.tested, .checks td.number { border: 0; padding: 2px 0; width: auto; text-align: left; }
  td[data-label]:empty { display: none; }
  td[data-label]::before { content: attr(data-label) ": "; color: var(--soft); }
  .overview tr.part th { border: 0; padding: 8px 0 0; }
  .picture { padding: 10px 6px 6px; } .drawing { overflow-x: auto; } .drawing > svg { min-width: 760px; } }

@media print {
  body { background: #fff; font-size: 10.5pt; } main { max-width: none; padding: 0; }
  .card { border: 0; padding: 0; margin: 0 0 24pt; } figure, .note, tr { break-inside: avoid; } h2, h3 { break-after: avoid; }
  details::details-content { content-visibility: visible; height: auto; } .scroll { overflow: visible; }
  .verdict, .note, .bar i { print-color-adjust: exact; -webkit-print-color-adjust: exact; } a { color: inherit; } }
)css";

}  // namespace rto::sim
