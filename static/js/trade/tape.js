/** The last public trades, newest first. */

import { format, group, parse } from "./decimal.js";
import { clock, make, oncePerFrame, setText } from "./dom.js";
import { get } from "./http.js";

const ROWS = 40;

export class Tape {
  /** `onPrice(price, direction)` is called with each new last price: direction is 1, 0 or -1. */
  constructor({ root, market, stream, onPrice }) {
    this.market = market;
    this.onPrice = onPrice;
    this.trades = [];
    this.paint = oncePerFrame(() => this.#paint());
    this.rows = Array.from({ length: ROWS }, () => {
      const cells = [make("span"), make("span"), make("span", { class: "dim" })];
      root.append(make("li", {}, ...cells));
      return cells;
    });
    stream.subscribe(`trade.${market.symbol}`, (trade) => {
      this.#add({ id: trade.t, price: trade.p, quantity: trade.q, at: trade.T / 1000, sold: trade.m });
      this.paint();
    });
    stream.onOpen(() => this.#load());
  }

  async #load() {
    const query = { symbol: this.market.symbol, limit: ROWS };
    const trades = await get("/api/v1/trades", query).catch(() => []);
    for (const trade of trades.reverse()) {
      this.#add({
        id: trade.id,
        price: trade.price,
        quantity: trade.quantity,
        at: trade.timestamp,
        sold: trade.isBuyerMaker,
      });
    }
    this.paint();
  }

  #add({ id, price, quantity, at, sold }) {
    const before = this.trades[0];
    if (before !== undefined && id <= before.id) return;
    const ticks = parse(price, this.market.priceDecimals);
    const size = parse(quantity, this.market.quantityDecimals);
    this.trades.unshift({ id, ticks, size, at, sold });
    this.trades.length = Math.min(this.trades.length, ROWS);
    const direction = before === undefined ? 0 : Math.sign(Number(ticks - before.ticks));
    this.onPrice(ticks, direction);
  }

  #paint() {
    const { priceDecimals, quantityDecimals } = this.market;
    this.trades.forEach((trade, i) => {
      const [price, size, time] = this.rows[i];
      setText(price, group(format(trade.ticks, priceDecimals)));
      price.className = trade.sold ? "down" : "up";
      price.title = trade.sold ? "Seller took" : "Buyer took";
      setText(size, group(format(trade.size, quantityDecimals)));
      setText(time, clock(trade.at));
    });
  }
}
