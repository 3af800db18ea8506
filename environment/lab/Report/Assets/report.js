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
  const result = structuredClone(layout), given = layout.margin ?? {};
  delete result.width;
  delete result.height;
  result.autosize = true;
  result.paper_bgcolor = result.plot_bgcolor = "rgba(0,0,0,0)";
  result.font = { ...result.font, color: text, family: variable("--sans"), size: narrow ? 12 : 13 };
  result.hoverlabel = { ...result.hoverlabel, font: { family: variable("--sans") } };
  result.margin = { t: given.t ?? 16, r: Math.max(given.r ?? 0, narrow ? 12 : 24), b: given.b ?? 48, l: narrow ? 48 : 60, ...(small ? { t: 8, r: 8, b: 28, l: 36 } : {}) };
  if (narrow || small) {
    // Names where lines end take a third of a narrow chart: a legend below says them there.
    const ends = (result.annotations ?? []).some(remark => remark.name === "line-end");
    result.annotations = (result.annotations ?? []).filter(remark => remark.name !== "line-end");
    if (ends) { result.showlegend = true; result.margin.r = 12; }
    result.legend = { ...result.legend, orientation: "h", x: 0, y: -0.22, xanchor: "left", yanchor: "top" };
  }
  result.legend = { ...result.legend, bgcolor: "rgba(0,0,0,0)" };
  if (small) { result.showlegend = false; delete result.sliders; delete result.updatemenus; result.annotations = []; }
  if (matchMedia("(pointer: coarse)").matches) result.dragmode = false; // a finger on a chart scrolls the page
  const axes = new Set(["xaxis", "yaxis", ...Object.keys(result).filter(key => /^[xy]axis\d*$/.test(key))]);
  for (const axis of axes) {
    result[axis] = { automargin: true, ...result[axis], gridcolor: grid, zerolinecolor: grid, linecolor: soft, tickcolor: soft };
    if (small) delete result[axis].title;
  }
  return result;
}

// The title of a chart is text above it, and so is that of each position of its slider or buttons.
function captions(element, layout) {
  for (const [list, event, part] of [["sliders", "plotly_sliderchange", "steps"], ["updatemenus", "plotly_buttonclicked", "buttons"]]) {
    for (const control of layout[list] ?? []) {
      const labels = control[part].map(step => step.label), titles = control[part].map(step => step.args.at(-1)["title.text"]);
      element.on(event, ({ step, button }) => {
        const caption = element.parentElement.querySelector("figcaption"), title = titles[labels.indexOf((step ?? button).label)];
        if (caption && title) caption.textContent = title.replace(/<[^>]*>/g, " ");
      });
    }
  }
}

function draw(element) {
  if (!element.figure) element.figure = JSON.parse(element.parentElement.querySelector("script").textContent);
  const { data, layout = {}, config = {} } = element.figure, first = !drawn.has(element);
  const small = element.closest(".thumbnail") !== null;
  const untouched = first ? structuredClone(layout) : null;
  if (first) for (const list of ["sliders", "updatemenus"]) for (const control of layout[list] ?? []) for (const step of control.steps ?? control.buttons) delete step.args.at(-1)["title.text"];
  Plotly.react(element, data, pageLayout(layout, element), { ...config, responsive: true, displayModeBar: false, staticPlot: small });
  if (first && !small) captions(element, untouched);
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
  for (const element of document.querySelectorAll(".chart > .plot")) observer.observe(element);
}

// Paper is white, narrow, and shows all charts at once, those far below too.
function forPrint() {
  document.documentElement.dataset.theme = "light";
  for (const element of document.querySelectorAll(".chart > .plot")) {
    element.style.width = "660px";
    draw(element);
    Plotly.relayout(element, { autosize: false, width: 660, height: element.clientHeight });
  }
}

function afterPrint() {
  applyTheme();
  for (const element of document.querySelectorAll(".chart > .plot")) { element.style.width = ""; draw(element); }
}

