"use strict";

// What all parts of the page share: elements, data, runs and their colours, numbers as text.
//
// Names, texts and descriptions come from the logs, and an attacker may have written the logs. So
// they become text nodes and properties of elements, and never HTML.

// Settings that the controls change.
const state = {
  index: { runs: [] },
  hidden: new Set(), // names of runs that are switched off
  tagQuery: "",
  runQuery: "",
  smoothing: 0.5,
  axis: "step",
};

// If the page is a file, the file has the data. A live page requests the data from the server.
const LIVE = document.getElementById("index") === null;

const byId = (id) => document.getElementById(id);

/** Make an element. Properties that begin with "on" are listeners. */
function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (key in made) made[key] = value;
    else made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

// Data.

const loaded = new Map(); // values of tags by the name of their asset

/** Load the values of a tag. */
function loadJson(name) {
  if (!loaded.has(name)) {
    const promise = LIVE ? fetchJson(`asset/${name}`) : Promise.resolve().then(() => parseBlock(name));
    loaded.set(name, promise);
    promise.catch(() => loaded.delete(name));
  }
  return loaded.get(name);
}

function parseBlock(name) {
  const block = byId(name);
  if (!block) throw new Error(problemOf(name));
  return JSON.parse(block.textContent);
}

async function fetchJson(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error((await answer.text()).trim());
  return answer.json();
}

/** Return the address of a picture or a sound, or null if the page does not have it. */
function addressOf(name) {
  if (LIVE) return `asset/${name}`;
  const block = byId(name);
  return block && `data:${block.dataset.type};base64,${block.textContent}`;
}

const problemOf = (name) => state.index.problems?.[name] ?? "this could not be read";

function numbersOf(text, Type) {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let at = 0; at < binary.length; at++) bytes[at] = binary.charCodeAt(at);
  return new Type(bytes.buffer);
}

// Runs.

const PALETTE = [
  "#3b7dd8", "#e8743b", "#2f9e6e", "#c94f7c", "#8a63d2", "#b98a14",
  "#1fa3b5", "#d64545", "#6f8f2f", "#b05fc0", "#8c6d5a", "#5a6f8f",
];
const colours = new Map();

/** Return the colour of a run, which stays the same while the page is open. */
function colourOf(run) {
  if (!colours.has(run)) {
    const at = colours.size;
    const further = `hsl(${Math.round((at * 137.508) % 360)} 60% 52%)`;
    colours.set(run, at < PALETTE.length ? PALETTE[at] : further);
  }
  return colours.get(run);
}

const nameOfRun = (number) => state.index.runs[number] ?? "?";

/** Tell whether a name has all words of a query. */
function matches(name, query) {
  const lower = name.toLowerCase();
  return query.toLowerCase().split(/\s+/).every((word) => lower.includes(word));
}

function isShown(number) {
  const name = nameOfRun(number);
  return !state.hidden.has(name) && matches(name, state.runQuery);
}

/** Make an element with the name of a run and its colour. */
function runLabel(number, ...rest) {
  const swatch = element("span", { className: "swatch" });
  swatch.style.background = colourOf(nameOfRun(number));
  const name = nameOfRun(number);
  return element("span", { className: "run" }, swatch, element("span", { title: name }, name), ...rest);
}

// Numbers and times as text.

function formatNumber(value) {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "NaN" : value > 0 ? "∞" : "−∞";
  const size = Math.abs(value);
  if (size !== 0 && (size >= 1e6 || size < 1e-3)) {
    return value.toExponential(2).replace(/\.?0+e/, "e").replace("e+", "e").replace("-", "−");
  }
  return String(+value.toPrecision(4)).replace("-", "−");
}

const formatCount = (value) => value.toLocaleString("en-US");

function formatDuration(seconds) {
  const size = Math.abs(seconds);
  if (size < 120) return `${formatNumber(seconds)} s`;
  if (size < 7200) return `${+(seconds / 60).toPrecision(3)} min`;
  if (size < 172800) return `${+(seconds / 3600).toPrecision(3)} h`;
  return `${+(seconds / 86400).toPrecision(3)} d`;
}

