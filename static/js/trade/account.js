/** What the signed-in account holds and has open: polled gently, and at once after each own act. */

import { conditionWords, statusWords, typeWords } from "./conditions.js";
import { cut, group, percent, tone } from "./decimal.js";
import { make, setText, stamp } from "./dom.js";
import { distance, isNear } from "./health.js";
import { get, post } from "./http.js";

const POLL_MS = 2000;
// The words of the wire, in a reader's words; what is not here is shown as it is.
const MOVED = { Borrow: "Borrowed", BorrowRepay: "Repaid", Lend: "Lent", LendRedeem: "Redeemed" };
const WHY = {
  Manual: "By yourself",
  AutoLend: "Auto Lend",
  AutoBorrowRepay: "Auto-Repay",
  SpotMargin: "Spot order",
  Reconciliation: "Settlement",
  DustConversion: "Dust sold",
  WriteOff: "Written off",
  LendTerms: "New terms",
};
const FROM = {
  Lend: "Lending",
  Borrow: "Borrowing",
  UnrealizedPositivePnl: "Open profit",
  UnrealizedNegativePnl: "Open loss",
};
const DIRECTIONS = { Bid: ["Buy", "up"], Ask: ["Sell", "down"] };

function side(value) {
  const [text, tone] = DIRECTIONS[value];
  return make("span", { class: tone }, text);
}

function signed(value, places) {
  const text = places === null ? value : cut(value, places);
  return make("span", { class: tone(text) }, group(text));
}

function progress(percent) {
  const bar = make("progress", { max: "100", value: String(percent), "aria-label": "Filled" });
  return make("span", { class: "progress" }, bar, `${percent}%`);
}

// The largest unit of time that an interval is a whole number of.
function every(milliseconds) {
  for (const [unit, size] of [["h", 3600000], ["min", 60000], ["s", 1000]]) {
    if (milliseconds % size === 0) return `${milliseconds / size} ${unit}`;
  }
  return `${milliseconds} ms`;
}

const number = (value) => (value === null || value === undefined ? "\u2013" : group(value));

// One entry per table: its rows' identity and cells, in the order of the headings in the template.
const TABLES = {
  balances: {
    key: (row) => row.asset,
    cells: (row) => [row.asset, row.available, row.locked, row.lent, row.borrowed].map(number),
  },
  positions: {
    key: (row) => row.symbol,
    cells: (row, account) => [
      make("a", { href: `/trade/${row.symbol}` }, row.symbol),
      signed(row.netQuantity, null),
      account.price(row.symbol, row.entryPrice),
      account.price(row.symbol, row.markPrice),
      account.liquidation(row),
      signed(row.pnlUnrealized, 2),
      signed(row.pnlRealized, 2),
      signed(row.interest, null),
      signed(row.funding, null),
    ],
  },
  orders: {
    key: (row) => row.id,
    cells: (row, account) => [
      stamp(row.createdAt),
      make("a", { href: `/trade/${row.symbol}` }, row.symbol),
      side(row.side),
      row.orderType === "Market" ? "Market" : number(row.price),
      number(row.quantity),
      number(row.executedQuantity),
      row.postOnly ? "Post only" : row.timeInForce,
      make("span", { class: "words" }, conditionWords(row)),
      account.cancelButton(row),
    ],
  },
  strategies: {
    key: (row) => row.id,
    cells: (row, account) => [
      stamp(row.createdAt),
      make("a", { href: `/trade/${row.symbol}` }, row.symbol),
      side(row.side),
      row.price === null ? "Market" : number(row.price),
      number(row.quantity),
      number(row.executedQuantity),
      progress(row.percent),
      every(row.intervalMs),
      account.cancelStrategyButton(row),
    ],
  },
  history: {
    key: (row) => row.id,
    cells: (row) => [
      stamp(row.createdAt),
      row.symbol,
      side(row.side),
      typeWords(row),
      number(row.price),
      number(row.quantity ?? row.quoteQuantity),
      number(row.executedQuantity),
      statusWords(row),
    ],
  },
  fills: {
    key: (row) => `${row.symbol}${row.tradeId}${row.orderId}`,
    cells: (row) => [
      stamp(row.timestamp),
      row.symbol,
      side(row.side),
      number(row.price),
      number(row.quantity),
      `${number(row.fee)} ${row.feeSymbol}`,
      row.isMaker ? "Maker" : "Taker",
    ],
  },
  borrowLends: {
    key: (row) => `${row.timestamp}${row.symbol}${row.kind}${row.quantity}`,
    cells: (row) => [stamp(row.timestamp), row.symbol, MOVED[row.kind] ?? row.kind, number(row.quantity), WHY[row.source] ?? row.source],
  },
  funding: {
    key: (row) => `${row.timestamp}${row.symbol}${row.position}`,
    cells: (row) => [
      stamp(row.timestamp),
      make("a", { href: `/trade/${row.symbol}` }, row.symbol),
      signed(row.size, null),
      `${percent(row.rate)}%`,
      signed(row.quantity, null),
    ],
  },
  interest: {
    key: (row) => `${row.timestamp}${row.symbol}${row.kind}${row.market}`,
    cells: (row) => [
      stamp(row.timestamp),
      row.symbol,
      row.market ? `${FROM[row.kind] ?? row.kind}, ${row.market}` : FROM[row.kind] ?? row.kind,
      signed(row.quantity, null),
      row.rate,
    ],
  },
};

