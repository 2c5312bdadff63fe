/* The contact sheet of an image: in the order of a measure, and each picture into a pane of the viewer above. */
"use strict";
(() => {
  const sheet = document.querySelector(".contact");
  const figures = [...sheet.children];

  /* What has no figure comes last. */
  document.querySelector(".order")?.addEventListener("change", ({ target: { value, selectedOptions } }) => {
    const sign = selectedOptions[0].dataset.better === "higher" ? -1 : 1;
    const key = (figure) => figure.getAttribute(`data-${value.replaceAll("_", "-")}`);
    const order = (a, b) => (key(a) === null) - (key(b) === null) || sign * (key(a) - key(b));
    sheet.append(...(value ? figures.toSorted(order) : figures));
  });

  sheet.addEventListener("click", ({ target }) => {
    const id = target.dataset.show;
    if (!id) return;
    const [viewer] = lab.viewers;
    viewer.showIn(target.value - 1, id);
    viewer.say(`Pane ${target.value} shows ${viewer.panes[target.value - 1].picture.label}.`);
    viewer.root.scrollIntoView();
    viewer.panes[target.value - 1].stage.element.focus({ preventScroll: true });
  });
})();
