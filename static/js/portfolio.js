/** The portfolio page works without this: here a bar that is pointed at or touched tells its day. */

for (const chart of document.querySelectorAll("[data-chart=profit]")) {
  const words = chart.parentElement.querySelector("[data-told=profit]");
  const whole = words.textContent;
  const tell = (event) => {
    const title = event.target.querySelector?.("title");
    words.textContent = title ? title.textContent : whole;
  };
  chart.addEventListener("pointerover", tell);
  chart.addEventListener("pointerleave", () => {
    words.textContent = whole;
  });
}