function formatDate(seconds) {
  if (seconds === null || !Number.isFinite(seconds)) return "no time";
  const date = new Date(seconds * 1000);
  const two = (number) => String(number).padStart(2, "0");
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

// Tooltip.

function showTooltip(event, ...children) {
  const tooltip = byId("tooltip");
  tooltip.replaceChildren(...children);
  tooltip.hidden = false;
  const { offsetWidth: width, offsetHeight: height } = tooltip;
  const right = event.clientX + 16 + width < innerWidth;
  const left = right ? event.clientX + 16 : Math.max(event.clientX - width - 16, 4);
  tooltip.style.left = `${left}px`;
  tooltip.style.top = `${Math.max(Math.min(event.clientY + 12, innerHeight - height - 4), 4)}px`;
}

function hideTooltip() {
  byId("tooltip").hidden = true;
}

// Cards.

/**
 * A card shows one tag. Each kind has a subclass with the method `draw`. This method is called if
 * the card is visible and something has changed.
 */
class Card {
  constructor(kind, entry) {
    this.kind = kind;
    this.entry = entry;
    this.stale = true;
    this.visible = false;
    this.body = element("div", { className: "body" });
    this.tools = element("span", { className: "tools" });
    this.note = element("span", { className: "muted note" });
    const name = element("h3", { title: entry.tag }, ...breakable(entry.display_name ?? entry.tag));
    this.element = element(
      "article", { className: `card ${kind}` },
      element("header", {}, name, this.note, this.tools),
    );
    if (entry.description) {
      this.element.append(element("div", { className: "description" }, markdown(entry.description)));
    }
    this.element.append(this.body);
    this.element.dataset.tag = entry.tag;
    this.element.card = this;
    sight.observe(this.element);
  }

  /** Use the new data of a live page. */
  update(entry) {
    if (JSON.stringify(entry) === JSON.stringify(this.entry)) return;
    const kept = new Set(entry.series.map((each) => each.asset));
    for (const { asset } of this.entry.series) if (!kept.has(asset)) loaded.delete(asset);
    this.entry = entry;
    this.refresh();
  }

  /** Draw the card again: now if it is visible, or else when it becomes visible. */
  refresh() {
    this.stale = true;
    if (this.visible) this.show();
  }

  show() {
    if (!this.stale) return;
    this.stale = false;
    Promise.resolve(this.draw()).catch((error) => {
      this.body.replaceChildren(element("p", { className: "problem" }, error.message));
    });
  }

  /** The series of runs that are switched on. */
  get series() {
    return this.entry.series.filter((series) => isShown(series.run));
  }
}

// Cards are drawn shortly before they become visible.
const sight = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) {
      target.card.visible = isIntersecting;
      if (isIntersecting) target.card.show();
    }
  },
  { rootMargin: "300px" },
);

/** Allow line breaks in a long name: after slashes, underscores and dots. */
function breakable(name) {
  return name.split(/(?<=[/_.])/).flatMap((part, at) => (at ? [element("wbr"), part] : [part]));
}

/** Return how many values are shown, as text; an empty text if all are shown. */
function sampled(shown, count, what) {
  return shown < count ? `${formatCount(shown)} of ${formatCount(count)} ${what}` : "";
}

/**
 * A control for the step: a slider, and buttons for the previous and the next step.
 *
 * When steps are added, the control stays at its step. But if it was at the last step, it moves to
 * the new last step.
 */
class Stepper {
  constructor(changed) {
    this.steps = [];
    this.atEnd = true;
    this.changed = changed;
    this.slider = element("input", {
      type: "range", min: 0, step: 1, "aria-label": "step",
      oninput: () => this.set(+this.slider.value),
    });
    this.label = element("output", { className: "step" });
    const move = (by) => () => this.set(+this.slider.value + by);
    this.element = element(
      "div", { className: "stepper" },
      element("button", { className: "icon", title: "Previous step", onclick: move(-1) }, "‹"),
      this.slider,
      element("button", { className: "icon", title: "Next step", onclick: move(1) }, "›"),
      this.label,
    );
  }

  get step() {
    return this.steps[+this.slider.value];
  }

  /** Set the steps that a user can choose. */
  offer(steps) {
    const before = this.step;
    this.steps = steps;
    this.slider.max = Math.max(steps.length - 1, 0);
    const found = steps.findLastIndex((step) => step <= before);
    this.slider.value = this.atEnd || found < 0 ? this.slider.max : found;
    this.element.classList.toggle("single", steps.length < 2);
    this.tell();
  }

  set(position) {
    this.slider.value = position;
    this.atEnd = +this.slider.value === this.steps.length - 1;
    this.tell();
    this.changed();
  }

  tell() {
    this.label.textContent = this.steps.length ? `step ${formatCount(this.step)}` : "";
  }
}

/** Return all steps of some series, sorted. */
function stepsOf(series) {
  return [...new Set(series.flatMap((each) => each.steps))].sort((a, b) => a - b);
}

/** Return the position of the last value at or before a step, or 0 if there is none. */
function positionAt(steps, step) {
  return Math.max(steps.findLastIndex((each) => each <= step), 0);
}

/** Make the first items, and a button for more. A thousand items at once would be slow. */
function withMore(items, count, make, more) {
  const made = items.slice(0, count).map(make);
  if (items.length > count) {
    const rest = items.length - count;
    const text = `Show ${Math.min(rest, count)} more of ${formatCount(rest)}`;
    made.push(element("button", { className: "more", onclick: more }, text));
  }
  return made;
}
