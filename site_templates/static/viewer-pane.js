/* A pane: a picture's stage, and above it the choice of the picture and the value of the pixel pointed at. */
"use strict";
(() => {
  const { KINDS, KIND_WORDS, snapshotId, colourAt, isLoaded } = lab.picture;

  function makeOption(value, text) {
    const option = document.createElement("option");
    option.value = value;
    option.textContent = text;
    return option;
  }

  class Pane {
    constructor(template, index, catalogue, frame) {
      this.element = template.content.firstElementChild.cloneNode(true);
      this.catalogue = catalogue;
      this.frame = frame;
      const part = (selector) => this.element.querySelector(selector);
      this.number = part(".number");
      this.choice = part(".choice");
      this.level = part(".level");
      this.epoch = part(".epoch");
      this.swatch = part(".swatch");
      this.value = part(".value span + span");
      this.stage = new lab.Stage(part(".stage"), frame);
      this.name(index + 1);
    }

    name(number) {
      this.number.textContent = number;
      this.number.title = `Show this picture in the same place as another (key ${number})`;
      this.number.setAttribute("aria-label", `Show picture ${number} in the same place`);
      this.choice.setAttribute("aria-label", `Picture ${number}`);
      this.level.setAttribute("aria-label", `Result or level of picture ${number}`);
      this.epoch.setAttribute("aria-label", `Snapshot of picture ${number}`);
    }

    /* Let it show a picture, and its controls say so. */
    set(picture) {
      this.picture = picture;
      this.choice.value = picture.choice;
      this.choice.title = picture.label;
      const own = picture.level ?? "";
      this.level.replaceChildren(
        makeOption("", "Result"),
        ...picture.levels.map(({ level, width, height }) => makeOption(level, `Level ${level}, ${width}×${height}`)),
      );
      this.level.value = own;
      this.level.hidden = !picture.levels.length;
      this.epoch.hidden = own === "";
      if (own !== "") this.offerEpochs(picture);
    }

    offerEpochs(picture) {
      const { epochs } = picture.levels.find(({ level }) => level === picture.level);
      const groups = KINDS.map((kind) => {
        const group = document.createElement("optgroup");
        group.label = KIND_WORDS[kind];
        const id = (epoch) => snapshotId(picture.choice, picture.level, kind, epoch);
        group.append(...epochs.map((epoch) => makeOption(id(epoch), `${KIND_WORDS[kind]}, epoch ${epoch}`)));
        return group;
      });
      this.epoch.replaceChildren(...groups);
      this.epoch.value = picture.id;
    }

    /* Tell of every other picture that its controls ask for. */
    onChange(tell) {
      this.choice.addEventListener("change", () => tell(this.choice.value));
      this.epoch.addEventListener("change", () => tell(this.epoch.value));
      this.level.addEventListener("change", () => tell(this.idAtLevel(this.level.value)));
    }

    idAtLevel(level) {
      const sheet = this.picture.levels.find((one) => String(one.level) === level);
      return sheet ? snapshotId(this.picture.choice, level, "rec", sheet.epochs.at(-1)) : this.picture.choice;
    }

    /* The value of its own picture at an image point (none: nothing); true unless pixels cannot be read. */
    read(point) {
      const inside = point && this.picture.src;
      const rgb = inside && colourAt(this.picture, point.x / this.frame.width, point.y / this.frame.height);
      const preview = this.picture.src && !isLoaded(this.picture);
      this.value.textContent = rgb ? rgb.join(" ") : preview ? "preview" : "";
      this.swatch.style.backgroundColor = rgb ? `rgb(${rgb.join(" ")})` : "";
      return Boolean(rgb || preview || !inside);
    }
  }

  lab.Pane = Pane;
})();
