"use strict";
// Draws the table of runs from the page's data block. Plotly is the only library, and nothing is loaded.
const DATA = JSON.parse(document.getElementById("report-data").textContent);
const WORDS = DATA.words;
const say = (key, values = {}) => WORDS[key].replace(/\{(\w+)\}/g, (_, name) => values[name]);
const ARRAYS = { f4: Float32Array, f8: Float64Array, i4: Int32Array, u1: Uint8Array, u2: Uint16Array };
const decode = ({ dtype, bdata }) =>
  new ARRAYS[dtype](Uint8Array.from(atob(bdata), (sign) => sign.charCodeAt(0)).buffer);

// element("td", {class: "num"}, "text", child): attributes that are functions become listeners
function element(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") node.addEventListener(key, value);
    else if (value === true) node.setAttribute(key, "");
    else if (value !== false && value != null) node.setAttribute(key, value);
  }
  node.append(...children);
  return node;
}
const select = (label, id, options, chosen, changed) =>
  element("label", { for: id }, label,
    element("select", { id, change: (event) => changed(event.target.value) },
      ...options.map(([value, text]) => element("option", { value, selected: value === chosen }, text))));

// --- the table's columns
const COLUMNS = new Map(DATA.table.columns.map((column) => [column.name, column]));
for (const column of COLUMNS.values()) {
  if (column.values) column.values = Float64Array.from(decode(column.values));
  else column.codes = decode(column.codes);
  if (column.words) column.text = phrase(column);
  else if (column.kind === "text") column.text = (row) => column.levels[column.codes[row]] ?? "";
  else column.values ??= Float64Array.from(column.codes, (code) => column.levels[code] ?? NaN);
}
// A text of shared words: a row has the next sizes[row] codes.
function phrase(column) {
  const ends = [0];
  for (const size of decode(column.sizes)) ends.push(ends.at(-1) + size);
  return (row) => Array.from(column.codes.slice(ends[row], ends[row + 1]), (code) => column.words[code]).join(" ");
}
const ORDER = decode(DATA.table.order);
const RANK = new Int32Array(DATA.table.num_rows);
ORDER.forEach((row, at) => { RANK[row] = at + 1; });
const NAMES = COLUMNS.get("run");
const SCORE = COLUMNS.get("objective");

function duration(seconds) {
  const [unit, divisor] = seconds >= 3600 ? ["hours", 3600] : seconds >= 60 ? ["minutes", 60] : ["seconds", 1];
  return WORDS[`unit.${unit}`].replace(/\{.*?\}/, (seconds / divisor).toFixed(1));
}
// The words for columns of fixed values.
const TRANSLATED = { status: (text) => say(`status.${text}`), "against/verdict": (text) => say(`beside.${text}`) };
function shown(column, row) {
  if (column.kind === "text") {
    const text = column.text(row), words = TRANSLATED[column.name];
    return words && text ? words(text) : text;
  }
  const value = column.values[row];
  if (Number.isNaN(value)) return "–";
  if (column.name.endsWith("_s")) return duration(value);
  if (Math.abs(value) >= 1e6) return `${(value / 1e6).toFixed(1)} M`;
  if (Number.isInteger(value)) return Math.abs(value) < 10000 ? String(value) : value.toLocaleString("en-US");
  if (column.group === "config" || (value !== 0 && Math.abs(value) < 1e-3)) return String(Number(value.toPrecision(4)));
  return Math.abs(value) < 100 ? value.toFixed(column.name.endsWith("_gib") ? 2 : 4) : value.toFixed(1);
}

// --- the reader's filters
const view = { sort: "#", up: true, filter: "", status: "", size: DATA.table.top_k, page: 0, open: new Set(),
  columns: new Set(DATA.table.shown) };

function named(name) {
  const split = DATA.metric.split("/")[0];
  return COLUMNS.get(name) ?? COLUMNS.get(`${split}/${name}`)
    ?? [...COLUMNS.values()].find((column) => column.name.endsWith(`/${name}`) || column.name.endsWith(`.${name}`));
}
const COMPARE = { "<": (a, b) => a < b, ">": (a, b) => a > b, "<=": (a, b) => a <= b, ">=": (a, b) => a >= b,
  "=": (a, b) => a === b, "!=": (a, b) => a !== b };
