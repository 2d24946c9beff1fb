"use strict";

// The page as a whole: sections, runs, search, settings, and the updates of a live page.

const SECTIONS = [
  ["scalar", "Scalars", ScalarCard],
  ["chart", "Custom scalars", ChartCard],
  ["image", "Images", PictureCard],
  ["pr_curve", "PR curves", CurveCard],
  ["histogram", "Histograms", HistogramCard],
  ["mesh", "Meshes", MeshCard],
  ["text", "Text", TextCard],
  ["audio", "Audio", SoundCard],
  ["hparams", "Hyperparameters", HParamsCard],
  ["others", "Other tags", OtherCard],
];
const MILLISECONDS_BETWEEN = 2000;
const GROUPED_FROM = 13; // cards; fewer cards are not grouped

const MOST_CARDS = 1000; // of a kind; a browser needs half a minute for a hundred thousand cards

const cards = new Map(); // by kind and tag
const limits = new Map(); // by kind: how many cards are made
const leftOut = new Map(); // by kind: how many cards are not made

/** Return the entries of the index for the cards of a kind. */
function entriesOf(kind) {
  const { index } = state;
  if (kind === "hparams") return index.hparams?.length ? [{ tag: "Hyperparameters and metrics", series: index.hparams }] : [];
  if (kind === "others") return index.others?.length ? [{ tag: "Not drawn on this page", series: index.others }] : [];
  return index[kind] ?? [];
}

const isSearched = (entry) => [entry.tag, entry.display_name ?? ""].some((text) => matches(text, state.tagQuery));
const isLarge = (kind) => entriesOf(kind).length > MOST_CARDS;

/** Return the entries that get cards: all, or the first that match the search if there are many. */
function chosenEntries(kind) {
  leftOut.delete(kind);
  if (!isLarge(kind)) return entriesOf(kind);
  const found = entriesOf(kind).filter(isSearched);
  const chosen = found.slice(0, limits.get(kind) ?? MOST_CARDS);
  leftOut.set(kind, found.length - chosen.length);
  return chosen;
}

/** Make the sections and the missing cards, and remove the cards that have no entry any more. */
function renderCards() {
  const wanted = new Set();
  const sections = [];
  for (const [kind, title, Type] of SECTIONS) {
    const entries = chosenEntries(kind);
    if (!entries.length) continue;
    const groups = new Map();
    for (const entry of entries) {
      const key = `${kind} ${entry.tag}`;
      wanted.add(key);
      if (cards.has(key)) cards.get(key).update(entry);
      else cards.set(key, new Type(kind, entry));
      const group = entries.length >= GROUPED_FROM ? groupOf(entry.tag) : "";
      groups.set(group, [...(groups.get(group) ?? []), cards.get(key).element]);
    }
    sections.push(makeSection(kind, title, groups));
  }
  for (const [key, card] of cards) {
    if (wanted.has(key)) continue;
    sight.unobserve(card.element);
    cards.delete(key);
  }
  byId("cards").replaceChildren(...sections);
}

const groupOf = (tag) => (tag.includes("/") ? tag.slice(0, tag.indexOf("/")) : "");

function makeSection(kind, title, groups) {
  const made = [...groups].map(([name, elements]) => {
    const grid = element("div", { className: `cards of-${kind}` }, ...elements);
    if (groups.size < 2) return element("div", { className: "group" }, grid);
    const summary = element("summary", {}, name || "other", element("span", { className: "muted" }, ` ${elements.length}`));
    return element("details", { className: "group", open: true }, summary, grid);
  });
  const left = leftOut.get(kind) ?? 0;
  if (left) {
    const text = `Show ${formatCount(Math.min(left, MOST_CARDS))} more of ${formatCount(left)}`;
    made.push(element("button", { className: "more", onclick: () => showMore(kind) }, text));
  }
  return element("section", { id: `section-${kind}` }, element("h2", {}, title), ...made);
}

function showMore(kind) {
  limits.set(kind, (limits.get(kind) ?? MOST_CARDS) + MOST_CARDS);
  renderCards();
  filterCards();
}

// Search, runs and settings.

/** Show the cards whose tags match the search, and count them. */
function filterCards() {
  let any = false;
  const links = [];
  for (const [kind, title] of SECTIONS) {
    const section = byId(`section-${kind}`);
    if (!section) continue;
    let count = 0;
    for (const group of section.querySelectorAll(".group")) {
      const shown = [...group.querySelectorAll(".card")].filter(({ card }) => {
        card.element.hidden = !isSearched(card.entry);
        return !card.element.hidden;
      });
      group.hidden = !shown.length;
      count += shown.length;
    }
    section.hidden = !count;
    any ||= count > 0;
    const single = kind === "hparams" || kind === "others";
    const number = single ? [] : [element("span", { className: "count" }, formatCount(count + (leftOut.get(kind) ?? 0)))];
    if (count) links.push(element("a", { href: `#section-${kind}` }, title, ...number));
  }
  byId("sections").replaceChildren(...links);
  const nothing = byId("nothing");
  nothing.hidden = any;
  nothing.textContent = state.tagQuery ? `No tag has “${state.tagQuery}” in its name.` : "There is nothing logged yet.";
}

