/** The order book on the page: rows with depth bars; a click or Enter fills the ticket's price. */

import { format, group, parse } from "./decimal.js";
import { make, oncePerFrame, setText } from "./dom.js";
import { get } from "./http.js";
import { OrderBook } from "./order-book.js";

const ROWS = 14;
const SNAPSHOT_LEVELS = "500";
const RETRY_MS = 1000;

export class BookView {
  /** `onPick(price text)` is called when the reader chooses a level. */
  constructor({ root, market, stream, onPick }) {
    this.root = root;
    this.market = market;
    this.book = new OrderBook(market.priceDecimals, market.quantityDecimals);
    this.step = market.tick;
    this.ownPrices = new Set();
    this.fetching = false;
    this.paint = oncePerFrame(() => this.#paint());
    this.asks = this.#rows(root.querySelector("[data-asks]"), "ask", onPick);
    this.bids = this.#rows(root.querySelector("[data-bids]"), "bid", onPick);
    this.#grouping(root.querySelector("[data-grouping]"));
    stream.subscribe(`depth.${market.symbol}`, (delta) => {
      if (!this.book.receive(delta)) this.#refetch();
      this.paint();
    });
    stream.onOpen(() => {
      this.book.reset();
      this.#refetch();
    });
  }

  /** Mark the levels at which the account's own orders rest: side and price texts. */
  markOwn(orders) {
    this.ownPrices = new Set(
      orders.map((order) => `${order.side}:${parse(order.price, this.market.priceDecimals)}`),
    );
    this.paint();
  }

  /** Show the last traded price between the two sides. */
  last(text, direction) {
    const target = this.root.querySelector("[data-book-last]");
    setText(target, group(text));
    if (direction) target.className = direction > 0 ? "up" : "down";
  }

  /** Best price of the side which an order of `side` would take, or null. */
  best(side) {
    const levels = side === "Bid" ? this.book.asks : this.book.bids;
    return levels.prices[0] ?? null;
  }

  async #refetch() {
    if (this.fetching) return;
    this.fetching = true;
    try {
      const query = { symbol: this.market.symbol, limit: SNAPSHOT_LEVELS };
      const complete = this.book.load(await get("/api/v1/depth", query));
      this.fetching = false;
      if (!complete) this.#refetch();
    } catch {
      this.fetching = false;
      setTimeout(() => this.#refetch(), RETRY_MS);
    }
    this.paint();
  }

  #rows(body, kind, onPick) {
    const rows = [];
    for (let i = 0; i < ROWS; i += 1) {
      const price = make("span", { class: `price ${kind}` });
      const size = make("span");
      const sum = make("span", { class: "dim" });
      const row = make("button", { type: "button", class: `level ${kind}-level`, tabindex: i ? "-1" : "0" }, price, size, sum);
      row.addEventListener("click", () => {
        if (row.dataset.price) onPick(row.dataset.price);
      });
      row.addEventListener("keydown", (event) => this.#arrows(event, row));
      rows.push({ row, price, size, sum });
      body.append(row);
    }
    return rows;
  }

  #arrows(event, row) {
    const next = { ArrowDown: "nextElementSibling", ArrowUp: "previousElementSibling" }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    row[next]?.focus();
  }

  #grouping(select) {
    for (const times of [1n, 10n, 100n]) {
      const text = format(this.market.tick * times, this.market.priceDecimals);
      select.append(make("option", { value: String(this.market.tick * times) }, text));
    }
    select.addEventListener("change", () => {
      this.step = BigInt(select.value);
      this.paint();
    });
  }

  #paint() {
    const bids = this.book.bids.levels(ROWS, this.step);
    const asks = this.book.asks.levels(ROWS, this.step);
    const deepest = [...bids, ...asks].reduce((most, level) => (level[2] > most ? level[2] : most), 1n);
    this.#fill(this.bids, bids, deepest, "Bid");
    this.#fill(this.asks, asks, deepest, "Ask");
    this.#spread();
    this.root.toggleAttribute("data-loading", !this.book.ready);
  }

  #fill(rows, levels, deepest, side) {
    const { priceDecimals, quantityDecimals } = this.market;
    rows.forEach(({ row, price, size, sum }, i) => {
      const level = levels[i];
      if (level === undefined) {
        row.dataset.price = "";
        row.disabled = true;
        for (const cell of [price, size, sum]) setText(cell, "");
        row.style.setProperty("--depth", "0%");
        return;
      }
      row.disabled = false;
      row.dataset.price = format(level[0], priceDecimals);
      setText(price, group(row.dataset.price));
      setText(size, group(format(level[1], quantityDecimals)));
      setText(sum, group(format(level[2], quantityDecimals)));
      row.toggleAttribute("data-own", this.ownPrices.has(`${side}:${level[0]}`));
      row.style.setProperty("--depth", `${(level[2] * 100n) / deepest}%`);
    });
  }

  #spread() {
    const [bid, ask] = [this.best("Ask"), this.best("Bid")];
    const target = this.root.querySelector("[data-spread]");
    if (bid === null || ask === null) {
      setText(target, this.book.ready ? "One side is empty" : "Loading the book\u2026");
      return;
    }
    const spread = ask - bid;
    const hundredthsOfBp = (spread * 2_000_000n) / (ask + bid);
    setText(target, `Spread ${format(spread, this.market.priceDecimals)} \u00b7 ${format(hundredthsOfBp, 2)} bp`);
  }
}
