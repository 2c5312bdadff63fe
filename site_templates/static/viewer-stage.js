/* A stage shows one picture, or two on top of each other, in a view. */
"use strict";
(() => {
  const { scaleOf, toPane } = lab.view;
  const { load, isLoaded } = lab.picture;

  function make(tag, className, parent) {
    const element = document.createElement(tag);
    element.className = className;
    parent.append(element);
    return element;
  }

  /* A picture scaled to the frame; the frame is moved and enlarged as a whole. */
  class Layer {
    constructor(parent, frame) {
      this.frame = frame;
      this.element = make("div", "layer", parent);
      this.sheet = make("div", "frame", this.element);
      this.sheet.style.width = `${frame.width}px`;
      this.sheet.style.height = `${frame.height}px`;
      this.picture = null;
      this.image = null;
      this.sharp = false;
    }

    /* Take over an image of the page that shows the picture's thumbnail already. */
    adopt(image, picture) {
      this.image = image;
      this.picture = picture;
      this.sheet.append(image);
    }

    /* Show a picture (or none): its thumbnail, until the lossless file has come, if that is `wanted`. */
    show(picture, wanted) {
      this.element.hidden = !picture?.src;
      if (!picture?.src) return;
      if (picture !== this.picture) {
        this.picture = picture;
        this.sharp = false;
        this.crop(picture);
        if (!isLoaded(picture) && picture.thumb) this.use(picture.thumb, picture);
      }
      if (isLoaded(picture)) this.sharpen();
      else if (wanted) load(picture.src).then(() => isLoaded(picture) && this.picture === picture && this.sharpen());
    }

    sharpen() {
      if (this.sharp) return;
      this.sharp = true;
      this.use(this.picture.src, this.picture);
      this.pixelate();
    }

    use(address, picture) {
      if (!this.image) {
        this.image = make("img", "", this.sheet);
        this.image.draggable = false;
        this.crop(picture);
      }
      this.image.removeAttribute("srcset");
      this.image.loading = "eager";
      this.image.decoding = "sync"; // a picture that is there already shall not blink
      this.image.src = address;
      this.image.alt = picture.alt;
    }

    /* Only the picture's cell of its file lies in the frame. */
    crop({ columns, rows, column, row }) {
      if (!this.image) return;
      const { style } = this.image;
      style.width = `${columns * 100}%`;
      style.height = `${rows * 100}%`;
      style.left = `${-column * 100}%`;
      style.top = `${-row * 100}%`;
    }

    look(view, pane) {
      const scale = scaleOf(view, this.frame, pane);
      const { x, y } = toPane({ x: 0, y: 0 }, view, this.frame, pane);
      this.sheet.style.transform = `translate(${x}px, ${y}px) scale(${scale})`;
      this.scale = scale;
      this.pixelate();
    }

    /* Above 1:1 its pixels are squares, as they are; a thumbnail's pixels mean nothing. */
    pixelate() {
      if (!this.image || !this.picture) return;
      const pixelSize = (this.scale * this.frame.width * devicePixelRatio) / this.picture.width;
      this.image.classList.toggle("pixelated", this.sharp && pixelSize >= 1);
    }
  }

  class Stage {
    constructor(element, frame) {
      this.element = element;
      element.style.aspectRatio = `${frame.width} / ${frame.height}`;
      this.frame = frame;
      this.layers = make("div", "layers", element);
      this.base = new Layer(this.layers, frame);
      this.over = new Layer(this.layers, frame);
      this.over.element.classList.add("over");
      this.gap = make("bdi", "reason", element);
      this.divider = make("div", "divider", element);
      this.tags = [make("span", "tag", element), make("span", "tag right", element)];
      this.marker = make("span", "marker", element);
      for (const part of [...this.tags, this.marker, this.divider]) part.setAttribute("aria-hidden", "true");
    }

    get size() {
      return { width: this.element.clientWidth, height: this.element.clientHeight };
    }

    /* `composition` says how a second picture lies over the first: "swipe" or "difference". */
    show({ base, over, composition = "", tags = [] }, wanted) {
      this.element.dataset.composition = composition;
      this.base.show(base, wanted);
      this.over.show(over, wanted);
      this.gap.textContent = [base, over].map((picture) => picture?.gap ?? "").find(Boolean) ?? "";
      this.tags.forEach((tag, index) => (tag.textContent = tags[index] ?? ""));
    }

    /* Where the divider is, percent of the width. */
    split(percent) {
      this.over.element.style.clipPath =
        this.element.dataset.composition === "swipe" ? `inset(0 0 0 ${percent}%)` : "";
      this.divider.style.left = `${percent}%`;
    }

    /* How many times differences are magnified. */
    gain(times) {
      this.layers.style.filter = this.element.dataset.composition === "difference" ? `brightness(${times})` : "";
    }

    look(view) {
      const pane = this.size;
      this.base.look(view, pane);
      this.over.look(view, pane);
    }

    /* Mark an image point, or none. */
    mark(point, view) {
      this.marker.hidden = !point;
      if (!point) return;
      const { x, y } = toPane(point, view, this.frame, this.size);
      this.marker.style.transform = `translate(${x}px, ${y}px)`;
    }
  }

  lab.Stage = Stage;
})();
