/* Maps of how two pictures differ, pixel by pixel, in CIE Lab (D65): the colour difference CIEDE2000 (Sharma, Wu and
   Dalal 2005) and the difference in lightness L*. A map is {width, height, colour, lightness}, a number a pixel. */
"use strict";
(() => {
  const TURN = 2 * Math.PI;
  const DEGREE = TURN / 360;
  const PATIENCE_ms = 30; // the page may not hang longer
  const BLUE = [[33, 102, 172], [146, 197, 222]];
  const RED = [[244, 165, 130], [178, 24, 43]];
  const HEAT = [[0, 0, 4], [66, 10, 104], [147, 38, 103], [221, 81, 58], [252, 165, 10], [252, 255, 164]];
  const COLOURS = { colour: HEAT, lightness: [...BLUE, [247, 247, 247], ...RED] };

  /* 256 colours through evenly spaced stops. */
  function ramp(stops) {
    return Array.from({ length: 256 }, (_, index) => {
      const place = (index / 255) * (stops.length - 1);
      const at = Math.min(Math.floor(place), stops.length - 2);
      return stops[at].map((value, channel) => Math.round(value + (stops[at + 1][channel] - value) * (place - at)));
    });
  }
  const RAMPS = { colour: ramp(COLOURS.colour), lightness: ramp(COLOURS.lightness) };

  const LINEAR = Float64Array.from({ length: 256 }, (_, byte) => {
    const value = byte / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  const root = (value) => (value > 216 / 24389 ? Math.cbrt(value) : ((24389 / 27) * value + 16) / 116);

  function labOf(data, at) {
    const [r, g, b] = [LINEAR[data[at]], LINEAR[data[at + 1]], LINEAR[data[at + 2]]];
    const x = root((0.412453 * r + 0.35758 * g + 0.180423 * b) / 0.95047);
    const y = root(0.212671 * r + 0.71516 * g + 0.072169 * b);
    const z = root((0.019334 * r + 0.119193 * g + 0.950227 * b) / 1.08883);
    return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
  }

  const length = (a, b) => Math.sqrt(a * a + b * b);
  const hueOf = (a, b) => (Math.atan2(b, a) + TURN) % TURN;
  const saturation = (chroma) => Math.sqrt(chroma ** 7 / (chroma ** 7 + 25 ** 7));

  function ciede2000([l1, a1, b1], [l2, a2, b2]) {
    const stretch = 1.5 - saturation((length(a1, b1) + length(a2, b2)) / 2) / 2;
    const [c1, c2] = [length(a1 * stretch, b1), length(a2 * stretch, b2)];
    const [h1, h2] = [hueOf(a1 * stretch, b1), hueOf(a2 * stretch, b2)];
    const far = Math.abs(h1 - h2) > TURN / 2;
    const turn = h2 - h1 + (far ? (h2 > h1 ? -TURN : TURN) : 0);
    const hue = c1 * c2 === 0 ? h1 + h2 : (h1 + h2 + (far ? (h1 + h2 < TURN ? TURN : -TURN) : 0)) / 2;
    const [light, chroma] = [((l1 + l2) / 2 - 50) ** 2, (c1 + c2) / 2];
    const t =
      1 - 0.17 * Math.cos(hue - 30 * DEGREE) + 0.24 * Math.cos(2 * hue) +
      0.32 * Math.cos(3 * hue + 6 * DEGREE) - 0.2 * Math.cos(4 * hue - 63 * DEGREE);
    const lightness = (l2 - l1) / (1 + (0.015 * light) / Math.sqrt(20 + light));
    const chromas = (c2 - c1) / (1 + 0.045 * chroma);
    const hues = (2 * Math.sqrt(c1 * c2) * Math.sin(turn / 2)) / (1 + 0.015 * chroma * t);
    const blue = 60 * DEGREE * Math.exp(-(((hue / DEGREE - 275) / 25) ** 2));
    const rotation = -2 * Math.sin(blue) * saturation(chroma) * chromas * hues;
    return Math.sqrt(Math.max(0, lightness ** 2 + chromas ** 2 + hues ** 2 + rotation));
  }

  const pause = () => new Promise((go) => setTimeout(go));

  /* The map of two loaded pictures at a frame's size, the first subtracted; null where pixels cannot be read. */
  async function compare(first, second, { width, height }) {
    const [one, other] = [first, second].map((picture) => lab.picture.pixelsOf(picture, width, height));
    if (!one || !other) return null;
    const map = { width, height, colour: new Float32Array(width * height), lightness: new Float32Array(width * height) };
    let start = performance.now();
    for (let pixel = 0; pixel < width * height; pixel += 1) {
      const at = pixel * 4;
      if (one[at] !== other[at] || one[at + 1] !== other[at + 1] || one[at + 2] !== other[at + 2]) {
        const [a, b] = [labOf(one, at), labOf(other, at)];
        map.colour[pixel] = ciede2000(a, b);
        map.lightness[pixel] = b[0] - a[0];
      }
      if (pixel % 4096 === 0 && performance.now() - start > PATIENCE_ms) {
        await pause();
        start = performance.now();
      }
    }
    return map;
  }

  /* Paint a map of a kind; `most` has the last colour, and so has what is beyond. */
  function paint(canvas, map, kind, most) {
    Object.assign(canvas, { width: map.width, height: map.height });
    const context = canvas.getContext("2d");
    const image = context.createImageData(map.width, map.height);
    const colours = RAMPS[kind];
    map[kind].forEach((value, pixel) => {
      const share = kind === "colour" ? value / most : value / most / 2 + 0.5;
      image.data.set(colours[Math.round(lab.view.between(0, share, 1) * 255)], pixel * 4);
      image.data[pixel * 4 + 3] = 255;
    });
    context.putImageData(image, 0, 0);
  }

  /* {mean, largest} of a map's part between two image points, of values without their sign. */
  function measure(map, kind, from, to) {
    const [values, { width, height }] = [map[kind], map];
    const [left, right] = [Math.max(0, Math.floor(from.x)), Math.min(width, Math.ceil(to.x))];
    const [top, bottom] = [Math.max(0, Math.floor(from.y)), Math.min(height, Math.ceil(to.y))];
    let [sum, largest] = [0, 0];
    for (let y = top; y < bottom; y += 1) {
      for (let x = left; x < right; x += 1) {
        const value = Math.abs(values[y * width + x]);
        sum += value;
        if (value > largest) largest = value;
      }
    }
    return { mean: sum / Math.max(1, (right - left) * (bottom - top)), largest };
  }

  const gradient = (kind) => COLOURS[kind].map((stop) => `rgb(${stop.join(" ")})`);

  lab.maps = { compare, paint, measure, gradient, ciede2000, labOf };
})();
