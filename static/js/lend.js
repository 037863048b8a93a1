/** The lending page works without this: here a limit fills its field, and a form is sent once. */

for (const button of document.querySelectorAll("[data-fill]")) {
  button.addEventListener("click", () => {
    const field = button.form.elements.amount;
    field.value = button.dataset.fill;
    field.focus();
  });
}

for (const form of document.querySelectorAll("form[data-once]")) {
  form.addEventListener("submit", (event) => {
    const button = form.querySelector("button[type=submit]");
    // A second press sends nothing; the form's own id makes a lost answer harmless.
    if (button.disabled) event.preventDefault();
    button.disabled = true;
    button.dataset.sent = "";
  });
}

// A page that comes back from the browser's memory may be sent again.
addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  for (const button of document.querySelectorAll("form[data-once] button[data-sent]")) button.disabled = false;
});
