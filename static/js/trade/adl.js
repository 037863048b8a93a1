/** How near each open position is to being reduced (ADL): lights beside its market. */

import { make } from "./dom.js";
import { get } from "./http.js";

const POLL_MS = 10000;
const LIGHTS = 5;
const NOTE =
  "ADL lights: of all holders of a side, five lights stand for the fifth that is reduced first, one for the last. " +
  "What counts is profit and leverage. It happens only if a bankrupt account cannot be closed in any other way.";

/** Draw `lights` of five; what they mean is said in words too. */
export function drawn(lights, message) {
  const bars = Array.from({ length: LIGHTS }, (_, at) => make("i", { "data-on": lights !== null && at < lights }));
  const said = lights === null ? "ADL: not known yet" : `ADL: ${lights} of ${LIGHTS} lights`;
  return make("span", { class: "adl", role: "img", "aria-label": `${said}. ${message}`, title: `${said}. ${message}` }, ...bars);
}

export class AdlLights {
  /** `panel` holds the table of positions, which another part of the page writes. */
  constructor({ panel, path, account }) {
    this.body = panel.querySelector("tbody");
    this.path = path;
    this.account = account;
    this.rows = new Map();
    this.note = make("p", { class: "adl-note dim", hidden: true }, NOTE);
    panel.querySelector("table").after(this.note);
    new MutationObserver(() => this.#decorate()).observe(this.body, { childList: true });
    setInterval(() => this.refresh(), POLL_MS);
    this.refresh();
  }

  /** Ask where the positions stand. */
  async refresh() {
    if (document.hidden) return;
    const rows = await get(this.path, { account: this.account }).catch(() => null);
    if (rows === null) return;
    this.rows = new Map(rows.map((row) => [row.symbol, row]));
    this.#decorate();
  }

  #decorate() {
    const positions = [...this.body.children];
    this.note.hidden = positions.length === 0;
    for (const position of positions) {
      const symbol = position.dataset.key;
      const row = this.rows.get(symbol);
      if (row === undefined) {
        this.#ask(symbol);
        continue;
      }
      const key = `${row.lights} ${row.message}`;
      if (position.dataset.adl === key) continue;
      position.dataset.adl = key;
      position.querySelector(".adl")?.remove();
      position.firstElementChild.append(drawn(row.lights, row.message));
    }
  }

  // A position that has just been opened is asked about once, and not again before its turn.
  #ask(symbol) {
    if (this.asked?.has(symbol)) return;
    this.asked = (this.asked ?? new Set()).add(symbol);
    setTimeout(() => this.refresh(), 0);
  }
}
