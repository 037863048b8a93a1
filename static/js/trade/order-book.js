/**
 * The order book as the client holds it: a REST snapshot plus numbered deltas, without a gap.
 * Pure: no network and no page, so that it can be tested alone.
 */

import { parse } from "./decimal.js";

// A market that sends more than this before its snapshot arrives is asked again.
const BUFFER_LIMIT = 5000;

/** One side of a book: scaled prices and sizes, best price first. */
export class BookSide {
  constructor(descending) {
    this.descending = descending;
    this.prices = [];
    this.sizes = [];
  }

  /** Set what rests at `price`; nothing removes the level. */
  set(price, size) {
    const at = this.#position(price);
    const found = this.prices[at] === price;
    if (size === 0n) {
      if (found) {
        this.prices.splice(at, 1);
        this.sizes.splice(at, 1);
      }
    } else if (found) {
      this.sizes[at] = size;
    } else {
      this.prices.splice(at, 0, price);
      this.sizes.splice(at, 0, size);
    }
  }

  /** Up to `count` levels [price, size, sum so far], grouped to multiples of `step`, best first. */
  levels(count, step = 1n) {
    const rows = [];
    let sum = 0n;
    for (let i = 0; i < this.prices.length; i += 1) {
      const price = this.#group(this.prices[i], step);
      const last = rows[rows.length - 1];
      sum += this.sizes[i];
      if (last !== undefined && last[0] === price) {
        last[1] += this.sizes[i];
        last[2] = sum;
      } else if (rows.length === count) {
        break;
      } else {
        rows.push([price, this.sizes[i], sum]);
      }
    }
    return rows;
  }

  // Grouping rounds away from the middle, so that a group never shows a better price than it holds.
  #group(price, step) {
    const rest = price % step;
    if (rest === 0n) return price;
    return this.descending ? price - rest : price - rest + step;
  }

  #position(price) {
    let low = 0;
    let high = this.prices.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const before = this.descending ? this.prices[middle] > price : this.prices[middle] < price;
      if (before) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

export class OrderBook {
  constructor(priceDecimals, quantityDecimals) {
    this.priceDecimals = priceDecimals;
    this.quantityDecimals = quantityDecimals;
    this.reset();
  }

  /** Forget everything and collect deltas until the next snapshot. */
  reset() {
    this.bids = new BookSide(true);
    this.asks = new BookSide(false);
    this.updateId = null;
    this.buffer = [];
  }

  get ready() {
    return this.updateId !== null;
  }

  /**
   * Start from a REST snapshot and what was collected meanwhile.
   * False: the snapshot is older than the first delta collected, or those had a gap; fetch again.
   */
  load(snapshot) {
    const waiting = this.buffer;
    this.reset();
    this.#apply(snapshot.bids, snapshot.asks);
    this.updateId = Number(snapshot.lastUpdateId);
    return waiting.every((delta) => this.receive(delta));
  }

  /** Apply one delta {U, u, b, a}, or keep it for the snapshot. False: a gap; fetch a snapshot. */
  receive(delta) {
    if (!this.ready) {
      this.buffer.push(delta);
      if (this.buffer.length > BUFFER_LIMIT) this.buffer.shift();
      return true;
    }
    if (delta.u <= this.updateId) return true;
    if (delta.U > this.updateId + 1) {
      this.reset();
      this.buffer.push(delta);
      return false;
    }
    this.#apply(delta.b, delta.a);
    this.updateId = delta.u;
    return true;
  }

  #apply(bids, asks) {
    for (const [side, rows] of [[this.bids, bids], [this.asks, asks]]) {
      for (const [price, size] of rows) {
        side.set(parse(price, this.priceDecimals), parse(size, this.quantityDecimals));
      }
    }
  }
}
