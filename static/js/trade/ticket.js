/** The order ticket: a plain form which the server checks; here it previews, fills in and reports. */

import { extras, triggerSentence } from "./conditions.js";
import { cut, format, group, parse, trim } from "./decimal.js";
import { setText } from "./dom.js";
import { post } from "./http.js";

// What is meant for one order only; a tolerance stays for the next.
const ONCE = [
  ...["quantity", "triggerPrice", "takeProfitTriggerPrice", "takeProfitLimitPrice"],
  ...["stopLossTriggerPrice", "stopLossLimitPrice"],
];
const KEYS = { b: ["side", "Bid"], s: ["side", "Ask"], l: ["orderType", "Limit"], m: ["orderType", "Market"] };

/** Change the decimals of a scaled number; what is cut off is rounded up. */
function rescale(value, from, to) {
  if (to >= from) return value * 10n ** BigInt(to - from);
  const unit = 10n ** BigInt(from - to);
  return (value + unit - 1n) / unit;
}

export class Ticket {
  /**
   * `bestPrice(side)` is the price at which an order of that side would trade now, or null;
   * `watched(by)` the mark, index or last price as text, or null.
   */
  constructor({ form, market, bestPrice, watched, onPlaced, onChange }) {
    this.form = form;
    this.market = market;
    this.bestPrice = bestPrice;
    this.watched = watched;
    this.onPlaced = onPlaced;
    // Called when fields change without being typed into.
    this.onChange = onChange;
    this.state = null;
    this.fields = form.elements;
    this.submit = form.querySelector("[data-submit]");
    this.words = form.querySelector("[data-submit-words]");
    this.error = form.querySelector("[data-error]");
    this.result = form.querySelector("[data-result]");
    form.addEventListener("input", () => this.#refresh());
    form.addEventListener("submit", (event) => this.#place(event));
    for (const button of form.querySelectorAll("[data-share]")) {
      button.addEventListener("click", () => this.#share(BigInt(button.dataset.share)));
    }
    document.addEventListener("keydown", (event) => this.#key(event));
    this.#refresh();
  }

  /** Put a price of the book into the ticket; a market ticket becomes a limit one. */
  pick(price) {
    this.#choose("orderType", "Limit");
    this.fields.price.value = trim(price);
    this.#filled();
  }

  /** Take the account's balances and positions, for what is available. */
  account(state) {
    this.state = state;
    this.#refresh();
  }

  /** Refresh the preview: called when the book or a price has moved. */
  preview() {
    if (this.fields.orderType.value === "Market" || this.#waits) this.#refresh();
  }

  get #isBid() {
    return this.fields.side.value === "Bid";
  }

  get #waits() {
    return this.fields.triggerPrice.value.trim() !== "";
  }

  #refresh() {
    const { fields, market } = this;
    const limit = fields.orderType.value === "Limit";
    const bid = this.#isBid;
    this.form.dataset.side = fields.side.value;
    this.form.querySelector("[data-price-row]").hidden = !limit;
    this.form.querySelector("[data-execution-row]").hidden = !limit;
    this.form.querySelector("[data-slippage-row]").hidden = limit;
    fields.price.required = limit;
    fields.slippageTolerance.disabled = limit;
    this.#units(limit);
    if (this.words !== null) setText(this.words, `${bid ? "Buy" : "Sell"} ${market.base}`);
    this.#conditions(limit);
    this.#figures();
  }

  // Only a market order may say what to spend, only one that waits a part of the position.
  #units(limit) {
    const { unit } = this.fields;
    const offered = { base: true, quote: !limit && !this.#waits, position: this.#waits };
    for (const option of unit.options) option.hidden = option.disabled = !offered[option.value];
    if (!offered[unit.value]) unit.value = "base";
    unit.disabled = [...unit.options].filter((option) => !option.disabled).length === 1;
  }

  #conditions(limit) {
    const { fields, market } = this;
    const told = [];
    if (this.#waits) {
      const quantity = fields.quantity.value.trim() || "\u2026";
      const what = fields.unit.value === "position" ? `${quantity}% of the position` : `${quantity} ${market.base}`;
      const by = fields.triggerBy.value;
      told.push(
        triggerSentence({
          bid: this.#isBid,
          what,
          limit: limit ? fields.price.value.trim() || "\u2026" : null,
          by,
          price: fields.triggerPrice.value.trim(),
          now: this.watched(by),
        }),
      );
    }
    const more = extras(Object.fromEntries(new FormData(this.form)));
    if (more) told.push(more);
    const target = this.form.querySelector("[data-conditions]");
    setText(target, told.join(" "));
    target.hidden = told.length === 0;
  }

  #figures() {
    const { market } = this;
    const { value: unit } = this.fields.unit;
    const inQuote = unit === "quote";
    const typed = unit === "position" ? "-" : this.fields.quantity.value;
    const amount = parse(typed, inQuote ? market.quoteDecimals : market.quantityDecimals);
    const price = this.#price();
    const product = market.priceDecimals + market.quantityDecimals;
    const places = Math.max(product, market.quoteDecimals);
    let value = null;
    if (amount !== null && inQuote) value = amount * 10n ** BigInt(places - market.quoteDecimals);
    else if (amount !== null && price !== null) value = amount * price * 10n ** BigInt(places - product);
    const show = (scaled, decimals) => `${group(format(scaled, decimals))} ${market.quote}`;
    const cents = value === null ? null : value / 10n ** BigInt(places - 2);
    this.#figure("value", cents === null ? "\u2013" : show(cents, 2));
    const fee = value === null ? null : (value * BigInt(market.takerFeePpm)) / 10n ** BigInt(places + 2);
    this.#figure("fee", fee === null ? "\u2013" : show(fee, 4));
    this.#borrows(value, places);
    const available = this.#available();
    this.#figure("available", available === null ? "\u2013" : `${group(available.text)} ${available.unit}`);
    const none = unit !== "position" && (available === null || available.shared === true);
    for (const button of this.form.querySelectorAll("[data-share]")) button.disabled = none;
  }

