"use strict";

// Draws axes and lines on a canvas.

const MARGIN = { left: 56, right: 12, top: 8, bottom: 26 };

/** Return a colour of the style sheet. */
const themeColour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** Prepare a canvas for the resolution of the screen; return its drawing context. */
function prepareCanvas(canvas, width, height) {
  const scale = devicePixelRatio || 1;
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  canvas.style.height = `${height}px`;
  // The processor draws, because an emulated graphics card needs seconds for a thousand lines.
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.scale(scale, scale);
  context.font = "11px system-ui, sans-serif";
  return context;
}

/** Return about `count` round numbers between two numbers. */
function ticksBetween(low, high, count) {
  const rough = (high - low) / Math.max(count, 1);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((each) => each * power).find((each) => each >= rough);
  const ticks = [];
  if (!(step > 0) || !Number.isFinite(step)) return ticks;
  for (let at = Math.ceil(low / step - 1e-9); at * step <= high + step * 1e-9; at++) {
    ticks.push(at * step);
    if (ticks.length > 100) break;
  }
  return ticks;
}

/** Return powers of ten between two numbers, or round numbers if there are too few powers. */
function logTicks(low, high) {
  const ticks = [];
  const from = Math.ceil(Math.log10(low) - 1e-9);
  const to = Math.floor(Math.log10(high) + 1e-9);
  const every = Math.max(1, Math.ceil((to - from) / 6));
  for (let at = from; at <= to; at += every) ticks.push(10 ** at);
  return ticks.length > 1 ? ticks : ticksBetween(low, high, 4).filter((each) => each > 0);
}

/**
 * Make a function `scale(value)` that maps numbers to pixels. `scale.inverse(pixel)` maps pixels to
 * numbers.
 */
function makeScale(domain, range, logarithmic = false) {
  const warp = logarithmic ? Math.log10 : (value) => value;
  const [low, high] = domain.map(warp);
  const factor = (range[1] - range[0]) / (high - low || 1);
  const scale = (value) => range[0] + (warp(value) - low) * factor;
  scale.inverse = (pixel) => {
    const value = (pixel - range[0]) / factor + low;
    return logarithmic ? 10 ** value : value;
  };
  scale.domain = domain;
  return scale;
}

/** Add a part of a range to both its sides, so that no line is drawn on an edge. */
function padded(range, part, logarithmic = false) {
  return widened(range, part, logarithmic).map((each) => Math.max(Math.min(each, LARGEST), -LARGEST));
}

const LARGEST = 8e307; // so that the difference of two numbers is finite, too

function widened([low, high], part, logarithmic) {
  if (!(low <= high)) return [0, 1];
  if (logarithmic) {
    const factor = (high / low) ** part || 1;
    return low === high ? [low / 2, high * 2] : [low / factor, high * factor];
  }
  if (low === high) {
    const around = Math.abs(low) * 0.1 || 1;
    return [low - around, high + around];
  }
  return [low - (high - low) * part, high + (high - low) * part];
}

/** Draw grid lines and the numbers beside them. */
function drawAxes(context, x, y, size, format, logarithmic) {
  const { width, height } = size;
  const bottom = height - MARGIN.bottom;
  context.strokeStyle = themeColour("--grid");
  context.fillStyle = themeColour("--muted");
  context.lineWidth = 1;
  context.textAlign = "right";
  context.textBaseline = "middle";
  const yTicks = logarithmic ? logTicks(...y.domain) : ticksBetween(...y.domain, height / 45);
  for (const tick of yTicks) {
    const at = Math.round(y(tick)) + 0.5;
    line(context, MARGIN.left, at, width - MARGIN.right, at);
    context.fillText(formatNumber(tick), MARGIN.left - 6, at);
  }
  context.textBaseline = "top";
  for (const tick of format.ticks(x.domain, width)) {
    const at = Math.round(x(tick)) + 0.5;
    line(context, at, bottom, at, bottom + 4);
    const text = format.text(tick);
    const half = context.measureText(text).width / 2;
    context.textAlign = at + half > width ? "right" : "center";
    context.fillText(text, Math.min(at, width - 2), bottom + 8);
  }
  if (!format.titles) return;
  context.textAlign = "right";
  context.textBaseline = "bottom";
  context.fillText(format.titles[0], width - MARGIN.right - 2, bottom - 4);
  context.textAlign = "left";
  context.textBaseline = "top";
  context.fillText(format.titles[1], MARGIN.left + 4, MARGIN.top - 6);
}

function line(context, x1, y1, x2, y2) {
  context.beginPath();
  context.moveTo(x1, y1);
  context.lineTo(x2, y2);
  context.stroke();
}

/**
 * Trace a line through points, and break it at numbers that are not finite.
 *
 * If many points are in one column of pixels, only the first, the lowest, the highest and the last
 * of them are traced. This gives the same picture.
 */
function traceLine(context, xs, ys, x, y) {
  context.beginPath();
  let column = NaN;
  let open = false;
  let low, high, last;
  const endColumn = () => {
    if (!open || low === undefined) return;
    context.lineTo(column, low);
    context.lineTo(column, high);
    context.lineTo(column, last);
  };
  for (let at = 0; at < xs.length; at++) {
    const pixel = y(ys[at]);
    const place = Math.round(x(xs[at]) * 2) / 2;
    if (!Number.isFinite(pixel) || !Number.isFinite(place)) {
      endColumn();
      open = false;
      column = NaN;
      continue;
    }
    if (place !== column) {
      endColumn();
      if (open) context.lineTo(place, pixel);
      else context.moveTo(place, pixel);
      [column, low, high, open] = [place, pixel, pixel, true];
    }
    low = Math.min(low, pixel);
    high = Math.max(high, pixel);
    last = pixel;
  }
  endColumn();
  context.stroke();
}

// Horizontal axes: the text of their numbers, and where the numbers are.

const timeSteps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400];

function timeTicks([low, high], width) {
  const rough = (high - low) / Math.max(width / 110, 1);
  const step = timeSteps.find((each) => each >= rough);
  if (rough < 1 || !step) return ticksBetween(low, high, width / 110);
  const ticks = [];
  for (let at = Math.ceil(low / step) * step; at <= high; at += step) ticks.push(at);
  return ticks;
}

const AXES = {
  step: { text: formatStep, ticks: (domain, width) => ticksBetween(...domain, width / 80).filter(Number.isInteger) },
  relative: { text: formatDuration, ticks: timeTicks },
  wall: { text: (tick) => formatDate(tick).slice(5, 16), ticks: timeTicks },
};

function formatStep(step) {
  const size = Math.abs(step);
  if (size >= 1e6) return `${+(step / 1e6).toPrecision(4)}M`;
  return size >= 1e4 ? `${+(step / 1e3).toPrecision(4)}k` : String(step);
}
