/** The account chooser of the header: choosing is enough, no button needed. */

document
  .querySelector("#account-switch select")
  ?.addEventListener("change", (event) => event.target.form.submit());
