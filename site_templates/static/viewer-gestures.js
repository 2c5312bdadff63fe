/* What pointers and the wheel do on a stage, in pane coordinates.

   `act` is told: grab() when a grip begins, grip(from, to, factor) as it moves (since grab), tap(point),
   hover(point or null), wheel(factor, point); canZoom(factor) says whether a wheel would change anything. */
"use strict";
(() => {
  const STILL_px = 5; // a press that moves less is a tap
  const LINE_px = 16;

  const middle = (points) => ({
    x: points.reduce((sum, point) => sum + point.x, 0) / points.length,
    y: points.reduce((sum, point) => sum + point.y, 0) / points.length,
  });
  const spread = ([a, b]) => (b ? Math.hypot(a.x - b.x, a.y - b.y) : 1);

  /* Tell act.drag(x) of a drag of the handle, pane coordinates. */
  function dragHandle(handle, act) {
    handle.addEventListener("pointerdown", (event) => {
      event.stopPropagation();
      handle.setPointerCapture(event.pointerId);
    });
    handle.addEventListener("pointermove", (event) => {
      if (handle.hasPointerCapture(event.pointerId)) act.drag(pointIn(handle.parentElement, event).x);
    });
  }

  function pointIn(element, event) {
    const box = element.getBoundingClientRect();
    return { x: event.clientX - box.left - element.clientLeft, y: event.clientY - box.top - element.clientTop };
  }

  function pointers(element, act) {
    const down = new Map(); // pointers pressed, by id
    let from = null; // middle and spread of them when the grip began
    let still = false;

    const grab = () => {
      const points = [...down.values()];
      from = points.length ? { middle: middle(points), spread: spread(points) } : null;
      act.grab();
    };

    element.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || down.size === 2) return;
      still = down.size === 0;
      down.set(event.pointerId, pointIn(element, event));
      element.setPointerCapture(event.pointerId);
      grab();
    });

    element.addEventListener("pointermove", (event) => {
      const point = pointIn(element, event);
      act.hover(point);
      if (!down.has(event.pointerId)) return;
      down.set(event.pointerId, point);
      const points = [...down.values()];
      const to = middle(points);
      if (Math.hypot(to.x - from.middle.x, to.y - from.middle.y) > STILL_px || down.size > 1) still = false;
      if (!still) act.grip(from.middle, to, spread(points) / from.spread);
    });

    const release = (event) => {
      if (!down.delete(event.pointerId)) return;
      if (still && event.type === "pointerup") act.tap(pointIn(element, event));
      still = false;
      grab();
    };
    element.addEventListener("pointerup", release);
    element.addEventListener("pointercancel", release);
    element.addEventListener("pointerleave", () => act.hover(null));
    // Some browsers zoom the page by two fingers, whatever touch-action says.
    element.addEventListener("touchmove", (event) => event.touches.length > 1 && event.preventDefault(), {
      passive: false,
    });
  }

  /* The wheel zooms once the pointer has moved here. A page that is scrolled past scrolls on, however its pictures
     slide under the pointer, and so it does where there is nothing to zoom. */
  function wheel(element, act) {
    let meant = false;
    element.addEventListener("pointermove", (event) => {
      if (event.movementX || event.movementY) meant = true;
    });
    addEventListener("scroll", () => (meant = false), { passive: true });
    element.addEventListener(
      "wheel",
      (event) => {
        const pixels = event.deltaY * (event.deltaMode === WheelEvent.DOM_DELTA_PIXEL ? 1 : LINE_px);
        const pinch = event.ctrlKey; // how browsers report two fingers on a touch pad
        const factor = Math.exp(-lab.view.between(-300, pixels, 300) * (pinch ? 0.01 : 0.002));
        if (!pinch && !(meant && act.canZoom(factor))) return;
        event.preventDefault();
        act.wheel(factor, pointIn(element, event));
      },
      { passive: false },
    );
  }

  function gestures(element, act) {
    pointers(element, act);
    wheel(element, act);
  }

  lab.gestures = { gestures, dragHandle };
})();
