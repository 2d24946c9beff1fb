"use strict";

// Meshes and point clouds. A user can drag them to turn them. All runs of a card turn together.

const MESH_HEIGHT = 260;
const PLAIN = [150, 160, 175]; // the colour of meshes without colours

class MeshCard extends Card {
  constructor(kind, entry) {
    super(kind, entry);
    this.most = 6;
    this.items = [];
    this.angles = { yaw: -0.6, pitch: 0.35 };
    this.stepper = new Stepper(() => this.load());
    this.tools.append(
      element("button", { className: "icon", title: "Turn back", onclick: () => this.turnTo(-0.6, 0.35) }, "↺"),
      this.stepper.element,
    );
    this.grid = element("div", { className: "meshes" });
    this.body.append(this.grid);
    new ResizeObserver(() => this.paint()).observe(this.body);
  }

  async draw() {
    const series = this.series;
    this.stepper.offer(stepsOf(series));
    this.note.textContent = sampled(
      series.reduce((sum, each) => sum + each.steps.length, 0),
      series.reduce((sum, each) => sum + each.count, 0), "meshes",
    );
    this.items = [];
    const more = () => {
      this.most += 6;
      this.refresh();
    };
    this.grid.replaceChildren(...withMore(series, this.most, (each) => this.makeItem(each), more));
    this.element.classList.toggle("empty", !series.length);
    this.element.classList.toggle("broad", series.length > 1);
    await this.load();
  }

  makeItem(series) {
    const canvas = element("canvas", {
      tabIndex: 0, title: "Drag to turn", "aria-label": `${this.entry.tag}, ${nameOfRun(series.run)}`,
      onpointerdown: (event) => canvas.setPointerCapture(event.pointerId),
      onpointermove: (event) => this.drag(event),
      onkeydown: (event) => this.press(event),
    });
    const caption = element("figcaption", {});
    const problem = element("p", { className: "problem", hidden: true });
    this.items.push({ series, canvas, caption, problem });
    return element("figure", {}, canvas, problem, caption);
  }

  /** Load the meshes of the chosen step. */
  async load() {
    const { step } = this.stepper;
    await Promise.all(this.items.map(async (item) => {
      const at = positionAt(item.series.steps, step);
      const name = item.series.assets[at];
      item.mesh = null;
      let about = "";
      try {
        if (name === undefined) throw new Error("left out to keep the page small");
        const mesh = readMesh(await loadJson(name));
        if (this.stepper.step !== step) return; // the user has chosen another step
        item.mesh = mesh;
        about = mesh.about;
        item.problem.hidden = true;
      } catch (error) {
        item.problem.textContent = error.message;
        item.problem.hidden = false;
      }
      item.canvas.hidden = item.mesh === null;
      const when = item.series.steps[at] === step || name === undefined ? "" : `step ${formatCount(item.series.steps[at])} · `;
      item.caption.replaceChildren(runLabel(item.series.run, element("span", { className: "muted" }, when + about)));
    }));
    this.paint();
  }

  drag(event) {
    if (event.buttons !== 1) return;
    this.turnTo(this.angles.yaw + event.movementX * 0.01, this.angles.pitch + event.movementY * 0.01);
  }

  press(event) {
    const turns = { ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, -0.1], ArrowDown: [0, 0.1] };
    const turn = turns[event.key];
    if (!turn) return;
    event.preventDefault();
    this.turnTo(this.angles.yaw + turn[0], this.angles.pitch + turn[1]);
  }

  turnTo(yaw, pitch) {
    this.angles = { yaw, pitch: Math.max(Math.min(pitch, Math.PI / 2), -Math.PI / 2) };
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => this.paint());
  }

  paint() {
    for (const { canvas, mesh, series } of this.items) {
      const width = canvas.parentElement?.clientWidth;
      if (!mesh || !width) continue;
      const context = prepareCanvas(canvas, width, MESH_HEIGHT);
      const turned = turn(mesh, this.angles, width, MESH_HEIGHT);
      if (mesh.triangles) paintTriangles(context, mesh, turned);
      else paintPoints(context, mesh, turned, colourOf(nameOfRun(series.run)));
    }
  }
}