  // Spot pays with one asset: what is at hand, then what is lent, then what is borrowed, as allowed.
  #borrows(value, places) {
    const target = this.form.querySelector("[data-borrows]");
    if (target === null || this.state === null) return;
    const { market, fields } = this;
    const bid = this.#isBid;
    const unit = bid ? market.quote : market.base;
    const decimals = bid ? market.quoteDecimals : market.baseDecimals;
    let need = null;
    if (bid && value !== null) need = rescale(value, places, decimals);
    else if (!bid && fields.unit.value === "base") need = parse(fields.quantity.value, decimals);
    const balance = this.state.balances.find((one) => one.asset === unit);
    const held = (name) => parse(balance?.[name] ?? "0", decimals) ?? 0n;
    const own = held("available") + (fields.autoLendRedeem.checked ? held("lent") : 0n);
    const short = need === null ? 0n : need - own;
    let text = "";
    // What an order that waits will borrow is known when its price is met.
    if (short > 0n && !this.#waits) {
      const amount = `${group(trim(format(short, decimals)))} ${unit}`;
      const about = fields.orderType.value === "Market" ? "about " : "";
      const rate = this.state.borrowRates[unit];
      if (fields.autoBorrow?.checked) text = `Borrows ${about}${amount}, at ${rate} a year now.`;
      else text = `${about ? "About " : ""}${amount} more is needed${fields.autoBorrow ? ": deposit it, or let it be borrowed" : ""}.`;
    }
    setText(target, text);
    target.hidden = text === "";
  }

  #figure(name, text) {
    setText(this.form.querySelector(`[data-${name}]`), text);
  }

  #price() {
    if (this.fields.orderType.value === "Market") {
      if (this.#waits) return parse(this.fields.triggerPrice.value, this.market.priceDecimals);
      return this.bestPrice(this.fields.side.value);
    }
    return parse(this.fields.price.value || "-", this.market.priceDecimals);
  }

  // What the next order can use: the asset it pays with, or the position it can reduce. The margin
  // of a perpetual is shared by all that the account does, so no part of it is offered.
  #available() {
    if (this.state === null) return null;
    const { market } = this;
    if (market.kind === "PERP") {
      if (!this.fields.reduceOnly.checked) {
        const free = this.state.margin?.free;
        return free === undefined ? null : { text: cut(free, 2), unit: "USD", shared: true };
      }
      const position = this.state.positions.find((one) => one.symbol === market.symbol);
      const size = position?.netQuantity ?? "0";
      const reduces = this.#isBid === size.startsWith("-");
      return { text: reduces ? size.replace("-", "") : "0", unit: market.base };
    }
    const unit = this.#isBid ? market.quote : market.base;
    const balance = this.state.balances.find((one) => one.asset === unit);
    return { text: balance?.usable ?? "0", unit };
  }

  #share(percent) {
    const { market } = this;
    if (this.fields.unit.value === "position") {
      this.fields.quantity.value = String(percent);
      this.#filled();
      return;
    }
    const available = this.#available();
    const decimals = market.quantityDecimals;
    const spendsQuote = available.unit === market.quote;
    const held = parse(available.text, spendsQuote ? market.quoteDecimals : market.baseDecimals);
    if (this.fields.unit.value === "quote" && spendsQuote) {
      this.fields.quantity.value = trim(format((held * percent) / 100n, market.quoteDecimals));
      this.#filled();
      return;
    }
    this.fields.unit.value = "base";
    let lots;
    if (spendsQuote) {
      const price = this.#price();
      if (price === null || price === 0n) return this.#refuse("Enter a price first.");
      const scale = 10n ** BigInt(market.priceDecimals + decimals);
      const fees = 1_000_000n + BigInt(market.takerFeePpm);
      const budget = (held * percent * scale * 1_000_000n) / (100n * fees);
      lots = budget / (price * 10n ** BigInt(market.quoteDecimals));
    } else {
      lots = (held * percent) / 100n / 10n ** BigInt(market.baseDecimals - decimals);
    }
    this.fields.quantity.value = trim(format(lots - (lots % market.step), decimals));
    this.#filled();
  }

  async #place(event) {
    event.preventDefault();
    if (this.submit === null || this.submit.disabled) return;
    const fields = new URLSearchParams(new FormData(this.form));
    this.submit.disabled = true;
    this.#report("", "");
    try {
      const { message } = await post(this.form.action, fields);
      this.#report("", message);
      for (const name of ONCE) if (this.fields[name] !== undefined) this.fields[name].value = "";
    } catch (refusal) {
      this.#refuse(refusal.message);
    }
    this.submit.disabled = false;
    this.#filled();
    this.onPlaced();
  }

  #filled() {
    this.#refresh();
    this.onChange();
  }

  #refuse(message) {
    this.#report(message, "");
  }

  #report(error, result) {
    setText(this.error, error);
    this.error.hidden = !error;
    setText(this.result, result);
    this.result.hidden = !result;
  }

  #key(event) {
    const typing = event.target.closest("input:not([type=radio]), select, textarea, dialog");
    if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
    const choice = KEYS[event.key.toLowerCase()];
    if (choice === undefined) return;
    event.preventDefault();
    this.#choose(...choice);
    this.fields.quantity.focus();
  }

  #choose(name, value) {
    this.fields[name].value = value;
    this.#filled();
  }
}
