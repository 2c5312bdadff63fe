/* The pictures a viewer can show, their files, and their pixels.

   A Picture is one cell of a file: {id, label, alt, src, thumb, width, height, columns, rows, column, row}, with the
   cell's own width and height. Most files are one cell; a level's snapshots are a sheet with a column an epoch and
   the rows of KINDS. One that could not be made has `gap`, the reason, instead of `src`. */
"use strict";
(() => {
  const KINDS = ["rec", "fake"];
  const KIND_WORDS = { rec: "G(z*)", fake: "fake" };
  const SNAPSHOT = /^(.+)\.level(\d+)\.(rec|fake)\.(\d+)$/;

  const snapshotId = (choice, level, kind, epoch) => `${choice}.level${level}.${kind}.${epoch}`;

  /* What the page's <option> elements offer, by id. */
  class Catalogue {
    constructor(options, root) {
      this.pictures = new Map();
      for (const option of options) this.pictures.set(option.value, readOption(option, root));
    }

    /* The picture of an id, which anybody may have put into a link; null for one that is not here. */
    find(id) {
      const [, choice, level, kind, epoch] = SNAPSHOT.exec(id) ?? [];
      if (!choice) return this.pictures.get(id) ?? null;
      const of = this.pictures.get(choice);
      const sheet = of?.levels.find((one) => one.level === Number(level));
      const column = sheet ? sheet.epochs.indexOf(Number(epoch)) : -1;
      return column < 0 ? null : snapshot(id, of, sheet, column, kind);
    }
  }

  function readOption(option, root) {
    const { src, thumb, width, height, gap, alt, levels } = option.dataset;
    return {
      id: option.value,
      choice: option.value,
      label: option.label,
      alt,
      gap,
      src: src && root + src,
      thumb: thumb && root + thumb,
      width: Number(width),
      height: Number(height),
      columns: 1,
      rows: 1,
      column: 0,
      row: 0,
      levels: JSON.parse(levels ?? "[]").map((sheet) => ({ ...sheet, src: root + sheet.src })),
    };
  }

  function snapshot(id, of, sheet, column, kind) {
    const words = `level ${sheet.level}, ${KIND_WORDS[kind]}, epoch ${sheet.epochs[column]}`;
    const { src, width, height, level, epochs } = sheet;
    const cell = { src, width, height, level, kind, epoch: epochs[column], column, row: KINDS.indexOf(kind) };
    const sides = { columns: epochs.length, rows: KINDS.length, thumb: undefined, gap: undefined };
    return { ...of, ...cell, ...sides, id, label: `${of.choice}, ${words}`, alt: `${of.alt}, ${words}` };
  }

  /* Lossless files that have come, by address; kept, so that showing one again is instant. */
  const loaded = new Map();
  const coming = new Map();

  function load(src) {
    if (!coming.has(src)) coming.set(src, fetchImage(src));
    return coming.get(src);
  }

  async function fetchImage(src) {
    const image = new Image();
    image.src = src;
    try {
      await image.decode();
      loaded.set(src, image);
    } catch {
      coming.delete(src); // the thumbnail stays; the next look at it tries again
    }
  }

  /* [red, green, blue] of a picture at a fraction of its width and height; null where that cannot be told: a file
     has not come yet, or the page was opened from the disk, where a browser lets no page read pixels. */
  let pixel = null;
  function colourAt(picture, across, down) {
    const image = loaded.get(picture.src);
    if (!image) return null;
    const x = picture.column * picture.width + Math.floor(across * picture.width);
    const y = picture.row * picture.height + Math.floor(down * picture.height);
    pixel ??= Object.assign(document.createElement("canvas"), { width: 1, height: 1 }).getContext("2d", {
      willReadFrequently: true,
    });
    try {
      pixel.drawImage(image, x, y, 1, 1, 0, 0, 1, 1);
      return [...pixel.getImageData(0, 0, 1, 1).data].slice(0, 3);
    } catch {
      pixel = null;
      return null;
    }
  }

  const isLoaded = (picture) => loaded.has(picture.src);

  lab.picture = { Catalogue, KINDS, KIND_WORDS, snapshotId, load, isLoaded, colourAt };
})();