export class AccountTables {
  /** `onState(state)` is called with each answer: {balances, positions, orders, strategies, margin}. */
  constructor({ root, paths, markets, accountId, onState }) {
    this.root = root;
    this.paths = paths;
    this.markets = markets;
    this.accountId = accountId;
    this.onState = onState;
    this.shown = {};
    this.tabs = [...root.querySelectorAll("[role=tab]")];
    this.notice = root.querySelector("[data-account-notice]");
    for (const tab of this.tabs) {
      tab.addEventListener("click", () => this.#open(tab));
      tab.addEventListener("keydown", (event) => this.#arrows(event));
    }
    if (accountId === null) return;
    this.#cancelAll(root.querySelector("[data-cancel-all]"));
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) this.refresh();
    });
    setInterval(() => {
      if (!document.hidden) this.refresh();
    }, POLL_MS);
    this.refresh();
  }

  /** Ask for the account's state now, and for the history if that is being read. */
  async refresh() {
    if (this.accountId === null) return;
    try {
      const state = await get(this.paths.account, { account: this.accountId });
      for (const name of ["balances", "positions", "orders", "strategies"]) this.#show(name, state[name]);
      this.#margin(state.margin);
      this.onState(state);
      await this.#history();
      this.notice.hidden = true;
    } catch (refusal) {
      setText(this.notice, refusal.message);
      this.notice.hidden = false;
    }
  }

  /** A price with the decimals of its market: averages and marks lie between ticks. */
  price(symbol, value) {
    const market = this.markets.find((one) => one.symbol === symbol);
    return number(market === undefined ? value : cut(value, market.priceDecimals));
  }

  /** The mark that would liquidate a position, and how far it is away; near is said by more than colour. */
  liquidation({ symbol, markPrice, liquidationPrice }) {
    if (liquidationPrice === "0") return "none";
    const near = isNear(markPrice, liquidationPrice);
    const words = `${distance(markPrice, liquidationPrice)}${near ? ", near" : ""}`;
    const away = make("span", { class: "away", "data-near": near }, `(${words})`);
    return make("span", { "data-liquidation": symbol }, this.price(symbol, liquidationPrice), " ", away);
  }

  /** Make the button which cancels one order. */
  cancelButton(order) {
    return this.#button(order, "order", this.paths.cancel, { orderId: order.id });
  }

  /** Make the button which cancels one strategy. */
  cancelStrategyButton(strategy) {
    return this.#button(strategy, "strategy", this.paths.cancelStrategy, { strategyId: strategy.id });
  }

  #button(row, what, path, name) {
    const label = `Cancel the ${what} ${row.id}`;
    const button = make("button", { type: "button", class: "link", "data-focus": row.id, "aria-label": label }, "Cancel");
    button.addEventListener("click", async () => {
      button.disabled = true;
      await this.#act(path, { symbol: row.symbol, ...name });
    });
    return button;
  }

  async #history() {
    const tab = this.tabs.find((candidate) => candidate.getAttribute("aria-selected") === "true");
    const path = this.paths[tab.dataset.table];
    if (path !== undefined) this.#show(tab.dataset.table, await get(path, { account: this.accountId }));
  }

  async #act(path, fields) {
    const csrf = document.querySelector("[name=csrfmiddlewaretoken]").value;
    let message = null;
    try {
      await post(path, { ...fields, account: this.accountId, csrfmiddlewaretoken: csrf });
    } catch (refusal) {
      message = refusal.message;
    }
    await this.refresh();
    if (message !== null) {
      setText(this.notice, message);
      this.notice.hidden = false;
    }
  }

  #show(name, rows) {
    const key = JSON.stringify(rows);
    if (this.shown[name] === key) return;
    this.shown[name] = key;
    const panel = this.root.querySelector(`#table-${name}`);
    const focused = document.activeElement?.dataset.focus;
    const table = TABLES[name];
    panel.querySelector("tbody").replaceChildren(
      ...rows.map((row) =>
        make("tr", { "data-key": table.key(row) }, ...table.cells(row, this).map((cell) => make("td", {}, cell))),
      ),
    );
    if (focused) panel.querySelector(`[data-focus="${focused}"]`)?.focus();
    panel.querySelector("[data-empty]").hidden = rows.length > 0;
    const count = this.root.querySelector(`[data-table=${name}] [data-count]`);
    if (count !== null) setText(count, rows.length ? String(rows.length) : "");
    if (name === "orders") this.root.querySelector("[data-cancel-all]").disabled = rows.length === 0;
  }

  #margin(margin) {
    const words = margin === null ? "" : `Equity $${group(cut(margin.equity, 2))} \u00b7 free $${group(cut(margin.free, 2))}`;
    setText(this.root.querySelector("[data-margin]"), words);
  }

  #cancelAll(button) {
    const dialog = document.querySelector("#confirm-cancel-all");
    button.addEventListener("click", (event) => {
      event.preventDefault();
      dialog.showModal();
    });
    dialog.addEventListener("close", () => {
      if (dialog.returnValue === "yes") this.#act(this.paths.cancelAll, {});
    });
  }

  #open(chosen) {
    for (const tab of this.tabs) {
      const selected = tab === chosen;
      tab.setAttribute("aria-selected", String(selected));
      tab.tabIndex = selected ? 0 : -1;
      this.root.querySelector(`#table-${tab.dataset.table}`).hidden = !selected;
    }
    this.refresh();
  }

  #arrows(event) {
    const move = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (move === undefined) return;
    const at = this.tabs.indexOf(event.currentTarget);
    const next = this.tabs[(at + move + this.tabs.length) % this.tabs.length];
    next.focus();
    this.#open(next);
  }
}
