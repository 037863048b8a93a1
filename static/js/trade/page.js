/** The trading page: reads what the server says about the market and wires the parts together. */

import { AccountTables } from "./account.js";
import { BookView } from "./book-view.js";
import { Chart } from "./chart.js";
import { PENDING, exitName } from "./conditions.js";
import { format, parse } from "./decimal.js";
import { Health } from "./health.js";
import { MarketList } from "./market-list.js";
import { Preview } from "./preview.js";
import { Stream } from "./stream.js";
import { Tape } from "./tape.js";
import { TickerBar } from "./ticker-bar.js";
import { Ticket } from "./ticket.js";

const find = (selector) => document.querySelector(selector);

function readMarket(raw) {
  return { ...raw, tick: parse(raw.tickSize, raw.priceDecimals), step: parse(raw.stepSize, raw.quantityDecimals) };
}

function orderLine(order) {
  const waits = order.status === PENDING;
  const price = waits ? order.conditions.triggerPrice : order.price;
  const verb = order.side === "Bid" ? "buy" : "sell";
  const title = waits ? (exitName(order)?.toLowerCase() ?? `${verb}, waits`) : verb;
  return { key: `${order.id}@${price}`, side: order.side, price, title, waits };
}

function showTabs() {
  const tabs = [...document.querySelectorAll("[data-screen]")];
  for (const tab of tabs) {
    tab.addEventListener("click", () => {
      document.body.dataset.tab = tab.dataset.screen;
      for (const other of tabs) other.setAttribute("aria-pressed", String(other === tab));
      window.scrollTo(0, 0);
    });
  }
}

function showHelp() {
  const help = find("#help");
  document.addEventListener("keydown", (event) => {
    if (event.key === "?" && !event.target.closest("input, select, textarea")) help.showModal();
  });
  find("[data-help]").addEventListener("click", () => help.showModal());
}

function start() {
  const page = JSON.parse(find("#page-data").textContent);
  const markets = page.markets.map(readMarket);
  const market = markets.find((one) => one.symbol === page.symbol);
  const stream = new Stream(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/`);

  const bar = new TickerBar({
    root: find("#ticker"),
    market,
    markets,
    stream,
    onMark: () => ticket.preview(),
  });
  new MarketList({
    root: find("#markets"),
    opener: find("[data-open-markets]"),
    markets,
    stream,
    onTicker: (symbol, ticker) => {
      if (symbol === market.symbol) bar.ticker(ticker);
    },
  });
  const chart = new Chart({
    root: find("[data-chart]"),
    buttons: [...document.querySelectorAll("[data-interval]")],
    market,
    stream,
  });
  const book = new BookView({ root: find("#book"), market, stream, onPick: (price) => pick(price) });
  const ticket = new Ticket({
    form: find("#ticket form"),
    market,
    bestPrice: (side) => book.best(side),
    watched: (by) => bar.prices[by] ?? null,
    onPlaced: () => tables.refresh(),
    onChange: () => preview.refresh(),
  });
  const preview = new Preview({ form: find("#ticket form"), path: page.paths.preview, market });
  const health = new Health({
    root: find("[data-health]"),
    dialog: find("#what-if"),
    path: page.paths.whatIf,
    quote: market.quote,
    accountId: page.account,
  });
  new Tape({
    root: find("[data-tape]"),
    market,
    stream,
    onPrice: (ticks, direction) => {
      bar.price(ticks, direction);
      ticket.preview();
      book.last(format(ticks, market.priceDecimals), direction);
    },
  });
  const tables = new AccountTables({
    root: find("#tables"),
    paths: page.paths,
    markets,
    accountId: page.account,
    onState: (state) => {
      const here = state.orders.filter((order) => order.symbol === market.symbol);
      ticket.account(state);
      health.show(state.risk);
      book.markOwn(here.filter((order) => order.status !== PENDING));
      chart.showOrders(here.map(orderLine));
    },
  });

  function pick(price) {
    ticket.pick(price);
    if (matchMedia("(max-width: 759px)").matches) find("[data-screen=trade]").click();
  }

  document.addEventListener("themechange", () => chart.applyTheme());
  matchMedia("(prefers-color-scheme: light)").addEventListener("change", () => chart.applyTheme());
  showTabs();
  showHelp();
  stream.connect();
}

start();
