/**
 * Signs requests of the API (docs/api.md): ED25519 by WebCrypto over one line of text. The key pair is
 * drawn here, and its secret half cannot be read, not even by this page.
 */

const WINDOW = "5000";

const base64 = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer)));

/** Names in byte order; those of one name keep theirs. */
function joined(pairs) {
  const sorted = [...pairs].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return sorted.map(([name, value]) => `&${name}=${value}`).join("");
}

function members(object) {
  const text = (value) => (typeof value === "string" ? value : JSON.stringify(value));
  return Object.entries(object).map(([name, value]) => [name, text(value)]);
}

/** The line which is signed: the query and the body as text; a batch repeats the instruction. */
export function signedText(instruction, { query, body, timestamp }) {
  const parts = Array.isArray(body) ? body : [body ?? {}];
  const segments = parts.map(
    (part) => `instruction=${instruction}${joined([...query, ...members(part)])}`,
  );
  return `${segments.join("&")}&timestamp=${timestamp}&window=${WINDOW}`;
}

/** A key pair, and the headers it makes. */
export class Signer {
  static async draw() {
    const pair = await crypto.subtle.generateKey("Ed25519", false, ["sign", "verify"]);
    const publicKey = base64(await crypto.subtle.exportKey("raw", pair.publicKey));
    return new Signer(pair.privateKey, publicKey);
  }

  constructor(privateKey, publicKey) {
    this.privateKey = privateKey;
    this.publicKey = publicKey;
  }

  async headers(instruction, { query, body }) {
    const timestamp = String(Date.now());
    const text = signedText(instruction, { query, body, timestamp });
    const bytes = new TextEncoder().encode(text);
    const signature = await crypto.subtle.sign("Ed25519", this.privateKey, bytes);
    return {
      "X-API-Key": this.publicKey,
      "X-Signature": base64(signature),
      "X-Timestamp": timestamp,
      "X-Window": WINDOW,
    };
  }
}
