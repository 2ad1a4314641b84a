"""The page that the report is poured into."""

from string import Template

__all__ = ["PAGE"]

PAGE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>jaxloss: a tour</title>
<style>
:root {
  --paper: #ffffff; --ink: #1c2024; --faint: #60646c; --line: #e4e6ea; --wash: #f6f7f9; --blue: #0072b2; --red: #b3261e;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #16181c; --ink: #eceef0; --faint: #a5abb5; --line: #2b2f36; --wash: #1e2126; --blue: #56b4e9;
    --red: #ff8a80;
  }
}
* { box-sizing: border-box; }
html { scroll-behavior: smooth; }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
}
main, header, footer { max-width: 60rem; margin: 0 auto; padding: 0 1.25rem; }
header { padding-top: 3rem; }
h1 { font-size: 2.4rem; letter-spacing: -.02em; line-height: 1.1; margin: 0 0 .5rem; }
h2 { font-size: 1.5rem; letter-spacing: -.01em; margin: 0 0 .5rem; }
h3 { font-size: 1rem; margin: 1.5rem 0 .25rem; }
header p { font-size: 1.1rem; color: var(--faint); max-width: 44rem; margin: 0; }
.claims { display: grid; grid-template-columns: repeat(auto-fit, minmax(10rem, 1fr)); gap: .75rem;
  margin: 1.75rem 0 1rem; }
.claim {
  background: var(--wash); border: 1px solid var(--line); border-radius: .6rem; padding: .9rem 1rem;
  color: inherit; text-decoration: none;
}
.claim b { display: block; font-size: 1.7rem; letter-spacing: -.02em; line-height: 1.2; color: var(--blue); }
.claim span { color: var(--faint); font-size: .9rem; line-height: 1.35; display: block; }
.claim.missed b { color: var(--red); }
.claim.missed b::after { content: " missed"; font-size: .9rem; }
nav { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; font-size: .95rem; }
nav a { color: var(--blue); text-decoration: none; }
nav a:hover { text-decoration: underline; }
section { padding: 2.25rem 0 .5rem; border-top: 1px solid var(--line); margin-top: 2.25rem; scroll-margin-top: 0; }
section > p { max-width: 46rem; margin: 0 0 1rem; }
pre {
  background: var(--wash); border: 1px solid var(--line); border-radius: .5rem; padding: .75rem 1rem; overflow-x: auto;
  font: .84rem/1.5 ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; margin: 0 0 1rem;
}
figure { margin: 1.25rem 0; }
figure img { display: block; max-width: 100%; height: auto; }
figcaption { color: var(--faint); font-size: .9rem; margin-top: .35rem; max-width: 46rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; min-width: 60%; }
th, td { text-align: right; padding: .3rem .75rem; border-bottom: 1px solid var(--line); white-space: nowrap; }
th { color: var(--faint); font-weight: 500; }
.words { text-align: left; white-space: normal; }
th:first-child, td:first-child { padding-left: 0; }
details { margin: 1rem 0; }
summary { cursor: pointer; color: var(--blue); margin-bottom: .5rem; }
footer { padding-top: 1.5rem; padding-bottom: 3rem; margin-top: 2.25rem; border-top: 1px solid var(--line); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1.25rem; color: var(--faint);
  font-size: .9rem; margin: 0; }
dd { margin: 0; }
</style>
</head>
<body>
<header>
<h1>jaxloss</h1>
<p>Losses for JAX with exact values and gradients: what they look like, what they train, and the proof.</p>
<div class="claims">$claims</div>
<nav>$contents</nav>
</header>
<main>$sections</main>
<footer><dl>$environment</dl></footer>
</body>
</html>
""")