// Conditions are separated by commas: `name > number`, `name = text`, or a word that occurs in any text or setting.
function condition(part) {
  const match = part.match(/^(.+?)\s*(<=|>=|!=|<|>|=)\s*(.+)$/);
  if (!match) {
    const texts = [...COLUMNS.values()].filter((column) => column.kind === "text" || column.group === "config");
    return (row) => texts.some((column) => shown(column, row).toLowerCase().includes(part));
  }
  const column = named(match[1]);
  if (!column) throw new Error(say("table.filter.wrong", { name: match[1] }));
  const compare = COMPARE[match[2]];
  if (column.kind === "number") return (row) => compare(column.values[row], Number(match[3]));
  return (row) => compare(column.text(row).toLowerCase(), match[3]);
}
function chosen() {
  const parts = view.filter.toLowerCase().split(",").map((part) => part.trim()).filter(Boolean);
  const tests = parts.map(condition);
  const status = COLUMNS.get("status");
  const rows = [...ORDER].filter((row) => (!view.status || status.text(row) === view.status) && tests.every((test) => test(row)));
  if (view.sort === "#") return view.up ? rows : rows.reverse();
  const column = COLUMNS.get(view.sort);
  const sign = view.up ? 1 : -1;
  if (column.kind === "text") return rows.sort((a, b) => sign * column.text(a).localeCompare(column.text(b), undefined, { numeric: true }));
  const value = column.values;
  return rows.sort((a, b) => Number.isNaN(value[a]) - Number.isNaN(value[b]) || sign * (value[a] - value[b]) || 0);
}

// --- drawing the table
const board = document.getElementById("board");
const head = element("thead"), body = element("tbody"), status = element("span", { role: "status" });
const pages = ["first", "previous", "next", "last"].map((name) =>
  element("button", { type: "button", "data-page": name, "aria-label": say(`table.${name}`), click: () => turn(name) },
    { first: "«", previous: "‹", next: "›", last: "»" }[name]));
let rows = [];

