"use strict";

// The theme is set before the page is drawn: as chosen here earlier, else as the system has it.
const wanted = matchMedia("(prefers-color-scheme: dark)");
const stored = () => { try { return localStorage.getItem("theme"); } catch { return null; } };
const applyTheme = () => { document.documentElement.dataset.theme = stored() ?? (wanted.matches ? "dark" : "light"); };
applyTheme();
wanted.addEventListener("change", () => { applyTheme(); redrawCharts(); });

function toggleTheme() {
  const next = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
  document.documentElement.dataset.theme = next;
  try { localStorage.setItem("theme", next); } catch { /* a page opened from disk may have no storage */ }
  redrawCharts();
}

// Charts carry data and meaning; paper, letters and grid are the page's.
const drawn = new Set();
const variable = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function pageLayout(layout, element) {
  const text = variable("--text"), grid = variable("--grid"), soft = variable("--soft");
  const small = element.closest(".thumbnail") !== null, narrow = element.clientWidth < 560;
  const result = structuredClone(layout);
  delete result.width;
  delete result.height;
  result.autosize = true;
  result.paper_bgcolor = result.plot_bgcolor = "rgba(0,0,0,0)";
  result.font = { ...result.font, color: text, family: variable("--sans"), size: narrow ? 12 : 13 };
  result.hoverlabel = { ...result.hoverlabel, font: { family: variable("--sans") } };
  result.margin = { t: 16, r: narrow ? 12 : 24, b: 48, l: narrow ? 48 : 60, ...(small ? { t: 8, r: 8, b: 28, l: 36 } : {}) };
  if (narrow || small) result.legend = { ...result.legend, orientation: "h", x: 0, y: -0.22, xanchor: "left", yanchor: "top" };
  result.legend = { ...result.legend, bgcolor: "rgba(0,0,0,0)" };
  if (small) result.showlegend = false;
  if (matchMedia("(pointer: coarse)").matches) result.dragmode = false; // a finger on a chart scrolls the page
  const axes = new Set(["xaxis", "yaxis", ...Object.keys(result).filter(key => /^[xy]axis\d*$/.test(key))]);
  for (const axis of axes) {
    result[axis] = { automargin: true, ...result[axis], gridcolor: grid, zerolinecolor: grid, linecolor: soft, tickcolor: soft };
    if (small) delete result[axis].title;
  }
  return result;
}

function draw(element) {
  const { data, layout = {}, config = {} } = JSON.parse(element.parentElement.querySelector("script").textContent);
  const small = element.closest(".thumbnail") !== null;
  Plotly.react(element, data, pageLayout(layout, element), { ...config, responsive: true, displayModeBar: false, staticPlot: small });
  drawn.add(element);
}

function redrawCharts() {
  for (const element of drawn) draw(element);
}

function watchCharts() {
  const observer = new IntersectionObserver(entries => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      observer.unobserve(entry.target);
      draw(entry.target);
    }
  }, { rootMargin: "400px" });
  for (const element of document.querySelectorAll(".plot")) observer.observe(element);
}

function toggleCode(button) {
  const blocks = [...document.querySelectorAll(".code")];
  const hide = blocks.some(block => block.open);
  for (const block of blocks) block.open = !hide;
  button.textContent = hide ? "Show code" : "Hide code";
}

function watchHeadings() {
  const links = new Map([...document.querySelectorAll(".contents a")].map(link => [link.hash.slice(1), link]));
  const headings = [...document.querySelectorAll("main [id]")].filter(heading => links.has(encodeURIComponent(heading.id)) || links.has(heading.id));
  const mark = () => {
    const current = headings.findLast(heading => heading.getBoundingClientRect().top < 120);
    for (const link of links.values()) link.classList.remove("current");
    if (current) (links.get(encodeURIComponent(current.id)) ?? links.get(current.id)).classList.add("current");
  };
  addEventListener("scroll", mark, { passive: true });
  mark();
}

// A frame tells its height; it stands alone in its sandbox and can be asked nothing.
addEventListener("message", event => {
  const frame = [...document.querySelectorAll("iframe.html")].find(frame => frame.contentWindow === event.source);
  const height = Number(event.data?.height);
  if (frame && height > 0) frame.style.height = `${Math.min(Math.ceil(height), 4000)}px`;
});

addEventListener("DOMContentLoaded", () => {
  const contents = document.querySelector(".contents details");
  if (contents && matchMedia("(max-width: 62rem)").matches) contents.open = false;
  document.querySelector("[data-action=theme]")?.addEventListener("click", toggleTheme);
  document.querySelector("[data-action=code]")?.addEventListener("click", event => toggleCode(event.target));
  watchHeadings();
  if (window.Plotly) watchCharts();
});