function refreshCards() {
  for (const card of cards.values()) card.refresh();
}

function renderRuns() {
  const rows = state.index.runs.map((name, number) => {
    const box = element("input", {
      type: "checkbox", checked: !state.hidden.has(name),
      onchange: () => {
        if (box.checked) state.hidden.delete(name);
        else state.hidden.add(name);
        changedRuns();
      },
    });
    return element("li", { hidden: !matches(name, state.runQuery) }, element("label", {}, box, runLabel(number)));
  });
  byId("runs").replaceChildren(...rows);
  countRuns();
}

function countRuns() {
  const all = state.index.runs.length;
  const shown = state.index.runs.filter((_, number) => isShown(number)).length;
  byId("runs-count").textContent = shown === all ? formatCount(all) : `${formatCount(shown)} of ${formatCount(all)}`;
}

function changedRuns() {
  countRuns();
  refreshCards();
}

function switchAll(on) {
  for (const name of state.index.runs) {
    if (!matches(name, state.runQuery)) continue;
    if (on) state.hidden.delete(name);
    else state.hidden.add(name);
  }
  renderRuns();
  refreshCards();
}

function renderNotices() {
  const { index } = state;
  const left = Object.entries(index.shown ?? {}).filter(([, [shown, count]]) => shown < count);
  const notices = [];
  if (left.length) {
    const parts = left.map(([kind, [shown, count]]) =>
      `${formatCount(shown)} of ${formatCount(count)} ${kind === "scalar" ? "points of scalars" : `values of kind ${kind.replace("_", " ")}`}`);
    notices.push(element("p", { className: "notice" },
      `Not everything is on this page. It has ${parts.join(", ")}, chosen evenly over the steps.`));
  }
  const damage = [...(index.damage ?? [])];
  if (damage.length) {
    notices.push(element("details", { className: "notice warning" },
      element("summary", {}, `${damage.length} places in the files cannot be read`),
      element("ul", {}, ...damage.map((text) => element("li", {}, text)))));
  }
  byId("notices").replaceChildren(...notices);
}

function connectControls() {
  const on = (id, event, call) => byId(id).addEventListener(event, call);
  on("tag-query", "input", () => {
    state.tagQuery = byId("tag-query").value.trim();
    if (SECTIONS.some(([kind]) => isLarge(kind))) renderCards();
    filterCards();
  });
  on("run-query", "input", () => {
    state.runQuery = byId("run-query").value.trim();
    [...byId("runs").children].forEach((row, number) => (row.hidden = !matches(nameOfRun(number), state.runQuery)));
    changedRuns();
  });
  on("all-runs", "click", () => switchAll(true));
  on("no-runs", "click", () => switchAll(false));
  on("smoothing", "input", () => {
    state.smoothing = +byId("smoothing").value;
    byId("smoothing-value").textContent = state.smoothing ? state.smoothing.toFixed(2) : "off";
    refreshKind("scalar", "chart");
  });
  on("axis", "change", () => {
    state.axis = byId("axis").value;
    for (const card of cards.values()) if (card instanceof ScalarCard) card.setZoom(null);
  });
  on("size", "input", () => {
    byId("size-value").textContent = `${byId("size").value} px`;
    document.documentElement.style.setProperty("--picture", `${byId("size").value}px`);
  });
  on("theme", "click", () => {
    const root = document.documentElement;
    const dark = matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = (root.dataset.theme ?? (dark ? "dark" : "light")) === "dark" ? "light" : "dark";
    refreshCards();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", refreshCards);
  addEventListener("scroll", hideTooltip, { passive: true });
  addEventListener("resize", () => byId("viewer").open && applyZoom());
  if (matchMedia("(max-width: 800px)").matches) {
    byId("size").value = 144; // so that a phone shows two pictures side by side
    for (const box of [byId("runs-box"), byId("settings")]) box.open = false;
  }
  for (const id of ["smoothing", "size"]) byId(id).dispatchEvent(new Event("input"));
}

function refreshKind(...kinds) {
  for (const card of cards.values()) if (kinds.includes(card.kind)) card.refresh();
}

// Data.

function take(index) {
  const runsChanged = JSON.stringify(index.runs) !== JSON.stringify(state.index.runs);
  state.index = index;
  document.title = index.title;
  byId("title").textContent = index.title;
  index.runs.forEach(colourOf); // the order of the names decides the colours
  if (runsChanged) renderRuns();
  renderNotices();
  renderCards();
  filterCards();
  if (runsChanged) refreshCards();
}

let etag = "";

async function poll() {
  try {
    const answer = document.hidden ? null : await fetch("index.json", { headers: etag ? { "If-None-Match": etag } : {}, cache: "no-store" });
    if (answer?.status === 200) {
      etag = answer.headers.get("ETag");
      take(await answer.json());
    }
    if (answer) document.body.classList.toggle("stale", answer.status !== 200 && answer.status !== 304);
  } catch {
    document.body.classList.add("stale"); // no server; the page keeps the loaded data
  }
  setTimeout(poll, MILLISECONDS_BETWEEN);
}

connectControls();
if (LIVE) poll();
else take(JSON.parse(byId("index").textContent));
