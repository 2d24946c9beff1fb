"use strict";

// PR curves at a step, and charts of a layout. A chart shows several tags together.

/** Precision over recall at the chosen step, of all runs. */
class CurveCard extends Card {
  constructor(kind, entry) {
    super(kind, entry);
    this.stepper = new Stepper(() => this.paint());
    this.tools.append(this.stepper.element);
    this.canvas = element("canvas", {
      onpointermove: (event) => this.hover(event),
      onpointerleave: () => {
        hideTooltip();
        this.paint();
      },
    });
    this.problem = element("p", { className: "problem" });
    this.body.append(this.canvas, this.problem);
    new ResizeObserver(() => this.refresh()).observe(this.body);
  }

  async draw() {
    const series = this.series;
    this.stepper.offer(stepsOf(series));
    const assets = await Promise.all(series.map((each) => loadJson(each.asset)));
    this.runs = series.map((each, at) => ({ ...each, curves: assets[at].map(readCurve) }));
    this.note.textContent = sampled(
      series.reduce((sum, each) => sum + each.steps.length, 0),
      series.reduce((sum, each) => sum + each.count, 0), "curves",
    );
    this.element.classList.toggle("empty", !series.length);
    this.paint();
  }

  paint(marked = null) {
    const width = this.body.clientWidth;
    if (!width || !this.runs) return;
    const height = CHART_HEIGHT + 30;
    const context = prepareCanvas(this.canvas, width, height);
    this.x = makeScale([0, 1.02], [MARGIN.left, width - MARGIN.right]);
    this.y = makeScale([-0.02, 1.04], [height - MARGIN.bottom, MARGIN.top]);
    drawAxes(context, this.x, this.y, { width, height }, CURVE_AXIS, false);
    this.current = this.runs.map((run) => {
      const at = positionAt(run.steps, this.stepper.step);
      return { run: run.run, step: run.steps[at], ...run.curves[at] };
    });
    const problems = this.current.filter((each) => each.problem).map((each) => `${nameOfRun(each.run)}: ${each.problem}`);
    this.problem.textContent = problems.join("; ");
    this.problem.hidden = !problems.length;
    context.lineJoin = "round";
    for (const curve of this.current) {
      if (curve.problem) continue;
      context.strokeStyle = context.fillStyle = colourOf(nameOfRun(curve.run));
      context.lineWidth = 1.75;
      traceLine(context, curve.recall, curve.precision, this.x, this.y);
      if (curve.recall.length === 1) paintDot(context, this.x(curve.recall[0]), this.y(curve.precision[0]));
    }
    for (const { curve, at } of marked ?? []) {
      context.fillStyle = colourOf(nameOfRun(curve.run));
      paintDot(context, this.x(curve.recall[at]), this.y(curve.precision[at]));
    }
  }

  /** For each curve, mark the point that is nearest to the pointer, and show its numbers. */
  hover(event) {
    if (!this.current) return;
    const box = this.canvas.getBoundingClientRect();
    const [left, top] = [event.clientX - box.left, event.clientY - box.top];
    const marked = this.current.filter((curve) => !curve.problem).map((curve) => {
      let [best, at] = [Infinity, 0];
      for (let each = 0; each < curve.recall.length; each++) {
        const distance = Math.hypot(this.x(curve.recall[each]) - left, this.y(curve.precision[each]) - top);
        if (distance < best) [best, at] = [distance, each];
      }
      return { curve, at, distance: best };
    }).sort((a, b) => a.distance - b.distance);
    if (!marked.length) return;
    this.paint(marked);
    const titles = ["", "precision", "recall", "threshold", "TP", "FP", "TN", "FN", "step"];
    const rows = marked.slice(0, MOST_TOLD).map(({ curve, at }) => {
      const numbers = [curve.precision, curve.recall, curve.threshold, ...curve.counts].map((row) => formatNumber(row[at]));
      return element("tr", {}, element("td", {}, runLabel(curve.run)),
        ...[...numbers, String(curve.step)].map((cell) => element("td", {}, cell)));
    });
    const head = element("tr", {}, ...titles.map((title) => element("th", {}, title)));
    showTooltip(event, element("table", {}, head, ...rows));
  }
}

const CURVE_AXIS = {
  text: formatNumber,
  ticks: (domain, width) => ticksBetween(0, 1, width / 90),
  titles: ["recall", "precision"],
};

/** Return the rows of a curve by name, or the problem if there are none. */
function readCurve(asset) {
  if (asset.problem) return asset;
  const numbers = numbersOf(asset.rows, Float32Array);
  const row = (at) => numbers.subarray(at * asset.count, (at + 1) * asset.count);
  return { counts: [row(0), row(1), row(2), row(3)], precision: row(4), recall: row(5), threshold: row(6) };
}

