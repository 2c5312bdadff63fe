/* What a viewer says of the pixel pointed at: where it is, and its colour in every pane's own picture. */
"use strict";
(() => {
  const { isLoaded, colourAt } = lab.picture;

  function isInside({ x, y }, { width, height }) {
    return x >= 0 && y >= 0 && x < width && y < height;
  }

  function showColour(value, number, rgb) {
    value.hidden = !rgb;
    if (!rgb) return;
    const [swatch, words] = value.children;
    swatch.style.backgroundColor = `rgb(${rgb.join(" ")})`;
    words.textContent = `${number}: ${rgb.join(" ")}`;
  }

  lab.readOut = ({ root, frame, pointed, panes, seen, space }) => {
    const point = pointed && isInside(pointed, frame) ? pointed : null;
    for (const { stage } of panes) stage.mark(point && lab.view.toPane(point, seen, space));

    const pictures = panes.map((pane) => pane.picture).filter(({ src }) => src);
    const colours = panes.map(({ picture }) =>
      point && isLoaded(picture) ? colourAt(picture, point.x / frame.width, point.y / frame.height) : undefined,
    );
    root.querySelectorAll(".value").forEach((value, index) => showColour(value, index + 1, colours[index]));

    const words = [];
    if (point) words.push(`x ${Math.floor(point.x)}, y ${Math.floor(point.y)}`);
    if (!pictures.every(isLoaded)) words.push("Lossy previews");
    if (colours.includes(null)) words.push("colours cannot be read in a page opened from the disk");
    root.querySelector(".place").textContent = words.join(" · ");
  };
})();
