/* A pane: a picture's stage, below the controls that choose the picture. */
"use strict";
(() => {
  const { KINDS, KIND_WORDS, snapshotId } = lab.picture;

  function makeOption(value, text) {
    return Object.assign(document.createElement("option"), { value, textContent: text });
  }

  class Pane {
    constructor(template, number, frame) {
      this.element = template.content.firstElementChild.cloneNode(true);
      const part = (selector) => this.element.querySelector(selector);
      this.number = part(".number");
      this.choice = part(".choice");
      this.level = part(".level");
      this.epoch = part(".epoch");
      this.stage = new lab.Stage(part(".stage"), frame);
      this.number.textContent = number;
      for (const control of [this.number, this.choice, this.level, this.epoch]) {
        control.setAttribute("aria-label", control.getAttribute("aria-label").replace("#", number));
      }
    }

    /* Let it show a picture, and its controls say so. */
    set(picture) {
      const { choice, level = "", levels, label } = picture;
      this.picture = picture;
      this.choice.value = choice;
      this.choice.title = label;
      const words = ({ width, height, ...sheet }) => `Level ${sheet.level}, ${width}×${height}`;
      const offered = levels.map((sheet) => makeOption(sheet.level, words(sheet)));
      this.level.replaceChildren(makeOption("", "Result"), ...offered);
      this.level.value = level;
      this.level.hidden = !levels.length;
      this.epoch.hidden = level === "";
      this.epoch.replaceChildren(...KINDS.map((kind) => this.epochsOf(kind)));
      this.epoch.value = picture.id;
    }

    /* The level's snapshots of a kind, as a group of options. */
    epochsOf(kind) {
      const { choice, level, levels } = this.picture;
      const group = Object.assign(document.createElement("optgroup"), { label: KIND_WORDS[kind] });
      for (const epoch of levels.find((sheet) => sheet.level === level)?.epochs ?? []) {
        const id = snapshotId(choice, level, kind, epoch);
        group.append(makeOption(id, `${KIND_WORDS[kind]}, epoch ${epoch}`));
      }
      return group;
    }

    /* Tells tell(id) of every other picture that the controls ask for. */
    onChange(tell) {
      this.choice.addEventListener("change", () => tell(this.choice.value));
      this.epoch.addEventListener("change", () => tell(this.epoch.value));
      this.level.addEventListener("change", () => tell(this.idAtLevel(this.level.value)));
    }

    /* The last snapshot of a level of what is shown; of no level its result. */
    idAtLevel(level) {
      const { choice, levels } = this.picture;
      const sheet = levels.find((one) => String(one.level) === level);
      return sheet ? snapshotId(choice, level, KINDS[0], sheet.epochs.at(-1)) : choice;
    }
  }

  lab.Pane = Pane;
})();
