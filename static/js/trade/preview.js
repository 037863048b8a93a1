/** What the order in the ticket would do, as the engine says: asked while it is typed; the latest answer holds. */

import { cut, group, percent } from "./decimal.js";
import { make, setText } from "./dom.js";
import { usd } from "./health.js";
import { post } from "./http.js";

const QUIET_MS = 250;
// Prices move also while nothing is typed.
const AGAIN_MS = 3000;

/** "1.00 → 2.00", or one text where both are the same; what is not there is "none". */
export function change(before, after) {
  const [from, to] = [before ?? "none", after ?? "none"];
  return from === to ? to : `${from} \u2192 ${to}`;
}

/** How a mean price compares with the reference: "0.73% worse than the mark". */
export function slippageWords(slippage, reference) {
  if (slippage === null) return "";
  const size = percent(slippage.replace("-", ""));
  if (size === "0") return `at the ${reference}`;
  return `${size}% ${slippage.startsWith("-") ? "better" : "worse"} than the ${reference}`;
}

/** What becomes of the quantity, in a sentence; `base` is the asset that is traded. */
export function outcomeWords(preview, base) {
  const { status, executedQuantity: traded, restingQuantity: rests, reasonText } = preview;
  if (status === "TriggerPending") return "It waits; what it needs is looked at when its price is met.";
  const parts = [];
  if (traded !== "0") parts.push(`${group(traded)} ${base} trade at once`);
  if (rests !== "0") parts.push(`${group(rests)} ${base} rest in the book`);
  if (reasonText) parts.push(`${parts.length ? "the rest ends" : "It would end at once"}: ${reasonText}`);
  const said = parts.length ? `${parts.join("; ")}.` : "";
  return preview.filled === null ? said : `${said} What follows the arrow is once that has filled.`;
}

export class Preview {
  /** `form` is the ticket's; `path` takes it and tells what would become of it. */
  constructor({ form, path, market }) {
    this.form = form;
    this.path = path;
    this.market = market;
    this.list = form.querySelector("[data-outlook]");
    this.note = form.querySelector("[data-outlook-note]");
    // Questions are numbered: an answer to an older one is not shown.
    this.asked = 0;
    if (this.list === null) return;
    form.addEventListener("input", () => this.refresh());
    setInterval(() => {
      if (!document.hidden && !this.list.hidden) this.#ask();
    }, AGAIN_MS);
  }

  /** Ask anew in a moment; until then, and while nothing is meant, nothing old is left standing. */
  refresh() {
    if (this.list === null) return;
    clearTimeout(this.timer);
    if (!this.#isMeant()) return this.#clear();
    this.list.dataset.state = "asking";
    this.timer = setTimeout(() => this.#ask(), QUIET_MS);
  }

  #isMeant() {
    const { quantity, price, orderType } = this.form.elements;
    return quantity.value.trim() !== "" && (orderType.value === "Market" || price.value.trim() !== "");
  }

  #clear() {
    this.asked += 1;
    this.list.hidden = this.note.hidden = true;
  }

  async #ask() {
    if (!this.#isMeant()) return this.#clear();
    const mine = (this.asked += 1);
    let told = null;
    let message = null;
    try {
      told = await post(this.path, new URLSearchParams(new FormData(this.form)));
      message = told.refusal?.message ?? null;
    } catch (refusal) {
      message = refusal.message;
    }
    if (mine !== this.asked) return;
    delete this.list.dataset.state;
    this.list.hidden = told === null || told.refusal !== null;
    if (!this.list.hidden) this.#show(told);
    const words = message ?? outcomeWords(told, this.market.base);
    setText(this.note, words);
    this.note.classList.toggle("refused", message !== null);
    this.note.hidden = words === "";
  }

  #show(told) {
    const { before } = told;
    const after = told.filled ?? told.after;
    const money = (name) => change(usd(before.figures[name]), usd(after.figures[name]));
    const times = (outlook) => (outlook.figures.leverage === null ? null : `${outlook.figures.leverage}\u00d7`);
    const price = (text) => (text === null ? null : group(cut(text, this.market.priceDecimals)));
    const size = (outlook) => `${group(outlook.netQuantity)} ${this.market.base}`;
    const reference = this.market.kind === "PERP" ? "mark" : "index";
    const rows = [];
    if (told.averagePrice !== null) {
      rows.push(["Average price", price(told.averagePrice), slippageWords(told.slippage, reference)]);
      rows.push(["Fee", `${group(told.fee)} ${told.feeSymbol}`]);
    }
    for (const [label, amounts] of [["Borrows", told.borrowed], ["Repays", told.repaid]]) {
      for (const one of amounts) rows.push([label, `${group(one.quantity)} ${one.symbol}`]);
    }
    if (told.toBorrow !== null) rows.push(["May borrow later", `${group(told.toBorrow.quantity)} ${told.toBorrow.symbol}`]);
    if (this.market.kind === "PERP") rows.push(["Position", change(size(before), size(after))]);
    rows.push(["Initial margin", money("initialMargin")], ["Free margin", money("freeMargin")]);
    rows.push(["Leverage", change(times(before), times(after))]);
    rows.push(["Liquidation price", change(price(before.liquidationPrice), price(after.liquidationPrice)), "", "liquidation"]);
    this.list.replaceChildren(...rows.map(([label, text, more, name]) => row(label, text, more, name)));
  }
}

function row(label, text, more = "", name = null) {
  const small = more ? make("span", { class: "dim" }, more) : null;
  return make("div", {}, make("dt", {}, label), make("dd", { "data-outlook-row": name }, text, small));
}
