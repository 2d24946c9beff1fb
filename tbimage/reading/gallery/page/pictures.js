"use strict";

// Cards of pictures and sounds: a slider for the step, and all runs side by side.

const FIRST_SHOWN = 12;

class MediaCard extends Card {
  constructor(kind, entry) {
    super(kind, entry);
    this.most = FIRST_SHOWN;
    this.items = new Map(); // by run and place in the batch
    this.stepper = new Stepper(() => this.showStep());
    this.tools.append(this.stepper.element);
    this.grid = element("div", { className: `${kind}s` });
    this.body.append(this.grid);
  }

  draw() {
    const series = this.series.sort((a, b) => a.run - b.run || a.sample - b.sample);
    this.stepper.offer(stepsOf(series));
    const shown = series.reduce((sum, each) => sum + each.steps.length, 0);
    const count = series.reduce((sum, each) => sum + each.count, 0);
    this.note.textContent = sampled(shown, count, `${this.kind}s`);
    this.element.classList.toggle("broad", series.length > 1);
    this.element.classList.toggle("some", series.length < 5);
    this.numbered = series.some((each) => each.sample > 0);
    const more = () => {
      this.most += FIRST_SHOWN;
      this.refresh();
    };
    this.grid.replaceChildren(...withMore(series, this.most, (each) => this.makeItem(each), more));
    this.element.classList.toggle("empty", !series.length);
    this.showStep();
  }

  /** Return a picture or a sound with the name of its run. Make it if it does not exist yet. */
  makeItem(series) {
    const key = `${nameOfRun(series.run)} ${series.sample}`;
    const item = this.items.get(key) ?? this.makeNewItem(series);
    this.items.set(key, item);
    item.series = series;
    const number = this.numbered ? [element("span", { className: "muted" }, `#${series.sample}`)] : [];
    item.caption.replaceChildren(runLabel(series.run, ...number, item.step));
    return item.figure;
  }

  makeNewItem(series) {
    const item = {
      series,
      step: element("span", { className: "muted" }),
      problem: element("p", { className: "problem", hidden: true }),
      caption: element("figcaption", {}),
    };
    [item.media, item.shown] = this.makeMedia(item);
    item.figure = element("figure", {}, item.shown, item.problem, item.caption);
    return item;
  }

  /** Show the last pictures or sounds at or before the chosen step. */
  showStep() {
    for (const { series, media, shown, problem, step } of this.items.values()) {
      const at = positionAt(series.steps, this.stepper.step);
      const name = series.assets[at];
      const address = name === undefined ? null : addressOf(name);
      const isCurrent = name === undefined || series.steps[at] === this.stepper.step;
      step.textContent = isCurrent ? "" : `step ${formatCount(series.steps[at])}`;
      shown.hidden = address === null;
      problem.hidden = address !== null;
      if (name === undefined) problem.textContent = "left out to keep the page small";
      else if (address === null) problem.textContent = problemOf(name);
      else if (media.getAttribute("src") !== address) media.src = address;
      media.onerror = () => {
        shown.hidden = true;
        problem.hidden = false;
        problem.textContent = "the browser cannot show this";
      };
    }
  }
}

class PictureCard extends MediaCard {
  makeMedia(item) {
    const media = element("img", { alt: `${this.entry.tag}, ${nameOfRun(item.series.run)}` });
    media.onload = () => {
      const enlarged = media.clientHeight * devicePixelRatio > media.naturalHeight;
      media.classList.toggle("enlarged", enlarged);
    };
    const open = () => openViewer(this, item.series, this.stepper.step);
    return [media, element("button", { className: "picture", title: "Full size", onclick: open }, media)];
  }
}

class SoundCard extends MediaCard {
  makeMedia() {
    const media = element("audio", { controls: true, preload: "metadata" });
    return [media, media];
  }
}
