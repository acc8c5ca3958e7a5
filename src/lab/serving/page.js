// Sends the form to /predict and shows the answer. Everything that comes from data is set as text, never as HTML.
"use strict";

const LEVELS = 8; // shades of a word, as in page.css
const main = document.getElementById("page");
const form = document.getElementById("form");
const problem = document.getElementById("problem");
const answer = document.getElementById("answer");
const model = JSON.parse(main.dataset.model);

function element(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

function rowsOfForm() {
  const cells = Object.fromEntries([...form.querySelectorAll("textarea")].map((area) => [area.name, area.value]));
  return model.table ? JSON.parse(cells.rows) : [cells];
}

async function predict(event) {
  event.preventDefault();
  const button = form.querySelector("button");
  button.disabled = true;
  problem.hidden = answer.hidden = true;
  try {
    const headers = { "Content-Type": "application/json" };
    const key = document.getElementById("key");
    if (key && key.value) headers.Authorization = `Bearer ${key.value}`;
    const explain = document.getElementById("explain")?.checked ?? false;
    const body = JSON.stringify({ rows: rowsOfForm(), explain });
    const response = await fetch("predict", { method: "POST", headers, body });
    const content = await response.json();
    response.ok ? show(content) : say(content.error);
  } catch (error) {
    say({ reason: error.message, details: [] });
  } finally {
    button.disabled = false;
  }
}

function say(error) {
  const details = error.details.map((each) => [each.where, each.problem, each.remedy].filter(Boolean).join(": "));
  problem.textContent = [error.reason, ...details].join("\n");
  problem.hidden = false;
}

function show(content) {
  document.getElementById("version").textContent = content.version;
  const reasons = new Map(content.rejected.map((each) => [each.index, each.reason]));
  answer.replaceChildren();
  content.predictions.forEach((cells, index) => {
    if (content.predictions.length > 1) answer.append(element("h2", title(cells, index)));
    if (reasons.has(index)) answer.append(element("p", `No prediction: the row ${reasons.get(index)}.`, "note"));
    else {
      for (const head of model.heads) answer.append(card(head, cells, content.explanations?.[index]));
      const others = model.others.filter((name) => cells[name] !== null && cells[name] !== false);
      answer.append(...others.map((name) => element("p", `${name}: ${cells[name]}`, "note")));
    }
  });
  answer.hidden = false;
}

function title(cells, index) {
  const ranks = model.heads.flatMap((head) => head.ranks.flatMap((rank) => [rank, `${rank}_probability`]));
  const shown = new Set([...ranks, ...model.others]);
  return Object.keys(cells).filter((name) => !shown.has(name)).map((name) => cells[name]).join(" · ") || `row ${index + 1}`;
}

function card(head, cells, explanations) {
  const made = element("article", undefined, "head");
  made.append(element("h2", head.name));
  const table = element("table");
  for (const rank of head.ranks.filter((name) => cells[`${name}_probability`] !== null)) table.append(line(cells, rank));
  made.append(table);
  const own = explanations?.find((each) => each.head === head.name);
  if (own) made.append(shaded(own));
  return made;
}

function line(cells, rank) {
  const row = element("tr");
  const probability = cells[`${rank}_probability`];
  const bar = element("td", undefined, "bar");
  const meter = element("meter");
  meter.value = probability;
  meter.title = String(probability);
  bar.append(meter);
  const place = Number.isInteger(cells[`${rank}_start`]) ? ` [${cells[`${rank}_start`]}, ${cells[`${rank}_end`]})` : "";
  row.append(element("td", (cells[rank] || "(no answer)") + place), bar);
  row.append(element("td", `${(100 * probability).toFixed(1)} %`, "number"));
  return row;
}

function shaded(explanation) {
  const made = element("p", undefined, "words");
  const words = explanation.words;
  const text = explanation.text || words.map(([word]) => word).join(" ");
  const largest = Math.max(...words.map(([, value]) => Math.abs(value ?? 0)), 0);
  let done = 0;
  for (const [word, value] of words) {
    const start = text.indexOf(word, done);
    made.append(text.slice(done, start));
    const level = largest ? Math.round((LEVELS * Math.abs(value ?? 0)) / largest) : 0;
    const mark = element("mark", word, level ? `${value > 0 ? "p" : "n"}${level}` : "");
    mark.title = value === null ? "" : value.toPrecision(3);
    made.append(mark);
    done = start + word.length;
  }
  made.append(text.slice(done));
  return made;
}

form.addEventListener("submit", predict);
