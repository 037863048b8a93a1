/** How safe the account is: the bar below the tables, and what other prices would make of it. */

import { cut, format, group, parse, percentChange, trim } from "./decimal.js";
import { make, setText } from "./dom.js";
import { get } from "./http.js";

const QUIET_MS = 200;
const PRICE_DECIMALS = 8;
const USD_DECIMALS = 6;
// A price so near to the one that liquidates is shown as a warning, in ten-thousandths.
const NEAR = 500n;
const WORDS = { Healthy: "Healthy", Low: "Low", MarginCall: "Margin call", Liquidating: "In liquidation" };

/** An amount of dollars to the cent, for reading; the sign stands first. */
export const usd = (text) => `$${group(cut(text, 2))}`.replace("$\u2212", "\u2212$");

/** A price in six digits or so, for reading and supposing: 78127.5, 119.03, 0.84125. */
export function brief(text) {
  const whole = text.split(".")[0];
  return trim(cut(text, whole === "0" ? 6 : Math.max(1, 5 - whole.length)));
}

/** How far `to` is from `from` (both texts), as "−12.30%"; null where one of them is missing. */
export function distance(from, to) {
  if (from === null || to === null) return null;
  return `${percentChange(parse(from, PRICE_DECIMALS), parse(to, PRICE_DECIMALS))}%`;
}

/** Whether a price is within five percent of another. */
export function isNear(from, to) {
  if (from === null || to === null) return false;
  const [here, there] = [parse(from, PRICE_DECIMALS), parse(to, PRICE_DECIMALS)];
  const apart = here > there ? here - there : there - here;
  return apart * 10000n < here * NEAR;
}

/** How much of the equity must be kept, in whole percent from 0 to 100; 100 is the liquidation. */
export function keptPercent(figures) {
  const equity = parse(figures.equity, USD_DECIMALS);
  const kept = parse(figures.maintenanceMargin, USD_DECIMALS);
  if (kept === 0n) return 0;
  if (equity <= 0n || kept >= equity) return 100;
  return Number((kept * 100n) / equity);
}

/** Where the account ends, in words, for one asset. */
export function endWords({ symbol, indexPrice, lowerPrice, upperPrice }) {
  const ends = [];
  if (lowerPrice !== null) ends.push(`at ${group(brief(lowerPrice))} or below (${distance(indexPrice, lowerPrice)})`);
  if (upperPrice !== null) ends.push(`at ${group(brief(upperPrice))} or above (${distance(indexPrice, upperPrice)})`);
  if (!ends.length) return `No price of ${symbol} alone would liquidate this account.`;
  return `Liquidated with ${symbol} ${ends.join(", or ")}.`;
}

/** What supposed prices would do, in a sentence; `supposed` is [[symbol, price], …]. */
export function supposedWords(report, supposed) {
  const named = supposed.map(([symbol, price]) => `${symbol} ${group(price)}`);
  const at = named.length > 3 ? "At these prices" : named.length ? `At ${named.join(", ")}` : "At prices of now";
  const { equity, maintenanceMargin, marginMet } = report.figures;
  if (!marginMet) {
    return `${at} this account would be liquidated: equity of ${usd(equity)} is below the ${usd(maintenanceMargin)} to be kept.`;
  }
  return `${at} equity would be ${usd(equity)}, of which ${usd(maintenanceMargin)} must be kept: ${WORDS[report.status]}.`;
}

