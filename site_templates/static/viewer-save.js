/* Saves what a viewer shows as a PNG, with its labels. */
"use strict";
(() => {
  const { createObjectURL: addressOf, revokeObjectURL: forget } = URL;
  const GAP_px = 8;
  const LINE_px = 24;
  const FONT = "14px system-ui, sans-serif";

  /* A layer as the screen has it, with the stage's upper left corner at the origin. */
  function drawLayer(context, { image, picture, scale, sheet, frame }) {
    const { e, f } = new DOMMatrix(sheet.style.transform);
    const cell = image.tagName === "CANVAS" ? [0, 0, frame.width, frame.height] : lab.picture.cellOf(picture);
    context.imageSmoothingEnabled = !image.classList.contains("pixelated");
    context.imageSmoothingQuality = "high";
    context.drawImage(image, ...cell, e, f, frame.width * scale, frame.height * scale);
  }

  function drawStage(context, { element, base, over, map, tags, legend }, { split, gain }) {
    const { width, height } = { width: element.clientWidth, height: element.clientHeight };
    const { composition } = element.dataset;
    const clip = (left) => {
      context.beginPath();
      context.rect(left, 0, width - left, height);
      context.clip();
    };
    context.save();
    clip(0);
    if (composition === "difference") context.filter = `brightness(${gain})`;
    const layers = [base, over, map].filter((layer) => !layer.element.hidden);
    const both = document.createElement("canvas");
    const { a: density } = context.getTransform();
    Object.assign(both, { width: width * density, height: height * density });
    const inner = both.getContext("2d");
    inner.scale(density, density);
    for (const layer of layers) {
      inner.save();
      if (layer === over && composition === "swipe") {
        inner.beginPath();
        inner.rect((width * split) / 100, 0, width, height);
        inner.clip();
      }
      if (layer === over && composition === "difference") inner.globalCompositeOperation = "difference";
      drawLayer(inner, layer);
      inner.restore();
    }
    context.drawImage(both, 0, 0, width, height);
    context.filter = "none";
    const lines = tags.map((tag) => tag.textContent).filter(Boolean);
    context.restore();
    return [...lines, legend.hidden ? "" : [...legend.querySelectorAll("span")].map((word) => word.textContent).join("  ")];
  }

  const REFUSED = "A page opened from the disk may not copy its pictures: serve the site (singan serve), or take a screenshot.";

  lab.save = async (viewer) => {
    const { root, panes, mode, space, seen, image } = viewer;
    const shown = mode === "side" ? panes : panes.slice(0, 1);
    const density = devicePixelRatio;
    const columns = new Set(shown.map(({ stage }) => Math.round(stage.element.getBoundingClientRect().left))).size;
    const { width, height } = space.pane;
    const cell = { width: width + GAP_px, height: height + LINE_px + GAP_px };
    const canvas = document.createElement("canvas");
    canvas.width = (columns * cell.width + GAP_px) * density;
    canvas.height = (Math.ceil(shown.length / columns) * cell.height + GAP_px + LINE_px) * density;
    const context = canvas.getContext("2d");
    const { backgroundColor, color } = getComputedStyle(document.body);
    const write = (words, x, y, most) => {
      Object.assign(context, { font: FONT, fillStyle: color, textBaseline: "middle" });
      context.fillText(words, x, y + LINE_px / 2, most);
    };
    context.scale(density, density);
    Object.assign(context, { fillStyle: backgroundColor });
    context.fillRect(0, 0, canvas.width, canvas.height);
    try {
      shown.forEach(({ stage, picture, number }, index) => {
        const [x, y] = [GAP_px + (index % columns) * cell.width, GAP_px + Math.floor(index / columns) * cell.height];
        context.save();
        context.translate(x, y + LINE_px);
        const [first = `${number.textContent} ${picture.label}`, ...more] = drawStage(context, stage, viewer).filter(Boolean);
        context.restore();
        write([first, ...more].join("  ·  "), x, y, width);
      });
      const place = `x ${Math.round(seen.x)}, y ${Math.round(seen.y)}, ${viewer.part(".zoom").textContent}`;
      const words = [root.dataset.title, place, viewer.part(".note").textContent, document.title];
      write(words.filter(Boolean).join("  ·  "), GAP_px, canvas.height / density - LINE_px - 2, canvas.width / density - 2 * GAP_px);
      const blob = await new Promise((done) => canvas.toBlob(done));
      const href = addressOf(blob);
      const names = panes.map(({ picture }) => picture.id.replace(/[^\w.-]/g, "_"));
      Object.assign(document.createElement("a"), { href, download: `${image}-${names.join("-")}.png` }).click();
      setTimeout(() => forget(href), 1000);
      viewer.say("The view is saved as a PNG.");
    } catch {
      viewer.say(REFUSED);
    }
  };
  lab.save.refused = location.protocol === "file:" ? REFUSED : "";
})();
