/** Menus and questions that open over a page: one at a time; Escape and a click elsewhere close them. */

const OPEN = "details[data-menu][open], details.confirm[open]";

function close(details) {
  const held = details.contains(document.activeElement);
  details.open = false;
  if (held) details.querySelector("summary").focus();
}

document.addEventListener("click", (event) => {
  for (const details of document.querySelectorAll(OPEN)) {
    if (!details.contains(event.target)) details.open = false;
  }
});

document.addEventListener("keydown", (event) => {
  const open = document.querySelector(OPEN);
  if (open === null) return;
  if (event.key === "Escape") {
    close(open);
    return;
  }
  const move = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (move === undefined || !open.matches("[data-menu]") || !open.contains(event.target)) return;
  event.preventDefault();
  const entries = [...open.querySelectorAll(".menu a, .menu button")];
  const at = entries.indexOf(document.activeElement);
  const start = at < 0 && move < 0 ? 0 : at;
  entries[(start + move + entries.length) % entries.length].focus();
});