function turn(to) {
  const last = Math.max(0, Math.ceil(rows.length / view.size) - 1);
  view.page = { first: 0, previous: view.page - 1, next: view.page + 1, last }[to];
  drawRows();
}
function sortBy(name) {
  const column = COLUMNS.get(name);
  if (view.sort === name) view.up = !view.up;
  else [view.sort, view.up] = [name, name === "#" || column.kind === "text"];
  refresh();
  head.querySelector(`[data-column="${CSS.escape(name)}"]`)?.focus();
}
function drawHead() {
  const cells = ["#", ...[...view.columns]].map((name) => {
    const number = name === "#" || COLUMNS.get(name).kind === "number";
    const sorted = view.sort === name ? (view.up ? "ascending" : "descending") : "none";
    return element("th", { scope: "col", class: number && "num", "aria-sort": sorted },
      element("button", { type: "button", "data-column": name, click: () => sortBy(name),
        "aria-label": name === "#" ? say("table.rank") : name }, name === "#" ? "#" : label(name)));
  });
  head.replaceChildren(element("tr", {}, ...cells));
}
const label = (name) => (name === "objective" ? DATA.metric : name);
function meter(value) {
  const { low, high } = SCORE.range ??= range(SCORE.values);
  return `background-size:${Math.round((95 * (value - low)) / (high - low || 1))}% 100%`;
}
function range(values) {
  let low = Infinity, high = -Infinity;
  for (const value of values) if (value === value) { low = Math.min(low, value); high = Math.max(high, value); }
  return { low, high };
}
function cell(name, row) {
  const column = COLUMNS.get(name);
  const text = shown(column, row);
  if (name === "run") {
    const open = view.open.has(row);
    return element("td", {}, element("button", { type: "button", class: "open", "aria-expanded": String(open), title: text,
      "aria-label": say("table.details", { run: text }), "data-row": row, click: () => toggle(row) }, `${open ? "▾" : "▸"} ${text}`));
  }
  if (name === "status") return element("td", {}, element("i", { class: `dot bg-${column.text(row)}` }), text);
  if (column.kind === "text") return element("td", {}, text);
  const value = column.values[row];
  const wide = name === "objective" && value === value;
  return element("td", { class: wide ? "num meter" : "num", style: wide && meter(value) }, element("data", { value }, text));
}
function toggle(row) {
  view.open.has(row) ? view.open.delete(row) : view.open.add(row);
  drawRows();
  body.querySelector(`[data-row="${row}"]`)?.focus();
}
function details(row) {
  const list = element("dl");
  for (const name of ["command", "reason", "path"]) {
    const text = COLUMNS.get(name)?.text(row);
    if (!text) continue;
    const inside = name === "command" ? [element("code", {}, text), " ", copier(text)] : [text];
    list.append(element("dt", {}, say(`details.${name}`)), element("dd", {}, ...inside));
  }
  return element("tr", { class: "inner" }, element("td", { colspan: view.columns.size + 1 }, list));
}
function drawRows() {
  const first = view.page * view.size;
  const part = rows.slice(first, first + view.size);
  const drawn = part.flatMap((row) => [
    element("tr", { class: row === DATA.table.winner && "won" }, element("td", { class: "num" }, String(RANK[row])),
      ...[...view.columns].map((name) => cell(name, row))),
    ...(view.open.has(row) ? [details(row)] : []),
  ]);
  const none = element("tr", {}, element("td", { colspan: view.columns.size + 1 }, say("table.none")));
  body.replaceChildren(...(drawn.length ? drawn : [none]));
  status.textContent = say("table.page", { first: part.length ? first + 1 : 0, last: first + part.length, total: rows.length });
  pages.slice(0, 2).forEach((button) => { button.disabled = first === 0; });
  pages.slice(2).forEach((button) => { button.disabled = first + view.size >= rows.length; });
}
function refresh() {
  const field = document.getElementById("filter");
  field.setCustomValidity("");
  try {
    rows = chosen();
  } catch (wrong) {
    field.setCustomValidity(wrong.message);
    status.textContent = wrong.message;
    return;
  }
  view.page = 0;
  drawHead();
  drawRows();
}
function picker() {
  const groups = Map.groupBy ? Map.groupBy(COLUMNS.values(), (column) => column.group) : new Map();
  if (!groups.size) for (const column of COLUMNS.values()) groups.set(column.group, [...(groups.get(column.group) ?? []), column]);
  const fields = [...groups].map(([group, columns]) => element("fieldset", {}, element("legend", {}, group),
    ...columns.filter((column) => column.name !== "run").map((column) => element("label", {},
      element("input", { type: "checkbox", value: column.name, checked: view.columns.has(column.name),
        change: (event) => { event.target.checked ? view.columns.add(column.name) : view.columns.delete(column.name); refresh(); } }), column.name))));
  return element("details", { class: "picker", keydown: (event) => {
    if (event.key !== "Escape") return;
    event.currentTarget.open = false;
    event.currentTarget.querySelector("summary").focus();
  } }, element("summary", {}, say("table.columns")), element("div", {}, ...fields));
}
function drawBoard() {
  const statuses = COLUMNS.get("status").levels.filter(Boolean).map((level) => [level, say(`status.${level}`)]);
  const sizes = [...new Set([DATA.table.top_k, 10, 25, 50, 100])].sort((a, b) => a - b).map((size) => [String(size), String(size)]);
  const filter = element("input", { id: "filter", type: "search", placeholder: say("table.filter.hint"), autocomplete: "off",
    spellcheck: "false", input: (event) => { view.filter = event.target.value; refresh(); } });
  board.replaceChildren(
    element("div", { class: "bar" }, element("label", { class: "wide", for: "filter" }, say("table.filter"), filter),
      select(say("table.status"), "status", [["", say("table.status.all")], ...statuses], "", (value) => { view.status = value; refresh(); }),
      select(say("table.size"), "size", sizes, String(view.size), (value) => { view.size = Number(value); refresh(); }), picker()),
    element("div", { class: "scroll", role: "region", tabindex: 0, "aria-label": say("table.caption") },
      element("table", {}, element("caption", {}, say("table.caption")), head, body)),
    element("div", { class: "pager" }, ...pages.slice(0, 2), status, ...pages.slice(2)));
  refresh();
}

// --- copying, and the current section
function copier(text) {
  return element("button", { type: "button", class: "copy", "data-copy": text }, say("copy"));
}
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  let message = "copied";
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
  } catch {
    const area = element("textarea", { style: "position:fixed;opacity:0" });
    area.value = button.dataset.copy;
    document.body.append(area);
    area.select();
    message = document.execCommand("copy") ? "copied" : "copy.failed";
    area.remove();
  }
  button.textContent = say(message);
  setTimeout(() => { button.textContent = say("copy"); }, 1800);
});
const seen = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    const link = document.querySelector(`nav a[href="#${target.id}"]`);
    isIntersecting ? link.setAttribute("aria-current", "true") : link.removeAttribute("aria-current");
    if (isIntersecting) link.closest("ul").scrollLeft = link.offsetLeft - 40;
  }
}, { rootMargin: "-20% 0px -75% 0px" });
document.querySelectorAll("main > section").forEach((section) => seen.observe(section));
drawBoard();
