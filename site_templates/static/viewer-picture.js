/* The pictures a viewer can show, their files, and their pixels.

   A Picture is one cell of a file: {id, label, alt, src, thumb, width, height, columns, rows, column, row}, with the
   cell's own width and height. Most files are one cell; the snapshots of a level are a sheet with a column an epoch
   and the rows of KINDS. A picture that could not be made has `gap`, the reason, and no `src`. */
"use strict";
(() => {
  const KINDS = ["rec", "fake"];
  const KIND_WORDS = { rec: "G(z*)", fake: "fake" };
  const SNAPSHOT = /^(.+)\.level(\d+)\.(rec|fake)\.(\d+)$/;
  const ONE_CELL = { columns: 1, rows: 1, column: 0, row: 0 };

  const snapshotId = (choice, level, kind, epoch) => `${choice}.level${level}.${kind}.${epoch}`;

  /* What the <option> elements of the page offer. Addresses in it are relative to `root`. */
  class Catalogue {
    constructor(options, root) {
      this.pictures = new Map([...options].map((option) => [option.value, readOption(option, root)]));
    }

    /* The picture of an id, which anybody may have put into a link; null if there is none. */
    find(id) {
      const [, choice, level, kind, epoch] = SNAPSHOT.exec(id) ?? [];
      if (!choice) return this.pictures.get(id) ?? null;
      const result = this.pictures.get(choice);
      const sheet = result?.levels.find((one) => one.level === Number(level));
      const column = sheet?.epochs.indexOf(Number(epoch)) ?? -1;
      return column < 0 ? null : snapshot(id, result, sheet, column, kind);
    }
  }

  function readOption(option, root) {
    const { src, thumb, width, height, gap, alt, levels = "[]" } = option.dataset;
    return {
      ...ONE_CELL,
      id: option.value,
      choice: option.value,
      label: option.label,
      alt,
      gap,
      src: src && root + src,
      thumb: thumb && root + thumb,
      width: Number(width),
      height: Number(height),
      levels: JSON.parse(levels).map((sheet) => ({ ...sheet, src: root + sheet.src })),
    };
  }

  function snapshot(id, result, { src, width, height, level, epochs }, column, kind) {
    const words = `level ${level}, ${KIND_WORDS[kind]}, epoch ${epochs[column]}`;
    const { choice, levels } = result;
    const cell = { columns: epochs.length, rows: KINDS.length, column, row: KINDS.indexOf(kind) };
    const names = { id, label: `${choice}, ${words}`, alt: `${result.alt}, ${words}` };
    return { ...cell, ...names, choice, levels, level, src, width, height };
  }

  /* Lossless files asked for, and those that have come: kept, so that showing one again is instant. */
  const asked = new Map();
  const loaded = new Map();

  const isLoaded = ({ src }) => loaded.has(src);

  function load({ src }) {
    if (!asked.has(src)) asked.set(src, loadFile(src));
    return asked.get(src);
  }

  async function loadFile(src) {
    const image = Object.assign(new Image(), { src });
    try {
      await image.decode();
      loaded.set(src, image);
    } catch {
      asked.delete(src); // the thumbnail stays; the next look at it tries again
    }
  }

  let pixel = null; // a canvas of one

  /* [red, green, blue] of a loaded picture at a fraction of its width and height. null where pixels cannot be read:
     no browser lets a page that was opened from the disk. */
  function colourAt(picture, across, down) {
    const x = (picture.column + across) * picture.width;
    const y = (picture.row + down) * picture.height;
    const canvas = () => Object.assign(document.createElement("canvas"), { width: 1, height: 1 });
    pixel ??= canvas().getContext("2d", { willReadFrequently: true });
    try {
      pixel.drawImage(loaded.get(picture.src), Math.floor(x), Math.floor(y), 1, 1, 0, 0, 1, 1);
      return [...pixel.getImageData(0, 0, 1, 1).data].slice(0, 3);
    } catch {
      pixel = null;
      return null;
    }
  }

  lab.picture = { Catalogue, KINDS, KIND_WORDS, snapshotId, load, isLoaded, colourAt };
})();
