/* What a viewer shows in its mode "difference": a map of one of KINDS, and what that says in words.

   colour      CIEDE2000, from 0 to 160 / gain
   lightness   L* of the second picture less the first's, so much either way
   residual    the second, shrunk, less the input; built with the site
   plain       the difference of the channels, magnified: needs no pixels to be read, so it works from the disk too */
"use strict";
(() => {
  const KINDS = ["colour", "lightness", "residual", "plain"];
  const MOST_DELTA_E = 160; // what has the last colour at a gain of 1
  const RESIDUAL = { colours: ["rgb(0 0 0)", "rgb(128 128 128)", "rgb(255 255 255)"], words: ["−64", "levels", "+64"] };
  const NEW_VIEW_ms = 350; // a map is measured, and told, once the view rests
  const most = (gain) => MOST_DELTA_E / gain;

  /* What the stage shows of the pair. */
  function compose({ kind, gain, panes, pair }) {
    const [first, second] = pair.map((index) => panes[index].picture);
    const [a, b] = pair.map((index) => index + 1);
    const end = Math.round(most(gain) * 10) / 10;
    if (kind === "residual") {
      const picture = second.residual;
      if (!picture) return { base: { gap: `No shrunk picture of ${b} was built: it is no result at the study’s factor.` } };
      return { base: picture, tags: [`Error of ${b} when shrunk to the input`], legend: RESIDUAL };
    }
    if (kind === "plain") {
      return { base: first, over: second, composition: "difference", tags: [`|${a} − ${b}| ×${gain}`], gain };
    }
    const tag = kind === "colour" ? `ΔE00 of ${a} and ${b}` : `L* of ${b} − ${a}`;
    const words = kind === "colour" ? ["0", "ΔE", `${end}+`] : [`−${end}`, "L*", `+${end}`];
    return { base: first, over: second.gap ? second : undefined, composition: "map", tags: [tag], legend: { colours: lab.maps.gradient(kind), words } };
  }

  /* The map of the pair, computed once; null where pixels cannot be read. */
  async function mapOf(viewer, first, second) {
    const { cellOf, load, isLoaded } = lab.picture;
    const name = [first, second].map((picture) => [picture.src, ...cellOf(picture)]).join();
    if (viewer.map?.name === name) return viewer.map;
    await Promise.all([first, second].map(load));
    if (![first, second].every(isLoaded)) return undefined;
    const map = await lab.maps.compare(first, second, viewer.frame);
    return map && Object.assign(map, { name });
  }

  /* Where pixels cannot be read: the map that was built of a result and the original, else the plain difference. */
  function fallBack(viewer, first, second) {
    const built = viewer.kind === "colour" && (first.isOriginal ? second : second.isOriginal ? first : null)?.apart;
    const { stage } = viewer.panes[0];
    if (built) {
      const shown = compose(viewer);
      stage.show({ ...shown, base: built, composition: "", legend: { ...shown.legend, words: ["0", "ΔE", "40+"] } }, true);
    } else {
      stage.show(compose({ ...viewer, kind: "plain" }), true);
      viewer.part(".kind select").value = "plain"; // what is shown, not what was asked for
    }
    viewer.resized();
    viewer.say(
      built
        ? "Built at half size with the site: a page opened from the disk cannot compute maps, nor tell mean and largest."
        : "Shown is the plain difference: a page opened from the disk cannot compute maps. Served (singan serve) it can.",
    );
  }

  /* Bring map and words in line with what is shown; both come when they are known. */
  async function showMap(viewer) {
    const asked = (viewer.asked = {});
    const stale = () => viewer.asked !== asked;
    viewer.map ??= null;
    if (viewer.mode !== "difference" || viewer.held) return;
    const { kind, pair, panes, gain } = viewer;
    const { stage } = panes[0];
    const [first, second] = pair.map((index) => panes[index].picture);
    if (first.gap || second.gap) return;
    const numbers = `${pair[0] + 1} and ${pair[1] + 1}`;
    if (kind === "residual") viewer.say(second.shift ? `Picture ${pair[1] + 1} shrunk, against the input: ${second.shift}.` : "");
    else if (lab.picture.isSame(first, second)) viewer.say(`Identical: ${numbers} are the same in every pixel.`);
    if (!viewer.wanted || kind === "residual" || kind === "plain") return;
    const map = await mapOf(viewer, first, second);
    if (stale() || map === undefined) return;
    if (map === null) return fallBack(viewer, first, second);
    viewer.map = map;
    lab.maps.paint(stage.canvas, map, kind, most(gain));
    stage.map.element.hidden = false;
    viewer.look();
  }

  /* The words of the part in view. */
  function tell(viewer) {
    const { map, kind, mode, pair, seen, space } = viewer;
    if (mode !== "difference" || !map || !["colour", "lightness"].includes(kind) || viewer.panes[0].stage.map.element.hidden) return;
    const { pane } = space;
    const corners = [{ x: 0, y: 0 }, { x: pane.width, y: pane.height }].map((point) => lab.view.toImage(point, seen, space));
    const { mean, largest } = lab.maps.measure(map, kind, ...corners);
    const numbers = `${pair[0] + 1} and ${pair[1] + 1}`;
    const unit = kind === "colour" ? "colour difference ΔE00" : "difference in lightness L*";
    const where = seen.zoom > 1 ? "in view" : "in the whole picture";
    const equal = map.colour.every((value) => value === 0) ? `Identical: ${numbers} are the same in every pixel.` : "";
    if (equal) viewer.say(equal);
    else if (!largest) viewer.say(`${numbers} are identical in view.`);
    else viewer.say(`${numbers}, ${unit} ${where}: mean ${mean.toFixed(2)}, largest ${largest.toFixed(1)}.`);
  }

  function tellSoon(viewer) {
    clearTimeout(viewer.telling);
    viewer.telling = setTimeout(() => tell(viewer), NEW_VIEW_ms);
  }

  /* ΔE or L* at an image point, as words. */
  function at({ map, mode, kind, panes }, { x, y }) {
    if (mode !== "difference" || !map || panes[0].stage.map.element.hidden) return "";
    const value = map[kind]?.[Math.floor(y) * map.width + Math.floor(x)];
    return value === undefined ? "" : `${kind === "colour" ? "ΔE" : "L*"} ${value.toFixed(1)}`;
  }

  lab.difference = { KINDS, compose, showMap, tellSoon, at };
})();
