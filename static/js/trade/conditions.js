/** Triggers, take-profits, stop-losses and slippage tolerance in words. No document in here. */

import { group, parse } from "./decimal.js";

export const PENDING = "TriggerPending";
const WATCHED = { MarkPrice: "Mark", IndexPrice: "Index", LastPrice: "Last" };
const STATUSES = { [PENDING]: "Waits", TriggerFailed: "Not placed" };
// Any price: marks have more decimals than the ticks of their market.
const DECIMALS = 18;

/**
 * From which side a price will be met: "above" if it is where the price stands now or higher, else
 * "below"; null while one of the two is not known. The engine decides alike when it takes the order.
 */
export function metFrom(price, now) {
  const [wanted, current] = [price, now].map((text) => parse(text ?? "", DECIMALS));
  if (wanted === null || current === null) return null;
  return wanted >= current ? "above" : "below";
}

/** What an order of the ticket that waits will do: all are texts as typed; `now` may be null. */
export function triggerSentence({ bid, what, limit, by, price, now }) {
  const side = metFrom(price, now);
  const where = limit === null ? "at the market" : `at ${limit} or better`;
  const when = side === null ? "has reached" : `is at or ${side}`;
  return `${bid ? "Buys" : "Sells"} ${what} ${where} once the ${WATCHED[by].toLowerCase()} price ${when} ${price}.`;
}

/** The exits and the tolerance by their names in the API, as one text: "Take-profit 120 (limit 119)". */
export function extras(words) {
  const told = [];
  for (const [name, label] of [["takeProfit", "Take-profit"], ["stopLoss", "Stop-loss"]]) {
    const [price, limit] = [words[`${name}TriggerPrice`], words[`${name}LimitPrice`]];
    if (price) told.push(`${label} ${group(price)}${limit ? ` (limit ${group(limit)})` : ""}`);
  }
  if (words.slippageTolerance) {
    const unit = words.slippageToleranceType === "TickSize" ? " ticks" : "%";
    told.push(`Slippage at most ${words.slippageTolerance}${unit}`);
  }
  return told.join(" \u00b7 ");
}

/** What a row of orders waits or has waited for, "Mark \u2264 90"; null for one that has not. */
export function waitsFor(row) {
  const { triggerBy, triggerPrice } = row.conditions;
  if (!triggerPrice) return null;
  return `${WATCHED[triggerBy]} ${row.firesAbove ? "\u2265" : "\u2264"} ${group(triggerPrice)}`;
}

/** "Take-profit" or "Stop-loss" for an order that closes what another has opened; else null. */
export function exitName(row) {
  if (row.relatedId === null) return null;
  // What closes a long takes its profit above.
  return (row.side === "Ask") === row.firesAbove ? "Take-profit" : "Stop-loss";
}

/** The conditions of an open order. */
export function conditionWords(row) {
  const [waits, exit] = [waitsFor(row), exitName(row)];
  const told = [];
  if (exit !== null) told.push(`${exit} of ${row.relatedId}`);
  if (waits !== null) told.push(`${row.status === PENDING ? "waits" : "has met"}: ${waits}`);
  const first = told.join(", ");
  return [first.charAt(0).toUpperCase() + first.slice(1), extras(row.conditions)].filter(Boolean).join(" \u00b7 ");
}

/** The type of an order in the history, with what it waits or has waited for. */
export function typeWords(row) {
  const waits = waitsFor(row);
  return waits === null ? row.orderType : `${exitName(row) ?? row.orderType}, ${waits}`;
}

/** What has become of an order, and why. */
export function statusWords(row) {
  const status = STATUSES[row.status] ?? row.status;
  return row.reason ? `${status}: ${row.reason}` : status;
}
