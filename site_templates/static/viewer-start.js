/* Starts the viewers of a page, wakes them as they are read, and shows what the address asks for. */
"use strict";
(() => {
  const viewers = [...document.querySelectorAll(".viewer")].map((root) => new lab.Viewer(root));

  /* Lossless pictures are megabytes. They are loaded for viewers in sight once there is a sign of somebody reading:
     until then a page costs its thumbnails only. */
  function wakeWhatIsSeen() {
    const seen = new IntersectionObserver((entries) => {
      for (const { isIntersecting, target } of entries) {
        if (isIntersecting) viewers.find(({ root }) => root === target).wake();
      }
    });
    for (const { root } of viewers) seen.observe(root);
  }

  const signs = new AbortController();
  for (const type of ["pointermove", "pointerdown", "wheel", "keydown"]) {
    const options = { passive: true, signal: signs.signal };
    addEventListener(type, () => (signs.abort(), wakeWhatIsSeen()), options);
  }

  function followAddress() {
    const asked = lab.link.read(location.hash);
    const viewer = asked && viewers.find(({ image }) => image === asked.image);
    if (!viewer) return;
    viewer.restore(asked);
    viewer.root.scrollIntoView({ block: "start" });
  }

  addEventListener("hashchange", followAddress);
  followAddress();
})();
