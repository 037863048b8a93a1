/** The list of markets: live prices, search, tabs. Its rows are links, made by the server. */

import { format, group, parse, percentChange, short, tone } from "./decimal.js";
import { setText } from "./dom.js";
import { get } from "./http.js";

const SEARCH_KEY = "/";

export class MarketList {
  /** `onTicker(symbol, ticker)` is called with each 24-hour ticker: {first, last, high, low, volume}. */
  constructor({ root, opener, markets, stream, onTicker }) {
    this.root = root;
    this.markets = new Map(markets.map((market) => [market.symbol, market]));
    this.onTicker = onTicker;
    this.search = root.querySelector("input[type=search]");
    this.tabs = [...root.querySelectorAll("[data-kind-tab]")];
    this.rows = [...root.querySelectorAll("[data-market]")];
    this.kind = "";
    this.search.addEventListener("input", () => this.#filter());
    this.search.addEventListener("keydown", (event) => this.#keys(event));
    for (const tab of this.tabs) tab.addEventListener("click", () => this.#choose(tab));
    opener.addEventListener("click", () => this.toggle());
    document.addEventListener("keydown", (event) => {
      const typing = event.target.closest("input, select, textarea");
      if (event.key === SEARCH_KEY && !typing) {
        event.preventDefault();
        this.toggle(true);
      }
    });
    this.opener = opener;
    for (const market of markets) {
      stream.subscribe(`ticker.${market.symbol}`, (data) =>
        this.#show(data.s, { first: data.o, last: data.c, high: data.h, low: data.l, volume: data.v, quoteVolume: data.V }),
      );
    }
    stream.onOpen(() => this.#load());
  }

  /** Open or close the list where the screen is too narrow to show it always. */
  toggle(open = this.root.dataset.open === undefined) {
    if (open) {
      this.root.dataset.open = "";
      this.search.focus();
      this.search.select();
    } else {
      delete this.root.dataset.open;
      this.opener.focus();
    }
    this.opener.setAttribute("aria-expanded", String(open));
  }

  async #load() {
    const tickers = await get("/api/v1/tickers").catch(() => []);
    for (const ticker of tickers) {
      this.#show(ticker.symbol, {
        first: ticker.firstPrice,
        last: ticker.lastPrice,
        high: ticker.high,
        low: ticker.low,
        volume: ticker.volume,
        quoteVolume: ticker.quoteVolume,
      });
    }
  }

  #show(symbol, ticker) {
    const market = this.markets.get(symbol);
    if (market === undefined || ticker.last === null) return;
    const first = parse(ticker.first, market.priceDecimals);
    const last = parse(ticker.last, market.priceDecimals);
    const change = percentChange(first, last);
    const row = this.rows.find((candidate) => candidate.dataset.market === symbol);
    setText(row.querySelector("[data-last]"), group(format(last, market.priceDecimals)));
    setText(row.querySelector("[data-volume]"), short(ticker.quoteVolume ?? "0"));
    const changeCell = row.querySelector("[data-change]");
    setText(changeCell, change === null ? "\u2013" : `${change}%`);
    changeCell.className = tone(change ?? "");
    this.onTicker(symbol, { ...ticker, change });
  }

  #choose(chosen) {
    this.kind = chosen.dataset.kindTab;
    for (const tab of this.tabs) tab.setAttribute("aria-pressed", String(tab === chosen));
    this.#filter();
  }

  #filter() {
    const wanted = this.search.value.trim().toUpperCase();
    let shown = 0;
    for (const row of this.rows) {
      const fits = row.dataset.market.includes(wanted) && row.dataset.kind.includes(this.kind);
      row.hidden = !fits;
      shown += fits ? 1 : 0;
    }
    this.root.querySelector("[data-none]").hidden = shown > 0;
  }

  #keys(event) {
    if (event.key === "Escape") this.toggle(false);
    if (event.key === "Enter") this.rows.find((row) => !row.hidden)?.querySelector("a").click();
  }
}
