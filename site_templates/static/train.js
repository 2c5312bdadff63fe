/* "Watch it train": trainings of an image on one clock. A place of the clock is a level's snapshot; at[i] of the clock is
   {scene, epoch}. It starts at the beginning, and plays only when it is told to. */
"use strict";
(() => {
  const PACE_ms = matchMedia("(prefers-reduced-motion: reduce)").matches ? 1500 : 500;
  const KINDS = ["G(z*)", "fake"];
  const LETTERS = ["a", "b", "c", "d"];

  class Theatre {
    constructor(root) {
      this.root = root;
      this.takes = JSON.parse(root.dataset.takes).map((take) => ({ ...take, src: root.dataset.root + take.src }));
      this.scenes = JSON.parse(root.dataset.scenes);
      this.at = this.scenes.flatMap((scene) => scene.epochs.map((epoch) => ({ scene, epoch })));
      this.figures = [...root.querySelectorAll("figure")];
      [this.slider, this.output, this.button] = ["input", "output", ".play"].map((part) => root.querySelector(part));
      this.button.addEventListener("click", () => this.play(!this.timer));
      this.slider.addEventListener("input", () => this.play(false));
      root.addEventListener("change", () => this.show());
      for (const jump of root.querySelectorAll("[data-jump]")) {
        jump.addEventListener("click", () => this.jump(Number(jump.dataset.jump)));
      }
      document.addEventListener("visibilitychange", () => document.hidden && this.play(false));
      this.show(false);
    }

    get place() {
      return Number(this.slider.value);
    }

    play(on) {
      clearTimeout(this.timer);
      this.timer = 0;
      if (on && this.place === this.at.length - 1) this.slider.value = 0;
      this.button.textContent = on ? "Pause" : "Play";
      if (on) this.tick();
      this.show();
    }

    /* One step, once the pictures of the next one are there. */
    tick() {
      const started = (this.timer = setTimeout(async () => {
        await Promise.all(this.sources(this.place + 1).map(fetchPicture));
        if (this.timer !== started) return;
        this.slider.value = this.place + 1;
        this.show();
        if (this.place < this.at.length - 1) this.tick();
        else this.play(false);
      }, PACE_ms));
    }

    jump(by) {
      const { scene } = this.at[this.place];
      const next = this.scenes[this.scenes.indexOf(scene) + by] ?? scene;
      this.slider.value = this.at.findIndex((one) => one.scene === next);
      this.play(false);
    }

    takeOf(option, level) {
      const takes = option.dataset.takes?.split(" ").map((index) => this.takes[index]) ?? [];
      return takes.find((take) => take.level === level);
    }

    sources(place) {
      const { scene } = this.at[place];
      const options = this.figures.map((figure) => figure.querySelector("select").selectedOptions[0]);
      return options.map((option) => this.takeOf(option, scene.level)?.src).filter(Boolean);
    }

    show(isNews = true) {
      const { scene, epoch } = this.at[this.place];
      const shown = this.figures.map((figure) => this.fill(figure, scene, epoch)).find(Boolean);
      const size = shown ? `, ${shown.width}×${shown.height}` : "";
      this.output.value = `Level ${scene.level} of ${this.scenes.at(-1).level}${size}, epoch ${epoch}`;
      this.slider.ariaValueText = this.output.value;
      if (isNews) this.tell(scene, epoch);
    }

    fill(figure, scene, epoch) {
      const [option] = figure.querySelector("select").selectedOptions;
      const take = this.takeOf(option, scene.level);
      figure.classList.toggle("empty", !take);
      if (!take) return null;
      const column = Math.max(0, take.epochs.findLastIndex((one) => one <= epoch));
      figure.querySelectorAll(".takes svg").forEach((svg, row) => {
        const { width, height, epochs } = take;
        svg.setAttribute("viewBox", `${column * width} ${row * height} ${width} ${height}`);
        svg.ariaLabel = `${option.value}, level ${scene.level}, epoch ${epochs[column]}: ${KINDS[row]}`;
        const image = svg.firstElementChild;
        if (image.getAttribute("href") !== take.src) image.setAttribute("href", take.src);
        image.setAttribute("width", width * epochs.length);
        image.setAttribute("height", 2 * height);
      });
      this.draw(figure, option, take, scene, epoch);
      return take;
    }

    draw(figure, { dataset }, take, { level, low, high }, epoch) {
      const part = (name) => figure.querySelector(`.curve .${name}`);
      const x = (one) => (1000 * one) / Math.max(1, take.planned - 1);
      const y = (loss) => (100 * Math.log(high / loss)) / Math.log(high / low);
      const points = ({ at, losses }) => at.map((one, index) => `${x(one)},${y(losses[index]).toFixed(1)}`).join(" ");
      const original = this.takeOf(figure.querySelector("option[data-takes]"), level);
      const isLast = level === this.scenes.at(-1).level;
      const limit = !isLast && dataset.below ? Number(dataset.below) : 0;
      part("own").setAttribute("points", points(take));
      part("behind").setAttribute("points", original && original !== take ? points(original) : "");
      part("limit").setAttribute("visibility", limit ? "visible" : "hidden");
      if (limit) {
        const place = { x1: x(dataset.after), y1: y(limit), y2: y(limit) };
        for (const name in place) part("limit").setAttribute(name, place[name]);
      }
      const now = Math.min(epoch, take.done - 1);
      for (const name of ["x1", "x2"]) part("now").setAttribute(name, x(now));
      const index = take.at.findLastIndex((one) => one <= now);
      const [from, to] = figure.querySelectorAll(".scale span");
      from.textContent = `loss ${Number(high.toPrecision(2))} to ${Number(low.toPrecision(2))}, logarithmic`;
      to.textContent = `${take.planned} epochs`;
      const words = [take.losses[index] === undefined ? "No loss recorded" : `Loss ${take.losses[index]}`];
      if (limit) words.push(`stops below ${limit} after more than ${dataset.after} epochs`);
      if (take.stopped && epoch >= take.done - 1) words.push(`stopped after ${take.done} of ${take.planned} epochs`);
      if (original === take && take !== null && figure.querySelector("select").selectedIndex > 0) words.push("level shared with the original");
      figure.querySelector(".words").textContent = `${words.join("; ")}.`;
    }

    /* The moment as a link. */
    tell(scene, epoch) {
      const ids = this.figures.map((figure) => figure.querySelector("select").value).filter(Boolean);
      const parts = [["img", this.root.dataset.image], ...ids.map((id, index) => [LETTERS[index], id])];
      parts.push(["level", scene.level], ["epoch", epoch]);
      const link = `#${parts.map((part) => part.map(encodeURIComponent).join("=")).join("&")}`;
      this.root.querySelector(".link").href = link;
      clearTimeout(this.telling);
      if (!this.timer) this.telling = setTimeout(() => history.replaceState(history.state, "", link), 200);
    }

    restore(words) {
      this.figures.forEach((figure, index) => {
        const select = figure.querySelector("select");
        const id = words.get(LETTERS[index]) ?? (index > 1 ? "" : select.value);
        if ([...select.options].some(({ value }) => value === id)) select.value = id;
      });
      const [level, epoch] = ["level", "epoch"].map((name) => Number(words.get(name)));
      const place = this.at.findLastIndex((one) => one.scene.level === level && one.epoch <= epoch);
      this.slider.value = Math.max(0, place);
      this.show(false);
      this.root.scrollIntoView();
    }
  }

  const fetched = new Map();
  function fetchPicture(src) {
    const image = fetched.get(src) ?? Object.assign(new Image(), { src });
    fetched.set(src, image);
    return image.decode().catch(() => {});
  }

  const theatres = [...document.querySelectorAll(".theatre")].map((root) => new Theatre(root));
  function followAddress() {
    const words = new URLSearchParams(location.hash.slice(1));
    theatres.find(({ root }) => root.dataset.image === words.get("img"))?.restore(words);
  }
  addEventListener("hashchange", followAddress);
  followAddress();
})();
