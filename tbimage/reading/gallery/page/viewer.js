"use strict";

// Shows a picture in full size, with sharp pixels. A user can compare it with the picture of another
// run or step: side by side, or as the difference of both.

const viewer = {}; // what the viewer shows now

/** Show a picture of a card in full size. */
function openViewer(card, series, step) {
  const dialog = byId("viewer");
  Object.assign(viewer, { card, series, zoom: null, other: null, mode: "beside", gain: 1 });
  viewer.stepper = new Stepper(updateViewer);
  viewer.stepper.atEnd = false;
  viewer.stepper.offer(series.steps);
  viewer.stepper.set(positionAt(series.steps, step));
  dialog.replaceChildren(viewerBar(), element("div", { className: "panes" }), viewerFoot());
  dialog.onkeydown = viewerKey;
  dialog.onclick = (event) => event.target === dialog && dialog.close();
  dialog.onclose = hideTooltip;
  dialog.showModal();
  updateViewer();
}

function viewerBar() {
  const { card, series } = viewer;
  const choices = otherSeries().map(([key, text]) => element("option", { value: key }, text));
  viewer.compare = element(
    "select", { title: "Compare with", "aria-label": "Compare with", onchange: () => compareWith(viewer.compare.value) },
    element("option", { value: "" }, "compare with …"), ...choices,
  );
  viewer.modes = element(
    "select", { title: "How to compare", "aria-label": "How to compare", hidden: true, onchange: () => setMode(viewer.modes.value) },
    element("option", { value: "beside" }, "side by side"),
    element("option", { value: "difference" }, "difference"),
    element("option", { value: "difference4" }, "difference × 4"),
    element("option", { value: "difference16" }, "difference × 16"),
  );
  const zooms = [["−", 0.5, "Smaller"], ["+", 2, "Larger"]].map(([text, factor, title]) =>
    element("button", { className: "icon", title, onclick: () => setZoom(currentZoom() * factor) }, text));
  return element(
    "div", { className: "viewer-bar" },
    element("strong", {}, card.entry.tag), runLabel(series.run), viewer.stepper.element, viewer.compare, viewer.modes,
    element("span", { className: "tools" }, ...zooms,
      element("button", { className: "icon", title: "One pixel of the screen for each pixel of the picture", onclick: () => setZoom(1 / devicePixelRatio) }, "1:1"),
      element("button", { className: "icon", title: "Fit into the window", onclick: () => setZoom(null) }, "fit"),
      element("button", { className: "icon", title: "Close", onclick: () => byId("viewer").close() }, "✕")),
  );
}

function viewerFoot() {
  viewer.facts = element("span", {});
  viewer.pixel = element("span", { className: "pixel" });
  return element("div", { className: "viewer-foot muted" }, viewer.facts, viewer.pixel);
}

const titleOf = (series) => nameOfRun(series.run) + (viewer.card.numbered ? ` #${series.sample}` : "");

/** Return what the picture can be compared with: other runs, other places in the batch, steps. */
function otherSeries() {
  const others = viewer.card.series
    .map((series, at) => [`series ${at}`, series])
    .filter(([, series]) => series !== viewer.series && series.assets.length)
    .slice(0, 200)
    .map(([key, series]) => [key, titleOf(series)]);
  if (viewer.series.steps.length > 1) others.push(["first", "the first step"], ["before", "the step before"]);
  return others;
}

function compareWith(key) {
  viewer.other = key || null;
  viewer.modes.hidden = !key;
  updateViewer();
}

function setMode(value) {
  viewer.mode = value.replace(/\d+$/, "");
  viewer.gain = +(/\d+$/.exec(value)?.[0] ?? 1);
  updateViewer();
}

/** Return the other picture: its series, and its position in the series. */
function otherPicture(at) {
  if (viewer.other === "first") return [viewer.series, 0];
  if (viewer.other === "before") return [viewer.series, Math.max(at - 1, 0)];
  const series = viewer.card.series[+viewer.other.split(" ")[1]];
  return [series, positionAt(series.steps, viewer.series.steps[at])];
}

async function updateViewer() {
  const panes = byId("viewer").querySelector(".panes");
  if (!panes) return;
  const turn = (viewer.turn = {}); // after a later call, this one shows nothing
  const at = +viewer.stepper.slider.value;
  const pictures = [[viewer.series, at]];
  if (viewer.other) pictures.push(otherPicture(at));
  try {
    const images = await Promise.all(pictures.map(([series, position]) => loadImage(series.assets[position])));
    if (viewer.turn !== turn) return;
    const titles = pictures.map(([series, position]) => `${titleOf(series)} · step ${formatCount(series.steps[position])}`);
    const [first] = images;
    viewer.facts.textContent = `${first.naturalWidth} × ${first.naturalHeight} pixels · ${formatDate(viewer.series.times[at])}`;
    if (viewer.other && viewer.mode === "difference") panes.replaceChildren(differencePane(images, titles));
    else panes.replaceChildren(...images.map((image, number) => imagePane(image, viewer.other ? titles[number] : "")));
    viewer.size = [first.naturalWidth, first.naturalHeight];
    applyZoom();
  } catch (error) {
    panes.replaceChildren(element("p", { className: "problem" }, error.message));
  }
}

