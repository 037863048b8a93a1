/** The transfer form: says how much may go, and fills it in on request. */

const form = document.querySelector("#transfer");

async function showMost(row) {
  const place = row.querySelector("[data-most-of]");
  const asset = row.querySelector("select").value;
  if (!asset) {
    place.hidden = true;
    return;
  }
  const query = new URLSearchParams({
    source: form.elements.source.value,
    destination: form.elements.destination.value,
    asset,
  });
  const answer = await fetch(`${form.dataset.most}?${query}`, {
    headers: { Accept: "application/json" },
  });
  const told = await answer.json();
  place.replaceChildren(answer.ok ? `At most ${told.quantity} ${asset}. ` : told.message);
  if (answer.ok) {
    const fill = document.createElement("button");
    fill.type = "button";
    fill.className = "link";
    fill.textContent = "All of it";
    fill.addEventListener("click", () => {
      row.querySelector("input").value = told.quantity;
    });
    place.append(fill);
  }
  place.hidden = false;
}

if (form) {
  const rows = [...form.querySelectorAll("[data-row]")];
  for (const row of rows) {
    row.querySelector("select").addEventListener("change", () => showMost(row));
  }
  for (const name of ["source", "destination"]) {
    form.elements[name].addEventListener("change", () => rows.forEach(showMost));
  }
  rows.forEach(showMost);
}
