/* Where the panes of a viewer look.

   image coordinates  pixels of the frame, the size that every picture of a viewer is scaled to
   pane coordinates   CSS pixels from a pane's upper left corner
   View {x, y, zoom}  the image point at the centre of every pane, and how many times larger than whole it is shown

   One View is shared by all panes. It does not depend on their size, so a link shows the same place everywhere.
   Points are {x, y}, sizes {width, height}. Nothing here touches the page. */
"use strict";
(() => {
  const MOST_SCALE = 32; // CSS pixels an image pixel may become
  const DIGITS = 1000; // a view is rounded as in a link: one restored from there is equal, not merely near

  const round = (value) => Math.round(value * DIGITS) / DIGITS;
  const between = (least, value, most) => Math.min(Math.max(value, least), most);

  /* CSS pixels an image pixel has when the whole picture is shown. */
  const wholeScale = (frame, pane) => Math.min(pane.width / frame.width, pane.height / frame.height);

  const scaleOf = (view, frame, pane) => wholeScale(frame, pane) * view.zoom;

  const whole = (frame) => ({ x: frame.width / 2, y: frame.height / 2, zoom: 1 });

  function toImage(point, view, frame, pane) {
    const scale = scaleOf(view, frame, pane);
    return { x: view.x + (point.x - pane.width / 2) / scale, y: view.y + (point.y - pane.height / 2) / scale };
  }

  function toPane(point, view, frame, pane) {
    const scale = scaleOf(view, frame, pane);
    return { x: pane.width / 2 + (point.x - view.x) * scale, y: pane.height / 2 + (point.y - view.y) * scale };
  }

  /* The nearest view that shows no more emptiness than it must: a side that fits is centred. */
  function settled(view, frame, pane) {
    const zoom = round(between(1, view.zoom, Math.max(1, MOST_SCALE / wholeScale(frame, pane))));
    const scale = wholeScale(frame, pane) * zoom;
    const centre = (value, side) => {
      const half = pane[side] / scale / 2;
      return round(half * 2 >= frame[side] ? frame[side] / 2 : between(half, value, frame[side] - half));
    };
    return { x: centre(view.x, "width"), y: centre(view.y, "height"), zoom };
  }

  /* The view after a grip: what was at pane point `from` is at `to`, `factor` times as large. Serves zooming at a
     point (from = to), dragging (factor 1) and pinching (both). */
  function gripped(view, from, to, factor, frame, pane) {
    const { zoom } = settled({ ...view, zoom: view.zoom * factor }, frame, pane);
    const held = toImage(from, view, frame, pane);
    const scale = wholeScale(frame, pane) * zoom;
    const x = held.x - (to.x - pane.width / 2) / scale;
    const y = held.y - (to.y - pane.height / 2) / scale;
    return settled({ x, y, zoom }, frame, pane);
  }

  window.lab = { view: { wholeScale, scaleOf, whole, toImage, toPane, settled, gripped, between } };
})();