function loadImage(name) {
  const address = name === undefined ? null : addressOf(name);
  if (address === null) return Promise.reject(new Error(problemOf(name)));
  return new Promise((resolve, reject) => {
    const image = element("img", { alt: "" });
    image.onload = () => resolve(image);
    image.onerror = () => reject(new Error("the browser cannot show this picture"));
    image.src = address;
  });
}

/** Return the levels of a picture: red, green, blue and alpha of each pixel, 0 to 255. */
function levelsOf(image) {
  const canvas = element("canvas", { width: image.naturalWidth, height: image.naturalHeight });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0);
  return context.getImageData(0, 0, canvas.width, canvas.height);
}

function imagePane(image, title) {
  const levels = levelsOf(image);
  const tell = (x, y) => {
    const [red, green, blue, alpha] = levels.data.slice((y * levels.width + x) * 4);
    return `(${x}, ${y})  ${red} ${green} ${blue}${alpha < 255 ? ` alpha ${alpha}` : ""}`;
  };
  return pane(image, levels.width, levels.height, tell, title);
}

function differencePane(images, titles) {
  const [a, b] = images.map(levelsOf);
  if (a.width !== b.width || a.height !== b.height) {
    throw new Error(`pictures of ${a.width} × ${a.height} and ${b.width} × ${b.height} pixels cannot be compared`);
  }
  const canvas = element("canvas", { width: a.width, height: a.height });
  const difference = new ImageData(a.width, a.height);
  let [largest, sum, differing] = [0, 0, 0];
  for (let at = 0; at < a.data.length; at += 4) {
    let most = Math.abs(a.data[at + 3] - b.data[at + 3]);
    for (let channel = at; channel < at + 3; channel++) {
      const distance = Math.abs(a.data[channel] - b.data[channel]);
      most = Math.max(most, distance);
      sum += distance;
      difference.data[channel] = distance * viewer.gain; // 255 at most
    }
    difference.data[at + 3] = 255;
    largest = Math.max(largest, most);
    differing += most > 0;
  }
  canvas.getContext("2d").putImageData(difference, 0, 0);
  const count = a.width * a.height;
  viewer.facts.textContent = differing
    ? `${formatCount(differing)} of ${formatCount(count)} pixels differ, by at most ${largest}, on average by ${formatNumber(sum / count / 3)}`
    : "the pictures are equal";
  const tell = (x, y) => {
    const at = (y * a.width + x) * 4;
    return `(${x}, ${y})  ${a.data.slice(at, at + 3).join(" ")} against ${b.data.slice(at, at + 3).join(" ")}`;
  };
  return pane(canvas, a.width, a.height, tell, `${titles[0]} against ${titles[1]}`);
}

function pane(shown, width, height, tell, title) {
  shown.classList.add("crisp");
  shown.onpointermove = (event) => {
    const box = shown.getBoundingClientRect();
    const x = Math.floor(((event.clientX - box.left) / box.width) * width);
    const y = Math.floor(((event.clientY - box.top) / box.height) * height);
    if (x >= 0 && y >= 0 && x < width && y < height) viewer.pixel.textContent = tell(x, y);
  };
  shown.onpointerleave = () => (viewer.pixel.textContent = "");
  const caption = title ? [element("figcaption", {}, title)] : [];
  return element("figure", {}, element("div", { className: "scroll" }, shown), ...caption);
}

// Zoom: how many pixels of the page one pixel of the picture takes. Null: the picture fits into the
// window.

function fittingZoom() {
  const panes = byId("viewer").querySelector(".panes");
  const below = getComputedStyle(panes).flexDirection === "column";
  const count = panes.children.length;
  const [width, height] = viewer.size;
  const room = [
    (panes.clientWidth - 24) / (below ? 1 : count) - 12,
    (panes.clientHeight - 24) / (below ? count : 1) - (viewer.other ? 36 : 0),
  ];
  const zoom = Math.max(Math.min(room[0] / width, room[1] / height), 0.01);
  return zoom > 1 ? Math.floor(zoom) : zoom; // with a whole number, all pixels have the same size
}

const currentZoom = () => viewer.zoom ?? fittingZoom();

function setZoom(zoom) {
  viewer.zoom = zoom && Math.min(Math.max(zoom, 1 / 16), 64);
  applyZoom();
}

function applyZoom() {
  if (!viewer.size) return;
  const zoom = currentZoom();
  for (const shown of byId("viewer").querySelectorAll(".crisp")) {
    const width = shown.naturalWidth ?? shown.width;
    shown.style.width = `${width * zoom}px`;
    shown.classList.toggle("enlarged", zoom * devicePixelRatio > 1);
  }
}

function viewerKey(event) {
  const moves = { ArrowLeft: -1, ArrowRight: 1 };
  const zooms = { "+": 2, "=": 2, "-": 0.5 };
  const inControl = event.target.matches("input, select");
  if (event.key in moves && !inControl) viewer.stepper.set(+viewer.stepper.slider.value + moves[event.key]);
  else if (event.key in zooms && !inControl) setZoom(currentZoom() * zooms[event.key]);
  else if (event.key === "0" && !inControl) setZoom(null);
}
