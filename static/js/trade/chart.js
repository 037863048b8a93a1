/** Candles and volume. The chart draws pixels, so here and only here prices become floats. */

import {
  CandlestickSeries,
  HistogramSeries,
  LineStyle,
  createChart,
} from "../../vendor/lightweight-charts.js";
import { colour } from "./dom.js";
import { get } from "./http.js";

const BARS = 500;
const SECONDS = { "1m": 60, "5m": 300, "15m": 900, "1h": 3600, "4h": 14400, "1d": 86400 };

function seconds(text) {
  return Date.parse(`${text.replace(" ", "T")}Z`) / 1000;
}

export class Chart {
  constructor({ root, buttons, market, stream }) {
    this.market = market;
    this.stream = stream;
    this.interval = "1m";
    this.buttons = buttons;
    this.orderLines = [];
    this.chart = createChart(root, { autoSize: true, layout: { attributionLogo: false } });
    this.candles = this.chart.addSeries(CandlestickSeries, {
      priceFormat: {
        type: "price",
        precision: market.priceDecimals,
        minMove: Number(market.tick) / 10 ** market.priceDecimals,
      },
    });
    this.volume = this.chart.addSeries(HistogramSeries, {
      priceScaleId: "volume",
      priceFormat: { type: "volume" },
      lastValueVisible: false,
      priceLineVisible: false,
    });
    this.chart.priceScale("volume").applyOptions({ scaleMargins: { top: 0.82, bottom: 0 } });
    this.chart.timeScale().applyOptions({ timeVisible: true, secondsVisible: false, rightOffset: 4, barSpacing: 9 });
    this.applyTheme();
    for (const button of buttons) {
      button.addEventListener("click", () => this.#choose(button.dataset.interval));
    }
    stream.onOpen(() => this.#load());
    this.#subscribe();
  }

  /** Take the colours of the stylesheet: called again when the theme changes. */
  applyTheme() {
    const line = colour("--line");
    this.up = colour("--up");
    this.down = colour("--down");
    this.chart.applyOptions({
      layout: {
        attributionLogo: false,
        background: { color: colour("--panel") },
        textColor: colour("--dim"),
        fontSize: 11,
      },
      grid: { vertLines: { color: line }, horzLines: { color: line } },
      rightPriceScale: { borderColor: line },
      timeScale: { borderColor: line },
    });
    this.candles.applyOptions({
      upColor: this.up,
      downColor: this.down,
      wickUpColor: this.up,
      wickDownColor: this.down,
      borderVisible: false,
    });
    this.volume.applyOptions({ color: colour("--volume") });
  }

  /** Draw the account's orders of this market: {key, side, price, title, waits}, dashed if it waits. */
  showOrders(orders) {
    const key = orders.map((order) => order.key).join();
    if (key === this.orderKey) return;
    this.orderKey = key;
    for (const line of this.orderLines) this.candles.removePriceLine(line);
    this.orderLines = orders.map((order) =>
      this.candles.createPriceLine({
        price: Number(order.price),
        color: order.side === "Bid" ? this.up : this.down,
        lineWidth: 1,
        lineStyle: order.waits ? LineStyle.Dashed : LineStyle.Solid,
        axisLabelVisible: true,
        title: order.title,
      }),
    );
  }

  #choose(interval) {
    this.stream.unsubscribe(this.#name());
    this.interval = interval;
    for (const button of this.buttons) {
      button.setAttribute("aria-pressed", String(button.dataset.interval === interval));
    }
    this.#subscribe();
    this.#load();
  }

  #name() {
    return `kline.${this.interval}.${this.market.symbol}`;
  }

  #subscribe() {
    this.stream.subscribe(this.#name(), (bar) => {
      if (bar.c !== null && this.loaded) this.#update(seconds(bar.t), bar);
    });
  }

  #update(time, bar) {
    if (time < this.lastTime) return;
    this.lastTime = time;
    const [open, high, low, close] = [bar.o, bar.h, bar.l, bar.c].map(Number);
    this.candles.update({ time, open, high, low, close });
    this.volume.update({ time, value: Number(bar.v) });
  }

  async #load() {
    const interval = this.interval;
    const startTime = Math.floor(Date.now() / 1000) - BARS * SECONDS[interval];
    const query = { symbol: this.market.symbol, interval, startTime };
    const bars = await get("/api/v1/klines", query).catch(() => []);
    if (interval !== this.interval) return;
    const traded = bars.filter((bar) => bar.close !== null);
    this.candles.setData(
      traded.map((bar) => ({
        time: seconds(bar.start),
        open: Number(bar.open),
        high: Number(bar.high),
        low: Number(bar.low),
        close: Number(bar.close),
      })),
    );
    this.volume.setData(
      traded.map((bar) => ({ time: seconds(bar.start), value: Number(bar.volume) })),
    );
    this.lastTime = traded.length ? seconds(traded[traded.length - 1].start) : 0;
    this.loaded = true;
  }
}