export class Health {
  constructor({ root, dialog, path, quote, accountId }) {
    this.root = root;
    this.dialog = dialog;
    this.path = path;
    this.quote = quote;
    this.accountId = accountId;
    this.risk = null;
    this.asked = 0;
    if (root === null) return;
    this.list = dialog.querySelector("[data-supposed]");
    root.querySelector("[data-open-what-if]").addEventListener("click", () => this.#open());
    dialog.addEventListener("input", (event) => this.#typed(event.target));
    for (const button of dialog.querySelectorAll("[data-move-all]")) {
      button.addEventListener("click", () => this.#moveAll(button.dataset.moveAll));
    }
  }

  /** Show the account's risk; null while the account is not open yet. */
  show(risk) {
    this.risk = risk;
    if (this.root === null) return;
    this.root.hidden = risk === null;
    if (risk === null) return;
    const kept = keptPercent(risk.figures);
    const status = WORDS[risk.status];
    this.root.dataset.status = risk.status;
    setText(this.root.querySelector("[data-health-word]"), status);
    const meter = this.root.querySelector("[role=meter]");
    meter.setAttribute("aria-valuenow", String(kept));
    meter.setAttribute("aria-valuetext", `${status}: ${kept}% of the equity must be kept; at 100% liquidation begins`);
    meter.style.setProperty("--kept", `${kept}%`);
    const words = `${usd(risk.figures.maintenanceMargin)} (${kept}%) must be kept`;
    setText(this.root.querySelector("[data-health-text]"), words);
  }

  #open() {
    const moving = this.risk.assets.filter((one) => one.symbol !== this.quote && one.indexPrice !== "0");
    this.list.replaceChildren(...moving.map((one) => this.#row(one)));
    this.dialog.querySelector("[data-none]").hidden = moving.length > 0;
    this.dialog.querySelector("[data-moves]").hidden = moving.length === 0;
    this.#clear();
    this.dialog.showModal();
    if (moving.length) this.#ask();
  }

  #row(asset) {
    const id = `suppose-${asset.symbol}`;
    const price = make("input", { id, inputmode: "decimal", autocomplete: "off", value: brief(asset.indexPrice), "data-price": asset.symbol });
    const slider = make("input", {
      type: "range", min: "-90", max: "100", step: "1", value: "0",
      "data-move": asset.symbol, "aria-label": `Change of ${asset.symbol} in percent`,
    });
    const moved = make("span", { "data-moved": asset.symbol, class: "moved dim" }, "0%");
    return make(
      "li", { "data-index": asset.indexPrice },
      make("label", { for: id }, asset.symbol), price, slider, moved,
      make("p", { class: "dim small" }, endWords(asset)),
    );
  }

  #typed(target) {
    const item = target.closest("li");
    if (item === null) return;
    if (target.dataset.move !== undefined) this.#move(item, BigInt(target.value));
    else this.#follow(item, target.value);
    this.#askSoon();
  }

  // A move in percent, to the price that it makes.
  #move(item, percent) {
    const index = parse(item.dataset.index, PRICE_DECIMALS);
    const price = (index * (100n + percent)) / 100n;
    item.querySelector("[data-price]").value = brief(format(price, PRICE_DECIMALS));
    this.#tell(item, percent === 0n ? null : price);
  }

  // A typed price, to where the slider then stands.
  #follow(item, text) {
    const price = parse(text, PRICE_DECIMALS);
    if (price === null) return item.setAttribute("data-supposes", "");
    const index = parse(item.dataset.index, PRICE_DECIMALS);
    item.querySelector("[data-move]").value = String(((price - index) * 100n) / index);
    this.#tell(item, price);
  }

  // Null: the price of now, which is not supposed but there.
  #tell(item, price) {
    item.toggleAttribute("data-supposes", price !== null);
    const moved = price === null ? "0" : percentChange(parse(item.dataset.index, PRICE_DECIMALS), price);
    setText(item.querySelector("[data-moved]"), `${moved}%`);
  }

  #moveAll(percent) {
    for (const item of this.list.children) {
      item.querySelector("[data-move]").value = percent;
      this.#move(item, BigInt(percent));
    }
    this.#askSoon();
  }

  #askSoon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.#ask(), QUIET_MS);
  }

  #supposed() {
    const inputs = [...this.list.querySelectorAll("[data-supposes] [data-price]")];
    return inputs.map((input) => [input.dataset.price, input.value.trim()]);
  }

  async #ask() {
    const mine = (this.asked += 1);
    const supposed = this.#supposed();
    const prices = supposed.map((pair) => pair.join(":")).join(",");
    let report = null;
    let words;
    try {
      report = await get(this.path, { account: this.accountId, prices });
      words = supposedWords(report, supposed);
    } catch (refusal) {
      words = refusal.message;
    }
    if (mine === this.asked) this.#answer(words, report);
  }

  #clear() {
    this.#answer("", null);
  }

  #answer(words, report) {
    const said = this.dialog.querySelector("[data-answer]");
    setText(said, words);
    said.dataset.safe = String(report === null || report.figures.marginMet);
    const rows = (report?.positions ?? []).map((one) =>
      make("tr", {}, ...[one.symbol, group(one.netQuantity), group(cut(one.pnlUnrealized, 2))].map((text) => make("td", {}, text))),
    );
    this.dialog.querySelector("tbody").replaceChildren(...rows);
    this.dialog.querySelector("table").hidden = rows.length === 0;
  }
}
