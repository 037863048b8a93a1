/** The page of the API: Swagger UI over our document, with a key of its own for signed requests. */

import { post } from "../trade/http.js";
import { Signer } from "./signature.js";

const card = document.getElementById("signer");
const mount = document.getElementById("swagger");
const csrf = card.querySelector("[name=csrfmiddlewaretoken]").value;
let signer = null;
let instructions = new Map();

function show(text, { live = false } = {}) {
  document.getElementById("signer-state").textContent = text;
  document.getElementById("signer-end").hidden = !live;
  document.getElementById("signer-again").hidden = live;
}

async function makeKey() {
  if (!globalThis.crypto?.subtle) {
    show("This browser signs only on https pages. Open the exchange by its https address.");
    return;
  }
  try {
    const drawn = await Signer.draw();
    const fields = { account: card.dataset.account, public_key: drawn.publicKey };
    const made = await post(card.dataset.make, { ...fields, csrfmiddlewaretoken: csrf });
    if (!made) {
      show("Your password is needed once more.");
      return;
    }
    signer = drawn;
    show(`Signing with the key ${made.key}, good until ${made.until} UTC.`, { live: true });
  } catch (error) {
    show(error.name === "NotSupportedError" ? "This browser cannot sign with ED25519." : error.message);
  }
}

/** Have the key revoked; also while the page goes away, when nothing may be waited for. */
function endKey() {
  if (!signer) return;
  const fields = { public_key: signer.publicKey, csrfmiddlewaretoken: csrf };
  signer = null;
  navigator.sendBeacon(card.dataset.end, new URLSearchParams(fields));
}

/** "GET /api/v1/capital" → "balanceQuery", as the document says. */
function readInstructions(paths) {
  const named = Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, operation]) => [
      `${method.toUpperCase()} ${path}`,
      operation["x-instruction"],
    ]),
  );
  return new Map(named.filter(([, name]) => name));
}

async function sign(request) {
  const url = new URL(request.url, location.href);
  const method = (request.method ?? "GET").toUpperCase();
  const instruction = instructions.get(`${method} ${url.pathname}`);
  if (!signer || !instruction || url.origin !== location.origin) return request;
  let body = null;
  if (typeof request.body === "string" && request.body) {
    try {
      body = JSON.parse(request.body);
    } catch {
      // The exchange says what is wrong with it.
      return request;
    }
    // As it is signed: the same numbers, no spaces.
    request.body = JSON.stringify(body);
  }
  const headers = await signer.headers(instruction, { query: [...url.searchParams], body });
  Object.assign(request.headers, headers);
  return request;
}

const nothing = () => () => null;
const ui = globalThis.SwaggerUIBundle({
  url: mount.dataset.document,
  domNode: mount,
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: -1,
  displayRequestDuration: true,
  filter: true,
  // Never ask another host whether the document is valid.
  validatorUrl: null,
  requestInterceptor: sign,
  onComplete: () => {
    instructions = readInstructions(ui.specSelectors.specJson().toJS().paths);
    mount.dataset.ready = "1";
  },
  // Headers are signed, not typed in.
  plugins: [{ wrapComponents: { authorizeBtn: nothing, authorizeOperationBtn: nothing } }],
});

function followTheme() {
  const scheme = getComputedStyle(document.documentElement).colorScheme;
  document.documentElement.classList.toggle("dark-mode", scheme === "dark");
}
document.addEventListener("themechange", followTheme);
matchMedia("(prefers-color-scheme: light)").addEventListener("change", followTheme);
followTheme();

if (card.dataset.account) {
  addEventListener("pagehide", endKey);
  document.getElementById("signer-end").addEventListener("click", () => {
    endKey();
    show("The key has ended.");
  });
  makeKey();
}
