/** The transfer form: says how much may go, and fills it in on request. */

const UNANSWERED = "The exchange does not answer: the amount is checked when you transfer.";
const form = document.querySelector("#transfer");

async function ask(asset) {
  const query = new URLSearchParams({
    source: form.elements.source.value,
    destination: form.elements.destination.value,
    asset,
  });
  try {
    const answer = await fetch(`${form.dataset.most}?${query}`, {
      headers: { Accept: "application/json" },
    });
    const told = await answer.json();
    return answer.ok ? { quantity: told.quantity } : { message: told.message };
  } catch {
    return { message: UNANSWERED };
  }
}

function fillButton(row, quantity) {
  const fill = document.createElement("button");
  fill.type = "button";
  fill.className = "link";
  fill.textContent = "All of it";
  fill.addEventListener("click", () => {
    row.querySelector("input").value = quantity;
  });
  return fill;
}

async function showMost(row) {
  const place = row.querySelector("[data-most-of]");
  const asset = row.querySelector("select").value;
  // Only the answer to the last question is shown.
  const turn = String(Number(row.dataset.turn ?? 0) + 1);
  row.dataset.turn = turn;
  place.hidden = true;
  if (!asset) return;
  const told = await ask(asset);
  if (row.dataset.turn !== turn) return;
  if (told.quantity === undefined) place.replaceChildren(told.message);
  else place.replaceChildren(`At most ${told.quantity} ${asset}. `, fillButton(row, told.quantity));
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
