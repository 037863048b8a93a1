/** The pages of index prices work without this: here what is of now stays of now. */

const EVERY_MS = 2000;

async function refresh() {
  // A hidden page asks nothing; a selection is not taken away from whoever made it.
  if (document.hidden || !getSelection().isCollapsed) return;
  const answer = await fetch(location.href);
  if (!answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const [shown, fresh] = [document, page].map((one) => one.querySelector("[data-live]"));
  // Whoever stands on a link keeps it.
  if (fresh && !shown.contains(document.activeElement)) shown.replaceChildren(...fresh.childNodes);
}

async function follow() {
  try {
    await refresh();
  } catch {
    // The exchange is away for a moment: what is shown says of when it is.
  }
  setTimeout(follow, EVERY_MS);
}

setTimeout(follow, EVERY_MS);
