"use strict";

// Charts of scalars, with the lines of all runs.

const CHART_HEIGHT = 230;
const MOST_TOLD = 10; // this number of runs is in a tooltip at most

/**
 * Smooth values by an exponential moving average, as TensorBoard does. The average is corrected, so
 * that it does not begin at zero.
 */
function smooth(values, weight) {
  if (weight <= 0) return values;
  const smoothed = new Float64Array(values.length);
  let last = 0;
  let decay = 1;
  for (let at = 0; at < values.length; at++) {
    if (!Number.isFinite(values[at])) {
      smoothed[at] = values[at];
      continue;
    }
    last = last * weight + (1 - weight) * values[at];
    decay *= weight;
    smoothed[at] = last / (1 - decay);
  }
  return smoothed;
}

class ScalarCard extends Card {
  constructor(kind, entry) {
    super(kind, entry);
    this.logarithmic = false;
    this.zoom = null; // lowest and highest number of the horizontal axis
    this.canvas = element("canvas", {
      onpointermove: (event) => this.hover(event),
      onpointerleave: () => this.leave(),
      onpointerdown: (event) => this.press(event),
      onpointerup: (event) => this.release(event),
      ondblclick: () => this.setZoom(null),
    });
    this.marker = element("div", { className: "marker", hidden: true });
    this.overlay = element("canvas", { className: "overlay" }); // the line under the pointer
    this.body.append(this.canvas, this.overlay, this.marker);
    this.tools.append(
      element("button", {
        className: "icon", title: "Logarithmic scale", onclick: (event) => this.toggleLog(event.target),
      }, "log"),
      element("button", { className: "icon", title: "Larger or smaller", onclick: () => this.toggleSize() }, "⤢"),
    );
    this.reset = element("button", {
      className: "icon", title: "Show all steps", hidden: true, onclick: () => this.setZoom(null),
    }, "↺");
    this.tools.prepend(this.reset);
    new ResizeObserver(() => this.refresh()).observe(this.body);
  }

  toggleLog(button) {
    this.logarithmic = !this.logarithmic;
    button.classList.toggle("on", this.logarithmic);
    this.refresh();
  }

  toggleSize() {
    this.element.classList.toggle("wide");
    this.refresh();
  }

  setZoom(zoom) {
    this.zoom = zoom;
    this.reset.hidden = zoom === null;
    this.refresh();
  }

  async draw() {
    this.lines = await this.loadLines();
    const count = (name) => this.entry.series.reduce((sum, each) => sum + each[name], 0);
    this.note.textContent = sampled(count("shown"), count("count"), "points");
    this.shown = this.lines.filter((line) => isShown(line.run)).map((line) => ({
      ...line,
      xs: this.horizontal(line),
      smoothed: smooth(line.values, state.smoothing),
    }));
    this.element.classList.toggle("empty", !this.shown.length);
    this.paint();
  }

  async loadLines() {
    const asset = await loadJson(this.entry.series[0].asset);
    return asset === this.asset ? this.lines : readLines((this.asset = asset));
  }

  /** Return the colour and the dashes of a line. */
  styleOf(line) {
    return { colour: colourOf(nameOfRun(line.run)), dash: [] };
  }

  labelOf(line) {
    return runLabel(line.run);
  }

  horizontal(line) {
    if (state.axis === "step") return line.steps;
    const offset = state.axis === "wall" ? line.start : 0;
    return Float64Array.from(line.times, (time) => time + offset);
  }

  paint() {
    const width = this.body.clientWidth;
    const height = this.element.classList.contains("wide") ? CHART_HEIGHT * 1.8 : CHART_HEIGHT;
    if (!width) return;
    const context = prepareCanvas(this.canvas, width, height);
    const xDomain = this.zoom ?? padded(this.range((line) => line.xs), 0);
    this.x = makeScale(xDomain, [MARGIN.left, width - MARGIN.right]);
    const within = this.range((line) => line.smoothed, xDomain);
    const raw = this.range((line) => line.values, xDomain);
    const both = [Math.min(within[0], raw[0]), Math.max(within[1], raw[1])];
    const yDomain = padded(both, 0.06, this.logarithmic);
    this.y = makeScale(yDomain, [height - MARGIN.bottom, MARGIN.top], this.logarithmic);
    drawAxes(context, this.x, this.y, { width, height }, AXES[state.axis], this.logarithmic);
    this.clip(context, width, height);
    this.size = [width, height];
    this.highlight(null);
    for (const line of this.shown) this.paintLine(context, line, height);
  }

  paintLine(context, line, height) {
    const { colour, dash } = this.styleOf(line);
    context.strokeStyle = context.fillStyle = colour;
    context.setLineDash(dash);
    if (line.smoothed !== line.values && this.shown.length <= 50) {
      context.globalAlpha = 0.35;
      context.lineWidth = 1;
      traceLine(context, line.xs, line.values, this.x, this.y);
    }
    context.globalAlpha = this.shown.length > 50 ? 0.5 : 1;
    context.lineWidth = this.shown.length > 50 ? 1 : 1.75;
    traceLine(context, line.xs, line.smoothed, this.x, this.y);
    context.setLineDash([]);
    context.globalAlpha = 1;
    line.values.forEach((value, at) => {
      const lonely = line.values.length === 1 && Number.isFinite(value);
      if (lonely) paintDot(context, this.x(line.xs[at]), this.y(value));
      else if (!Number.isFinite(value)) this.paintTriangle(context, this.x(line.xs[at]), height);
    });
  }

