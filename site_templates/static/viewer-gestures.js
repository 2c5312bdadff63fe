/* What pointers and the wheel do on a stage, in pane coordinates.

   `act` is told: grip(from, to, factor) as pointers drag or pinch, wheel(factor, point), tap(point) and
   hover(point or null); canZoom(factor) says whether a wheel has anything to do. */
"use strict";
(() => {
  const STILL_px = 5; // a press that moves less is a tap
  const LINE_px = 16;
  const WHEEL = 0.002; // zoom by e in 500 pixels
  const PINCH = 0.01;

  function pointIn(element, { clientX, clientY }) {
    const { left, top } = element.getBoundingClientRect();
    return { x: clientX - left, y: clientY - top };
  }

  /* The middle of one or two points, and how far apart they are. */
  function holdOf([a, b = a]) {
    return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2, spread: Math.hypot(a.x - b.x, a.y - b.y) || 1 };
  }

  function pointers(element, act) {
    const down = new Map(); // points of the pointers that are down, by id
    const hold = () => holdOf([...down.values()]);
    let from = null; // how they were held
    let still = false;

    function press(event) {
      if (event.button !== 0 || down.size === 2) return;
      still = down.size === 0;
      down.set(event.pointerId, pointIn(element, event));
      element.setPointerCapture(event.pointerId);
      from = hold();
    }

    function move(event) {
      const point = pointIn(element, event);
      act.hover(point);
      if (!down.has(event.pointerId)) return;
      down.set(event.pointerId, point);
      const to = hold();
      if (Math.hypot(to.x - from.x, to.y - from.y) > STILL_px) still = false;
      if (still) return;
      act.grip(from, to, to.spread / from.spread);
      from = to;
    }

    function release(event) {
      if (!down.delete(event.pointerId)) return;
      if (still && event.type === "pointerup") act.tap(pointIn(element, event));
      still = false;
      from = down.size ? hold() : null;
    }

    element.addEventListener("pointerdown", press);
    element.addEventListener("pointermove", move);
    element.addEventListener("pointerup", release);
    element.addEventListener("pointercancel", release);
    element.addEventListener("pointerleave", ({ pointerType }) => pointerType === "mouse" && act.hover(null));
    element.addEventListener("dragstart", (event) => event.preventDefault()); // of the image itself
    // Some browsers let two fingers zoom the page, whatever touch-action says.
    const keepPage = (event) => event.touches.length > 1 && event.preventDefault();
    element.addEventListener("touchmove", keepPage, { passive: false });
  }

  /* The wheel zooms once the pointer has moved here. A page that is being scrolled scrolls on, though pictures slide
     under the pointer; so it does where there is nothing to zoom. */
  function wheel(element, act) {
    let meant = false;
    element.addEventListener("pointermove", ({ movementX, movementY }) => (meant ||= movementX || movementY));
    addEventListener("scroll", () => (meant = false), { passive: true });

    function turn(event) {
      const pinch = event.ctrlKey; // so browsers report two fingers on a touch pad
      const pixels = event.deltaY * (event.deltaMode === WheelEvent.DOM_DELTA_PIXEL ? 1 : LINE_px);
      const factor = Math.exp(-lab.view.between(-300, pixels, 300) * (pinch ? PINCH : WHEEL));
      if (!pinch && !(meant && act.canZoom(factor))) return;
      event.preventDefault();
      act.wheel(factor, pointIn(element, event));
    }
    element.addEventListener("wheel", turn, { passive: false });
  }

  /* Tells drag(x) where a handle is dragged to, in the coordinates of what it lies in. */
  function dragHandle(handle, drag) {
    handle.addEventListener("pointerdown", (event) => {
      event.stopPropagation();
      handle.setPointerCapture(event.pointerId);
    });
    handle.addEventListener("pointermove", (event) => {
      if (handle.hasPointerCapture(event.pointerId)) drag(pointIn(handle.parentElement, event).x);
    });
  }

  function gestures(element, act) {
    pointers(element, act);
    wheel(element, act);
  }

  lab.gestures = { gestures, dragHandle };
})();
