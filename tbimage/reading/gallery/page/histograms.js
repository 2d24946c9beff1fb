"use strict";

// Histograms over steps: one ridge for each step, the newest in front.

const RIDGES = 40; // at most; more ridges would hide each other
const BINS = 80;
const FIRST_HISTOGRAMS = 6;

/** Convert buckets to densities in bins of equal width. */
function densities(buckets, low, high) {
  const bins = new Float64Array(BINS);
  const width = (high - low) / BINS || 1;
  for (const [left, right, count] of buckets) {
    if (right <= left) {
      bins[Math.min(Math.max(Math.floor((left - low) / width), 0), BINS - 1)] += count / width;
      continue;
    }
    const first = Math.max(Math.floor((left - low) / width), 0);
    const last = Math.min(Math.ceil((right - low) / width), BINS);
    for (let at = first; at < last; at++) {
      const overlap = Math.min(right, low + (at + 1) * width) - Math.max(left, low + at * width);
      if (overlap > 0) bins[at] += (count * overlap) / (right - left) / width;
    }
  }
  return bins;
}

class HistogramCard extends Card {
  constructor(kind, entry) {
    super(kind, entry);
    this.most = FIRST_HISTOGRAMS;
    this.body.className += " histograms";
    new ResizeObserver(() => this.refresh()).observe(this.body);
  }

  async draw() {
    const series = this.series;
    const shown = series.slice(0, this.most);
    const assets = await Promise.all(shown.map((each) => loadJson(each.asset)));
    this.note.textContent = sampled(
      series.reduce((sum, each) => sum + each.steps.length, 0),
      series.reduce((sum, each) => sum + each.count, 0), "histograms",
    );
    const more = () => {
      this.most += FIRST_HISTOGRAMS;
      this.refresh();
    };
    const make = (each, at) => this.makePlot(each, assets[at]);
    this.body.replaceChildren(...withMore(series, this.most, make, more));
    this.element.classList.toggle("empty", !series.length);
    for (const canvas of this.body.querySelectorAll("canvas")) canvas.paint();
  }

  makePlot(series, asset) {
    const rows = asset.map((row) => (row.problem ? [] : row));
    const canvas = element("canvas", {});
    const every = Math.max(Math.ceil(rows.length / RIDGES), 1);
    const kept = rows.map((_, at) => at).filter((at) => (rows.length - 1 - at) % every === 0);
    const filled = kept.flatMap((at) => rows[at]).filter((bucket) => bucket[2] > 0);
    const low = filled.reduce((least, bucket) => Math.min(least, bucket[0]), Infinity);
    const high = filled.reduce((most, bucket) => Math.max(most, bucket[1]), -Infinity);
    const domain = padded([low, high], 0.02);
    const ridges = kept.map((at) => ({ step: series.steps[at], bins: densities(rows[at], ...domain), buckets: rows[at] }));
    canvas.paint = (chosen) => paintRidges(canvas, ridges, domain, colourOf(nameOfRun(series.run)), chosen);
    canvas.onpointermove = (event) => hoverRidges(event, canvas, ridges);
    canvas.onpointerleave = () => {
      hideTooltip();
      canvas.paint();
    };
    return element("figure", {}, canvas, element("figcaption", {}, runLabel(series.run)));
  }
}

function paintRidges(canvas, ridges, domain, colour, chosen) {
  const width = canvas.parentElement.clientWidth;
  const height = 240;
  if (!width) return;
  const context = prepareCanvas(canvas, width, height);
  const bottom = height - MARGIN.bottom;
  const top = 70; // of the baseline of the ridge at the back
  const x = makeScale(domain, [12, width - MARGIN.left]);
  const rise = (bottom - top) / Math.max(ridges.length - 1, 1);
  const highest = Math.max(...ridges.map((ridge) => Math.max(...ridge.bins)), 1e-300);
  canvas.places = ridges.map((_, at) => (ridges.length > 1 ? top + at * rise : bottom));
  context.fillStyle = themeColour("--muted");
  context.textAlign = "center";
  context.textBaseline = "top";
  for (const tick of ticksBetween(...domain, width / 90)) context.fillText(formatNumber(tick), x(tick), bottom + 8);
  const back = themeColour("--card");
  ridges.forEach((ridge, at) => {
    const base = canvas.places[at];
    const step = (domain[1] - domain[0]) / BINS;
    context.beginPath();
    context.moveTo(x(domain[0]), base);
    ridge.bins.forEach((each, bin) => context.lineTo(x(domain[0] + (bin + 0.5) * step), base - (each / highest) * 62));
    context.lineTo(x(domain[1]), base);
    context.globalAlpha = 1;
    context.fillStyle = back;
    context.fill();
    context.globalAlpha = ridge === chosen ? 0.9 : 0.18 + (0.5 * (at + 1)) / ridges.length;
    context.fillStyle = colour;
    context.fill();
    context.globalAlpha = 1;
    context.strokeStyle = ridge === chosen ? themeColour("--text") : back;
    context.lineWidth = ridge === chosen ? 1.5 : 0.75;
    context.stroke();
  });
  paintSteps(context, canvas.places, ridges, width);
}

/** Write the steps of some ridges beside them. */
function paintSteps(context, places, ridges, width) {
  context.fillStyle = themeColour("--muted");
  context.textAlign = "left";
  context.textBaseline = "alphabetic";
  let last = Infinity;
  for (let at = ridges.length - 1; at >= 0; at--) {
    if (last - places[at] < 14) continue;
    context.fillText(formatStep(ridges[at].step), width - MARGIN.left + 6, places[at] + 3);
    last = places[at];
  }
}

function hoverRidges(event, canvas, ridges) {
  const top = event.clientY - canvas.getBoundingClientRect().top;
  if (!canvas.places?.length) return;
  const distances = canvas.places.map((place) => Math.abs(place - 6 - top));
  const ridge = ridges[distances.indexOf(Math.min(...distances))];
  canvas.paint(ridge);
  const filled = ridge.buckets.filter((bucket) => bucket[2] > 0);
  const total = filled.reduce((sum, bucket) => sum + bucket[2], 0);
  const range = filled.length ? `${formatNumber(filled[0][0])} to ${formatNumber(filled.at(-1)[1])}` : "empty";
  showTooltip(event, element("p", {}, `step ${formatCount(ridge.step)}`), element("p", {}, `${formatNumber(total)} values, ${range}`));
}
