<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="default-src &#x27;none&#x27;; style-src &#x27;sha256-9MtCv8Wa3p/p+RAZ/BTHpB7SG7NcSFP89FHQR5hsmhw=&#x27;; script-src &#x27;sha256-18edQYKan5zdUXEiMwiURGuCMNju5RIbrwkm2nZCp98=&#x27;"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark"><title>vjp x with bar(x) wrt J · shapetrick</title><style>.shapetrick {
  --ink: #1d2433; --soft: #5b6475; --faint: #667085; --line: #dde1e9; --paper: #ffffff; --card: #f7f8fb;
  --good: #0a7a45; --bad: #b3261e; --doubt: #8a5a00; --accent: #3353c9;
  --t0: #0b63b6; --t1: #c2410c; --t2: #0f766e; --t3: #a21caf; --t4: #6d28d9; --t5: #8a5a00; --t6: #be123c; --t7: #3f6212;
  color: var(--ink); background: var(--paper); color-scheme: light dark;
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
  max-width: 56rem; margin: 0 auto; padding: 1.5rem 1.25rem 4rem; box-sizing: border-box;

  math { math-style: normal; font-size: 1.12em; font-family: "STIX Two Math", "Latin Modern Math", "Cambria Math", math; }
  math .italic { font-style: italic; }
  math .bar { border-top: .065em solid; padding-top: .1em; margin-inline: .06em; }
  math .unseen { font-size: 0; }
  math .bold { font-weight: bold; }
  math .typed { font-family: ui-monospace, monospace; }

  h1 { font-size: 1.6rem; line-height: 1.2; margin: 0 0 .25rem; letter-spacing: -.01em; }
  h2 { font-size: 1.3rem; line-height: 1.3; margin: 0; }
  h3, h2.small { font-size: .82rem; margin: 1.75rem 0 .5rem; color: var(--soft); text-transform: uppercase; letter-spacing: .07em; }
  p { margin: .4rem 0; }
  .lead, .soft, figcaption, .count { color: var(--soft); }
  .lead { margin: 0 0 1.25rem; }
  code, pre, .asked { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace; font-size: .88rem; }
  pre { margin: 0; padding: .9rem 1rem; overflow-x: auto; background: var(--card); border: 1px solid var(--line); border-radius: .6rem; line-height: 1.5; tab-size: 4; }
  pre .comment { color: var(--soft); font-style: italic; }
  pre .keyword { color: var(--t4); }
  pre .function { color: var(--t0); }
  pre .string { color: var(--good); }
  pre .number { color: var(--t1); }
  a { color: var(--accent); }
  :focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }

  nav ol { list-style: none; display: flex; flex-wrap: wrap; gap: .5rem; padding: 0; margin: 1.25rem 0 0; }
  nav a { display: inline-block; padding: .3rem .7rem; border: 1px solid var(--line); border-radius: 99px; text-decoration: none; font-size: .88rem; }
  nav a:hover { border-color: var(--accent); }
  .tools { display: flex; gap: .5rem; margin-top: 1rem; }
  .tools[hidden], button[hidden] { display: none; }
  button { font: inherit; font-size: .85rem; color: var(--ink); background: var(--paper); border: 1px solid var(--line); border-radius: .45rem; padding: .28rem .75rem; cursor: pointer; }
  button:hover { border-color: var(--accent); color: var(--accent); }

  article { margin-top: 2.75rem; padding-top: 1.75rem; border-top: 1px solid var(--line); }
  .asked { color: var(--soft); margin: .1rem 0 0; }
  .answer { margin: 1rem 0 0; padding: 1rem 1.15rem; background: var(--card); border: 1px solid var(--line); border-left: 4px solid var(--good); border-radius: .6rem; }
  .answer.wrong { border-left-color: var(--bad); }
  .answer.unchecked, .answer.absent { border-left-color: var(--doubt); }
  .answer .formula { font-size: 1.15rem; }
  .where { margin-top: .5rem; padding-left: 1.1rem; border-left: 2px solid var(--line); }
  .verdict { font-weight: 600; margin: .8rem 0 0; }
  .verdict .badge { display: inline-block; padding: .05rem .6rem; border-radius: 99px; color: var(--paper); background: var(--good); font-size: .88rem; margin-right: .5rem; }
  .wrong .badge { background: var(--bad); }
  .unchecked .badge, .absent .badge { background: var(--doubt); }
  .verdict .soft { font-weight: 400; font-size: .92rem; }

  .formula { display: flex; flex-wrap: wrap; align-items: baseline; row-gap: .2rem; overflow-x: auto; overflow-y: hidden; padding: .15rem 0; }
  .formula math, .scalars math { padding-inline-end: .14em; }
  .formula .shape { margin-left: 1.1rem; }
  .shape { color: var(--faint); font-size: .85rem; white-space: nowrap; }
  .whole { white-space: nowrap; }

  details { border: 1px solid var(--line); border-radius: .6rem; margin: .6rem 0; background: var(--paper); }
  summary { cursor: pointer; padding: .6rem .9rem; border-radius: .6rem; list-style-position: inside; }
  summary:hover { background: var(--card); }
  summary .shape { margin-left: .6rem; }
  details > .body { padding: .1rem .95rem .9rem; }
  .row { display: flex; flex-wrap: wrap; justify-content: space-between; gap: .4rem 1.5rem; }
  .row > div { flex: 1 1 18rem; min-width: 0; }
  .row > figure { flex: 0 1 auto; min-width: 0; max-width: 100%; }
  .line + .line { margin-top: .9rem; padding-top: .9rem; border-top: 1px dashed var(--line); }
  .step summary math { font-size: 1.2em; }

  .scalars { display: flex; flex-wrap: wrap; align-items: flex-start; gap: .35rem .45rem; margin: .35rem 0 .2rem; overflow-x: auto; }
  .scalars > .sign { padding-top: .42rem; color: var(--soft); }
  .factor { display: inline-flex; flex-direction: column; align-items: center; padding: .3rem .55rem .2rem; border-radius: .45rem; background: color-mix(in srgb, currentColor 9%, transparent); }
  .factor .shape { color: inherit; font-size: .78rem; line-height: 1.3; }
  .target { align-self: center; white-space: nowrap; color: var(--soft); font-size: .88rem; }
  .label { color: var(--soft); font-size: .8rem; min-width: 5.2rem; }
  .arranged { display: flex; flex-wrap: wrap; align-items: baseline; gap: .1rem .8rem; margin-top: .55rem; }
  .arranged .formula { font-size: 1.05rem; }
  .count { font-size: .85rem; margin: .1rem 0 0; }
  .together { border-top: 1px solid var(--line); margin-top: .9rem; padding-top: .6rem; }

  .t0 { color: var(--t0); } .t1 { color: var(--t1); } .t2 { color: var(--t2); } .t3 { color: var(--t3); }
  .t4 { color: var(--t4); } .t5 { color: var(--t5); } .t6 { color: var(--t6); } .t7 { color: var(--t7); }
  :is(.t0, .t1, .t2, .t3, .t4, .t5, .t6, .t7) :is(.t0, .t1, .t2, .t3, .t4, .t5, .t6, .t7) { color: inherit; }

  .rejected { border-style: dashed; }
  :is(.rejected, .factors, .simplified) ul { margin: 0; padding: 0; list-style: none; }
  .rejected li { padding: .45rem 0; color: var(--faint); }
  .rejected li + li { border-top: 1px dashed var(--line); }
  .said { font-size: .88rem; color: var(--soft); }
  .rejected .formula + .said { color: var(--bad); font-weight: 600; margin-right: .6rem; }
  .rejected summary { color: var(--soft); font-size: .9rem; padding: .4rem .8rem; }
  .factors summary { color: var(--soft); font-size: .85rem; padding: .2rem 0; }
  .factors > .body { padding: .1rem 0 0; }
  .factors { border: 0; margin: .3rem 0 0; }
  .factors li { display: flex; flex-wrap: wrap; gap: .1rem .9rem; align-items: baseline; padding: .2rem 0; font-size: .9rem; }

  figure { margin: .8rem 0 0; }
  figcaption { font-size: .82rem; }
  .scroll { overflow-x: auto; }
  svg { display: block; font-family: inherit; }
  svg text { fill: var(--ink); font-size: 12px; text-anchor: middle; }
  svg .label { font-style: italic; font-size: 13px; fill: currentColor; }
  svg .shape { fill: var(--faint); font-size: 11px; }
  svg .joint { fill: var(--accent); stroke: none; font-size: 11px; font-weight: 600; }
  svg line.joint { stroke: var(--accent); stroke-width: 3; stroke-linecap: round; }
  svg .sign { font-size: 17px; fill: var(--soft); }
  svg .division { stroke: currentColor; stroke-width: 1; stroke-dasharray: 3 2; }
  svg rect { fill: currentColor; fill-opacity: .16; stroke: currentColor; stroke-width: 1.3; }
  svg .paper { fill: var(--paper); fill-opacity: 1; stroke: none; }
  svg rect.plain { color: var(--soft); }
  svg rect.between { color: var(--faint); fill-opacity: .04; stroke-dasharray: 3 3; }
  svg rect.result { color: var(--ink); fill-opacity: .1; stroke-width: 2; }
  svg text.plain, svg text.result { color: var(--ink); }
  .curve svg { width: 100%; max-width: 30rem; height: auto; }
  .curve .grid { stroke: var(--line); stroke-width: 1; }
  .curve .tick, .curve .axis { fill: var(--soft); font-size: 11px; }
  .curve .end { text-anchor: end; }
  .curve polyline { fill: none; stroke: currentColor; stroke-width: 1.6; }
  .curve circle { fill: currentColor; }
  .errors { color: var(--t1); } .remainders { color: var(--t0); }
  .curve figcaption span { margin-right: 1.2rem; }
  .curve figcaption span::before { content: ""; display: inline-block; width: .7em; height: .7em; border-radius: 50%; background: currentColor; margin-right: .4em; }

  .exercise { margin-top: 2rem; }
  .exercise .room { height: 11rem; margin-top: .8rem; border: 1px dashed var(--line); border-radius: .6rem; }
  .key { margin-top: 4rem; }
  .key > section { margin-top: 2.5rem; }

  .code > .body { position: relative; }
  .copy { position: absolute; top: .6rem; right: 1.5rem; }
}

