/** The bar above the chart: last, mark and index price, the 24-hour figures, the connection. */

import { cut, format, group, parse, percent, short, tone } from "./decimal.js";
import { setText } from "./dom.js";
import { get } from "./http.js";

const MARK_POLL_MS = 3000;
const STALE_MS = 5000;
const HOUR_MS = 3600000;
const STATES = { connecting: "Connecting\u2026", live: "Live", lost: "Reconnecting\u2026" };

const two = (number) => String(number).padStart(2, "0");

export class TickerBar {
  /** `onMark()` is called when mark and index are read anew. */
  constructor({ root, market, markets, stream, onMark }) {
    this.root = root;
    this.market = market;
    this.stream = stream;
    this.onMark = onMark;
    // What an order can wait for, as text, by its name in the API.
    this.prices = {};
    // A spot market has no mark of its own; its index is that of the perp on the same base.
    this.priced = [market, ...markets].find((one) => one.kind === "PERP" && one.base === market.base);
    stream.onState((state) => this.#state(state));
    stream.onOpen(() => this.#marks());
    setInterval(() => this.#marks(), MARK_POLL_MS);
    setInterval(() => {
      this.#staleness();
      this.#countdown();
    }, 1000);
  }

  /** Show the last price, coloured by the direction it moved in. */
  price(ticks, direction) {
    this.prices.LastPrice = format(ticks, this.market.priceDecimals);
    const text = group(this.prices.LastPrice);
    const target = this.#cell("last");
    setText(target, text);
    if (direction) target.className = direction > 0 ? "up" : "down";
    document.title = `${text} ${this.market.symbol} \u00b7 Satchel`;
  }

  /** Show a 24-hour ticker of this market. */
  ticker(ticker) {
    const { priceDecimals } = this.market;
    if (!this.#cell("last").textContent.match(/\d/)) this.price(parse(ticker.last, priceDecimals), 0);
    setText(this.#cell("change"), ticker.change === null ? "\u2013" : `${ticker.change}%`);
    this.#cell("change").className = tone(ticker.change ?? "");
    setText(this.#cell("high"), group(format(parse(ticker.high, priceDecimals), priceDecimals)));
    setText(this.#cell("low"), group(format(parse(ticker.low, priceDecimals), priceDecimals)));
    setText(this.#cell("volume"), `${short(ticker.quoteVolume ?? "0")} ${this.market.quote}`);
  }

  async #marks() {
    if (this.priced === undefined || document.hidden) return;
    const rows = await get("/api/v1/markPrices", { symbol: this.priced.symbol }).catch(() => []);
    if (!rows.length) return;
    const show = (value) => (value === null ? "\u2013" : group(cut(value, this.priced.priceDecimals)));
    setText(this.#cell("index"), show(rows[0].indexPrice));
    if (this.market.kind === "PERP") {
      setText(this.#cell("mark"), show(rows[0].markPrice));
      setText(this.#cell("funding"), `${percent(rows[0].fundingRate)}%`);
      this.#cell("funding").className = tone(rows[0].fundingRate);
      this.fundedAt = rows[0].nextFundingTimestamp;
      this.#countdown();
    }
    this.prices.IndexPrice = rows[0].indexPrice;
    this.prices.MarkPrice = rows[0].markPrice;
    this.onMark();
  }

  // The hour that is over is followed by the next, also before its prices are read.
  #countdown() {
    if (this.fundedAt === undefined) return;
    while (this.fundedAt <= Date.now()) this.fundedAt += HOUR_MS;
    const seconds = Math.ceil((this.fundedAt - Date.now()) / 1000);
    setText(this.#cell("countdown"), `${two(Math.floor(seconds / 60))}:${two(seconds % 60)}`);
  }

  #state(state) {
    const target = this.#cell("state");
    target.dataset.state = state;
    setText(target, STATES[state]);
  }

  #staleness() {
    if (this.stream.state !== "live") return;
    const silent = Date.now() - this.stream.lastMessageAt;
    this.#cell("state").dataset.state = silent > STALE_MS ? "stale" : "live";
    setText(this.#cell("state"), silent > STALE_MS ? `No data for ${Math.floor(silent / 1000)} s` : "Live");
  }

  #cell(name) {
    return this.root.querySelector(`[data-${name}]`);
  }
}
