/** What the market takes now: a banner while that is not everything, and a figure in the ticker bar. */

import { group } from "./decimal.js";
import { setText } from "./dom.js";
import { get } from "./http.js";

const POLL_MS = 2000;
const SECOND_MS = 1000;

const two = (number) => String(number).padStart(2, "0");

/** Milliseconds as 1:02:03 or 02:03, rounded up; what is over is 00:00. */
export function countdown(milliseconds) {
  const seconds = Math.max(0, Math.ceil(milliseconds / SECOND_MS));
  const minutes = `${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  return seconds < 3600 ? minutes : `${Math.floor(seconds / 3600)}:${minutes}`;
}

/** The imbalance of an auction in words: which side is longer, and by how much. */
export function imbalanceWords(imbalance, base) {
  if (/^-?0*\.?0*$/.test(imbalance)) return "none";
  const amount = group(imbalance.replace("-", ""));
  return imbalance.startsWith("-") ? `${amount} ${base} more asked` : `${amount} ${base} more bid`;
}

export class MarketState {
  /** `figure` shows state and index in two words; `root` is the banner. */
  constructor({ root, figure, market }) {
    this.root = root;
    this.figure = figure;
    this.market = market;
    this.until = null;
    setInterval(() => this.refresh(), POLL_MS);
    setInterval(() => this.#countdown(), SECOND_MS);
    this.refresh();
  }

  /** Ask what the market takes now. */
  async refresh() {
    if (document.hidden) return;
    const rows = await get("/api/v1/x/marketStates", { symbol: this.market.symbol }).catch(() => []);
    if (rows.length) this.show(rows[0]);
  }

  /** Show a row of GET /api/v1/x/marketStates. */
  show(row) {
    const isOpen = row.state === "Open";
    const index = row.indexes[this.market.base] ?? "Ok";
    setText(this.figure, `${isOpen ? "Open" : row.title} \u00b7 index ${index}`);
    this.root.hidden = isOpen;
    this.root.dataset.state = row.state;
    if (!isOpen) {
      // A live region: written only when it changes, so that it is read once.
      setText(this.#part("title"), `${this.market.symbol}: ${row.title}.`);
      setText(this.#part("message"), row.message);
      setText(this.#part("advice"), row.advice);
    }
    this.#auction(row.auction);
    this.until = row.until;
    this.#countdown();
  }

  #auction(auction) {
    this.#part("auction").hidden = auction === null;
    if (auction === null) return;
    const { base, quote } = this.market;
    setText(this.#part("price"), auction.price === null ? "none yet" : `${group(auction.price)} ${quote}`);
    setText(this.#part("quantity"), `${group(auction.quantity)} ${base}`);
    setText(this.#part("imbalance"), imbalanceWords(auction.imbalance, base));
  }

  #countdown() {
    this.#part("until").hidden = this.until === null;
    if (this.until !== null) setText(this.#part("left"), countdown(this.until - Date.now()));
  }

  #part(name) {
    return this.root.querySelector(`[data-${name}]`);
  }
}