div.shapetrick { padding: .75rem 1rem 1rem; }
div.shapetrick > article { margin: 0; padding: 0; border: 0; }

body:has(> .shapetrick) { margin: 0; background: #ffffff; }

@media (prefers-color-scheme: dark) {
  .shapetrick {
    --ink: #e7eaf1; --soft: #a3abba; --faint: #7e8797; --line: #323949; --paper: #12151c; --card: #1a1f2a;
    --good: #4ade80; --bad: #fb7185; --doubt: #fbbf24; --accent: #93a8ff;
    --t0: #6cb6ff; --t1: #ffa763; --t2: #4fd6c4; --t3: #f08af5; --t4: #b79cff; --t5: #e8c15a; --t6: #ff8fa3; --t7: #a8d672;
  }
  body:has(> .shapetrick) { background: #12151c; }
}

@media (max-width: 34rem) {
  .shapetrick { padding: 1rem .9rem 3rem; font-size: 15px; }
  .shapetrick .label { min-width: 100%; }
}

@media print {
  .shapetrick .tools, .shapetrick .copy, .shapetrick nav { display: none; }
  .shapetrick pre { white-space: pre-wrap; overflow-wrap: anywhere; }
  .shapetrick :is(pre, figure, .formula, .scalars, .answer, .line, .exercise) { break-inside: avoid; }
  .shapetrick :is(h1, h2, h3, summary) { break-after: avoid; }
  .shapetrick .key { break-before: page; }
}
</style></head><body><main class="shapetrick"><h1>A derivation by the shape trick</h1><p class="lead">Every gradient on this page held against finite differences on random inputs.</p><section><h2 class="small">The problem</h2><pre tabindex="0"><code>X : m x n
x = <span class="function">norm</span>(θ)^<span class="number">2</span>
W : n x k
Z = X W
J : n q
θ = <span class="function">norm</span>(Z)^<span class="number">2</span>
A = <span class="function">tr</span>(W W')
<span class="keyword">vjp</span> solve A <span class="keyword">wrt</span> X
s = <span class="function">norm</span>(W)^<span class="number">2</span>
<span class="keyword">vjp</span> x <span class="keyword">wrt</span> J</code></pre><p class="soft">assumed: solve is p×1</p></section><div class="tools" hidden><button type="button" data-fold="open">Unfold all</button><button type="button" data-fold="closed">Fold all</button></div><article id="request-1"><header><h2>Backward rule of <math><mi>x</mi></math> by <math><mi>J</mi></math></h2><p class="asked">vjp x with bar(x) wrt J</p></header><div class="answer absent"><div class="formula"><math><mover><mrow class="bar"><mi>J</mi></mrow><mo class="unseen">¯</mo></mover></math><math><mrow><mo form="infix">=</mo><msub><mi class="bold" mathvariant="normal">0</mi><mrow><mi>n</mi><mo>&#x2062;</mo><mi>q</mi></mrow></msub></mrow></math><span class="shape">(n q)×1</span></div><p class="verdict"><span class="badge">! zero</span><span class="soft"><span class="whole">zero everywhere that was looked at</span>; <span class="whole">worst relative error 0</span>; <span class="whole">Taylor remainder zero to rounding</span>; 4 draws at k=3, m=5, n=4, q=2 and k=6, m=4, n=5, q=7; <span class="whole">seed 0</span></span></p></div><p class="soft">warning: `J` does not occur in `x`: the gradient is zero. It contains `X`, `W`.</p><h3>The check</h3><details class="check" open><summary>Error against the step</summary><div class="body"><figure class="curve"><svg viewBox="0 0 460 250" role="img" aria-label="The error of central differences against the step: a V, falling until rounding makes it rise. Taylor remainder, zero to rounding."><title>The error of central differences against the step: a V, falling until rounding makes it rise. Taylor remainder, zero to rounding.</title><line x1="52" x2="446" y1="210.0" y2="210.0" class="grid"></line><text x="44.0" y="214.0" class="tick end">10<tspan dy="-4" font-size="8">−20</tspan></text><line x1="52" x2="446" y1="177.3" y2="177.3" class="grid"></line><text x="44.0" y="181.3" class="tick end">10<tspan dy="-4" font-size="8">−16</tspan></text><line x1="52" x2="446" y1="144.7" y2="144.7" class="grid"></line><text x="44.0" y="148.7" class="tick end">10<tspan dy="-4" font-size="8">−12</tspan></text><line x1="52" x2="446" y1="112.0" y2="112.0" class="grid"></line><text x="44.0" y="116.0" class="tick end">10<tspan dy="-4" font-size="8">−8</tspan></text><line x1="52" x2="446" y1="79.3" y2="79.3" class="grid"></line><text x="44.0" y="83.3" class="tick end">10<tspan dy="-4" font-size="8">−4</tspan></text><line x1="52" x2="446" y1="46.7" y2="46.7" class="grid"></line><text x="44.0" y="50.7" class="tick end">10<tspan dy="-4" font-size="8">0</tspan></text><line x1="52" x2="446" y1="14.0" y2="14.0" class="grid"></line><text x="44.0" y="18.0" class="tick end">10<tspan dy="-4" font-size="8">4</tspan></text><line x1="52.0" x2="52.0" y1="14" y2="210" class="grid"></line><text x="52.0" y="225.0" class="tick">10<tspan dy="-4" font-size="8">0</tspan></text><line x1="164.6" x2="164.6" y1="14" y2="210" class="grid"></line><text x="164.6" y="225.0" class="tick">10<tspan dy="-4" font-size="8">−4</tspan></text><line x1="277.1" x2="277.1" y1="14" y2="210" class="grid"></line><text x="277.1" y="225.0" class="tick">10<tspan dy="-4" font-size="8">−8</tspan></text><line x1="389.7" x2="389.7" y1="14" y2="210" class="grid"></line><text x="389.7" y="225.0" class="tick">10<tspan dy="-4" font-size="8">−12</tspan></text><g class="remainders"><polyline points="60.5,193.7 68.9,193.7 77.4,193.7 85.9,193.7 94.4,193.7 102.8,193.7 111.3,193.7 119.8,193.7 128.2,193.7 136.7,193.7 145.2,193.7 153.7,193.7 162.1,193.7 170.6,193.7 179.1,193.7 187.5,193.7 196.0,193.7 204.5,193.7 213.0,193.7 221.4,193.7 229.9,193.7 238.4,193.7 246.9,193.7 255.3,193.7 263.8,193.7 272.3,193.7 280.7,193.7 289.2,193.7 297.7,193.7 306.2,193.7 314.6,193.7 323.1,193.7 331.6,193.7 340.0,193.7 348.5,193.7 357.0,193.7 365.5,193.7 373.9,193.7 382.4,193.7 390.9,193.7 399.3,193.7 407.8,193.7 416.3,193.7 424.8,193.7 433.2,193.7"></polyline><circle cx="60.5" cy="193.7" r="2.4"></circle><circle cx="68.9" cy="193.7" r="2.4"></circle><circle cx="77.4" cy="193.7" r="2.4"></circle><circle cx="85.9" cy="193.7" r="2.4"></circle><circle cx="94.4" cy="193.7" r="2.4"></circle><circle cx="102.8" cy="193.7" r="2.4"></circle><circle cx="111.3" cy="193.7" r="2.4"></circle><circle cx="119.8" cy="193.7" r="2.4"></circle><circle cx="128.2" cy="193.7" r="2.4"></circle><circle cx="136.7" cy="193.7" r="2.4"></circle><circle cx="145.2" cy="193.7" r="2.4"></circle><circle cx="153.7" cy="193.7" r="2.4"></circle><circle cx="162.1" cy="193.7" r="2.4"></circle><circle cx="170.6" cy="193.7" r="2.4"></circle><circle cx="179.1" cy="193.7" r="2.4"></circle><circle cx="187.5" cy="193.7" r="2.4"></circle><circle cx="196.0" cy="193.7" r="2.4"></circle><circle cx="204.5" cy="193.7" r="2.4"></circle><circle cx="213.0" cy="193.7" r="2.4"></circle><circle cx="221.4" cy="193.7" r="2.4"></circle><circle cx="229.9" cy="193.7" r="2.4"></circle><circle cx="238.4" cy="193.7" r="2.4"></circle><circle cx="246.9" cy="193.7" r="2.4"></circle><circle cx="255.3" cy="193.7" r="2.4"></circle><circle cx="263.8" cy="193.7" r="2.4"></circle><circle cx="272.3" cy="193.7" r="2.4"></circle><circle cx="280.7" cy="193.7" r="2.4"></circle><circle cx="289.2" cy="193.7" r="2.4"></circle><circle cx="297.7" cy="193.7" r="2.4"></circle><circle cx="306.2" cy="193.7" r="2.4"></circle><circle cx="314.6" cy="193.7" r="2.4"></circle><circle cx="323.1" cy="193.7" r="2.4"></circle><circle cx="331.6" cy="193.7" r="2.4"></circle><circle cx="340.0" cy="193.7" r="2.4"></circle><circle cx="348.5" cy="193.7" r="2.4"></circle><circle cx="357.0" cy="193.7" r="2.4"></circle><circle cx="365.5" cy="193.7" r="2.4"></circle><circle cx="373.9" cy="193.7" r="2.4"></circle><circle cx="382.4" cy="193.7" r="2.4"></circle><circle cx="390.9" cy="193.7" r="2.4"></circle><circle cx="399.3" cy="193.7" r="2.4"></circle><circle cx="407.8" cy="193.7" r="2.4"></circle><circle cx="416.3" cy="193.7" r="2.4"></circle><circle cx="424.8" cy="193.7" r="2.4"></circle><circle cx="433.2" cy="193.7" r="2.4"></circle></g><g class="errors"><polyline points="60.5,193.7 68.9,193.7 77.4,193.7 85.9,193.7 94.4,193.7 102.8,193.7 111.3,193.7 119.8,193.7 128.2,193.7 136.7,193.7 145.2,193.7 153.7,193.7 162.1,193.7 170.6,193.7 179.1,193.7 187.5,193.7 196.0,193.7 204.5,193.7 213.0,193.7 221.4,193.7 229.9,193.7 238.4,193.7 246.9,193.7 255.3,193.7 263.8,193.7 272.3,193.7 280.7,193.7 289.2,193.7 297.7,193.7 306.2,193.7 314.6,193.7 323.1,193.7 331.6,193.7 340.0,193.7 348.5,193.7 357.0,193.7 365.5,193.7 373.9,193.7 382.4,193.7 390.9,193.7 399.3,193.7 407.8,193.7 416.3,193.7 424.8,193.7 433.2,193.7"></polyline><circle cx="60.5" cy="193.7" r="2.4"></circle><circle cx="68.9" cy="193.7" r="2.4"></circle><circle cx="77.4" cy="193.7" r="2.4"></circle><circle cx="85.9" cy="193.7" r="2.4"></circle><circle cx="94.4" cy="193.7" r="2.4"></circle><circle cx="102.8" cy="193.7" r="2.4"></circle><circle cx="111.3" cy="193.7" r="2.4"></circle><circle cx="119.8" cy="193.7" r="2.4"></circle><circle cx="128.2" cy="193.7" r="2.4"></circle><circle cx="136.7" cy="193.7" r="2.4"></circle><circle cx="145.2" cy="193.7" r="2.4"></circle><circle cx="153.7" cy="193.7" r="2.4"></circle><circle cx="162.1" cy="193.7" r="2.4"></circle><circle cx="170.6" cy="193.7" r="2.4"></circle><circle cx="179.1" cy="193.7" r="2.4"></circle><circle cx="187.5" cy="193.7" r="2.4"></circle><circle cx="196.0" cy="193.7" r="2.4"></circle><circle cx="204.5" cy="193.7" r="2.4"></circle><circle cx="213.0" cy="193.7" r="2.4"></circle><circle cx="221.4" cy="193.7" r="2.4"></circle><circle cx="229.9" cy="193.7" r="2.4"></circle><circle cx="238.4" cy="193.7" r="2.4"></circle><circle cx="246.9" cy="193.7" r="2.4"></circle><circle cx="255.3" cy="193.7" r="2.4"></circle><circle cx="263.8" cy="193.7" r="2.4"></circle><circle cx="272.3" cy="193.7" r="2.4"></circle><circle cx="280.7" cy="193.7" r="2.4"></circle><circle cx="289.2" cy="193.7" r="2.4"></circle><circle cx="297.7" cy="193.7" r="2.4"></circle><circle cx="306.2" cy="193.7" r="2.4"></circle><circle cx="314.6" cy="193.7" r="2.4"></circle><circle cx="323.1" cy="193.7" r="2.4"></circle><circle cx="331.6" cy="193.7" r="2.4"></circle><circle cx="340.0" cy="193.7" r="2.4"></circle><circle cx="348.5" cy="193.7" r="2.4"></circle><circle cx="357.0" cy="193.7" r="2.4"></circle><circle cx="365.5" cy="193.7" r="2.4"></circle><circle cx="373.9" cy="193.7" r="2.4"></circle><circle cx="382.4" cy="193.7" r="2.4"></circle><circle cx="390.9" cy="193.7" r="2.4"></circle><circle cx="399.3" cy="193.7" r="2.4"></circle><circle cx="407.8" cy="193.7" r="2.4"></circle><circle cx="416.3" cy="193.7" r="2.4"></circle><circle cx="424.8" cy="193.7" r="2.4"></circle><circle cx="433.2" cy="193.7" r="2.4"></circle></g><text x="249.0" y="244.0" class="axis">relative step</text></svg><figcaption><span class="errors">error of central differences</span> <span class="remainders">Taylor remainder, zero to rounding</span></figcaption></figure><p class="soft">The error of the differences falls with the square of the step until rounding makes it rise again: a V, of which a quadratic has the right half alone. The error of a wrong derivative stays on a floor.</p></div></details><h3>Code</h3><details class="code"><summary>NumPy</summary><div class="body"><button type="button" class="copy" aria-label="Copy the code for NumPy" hidden>Copy</button><pre tabindex="0"><code><span class="string">"""Gradients derived and written by shapetrick."""</span>

<span class="keyword">import</span> numpy <span class="keyword">as</span> np
<span class="keyword">from</span> numpy.typing <span class="keyword">import</span> NDArray

Array = NDArray[np.floating]


<span class="keyword">def</span> <span class="function">value_and_gradients</span>(X: Array, W: Array, J: Array) -&gt; <span class="function">tuple</span>[<span class="function">float</span>, Array]:
    <span class="string">"""x and vjp x wrt J.

        Z = X W
        θ = norm(Z)^2
        x = norm(θ)^2
        vjp x wrt J = zeros(n q)

    X: m×n; W: n×k; J: (n q)×1.
    A column or row may have one axis; a gradient has the shape of its variable.
    """</span>
    m, n = X.shape
    k = W.shape[<span class="number">1</span>]
    q = <span class="function">max</span>(J.shape) // n
    <span class="keyword">assert</span> W.shape == (n, k), <span class="string">f</span><span class="string">"</span><span class="string">W has shape </span><span class="string">{</span>W.shape<span class="string">}</span><span class="string">, not n×k with n = </span><span class="string">{</span>n<span class="string">}</span><span class="string">, k = </span><span class="string">{</span>k<span class="string">}</span><span class="string">"</span>
    <span class="keyword">assert</span> J.shape in ((n * q,), (n * q, <span class="number">1</span>)), (
        <span class="string">f</span><span class="string">"</span><span class="string">J has shape </span><span class="string">{</span>J.shape<span class="string">}</span><span class="string">, not (n q)×1 with n = </span><span class="string">{</span>n<span class="string">}</span><span class="string">, q = </span><span class="string">{</span>q<span class="string">}</span><span class="string">"</span>
    )
    J_shape = J.shape
    J = J.reshape(-<span class="number">1</span>)
    θ = np.vdot(W, X.T @ (X @ W))
    x = np.abs(θ) ** <span class="number">2</span>
    vjp_x_J = np.zeros((n * q,))
    <span class="keyword">return</span> x, vjp_x_J.reshape(J_shape)
</code></pre></div></details><details class="code"><summary>JAX</summary><div class="body"><button type="button" class="copy" aria-label="Copy the code for JAX" hidden>Copy</button><pre tabindex="0"><code><span class="string">"""Gradients derived and written by shapetrick."""</span>

<span class="keyword">import</span> jax
<span class="keyword">import</span> jax.numpy <span class="keyword">as</span> jnp


@jax.jit
<span class="keyword">def</span> <span class="function">value_and_gradients</span>(
    X: jax.Array, W: jax.Array, J: jax.Array
) -&gt; <span class="function">tuple</span>[jax.Array, jax.Array]:
    <span class="string">"""x and vjp x wrt J.

        Z = X W
        θ = norm(Z)^2
        x = norm(θ)^2
        vjp x wrt J = zeros(n q)

    X: m×n; W: n×k; J: (n q)×1.
    A column or row may have one axis; a gradient has the shape of its variable.
    """</span>
    m, n = X.shape
    k = W.shape[<span class="number">1</span>]
    q = <span class="function">max</span>(J.shape) // n
    <span class="keyword">assert</span> W.shape == (n, k), <span class="string">f</span><span class="string">"</span><span class="string">W has shape </span><span class="string">{</span>W.shape<span class="string">}</span><span class="string">, not n×k with n = </span><span class="string">{</span>n<span class="string">}</span><span class="string">, k = </span><span class="string">{</span>k<span class="string">}</span><span class="string">"</span>
    <span class="keyword">assert</span> J.shape in ((n * q,), (n * q, <span class="number">1</span>)), (
        <span class="string">f</span><span class="string">"</span><span class="string">J has shape </span><span class="string">{</span>J.shape<span class="string">}</span><span class="string">, not (n q)×1 with n = </span><span class="string">{</span>n<span class="string">}</span><span class="string">, q = </span><span class="string">{</span>q<span class="string">}</span><span class="string">"</span>
    )
    J_shape = J.shape
    J = J.reshape(-<span class="number">1</span>)
    θ = jnp.vdot(W, X.T @ (X @ W))
    x = jnp.abs(θ) ** <span class="number">2</span>
    vjp_x_J = jnp.zeros((n * q,))
    <span class="keyword">return</span> x, vjp_x_J.reshape(J_shape)
</code></pre></div></details><details class="code"><summary>PyTorch</summary><div class="body"><button type="button" class="copy" aria-label="Copy the code for PyTorch" hidden>Copy</button><pre tabindex="0"><code><span class="string">"""Gradients derived and written by shapetrick."""</span>

<span class="keyword">import</span> torch
<span class="keyword">from</span> torch <span class="keyword">import</span> Tensor


<span class="keyword">def</span> <span class="function">value_and_gradients</span>(X: Tensor, W: Tensor, J: Tensor) -&gt; <span class="function">tuple</span>[Tensor, Tensor]:
    <span class="string">"""x and vjp x wrt J.

        Z = X W
        θ = norm(Z)^2
        x = norm(θ)^2
        vjp x wrt J = zeros(n q)

    X: m×n; W: n×k; J: (n q)×1.
    A column or row may have one axis; a gradient has the shape of its variable.
    """</span>
    m, n = X.shape
    k = W.shape[<span class="number">1</span>]
    q = <span class="function">max</span>(J.shape) // n
    <span class="keyword">assert</span> W.shape == (n, k), <span class="string">f</span><span class="string">"</span><span class="string">W has shape </span><span class="string">{</span>W.shape<span class="string">}</span><span class="string">, not n×k with n = </span><span class="string">{</span>n<span class="string">}</span><span class="string">, k = </span><span class="string">{</span>k<span class="string">}</span><span class="string">"</span>
    <span class="keyword">assert</span> J.shape in ((n * q,), (n * q, <span class="number">1</span>)), (
        <span class="string">f</span><span class="string">"</span><span class="string">J has shape </span><span class="string">{</span>J.shape<span class="string">}</span><span class="string">, not (n q)×1 with n = </span><span class="string">{</span>n<span class="string">}</span><span class="string">, q = </span><span class="string">{</span>q<span class="string">}</span><span class="string">"</span>
    )
    J_shape = J.shape
    J = J.reshape(-<span class="number">1</span>)
    θ = torch.sum(W * (X.T @ (X @ W)))
    x = torch.abs(θ) ** <span class="number">2</span>
    vjp_x_J = torch.zeros((n * q,), dtype=X.dtype, device=X.device)
    <span class="keyword">return</span> x, vjp_x_J.reshape(J_shape)
</code></pre></div></details></article></main><script>"use strict";
for (const tools of document.querySelectorAll(".tools")) {
  tools.hidden = false;
  tools.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    for (const fold of document.querySelectorAll("main details")) {
      fold.open = button.dataset.fold === "open";
    }
  });
}
for (const button of document.querySelectorAll(".copy")) {
  button.hidden = false;
  const name = button.getAttribute("aria-label");
  button.addEventListener("click", async () => {
    const code = button.parentElement.querySelector("code");
    try {
      await navigator.clipboard.writeText(code.textContent);
    } catch {
      const selection = getSelection();
      selection.selectAllChildren(code);
      document.execCommand("copy");
      selection.removeAllRanges();
    }
    button.textContent = "Copied";
    button.setAttribute("aria-label", "Copied");
    setTimeout(() => {
      button.textContent = "Copy";
      button.setAttribute("aria-label", name);
    }, 2000);
  });
}
</script></body></html>
