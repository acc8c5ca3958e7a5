"use strict";
// Draws each figure when it comes near the view, with the colours of the page's theme; runs are rows of the table.
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
const SCALES = {
  diverging: () => [[0, colour("orange")], [0.5, colour("card")], [1, colour("accent")]],
  sequential: () => [[0, colour("soft")], [1, colour("accent")]],
};
function withTheme(value) {
  if (typeof value === "string" && value[0] === "@") {
    const name = value.slice(1);
    return SCALES[name] ? SCALES[name]() : colour(name);
  }
  if (Array.isArray(value)) return value.map(withTheme);
  if (!value || typeof value !== "object" || ArrayBuffer.isView(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withTheme(item)]));
}
const hasWebGL = (() => {
  const canvas = document.createElement("canvas");
  return Boolean(canvas.getContext("webgl2") || canvas.getContext("webgl"));
})();
function trace(described) {
  const made = withTheme(described);
  if (made.customdata?.bdata) {
    made.text = Array.from(decode(made.customdata), (row) => NAMES.text(row));
    delete made.customdata;
  }
  if (made.type === "scattergl" && !hasWebGL) made.type = "scatter";
  return made;
}
function layout(described) {
  const axis = { gridcolor: colour("grid"), zerolinecolor: colour("grid"), linecolor: colour("line") };
  const made = withTheme(described);
  for (const name of ["xaxis", "yaxis"]) made[name] = { ...axis, automargin: true, exponentformat: made[name]?.type === "log" ? "power" : "none", ...made[name] };
  return {
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", height: 380, autosize: true,
    margin: { l: 56, r: 16, t: made.title ? 40 : 16, b: 48 }, hovermode: "closest",
    dragmode: TOUCH ? false : "zoom", modebar: { bgcolor: "rgba(0,0,0,0)", color: colour("muted"), activecolor: colour("accent") },
    font: { family: colour("sans"), size: 12.5, color: colour("ink") },
    legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0 }, ...made,
  };
}
const TOUCH = matchMedia("(hover: none)").matches; // a finger on a figure scrolls the page
const CONFIG = { displaylogo: false, responsive: true, displayModeBar: TOUCH ? false : "hover", modeBarButtonsToRemove: ["lasso2d", "select2d", "autoScale2d"] };
const plot = (place, { data, layout: wanted }) => Plotly.react(place, data.map(trace), layout(wanted), CONFIG);

// --- box plots: any varied key, any metric
function boxesChooser(figure) {
  const keys = Object.keys(figure.chooser);
  const state = { key: keys[0], metric: "" };
  const place = element("div", { class: "plot" });
  const bar = element("div", { class: "bar" });
  const draw = () => {
    const metrics = Object.keys(figure.chooser[state.key]);
    if (!metrics.includes(state.metric)) state.metric = metrics.includes(DATA.metric) ? DATA.metric : metrics[0];
    const { level, q1, median, q3, low, high, num } = figure.chooser[state.key][state.metric];
    const x = level.map((name, at) => `${name} (${num[at]})`);
    return plot(place, {
      data: [{ type: "box", x, q1, median, q3, lowerfence: low, upperfence: high, marker: { color: "@accent" }, name: state.metric }],
      layout: { showlegend: false, xaxis: { title: { text: state.key }, type: "category" }, yaxis: { title: { text: state.metric } } },
    });
  };
  const onChoice = (name) => (value) => { state[name] = value; draw(); };
  const metrics = Object.keys(figure.chooser[keys[0]]).map((name) => [name, name]);
  bar.append(select(say("choose.key"), "boxes-key", keys.map((key) => [key, key]), state.key, onChoice("key")),
    select(say("choose.metric"), "boxes-metric", metrics, DATA.metric, onChoice("metric")));
  return { nodes: [bar, place], draw };
}