function addCopyButtons() {
  for (const pre of document.querySelectorAll("pre.source")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = "Copy";
    button.addEventListener("click", async () => {
      const text = pre.querySelector("code").textContent;
      try { await navigator.clipboard.writeText(text); }
      catch { // a page opened from disk may not reach the clipboard that way
        const area = Object.assign(document.createElement("textarea"), { value: text });
        document.body.append(area);
        area.select();
        document.execCommand("copy");
        area.remove();
      }
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    });
    const box = document.createElement("div");
    box.className = "copyable";
    pre.replaceWith(box);
    box.append(pre, button);
  }
}

// What scrolls can be scrolled with keys.
function markScrolling() {
  for (const element of document.querySelectorAll(".table, .html, .html div, .stream, .result, pre, math[display=block]")) {
    const { overflowX, overflowY } = getComputedStyle(element);
    const scrolls = (/auto|scroll/.test(overflowX) && element.scrollWidth > element.clientWidth) || (/auto|scroll/.test(overflowY) && element.scrollHeight > element.clientHeight);
    if (scrolls && element.tabIndex < 0) element.tabIndex = 0;
  }
}

function watchSearch() {
  const field = document.querySelector(".search input"), list = document.querySelector(".search .found");
  if (!field) return;
  const show = () => {
    const words = field.value.toLowerCase().split(/\s+/).filter(word => word.length > 1);
    list.replaceChildren();
    list.hidden = words.length === 0;
    if (list.hidden) return;
    const hits = (window.searchIndex ?? []).map(section => {
      const heading = section.heading.toLowerCase(), text = section.text.toLowerCase();
      const all = words.every(word => heading.includes(word) || text.includes(word));
      return { section, text, score: all ? 1 + 5 * words.filter(word => heading.includes(word)).length : 0 };
    }).filter(hit => hit.score > 0).sort((a, b) => b.score - a.score).slice(0, 12);
    for (const { section, text } of hits) {
      const item = document.createElement("li"), link = document.createElement("a"), page = document.createElement("small"), snippet = document.createElement("span");
      const at = Math.max(0, text.indexOf(words.find(word => text.includes(word)) ?? "") - 40);
      link.href = encodeURIComponent(section.page) + (section.id ? "#" + encodeURIComponent(section.id) : "");
      link.textContent = section.heading;
      page.textContent = section.title;
      snippet.textContent = (at > 0 ? "… " : "") + section.text.slice(at, at + 110) + " …";
      link.append(page, snippet);
      item.append(link);
      list.append(item);
    }
    if (hits.length === 0) list.append(Object.assign(document.createElement("li"), { textContent: "Nothing found." }));
  };
  field.addEventListener("input", show);
  field.addEventListener("keydown", event => { if (event.key === "Escape") { field.value = ""; show(); } });
  addEventListener("keydown", event => {
    if (event.key !== "/" || /^(input|textarea)$/i.test(event.target.tagName)) return;
    event.preventDefault();
    field.focus();
  });
}

function toggleCode(button) {
  const blocks = [...document.querySelectorAll(".code")];
  const hide = blocks.some(block => block.open);
  for (const block of blocks) block.open = !hide;
  button.textContent = hide ? "Show code" : "Hide code";
}

function watchHeadings() {
  const links = new Map([...document.querySelectorAll(".contents a[href^='#']")].map(link => [link.hash.slice(1), link]));
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
  addCopyButtons();
  watchSearch();
  markScrolling();
  addEventListener("resize", markScrolling);
  document.addEventListener("toggle", markScrolling, true);
  if (!window.Plotly) return;
  watchCharts();
  addEventListener("beforeprint", forPrint);
  addEventListener("afterprint", afterPrint);
  matchMedia("print").addEventListener("change", event => event.matches ? forPrint() : afterPrint()); // a program that prints may tell only so
});
