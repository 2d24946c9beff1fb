"use strict";

// Texts, hyperparameters, and tags that the page does not draw.

class TextCard extends Card {
  constructor(kind, entry) {
    super(kind, entry);
    this.rows = [];
    this.stepper = new Stepper(() => this.showStep());
    this.tools.append(this.stepper.element);
  }

  async draw() {
    const series = this.series;
    this.stepper.offer(stepsOf(series));
    this.note.textContent = sampled(
      series.reduce((sum, each) => sum + each.steps.length, 0),
      series.reduce((sum, each) => sum + each.count, 0), "texts",
    );
    const shown = series.slice(0, 50);
    const assets = await Promise.all(shown.map((each) => loadJson(each.asset)));
    this.rows = shown.map((each, at) => ({ series: each, texts: assets[at] }));
    this.element.classList.toggle("empty", !series.length);
    this.showStep();
  }

  showStep() {
    this.body.replaceChildren(...this.rows.map(({ series, texts }) => {
      const at = positionAt(series.steps, this.stepper.step);
      const when = element("span", { className: "muted" }, `step ${formatCount(series.steps[at])} · ${formatDate(series.times[at])}`);
      const content = element("div", { className: "markdown" }, textOf(texts[at]));
      return element("section", {}, runLabel(series.run, when), content);
    }));
  }
}

/** Show a text as Markdown, and an array of strings as a table. */
function textOf(text) {
  if (typeof text === "string") return markdown(text);
  if (text.problem) return element("p", { className: "problem" }, text.problem);
  const row = (cells) => element("tr", {}, ...cells.map((cell) => element("td", {}, markdown(cell))));
  return element("table", {}, ...text.map(row));
}

/** A table of all runs with hyperparameters. A click on the title of a column sorts the runs. */
class HParamsCard extends Card {
  constructor(kind, entry) {
    super(kind, entry);
    this.sorted = { column: "run", falling: false };
  }

  draw() {
    const rows = this.entry.series.filter((row) => isShown(row.run));
    const names = (key) => [...new Set(this.entry.series.flatMap((row) => Object.keys(row[key])))];
    const columns = [
      { title: "run", get: (row) => nameOfRun(row.run) },
      ...names("values").map((name) => ({ title: name, get: (row) => row.values[name] })),
      ...names("metrics").map((name) => ({ title: name, get: (row) => row.metrics[name], metric: true })),
    ];
    const sorting = columns.find((column) => column.title === this.sorted.column) ?? columns[0];
    rows.sort((a, b) => compareCells(sorting.get(a), sorting.get(b)) * (this.sorted.falling ? -1 : 1));
    const head = element("tr", {}, ...columns.map((column) => this.headOf(column)));
    const body = rows.slice(0, 2000).map((row) => element(
      "tr", {},
      ...columns.map((column, at) => element(
        "td", { className: typeof column.get(row) === "number" ? "number" : "" },
        at ? cellText(column.get(row)) : runLabel(row.run),
      )),
    ));
    this.body.replaceChildren(element("div", { className: "scroll" },
      element("table", {}, element("thead", {}, head), element("tbody", {}, ...body))));
    this.element.classList.toggle("empty", !rows.length);
  }

  headOf(column) {
    const on = column.title === this.sorted.column;
    const sort = () => {
      this.sorted = { column: column.title, falling: on && !this.sorted.falling };
      this.refresh();
    };
    const arrow = on ? (this.sorted.falling ? " ↓" : " ↑") : "";
    const order = on ? (this.sorted.falling ? "descending" : "ascending") : "none";
    return element("th", { "aria-sort": order, className: column.metric ? "metric" : "" },
      element("button", { className: "link", title: "Sort", onclick: sort }, column.title + arrow));
  }
}

function compareCells(a, b) {
  if (a === undefined || b === undefined) return (a === undefined) - (b === undefined);
  if (typeof a === "number" && typeof b === "number") return a - b;
  return String(a).localeCompare(String(b), undefined, { numeric: true });
}

const cellText = (value) => (value === undefined ? "" : typeof value === "number" ? formatNumber(value) : String(value));

/** The tags that the page lists, but does not draw. */
class OtherCard extends Card {
  draw() {
    const rows = this.entry.series.map((tag) => element(
      "tr", {},
      ...[tag.tag, tag.plugin || tag.kind, `${formatCount(tag.runs.length)} ${tag.runs.length === 1 ? "run" : "runs"}`].map((cell) => element("td", {}, cell)),
    ));
    this.body.replaceChildren(element("div", { className: "scroll" }, element("table", {}, ...rows)));
  }
}
