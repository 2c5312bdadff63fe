/* Where a zoomed view lies in the whole picture: a small copy of it in the first pane, which moves the view when it is
   clicked or dragged. Buttons and arrow keys do the same, so it is hidden from those who do not see it. */
"use strict";
lab.minimap = (viewer) => {
  const stage = viewer.panes[0].stage.element;
  const map = document.createElement("div");
  const picture = Object.assign(new Image(), { alt: "" });
  const box = document.createElement("span");
  map.className = "minimap";
  map.ariaHidden = "true";
  map.append(box);
  stage.append(map);
  const { width, height } = viewer.frame;
  map.style.aspectRatio = `${width} / ${height}`;

  function move(event) {
    const { left, top, width: wide, height: high } = map.getBoundingClientRect();
    const x = ((event.clientX - left) / wide) * width;
    const y = ((event.clientY - top) / high) * height;
    viewer.setView({ ...viewer.seen, x, y });
  }
  map.addEventListener("pointerdown", (event) => {
    event.stopPropagation();
    map.setPointerCapture(event.pointerId);
    move(event);
  });
  map.addEventListener("pointermove", (event) => {
    event.stopPropagation();
    if (map.hasPointerCapture(event.pointerId)) move(event);
  });
  for (const type of ["pointerup", "click", "dblclick"]) map.addEventListener(type, (event) => event.stopPropagation());

  return () => {
    const { seen, space, panes } = viewer;
    const thumb = panes.map((pane) => pane.picture.thumb).find(Boolean);
    if (seen.zoom <= 1) return;
    if (thumb && picture.getAttribute("src") !== thumb) {
      picture.src = thumb;
      map.prepend(picture);
    }
    const corner = (point) => lab.view.toImage(point, seen, space);
    const [from, to] = [corner({ x: 0, y: 0 }), corner({ x: space.pane.width, y: space.pane.height })];
    const share = (value, whole) => `${lab.view.between(0, value / whole, 1) * 100}%`;
    box.style.left = share(from.x, width);
    box.style.top = share(from.y, height);
    box.style.right = share(width - to.x, width);
    box.style.bottom = share(height - to.y, height);
  };
};
