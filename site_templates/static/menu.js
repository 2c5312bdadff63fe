/* The menu of images closes on Escape and on a click elsewhere, as menus do. */
"use strict";
(() => {
  const menu = document.querySelector(".menu");
  addEventListener("click", ({ target }) => (menu.open &&= menu.contains(target)));
  addEventListener("keydown", ({ key }) => {
    if (key !== "Escape" || !menu.open) return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });
})();