  /** Allow drawing only within the axes. */
  clip(context, width, height) {
    context.beginPath();
    context.rect(MARGIN.left - 2, 0, width - MARGIN.left - MARGIN.right + 4, height - MARGIN.bottom + 1);
    context.clip();
    context.lineJoin = "round";
  }

  /** Draw one line again, thicker than the others. Null: draw none. */
  highlight(line) {
    const context = prepareCanvas(this.overlay, ...this.size);
    if (line === null) return;
    this.clip(context, ...this.size);
    for (const [colour, width] of [[themeColour("--card"), 5], [this.styleOf(line).colour, 2.5]]) {
      context.strokeStyle = colour;
      context.lineWidth = width;
      traceLine(context, line.xs, line.smoothed, this.x, this.y);
    }
  }

  /** Draw a triangle at the bottom for a number that is not finite. */
  paintTriangle(context, x, height) {
    const bottom = height - MARGIN.bottom;
    context.beginPath();
    context.moveTo(x - 4, bottom);
    context.lineTo(x + 4, bottom);
    context.lineTo(x, bottom - 7);
    context.fill();
  }

  /** Return the lowest and the highest finite number of a column, only for points in a domain. */
  range(column, domain) {
    return this.rangeOf(this.shown, column, domain);
  }

  rangeOf(lines, column, domain = [-Infinity, Infinity]) {
    let [low, high] = [Infinity, -Infinity];
    for (const line of lines) {
      const values = column(line);
      for (let at = 0; at < values.length; at++) {
        const value = values[at];
        if (line.xs[at] < domain[0] || line.xs[at] > domain[1]) continue;
        const isDrawn = values === line.xs || !this.logarithmic || value > 0;
        if (!Number.isFinite(value) || !isDrawn) continue;
        if (value < low) low = value;
        if (value > high) high = value;
      }
    }
    return [low, high];
  }

  // The pointer shows the values of all runs. It also chooses a part of the axis to zoom into.

  hover(event) {
    if (!this.x || !this.shown?.length) return;
    const box = this.canvas.getBoundingClientRect();
    const [left, top] = [event.clientX - box.left, event.clientY - box.top];
    if (this.pressed !== undefined) this.mark(Math.min(this.pressed, left), Math.abs(left - this.pressed));
    const wanted = this.x.inverse(left);
    const found = this.shown
      .filter((line) => line.xs.length)
      .map((line) => ({ line, at: nearest(line.xs, wanted) }))
      .map((each) => ({ ...each, distance: Math.abs(this.y(each.line.smoothed[each.at]) - top) }))
      .sort((a, b) => (a.distance || 0) - (b.distance || 0));
    if (!found.length) return;
    const first = found[0];
    this.highlight(found.length > 1 && first.distance < 60 ? first.line : null);
    if (this.pressed === undefined) this.mark(this.x(first.line.xs[first.at]), 1);
    showTooltip(event, this.tell(found));
  }

  tell(found) {
    const smoothing = state.smoothing > 0;
    const rows = found.slice(0, MOST_TOLD).map(({ line, at }) => {
      const cells = [
        formatNumber(line.smoothed[at]),
        ...(smoothing ? [formatNumber(line.values[at])] : []),
        String(line.steps[at]),
        formatDuration(line.times[at]),
      ];
      return element("tr", {}, element("td", {}, this.labelOf(line)), ...cells.map((cell) => element("td", {}, cell)));
    });
    const titles = ["", "value", ...(smoothing ? ["raw"] : []), "step", "time"];
    if (smoothing) titles[1] = "smoothed";
    const head = element("tr", {}, ...titles.map((title) => element("th", {}, title)));
    const table = element("table", {}, head, ...rows);
    const rest = found.length - rows.length;
    if (rest > 0) table.append(element("caption", {}, `and ${rest} more runs`));
    return table;
  }

  mark(left, width) {
    this.marker.hidden = false;
    this.marker.style.left = `${left}px`;
    this.marker.style.width = `${width}px`;
    this.marker.classList.toggle("range", width > 1);
  }

  leave() {
    this.marker.hidden = true;
    this.pressed = undefined;
    if (this.size) this.highlight(null);
    hideTooltip();
  }

  press(event) {
    if (event.pointerType === "mouse") this.pressed = event.clientX - this.canvas.getBoundingClientRect().left;
  }

  release(event) {
    if (this.pressed === undefined) return;
    const ends = [this.pressed, event.clientX - this.canvas.getBoundingClientRect().left].sort((a, b) => a - b);
    this.pressed = undefined;
    this.marker.hidden = true;
    if (ends[1] - ends[0] > 6) this.setZoom(ends.map((pixel) => this.x.inverse(pixel)));
  }
}

function paintDot(context, x, y) {
  context.beginPath();
  context.arc(x, y, 3, 0, 7);
  context.fill();
}

/** Return the lines of an asset with their numbers. */
function readLines(asset) {
  const steps = asset.steps.map((text) => numbersOf(text, Float64Array));
  return asset.lines.map((line) => ({
    run: line.run,
    start: line.start,
    steps: steps[line.steps],
    times: numbersOf(line.times, Float32Array),
    values: numbersOf(line.values, line.double ? Float64Array : Float32Array),
  }));
}

/** Return the position of the number nearest to `wanted`. The numbers must be sorted. */
function nearest(numbers, wanted) {
  let [low, high] = [0, numbers.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (numbers[middle] < wanted) low = middle + 1;
    else high = middle;
  }
  return low > 0 && wanted - numbers[low - 1] < numbers[low] - wanted ? low - 1 : low;
}