const DASHES = [[], [7, 4], [2, 3], [9, 3, 2, 3]];

/**
 * A chart of a layout. It shows several tags of all runs, or values between bounds. If there are
 * several tags, each tag has a colour, and the lines of each run have other dashes.
 */
class ChartCard extends ScalarCard {
  constructor(kind, entry) {
    super(kind, entry);
    this.legend = element("div", { className: "legend" });
    this.body.after(this.legend);
  }

  async loadLines() {
    if (this.entry.problem) throw new Error(this.entry.problem);
    if (!this.entry.lines.length) throw new Error("No scalar has a tag that this chart names, or its expressions are too complex for this page.");
    const { series, lines } = this.entry;
    const loadedLines = await Promise.all(series.map((each) => loadJson(each.asset)));
    const byTag = new Map(series.map((each, at) => [each.tag, readLines(loadedLines[at])]));
    return lines.flatMap(([tag, lower, upper]) => byTag.get(tag).map((line) => {
      const bound = (name) => name !== undefined && byTag.get(name).find((each) => each.run === line.run);
      return { ...line, tag, bounds: [bound(lower), bound(upper)].filter(Boolean) };
    }));
  }

  /** Return one colour for each run if the chart has one tag, or else one colour for each tag. */
  styleOf(line) {
    const tags = this.entry.lines.map((each) => each[0]);
    if (tags.length < 2) return super.styleOf(line);
    const runs = [...new Set(this.shown.map((each) => each.run))];
    return { colour: PALETTE[tags.indexOf(line.tag) % PALETTE.length], dash: DASHES[runs.indexOf(line.run) % DASHES.length] };
  }

  labelOf(line) {
    const { colour } = this.styleOf(line);
    const many = this.entry.lines.length > 1;
    return many ? labelled(colour, `${line.tag} · ${nameOfRun(line.run)}`) : runLabel(line.run);
  }

  paint() {
    super.paint();
    const many = this.entry.lines.length > 1;
    const keys = new Map(this.shown.map((line) => [many ? line.tag : line.run, line]));
    const items = [...keys.values()].map((line) => labelled(this.styleOf(line).colour, many ? line.tag : nameOfRun(line.run)));
    const runs = [...new Map(this.shown.map((line) => [line.run, line])).values()];
    if (many && runs.length > 1) {
      items.push(...runs.map((line) => element("span", { className: "run" }, dashSample(this.styleOf(line).dash), element("span", {}, nameOfRun(line.run)))));
    }
    this.legend.replaceChildren(...items.slice(0, 40));
  }

  paintLine(context, line, height) {
    if (line.bounds.length === 2) this.paintBand(context, line);
    super.paintLine(context, line, height);
  }

  /** Fill the area between the bounds, at the steps that both bounds have. */
  paintBand(context, line) {
    const [lower, upper] = line.bounds;
    const above = new Map([...upper.steps].map((step, at) => [step, upper.values[at]]));
    const points = [...lower.steps].map((step, at) => ({ at, low: lower.values[at], high: above.get(step) }))
      .filter(({ low, high }) => Number.isFinite(low) && Number.isFinite(high));
    const xs = this.horizontal(lower);
    context.beginPath();
    points.forEach(({ at, low }) => context.lineTo(this.x(xs[at]), this.y(low)));
    points.reverse().forEach(({ at, high }) => context.lineTo(this.x(xs[at]), this.y(high)));
    context.closePath();
    context.globalAlpha = 0.18;
    context.fillStyle = this.styleOf(line).colour;
    context.fill();
    context.globalAlpha = 1;
  }

  range(column, domain) {
    const [low, high] = super.range(column, domain);
    if (column(this.shown[0] ?? {}) !== this.shown[0]?.values) return [low, high];
    const all = this.shown.flatMap((line) => line.bounds);
    const bounds = this.rangeOf(all.map((line) => ({ ...line, xs: this.horizontal(line) })), (line) => line.values, domain);
    return [Math.min(low, bounds[0]), Math.max(high, bounds[1])];
  }
}

/** Make a name with a colour. */
function labelled(colour, name) {
  const swatch = element("span", { className: "swatch" });
  swatch.style.background = colour;
  return element("span", { className: "run" }, swatch, element("span", { title: name }, name));
}

/** Draw a short line with the dashes of a run. */
function dashSample(dash) {
  const canvas = element("canvas", { className: "dash" });
  const context = prepareCanvas(canvas, 26, 10);
  context.strokeStyle = themeColour("--muted");
  context.lineWidth = 2;
  context.setLineDash(dash);
  line(context, 0, 5, 26, 5);
  return canvas;
}