// --- any columns against each other, in two or three dimensions
function scatterChooser() {
  const numbers = [...COLUMNS.values()].filter((column) => column.kind === "number").map(({ name }) => [name, label(name)]);
  const colours = [...COLUMNS.values()].filter((column) => column.kind === "number" || column.levels?.length <= 8).map(({ name }) => [name, label(name)]);
  const known = new Set(numbers.map(([name]) => name));
  const { axes } = DATA.table;
  const first = (name) => (known.has(name) ? name : numbers[0][0]);
  const state = { x: first(axes.x), y: first(axes.y), z: "", colour: axes.colour };
  const place = element("div", { class: "plot" });
  const draw = () => {
    const wanted = [state.x, state.y, state.z].filter(Boolean).map((name) => COLUMNS.get(name));
    if (wanted.length === 3 && !hasWebGL) {
      Plotly.purge(place);
      place.replaceChildren(element("p", { class: "absent" }, say("absent.webgl")));
      return null;
    }
    const rows = [...ORDER].filter((row) => wanted.every((column) => !Number.isNaN(column.values[row])));
    const data = cloud(wanted, rows, COLUMNS.get(state.colour));
    const axis = (column) => ({ title: { text: label(column.name) }, ...(wide(column, rows) ? { type: "log" } : {}) });
    const [xaxis, yaxis] = wanted.map(axis);
    const scene = wanted.length === 3 ? { scene: { xaxis, yaxis, zaxis: axis(wanted[2]) }, height: 560, margin: { l: 0, r: 0, t: 30, b: 0 } } : { xaxis, yaxis };
    return plot(place, { data, layout: { showlegend: data.length > 1, ...scene } });
  };
  const onChoice = (name) => (value) => { state[name] = value; draw(); };
  const bar = element("div", { class: "bar" },
    select(say("choose.x"), "scatter-x", numbers, state.x, onChoice("x")),
    select(say("choose.y"), "scatter-y", numbers, state.y, onChoice("y")),
    select(say("choose.z"), "scatter-z", [["", say("choose.none")], ...numbers], "", onChoice("z")),
    select(say("choose.colour"), "scatter-colour", colours, state.colour, onChoice("colour")));
  return { nodes: [bar, place], draw };
}
function wide(column, rows) {
  const { low, high } = range(rows.map((row) => column.values[row]));
  return low > 0 && high / low >= 20;
}
function cloud(wanted, rows, by) {
  const type = wanted.length === 3 ? "scatter3d" : rows.length > 2000 ? "scattergl" : "scatter";
  const hovertemplate = `<b>%{text}</b><br>${wanted.map((column, at) => `${label(column.name)} %{${"xyz"[at]}}`).join("<br>")}<extra></extra>`;
  const made = (some, marker, name) => ({
    type, mode: "markers", name, hovertemplate, text: some.map((row) => NAMES.text(row)),
    marker: { size: wanted.length === 3 ? 4 : 8, opacity: 0.75, ...marker },
    ...Object.fromEntries(wanted.map((column, at) => ["xyz"[at], some.map((row) => column.values[row])])),
  });
  if (by.kind === "number") {
    const marker = { color: rows.map((row) => by.values[row]), colorscale: "@sequential", showscale: true, colorbar: { title: { text: label(by.name) }, thickness: 10 } };
    return [made(rows, marker, by.name)];
  }
  const palette = ["@accent", "@orange", "@teal", "@purple", "@red", "@gold", "@muted", "@ink"];
  return by.levels.map((level, at) => made(rows.filter((row) => by.codes[row] === at), { color: palette[at % palette.length] }, level ?? "–"))
    .filter(({ text }) => text.length);
}

// --- the gallery
function panels(figure) {
  const places = figure.panels.map(() => element("div", { class: "plot" }));
  return { nodes: [element("div", { class: WIDE.has(figure.id) ? "panels roll" : "panels" }, ...places)], draw: () => figure.panels.map((panel, at) => plot(places[at], panel)) };
}
const BROAD = new Set(["bars", "parallel", "scatter", "confusion", "metrics_comparison", "correlation_heatmap"]);
const WIDE = new Set(["correlation_heatmap", "parallel"]); // on a phone these scroll sideways instead of shrinking
const drawn = new Map();
const near = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    if (isIntersecting) drawOnce(target.id);
  }
}, { rootMargin: "400px 0px" });
function drawOnce(id) {
  const frame = document.getElementById(id);
  if (frame.dataset.drawn) return;
  frame.dataset.drawn = "true";
  drawn.get(id)();
}
function addFigure(figure) {
  const head = element("h3", {}, figure.title);
  const caption = element("figcaption", {}, head);
  const id = `figure-${figure.id}`;
  const frame = element("figure", { id, class: BROAD.has(figure.id) && !figure.absent && "broad" }, caption);
  document.getElementById("gallery").append(frame);
  const absent = figure.absent ?? (figure.webgl && !hasWebGL ? say("absent.webgl") : "");
  if (absent) {
    frame.append(element("p", { class: "absent" }, absent));
    return;
  }
  caption.append(figure.caption);
  if (figure.warning) frame.append(element("p", { class: "warning" }, figure.warning));
  const choosers = { boxes: boxesChooser, scatter: scatterChooser };
  const { nodes, draw } = (choosers[figure.id] ?? panels)(figure);
  frame.append(...nodes);
  frame.querySelectorAll(".plot").forEach((place) => { place.setAttribute("role", "img"); place.setAttribute("aria-label", `${figure.title}. ${figure.caption}`); });
  drawn.set(id, draw);
  near.observe(frame);
}
DATA.figures.forEach(addFigure);
// Paper and screenshots of the whole page show figures that never came into view: the rest is drawn when nothing else
// is to be done, one at a time, and at once before printing.
const whenIdle = window.requestIdleCallback ?? ((act) => setTimeout(act, 200));
const waiting = [...drawn.keys()];
const drawRest = () => { if (waiting.length) { drawOnce(waiting.shift()); whenIdle(drawRest); } };
whenIdle(drawRest);
addEventListener("beforeprint", () => drawn.forEach((_, id) => drawOnce(id)));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  document.querySelectorAll("#gallery [data-drawn]").forEach((frame) => drawn.get(frame.id)());
});
