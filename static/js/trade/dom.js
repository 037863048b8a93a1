/** Small things every part of the page does with the document. */

/** Make an element: make("td", { class: "up" }, "1.0"). Text is always text, never HTML. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

/** Write text only when it differs: an unchanged node costs no layout. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Return a function that runs `paint` at most once per animation frame. */
export function oncePerFrame(paint) {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      paint();
    });
  };
}

/** The hour of a time in milliseconds, UTC: 14:03:09. */
export function clock(milliseconds) {
  return new Date(milliseconds).toISOString().slice(11, 19);
}

/** A server time (milliseconds, or ISO with its zone) as 2026-11-23 14:03:09. */
export function stamp(value) {
  const milliseconds = typeof value === "number" ? value : Date.parse(value);
  return new Date(milliseconds).toISOString().slice(0, 19).replace("T", " ");
}

/** A colour of the stylesheet as the browser resolves it for the current theme. */
export function colour(name) {
  const probe = make("span", { hidden: true });
  probe.style.setProperty("color", `var(${name})`);
  document.body.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}