/** Return the numbers of a mesh, its centre and its radius. */
function readMesh(asset) {
  if (asset.problem) throw new Error(asset.problem);
  const places = numbersOf(asset.places, Float32Array);
  const triangles = asset.triangles === undefined ? null : numbersOf(asset.triangles, Uint32Array);
  const colors = asset.colors === undefined ? null : numbersOf(asset.colors, Uint8Array);
  const low = [Infinity, Infinity, Infinity];
  const high = [-Infinity, -Infinity, -Infinity];
  for (let at = 0; at < places.length; at++) {
    if (!Number.isFinite(places[at])) continue;
    low[at % 3] = Math.min(low[at % 3], places[at]);
    high[at % 3] = Math.max(high[at % 3], places[at]);
  }
  const centre = low.map((each, axis) => (each + high[axis]) / 2);
  let farthest = 0;
  for (let at = 0; at < places.length; at += 3) {
    const squares = centre.reduce((sum, each, axis) => sum + (places[at + axis] - each) ** 2, 0);
    if (squares > farthest) farthest = squares; // false for NaN
  }
  const part = (shown, all, what) => `${shown < all ? `${formatCount(shown)} of ` : ""}${formatCount(all)} ${what}`;
  const about = triangles
    ? part(triangles.length / 3, asset.faces, "faces")
    : part(places.length / 3, asset.points, "points");
  const batch = asset.batch > 1 ? `, first of ${formatCount(asset.batch)}` : "";
  return { places, triangles, colors, centre, radius: Math.sqrt(farthest) || 1, about: about + batch };
}

/** Return where each point is on the screen, and how near it is: x, y and depth. */
function turn({ places, centre, radius }, { yaw, pitch }, width, height) {
  const [sinYaw, cosYaw, sinPitch, cosPitch] = [Math.sin(yaw), Math.cos(yaw), Math.sin(pitch), Math.cos(pitch)];
  const scale = (Math.min(width, height) / 2 - 8) / radius;
  const turned = new Float32Array(places.length);
  for (let at = 0; at < places.length; at += 3) {
    const [x, y, z] = [places[at] - centre[0], places[at + 1] - centre[1], places[at + 2] - centre[2]];
    const across = x * cosYaw + z * sinYaw;
    const near = z * cosYaw - x * sinYaw;
    turned[at] = width / 2 + across * scale;
    turned[at + 1] = height / 2 - (y * cosPitch - near * sinPitch) * scale;
    turned[at + 2] = (y * sinPitch + near * cosPitch) * scale;
  }
  return turned;
}

/** Return the positions of the depths, sorted from the farthest to the nearest. */
function byDepth(depths) {
  return Uint32Array.from(depths.keys()).sort((a, b) => depths[a] - depths[b]);
}

function paintTriangles(context, { triangles, colors }, turned) {
  const depths = new Float32Array(triangles.length / 3);
  for (let at = 0; at < depths.length; at++) {
    for (let corner = 0; corner < 3; corner++) depths[at] += turned[3 * triangles[3 * at + corner] + 2];
  }
  context.lineWidth = 0.6;
  context.lineJoin = "round";
  for (const at of byDepth(depths)) {
    if (!Number.isFinite(depths[at])) continue;
    const [a, b, c] = [3 * triangles[3 * at], 3 * triangles[3 * at + 1], 3 * triangles[3 * at + 2]];
    const [ux, uy, uz] = [turned[b] - turned[a], turned[b + 1] - turned[a + 1], turned[b + 2] - turned[a + 2]];
    const [vx, vy, vz] = [turned[c] - turned[a], turned[c + 1] - turned[a + 1], turned[c + 2] - turned[a + 2]];
    const normal = [uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx];
    // Light from the viewer, and a little from above on the left.
    const light = Math.abs(0.9 * normal[2] - 0.25 * normal[0] - 0.35 * normal[1]) / (Math.hypot(...normal) || 1);
    const shade = 0.4 + 0.6 * Math.min(light, 1);
    const mixed = PLAIN.map((plain, channel) => {
      const level = colors ? (colors[a + channel] + colors[b + channel] + colors[c + channel]) / 3 : plain;
      return Math.round(level * shade);
    });
    context.fillStyle = context.strokeStyle = `rgb(${mixed.join(" ")})`;
    context.beginPath();
    context.moveTo(turned[a], turned[a + 1]);
    context.lineTo(turned[b], turned[b + 1]);
    context.lineTo(turned[c], turned[c + 1]);
    context.closePath();
    context.fill();
    context.stroke();
  }
}

function paintPoints(context, { places, colors }, turned, colour) {
  const count = places.length / 3;
  const size = count > 5000 ? 1.5 : count > 500 ? 2.5 : 4;
  const depths = Float32Array.from({ length: count }, (_, at) => turned[3 * at + 2]);
  const [near, far] = depths.reduce(([most, least], each) => [each > most ? each : most, each < least ? each : least], [-Infinity, Infinity]);
  context.fillStyle = colour;
  for (const at of byDepth(depths)) {
    context.globalAlpha = 0.35 + (0.65 * (depths[at] - far)) / (near - far || 1); // far points are fainter
    if (colors) context.fillStyle = `rgb(${colors[3 * at]} ${colors[3 * at + 1]} ${colors[3 * at + 2]})`;
    context.fillRect(turned[3 * at] - size / 2, turned[3 * at + 1] - size / 2, size, size);
  }
}
