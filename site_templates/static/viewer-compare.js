/* A viewer: 2 to 4 panes that look at the same place.

   Modes: "side" shows every picture in its own pane; the others use the first pane's stage for the pair of pictures
   chosen last: "flip" shows the second of them, "swipe" parts them by a divider, "difference" subtracts them. */
"use strict";
(() => {
  const { scaleOf, wholeScale, whole, settled, gripped, toImage, between } = lab.view;
  const MODES = ["side", "flip", "swipe", "difference"];
  const FEWEST = 2;
  const MOST = 4;
  const ZOOM_STEP = Math.SQRT2;
  const MOVE_STEP = 0.15; // of the pane
  const LINK_DELAY_ms = 200; // browsers limit how often an address may change
  const ARROWS = { ArrowLeft: "left", ArrowRight: "right", ArrowUp: "up", ArrowDown: "down" };
  const KEYS = { "+": "zoom-in", "=": "zoom-in", "-": "zoom-out", 0: "whole" };
  const DIRECTIONS = { left: [-1, 0], right: [1, 0], up: [0, -1], down: [0, 1] };

  class Viewer {
    constructor(root) {
      this.root = root;
      this.part = (selector) => root.querySelector(selector);
      this.image = root.dataset.image;
      this.frame = { width: Number(root.dataset.width), height: Number(root.dataset.height) };
      this.template = this.part("template");
      const options = this.template.content.querySelectorAll("option");
      this.catalogue = new lab.picture.Catalogue(options, root.dataset.root);
      this.panes = [];
      this.active = 0; // index of the stage last pointed at
      this.wanted = false; // whether lossless files shall be loaded
      for (const figure of root.querySelectorAll(".viewer-panes > figure")) this.takeOver(figure);
      this.reset();
      this.listen();
      this.root.classList.add("ready");
      this.arrange();
    }

    get ids() {
      return this.panes.map((pane) => pane.picture.id);
    }

    get pane() {
      return this.panes[0].stage.size; // all shown stages are of one size
    }

    /* What a fresh viewer shows, whatever its pictures. */
    reset() {
      this.view = whole(this.frame);
      this.mode = "side";
      this.pair = [this.panes.length - 2, this.panes.length - 1];
      this.others = []; // by pane: index of another pane's picture that it shows for now
      this.split = 50;
      this.gain = 4;
    }

    /* Panes */

    takeOver(figure) {
      const picture = this.catalogue.find(figure.dataset.picture);
      const thumbnail = figure.querySelector("img");
      const pane = this.addPane(picture);
      if (thumbnail) pane.stage.base.adopt(thumbnail, picture);
      figure.remove();
    }

    addPane(picture) {
      const index = this.panes.length;
      const pane = new lab.Pane(this.template, index, this.catalogue, this.frame);
      this.panes.push(pane);
      this.part(".viewer-panes .add").before(pane.element);
      pane.set(picture);
      pane.onChange((id) => this.choose(index, id));
      pane.number.addEventListener("click", () => this.showInPlace(index));
      this.listenTo(pane.stage, index);
      return pane;
    }

    /* Have `count` panes; new ones show what is not shown yet. */
    setCount(count) {
      while (this.panes.length > count) this.panes.pop().element.remove();
      while (this.panes.length < count) this.addPane(this.notShown());
      this.pair = [count - 2, count - 1];
      this.others = [];
      this.active = Math.min(this.active, count - 1);
    }

    notShown() {
      const pictures = [...this.catalogue.pictures.values()];
      const rest = pictures.filter((picture) => picture.src && !this.ids.includes(picture.id));
      return rest[0] ?? pictures[0];
    }

    choose(index, id) {
      const picture = this.catalogue.find(id);
      if (!picture) return;
      this.panes[index].set(picture);
      this.others = [];
      if (this.mode !== "side" && !this.pair.includes(index)) this.pair = [this.pair[1], index];
      this.changed();
    }

    /* Show a pane's picture in place of another: side by side in the pane last pointed at, else as the new picture of
       the pair. Asked again, side by side takes it away. */
    showInPlace(index) {
      if (index >= this.panes.length) return;
      if (this.mode === "side") {
        const now = this.others[this.active] ?? this.active;
        this.others[this.active] = now === index ? undefined : index;
      } else if (this.pair[1] !== index) {
        this.pair = [this.pair[1], index];
      }
      this.changed();
    }

    tap(index, point) {
      if (this.mode === "swipe") return this.divide(point.x);
      if (this.mode === "flip") this.pair.reverse();
      if (this.mode === "side") {
        const next = ((this.others[index] ?? index) + 1) % this.panes.length;
        this.others[index] = next === index ? undefined : next;
      }
      return this.changed();
    }

    /* What the stage of a pane shows; nothing where its mode has no use for it. */
    shownBy(index) {
      const picture = (which) => this.panes[which].picture;
      const tag = (which) => `${which + 1} ${picture(which).label}`;
      const [first, second] = this.pair;
      if (this.mode === "side") {
        const other = this.others[index];
        return { base: picture(other ?? index), tags: other === undefined ? [] : [tag(other)] };
      }
      if (index > 0) return {};
      if (this.mode === "flip") return { base: picture(second), tags: [tag(second)] };
      const tags = this.mode === "swipe" ? [tag(first), tag(second)] : [`|${first + 1} − ${second + 1}| ×${this.gain}`];
      return { base: picture(first), over: picture(second), composition: this.mode, tags };
    }

    /* Looking */

    setView(view, { eased = false } = {}) {
      this.root.classList.toggle("eased", eased);
      this.view = settled(view, this.frame, this.pane);
      this.look();
      this.linkSoon();
    }

    zoomBy(factor, at = { x: this.pane.width / 2, y: this.pane.height / 2 }, how = {}) {
      const now = settled(this.view, this.frame, this.pane);
      this.setView(gripped(now, at, at, factor, this.frame, this.pane), how);
    }

    /* Move by CSS pixels. */
    moveBy(x, y) {
      const scale = scaleOf(this.view, this.frame, this.pane);
      const { view } = this;
      this.setView({ ...view, x: view.x + x / scale, y: view.y + y / scale }, { eased: true });
    }

    step(direction, fine = false) {
      const [x, y] = DIRECTIONS[direction];
      const pixel = scaleOf(this.view, this.frame, this.pane);
      this.moveBy(
        x * (fine ? pixel : this.pane.width * MOVE_STEP),
        y * (fine ? pixel : this.pane.height * MOVE_STEP),
      );
    }

    do(what) {
      const actions = {
        "zoom-in": () => this.zoomBy(ZOOM_STEP, undefined, { eased: true }),
        "zoom-out": () => this.zoomBy(1 / ZOOM_STEP, undefined, { eased: true }),
        whole: () => this.setView(whole(this.frame), { eased: true }),
        "one-to-one": () => this.zoomBy(1 / scaleOf(this.view, this.frame, this.pane), undefined, { eased: true }),
        add: () => this.add(),
        fullscreen: () => (document.fullscreenElement ? document.exitFullscreen() : this.root.requestFullscreen()),
      };
      if (what in DIRECTIONS) this.step(what);
      else actions[what]();
    }

    add() {
      this.setCount(Math.min(this.panes.length + 1, MOST));
      this.changed();
      this.panes.at(-1).choice.focus();
    }

    divide(x) {
      this.split = Math.round(between(0, (x / this.pane.width) * 100, 100) * 2) / 2;
      this.changed();
    }

    /* Bring the page in line with what is to be shown. */
    arrange() {
      const { root, panes, mode, wanted } = this;
      root.dataset.mode = mode;
      root.dataset.count = panes.length;
      this.part(`.modes input[value="${mode}"]`).checked = true;
      this.part(".count select").value = panes.length;
      this.part(".split input").value = this.split;
      this.part(".gain input").value = this.gain;
      this.part(".gain output").textContent = `×${this.gain}`;
      panes.forEach((pane, index) => this.arrangePane(pane, index, wanted));
      this.look();
    }

    arrangePane({ stage, number, picture }, index, wanted) {
      const shown = this.shownBy(index);
      stage.show(shown, wanted);
      if (wanted && picture.src) lab.picture.load(picture.src).then(() => this.readout()); // digits shall be instant
      stage.split(this.split);
      stage.gain(this.gain);
      const words = [shown.base, shown.over].filter(Boolean).map(({ label }) => label);
      stage.element.setAttribute("aria-label", `Pane ${index + 1}: ${words.join(" and ")}`);
      const pressed = this.mode === "side" ? this.others[this.active] === index : this.isOfPair(index);
      number.setAttribute("aria-pressed", pressed);
    }

    isOfPair(index) {
      return this.mode === "flip" ? this.pair[1] === index : this.pair.includes(index);
    }

    /* Draw the view. A pane that changed its size shows the nearest view; the view itself stays as it was. */
    look() {
      const { pane, frame } = this;
      if (!pane.width || !pane.height) return;
      const view = settled(this.view, frame, pane);
      for (const { stage } of this.panes) stage.look(view);
      this.root.classList.toggle("zoomed", view.zoom > 1);
      this.part("output.zoom").textContent = `${Math.round(scaleOf(view, frame, pane) * 100)} %`;
      this.readout();
    }

    /* Pixels */

    pointAt(point) {
      this.pointed = point && toImage(point, settled(this.view, this.frame, this.pane), this.frame, this.pane);
      this.readout();
    }

    readout() {
      const { frame, pointed } = this;
      const inside =
        pointed && pointed.x >= 0 && pointed.y >= 0 && pointed.x < frame.width && pointed.y < frame.height;
      const point = inside ? pointed : null;
      const readable = this.panes.map((pane) => pane.read(point)).every(Boolean);
      const view = settled(this.view, frame, this.pane);
      for (const { stage } of this.panes) stage.mark(point, view);
      const place = point ? `x ${Math.floor(point.x)}, y ${Math.floor(point.y)}` : "";
      this.part(".place").textContent = readable ? place : `${place}: colours cannot be read from a file`;
    }

    /* Links */

    get link() {
      const view = settled(this.view, this.frame, this.pane);
      return lab.link.write({ ...this, ids: this.ids, view });
    }

    linkSoon() {
      clearTimeout(this.linking);
      this.linking = setTimeout(() => {
        history.replaceState(history.state, "", this.link);
        this.part("a.link").href = this.link;
      }, LINK_DELAY_ms);
    }

    changed() {
      this.arrange();
      this.linkSoon();
    }

    /* Show what a link says, as far as it makes sense here. */
    restore({ ids, view, mode, pair, split, gain }) {
      const pictures = ids.map((id) => this.catalogue.find(id)).filter(Boolean).slice(0, MOST);
      this.reset();
      this.setCount(Math.max(pictures.length || this.panes.length, FEWEST));
      pictures.forEach((picture, index) => this.panes[index].set(picture));
      if (MODES.includes(mode)) this.mode = mode;
      if (pair.length === 2 && pair.every((index) => index in this.panes)) this.pair = pair;
      this.split = between(0, split ?? this.split, 100);
      this.gain = Math.round(between(1, gain ?? this.gain, 32));
      this.root.classList.remove("eased");
      this.arrange(); // now the panes have the size that the view is settled in
      const { x = this.view.x, y = this.view.y, zoom = this.view.zoom } = view;
      this.view = settled({ x, y, zoom }, this.frame, this.pane);
      this.look();
      this.part("a.link").href = this.link;
      this.wake();
    }

    /* From now on, show the lossless files. */
    wake() {
      if (this.wanted) return;
      this.wanted = true;
      this.arrange();
    }

    /* Listening */

    listen() {
      const { root } = this;
      for (const type of ["pointerdown", "pointerover", "focusin"]) root.addEventListener(type, () => this.wake());
      root.addEventListener("keydown", (event) => this.key(event));
      root.addEventListener("click", (event) => {
        const button = event.target.closest("[data-do]");
        if (button) this.do(button.dataset.do);
      });
      const on = (selector, type, act) => this.part(selector).addEventListener(type, (event) => act(event.target));
      on(".modes", "change", ({ value }) => this.set({ mode: value, others: [] }));
      on(".split", "input", ({ value }) => this.set({ split: Number(value) }));
      on(".gain", "input", ({ value }) => this.set({ gain: Number(value) }));
      on(".count", "change", ({ value }) => {
        this.setCount(Number(value));
        this.changed();
      });
      this.part("a.link").addEventListener("click", (event) => this.copyLink(event));
      this.part('[data-do="fullscreen"]').hidden = !document.fullscreenEnabled;
      new ResizeObserver(() => {
        root.classList.remove("eased");
        this.look();
      }).observe(this.panes[0].stage.element);
    }

    set(state) {
      Object.assign(this, state);
      this.changed();
    }

    listenTo(stage, index) {
      let held = this.view;
      const settledView = () => settled(this.view, this.frame, this.pane);
      lab.gestures.gestures(stage.element, {
        grab: () => (held = settledView()),
        grip: (from, to, factor) => this.setView(gripped(held, from, to, factor, this.frame, this.pane)),
        tap: (point) => this.tap(index, point),
        hover: (point) => {
          if (point) this.active = index;
          this.pointAt(point);
        },
        wheel: (factor, point) => this.zoomBy(factor, point),
        canZoom: (factor) => gripped(settledView(), { x: 0, y: 0 }, { x: 0, y: 0 }, factor, this.frame, this.pane).zoom !== settledView().zoom,
      });
      lab.gestures.dragHandle(stage.divider, { drag: (x) => this.divide(x) });
      stage.element.addEventListener("focus", () => (this.active = index));
    }

    /* Keys work while the focus is in the viewer; single characters not where they would be typed or choose. */
    key(event) {
      if (event.ctrlKey || event.altKey || event.metaKey || event.target.matches("select, input, summary")) return;
      const stage = event.target.closest(".stage");
      const what = KEYS[event.key];
      const digit = Number(event.key);
      if (stage && event.key in ARROWS) this.step(ARROWS[event.key], event.shiftKey);
      else if (what) this.do(what);
      else if (digit >= 1 && digit <= MOST) this.showInPlace(digit - 1);
      else if (stage && (event.key === "Enter" || event.key === " ")) this.tap(this.active, { x: this.pane.width / 2 });
      else return;
      event.preventDefault();
      if (stage && !digit) this.pointAt({ x: this.pane.width / 2, y: this.pane.height / 2 });
    }

    async copyLink(event) {
      const { target } = event;
      target.href = this.link;
      if (!navigator.clipboard) return; // then it is a link like any other
      event.preventDefault();
      history.replaceState(history.state, "", this.link);
      const words = target.textContent;
      try {
        await navigator.clipboard.writeText(target.href);
        target.textContent = "Copied";
      } catch {
        target.textContent = "In the address bar";
      }
      setTimeout(() => (target.textContent = words), 1500);
    }
  }

  lab.Viewer = Viewer;
})();
