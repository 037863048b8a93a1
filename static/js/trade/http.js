/** Requests to our own server. A refusal is an Error whose message is meant for the reader. */

export class Refusal extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

async function answer(response) {
  const text = await response.text();
  const isJson = (response.headers.get("content-type") ?? "").startsWith("application/json");
  const body = isJson && text ? JSON.parse(text) : null;
  if (response.ok) return body;
  throw new Refusal(
    body?.code ?? "SERVER_ERROR",
    body?.message ?? `The exchange did not answer (HTTP ${response.status}). Try again in a moment.`,
  );
}

async function send(path, options) {
  try {
    return await fetch(path, { credentials: "same-origin", ...options });
  } catch {
    throw new Refusal("UNREACHABLE", "The exchange cannot be reached. Check your connection.");
  }
}

/** GET JSON; `query` values that are null are left out. */
export async function get(path, query = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== null);
  const search = new URLSearchParams(given).toString();
  const headers = { Accept: "application/json" };
  return answer(await send(search ? `${path}?${search}` : path, { headers }));
}

/** POST a form as the page's session; the form carries Django's CSRF token. */
export async function post(path, fields) {
  const headers = { Accept: "application/json" };
  const body = fields instanceof URLSearchParams ? fields : new URLSearchParams(fields);
  return answer(await send(path, { method: "POST", headers, body }));
}
